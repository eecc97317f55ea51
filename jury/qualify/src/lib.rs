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

mod error;
pub mod interval;
pub mod llmbar;
pub mod page;
pub mod panel;
pub mod score;

pub use error::DataError;
pub use interval::{Interval, wilson};
pub use llmbar::Llmbar;
pub use score::Score;
