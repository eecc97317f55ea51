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

pub mod batch;
pub mod check;
pub mod digest;
pub mod hidden;
pub mod host;
pub mod json;
pub mod problem;
pub mod rule;
#[cfg(any(test, feature = "arbitrary"))]
#[path = "tests/sample.rs"]
pub mod sample;
pub mod schema;
pub mod wire;

mod amount;
mod error;
mod recipient;
mod sheet;
#[cfg(test)]
mod tests;
mod validate;

pub use amount::{AgentId, Bps, Usdc};
pub use check::{Check, Expect, Format, Schema};
pub use digest::{Authorization, TokenDomain};
pub use error::{Fault, TermsError};
pub use hidden::{HiddenCriterion, Reveal};
pub use problem::Problem;
pub use recipient::{NoRecipient, Recipient, Recipients};
pub use rule::Rule;
pub use sheet::{Criterion, Kind, MilestoneSheet, TermSheet, Version};
pub use validate::limits;
