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

pub mod case;
pub mod certificate;
pub mod count;
mod error;
pub mod interval;
pub mod llmbar;
pub mod mark;
pub mod page;
pub mod panel;
pub mod score;

pub use case::{Labelled, LabelledCase};
pub use certificate::{Certificate, Counts, Measured, Plan};
pub use count::Count;
pub use error::{CertificateError, DataError};
pub use interval::{Interval, wilson};
pub use llmbar::Llmbar;
pub use mark::Mark;
pub use score::Score;
