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

pub mod check;
pub mod lint;
pub mod visible;

pub use check::CheckResult;
pub use lint::{Lint, Severity};
