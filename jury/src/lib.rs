#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

pub mod ballot;
pub mod canary;
pub mod commitment;
pub mod opinion;
pub mod preview;
pub mod prompt;
pub mod query;
pub mod record;
pub mod tally;
pub mod template;
pub mod transcript;
pub mod view;
pub mod vote;
pub mod wire;

mod error;
mod source;

pub use ballot::{CompactSignature, Leaf, Reason, SignedBallot, SignedBatch};
pub use commitment::SignedCommitment;
pub use error::JuryError;
pub use opinion::{CanaryFound, Finding, Found, Opinion};
pub use prompt::{AskedCriterion, Nonce, Prompt, Question};
pub use query::{Query, Subject};
pub use record::Record;
pub use source::Source;
pub use surety_criteria::{CheckResult, check};
pub use tally::{Outcome, Tally, quorum};
pub use template::Template;
pub use transcript::{Entry, Transcript};
pub use view::{Unreadable, View};
pub use vote::{Answer, Vote, VoteFault};
