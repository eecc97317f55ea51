#![doc = include_str!("../README.md")]

mod ballots;
mod batches;
mod error;
mod sign;

pub use ballots::{Ballots, Row, Seal};
pub use batches::{BatchRow, Batched};
pub use error::SealError;
pub use sign::BallotSigner;
