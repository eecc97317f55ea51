#![doc = include_str!("../README.md")]

mod ballots;
mod error;
mod sign;

pub use ballots::{Ballots, Row, Seal};
pub use error::SealError;
pub use sign::BallotSigner;
