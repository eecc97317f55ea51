//! The chain, as a service must see it: followed logs and sent transactions, both safe to kill.
//!
//! - [`follow`] reads the logs of a few contracts in order, survives reorganisations and never
//!   skips a block: its cursor is saved by the consumer, in the same database transaction as the
//!   rows that the logs caused.
//! - [`send`] owns a key's nonces. It writes the signed bytes down before they leave the process
//!   and keeps at it until a receipt stands in a canonical block.
//! - [`rpc`] is the only place that talks to a node. What a node says is checked, and its words
//!   never reach an error: endpoints carry keys.
//! - [`meter`] counts what the others do, for whoever shows numbers.
//! - [`store`] is the database that both write to.
//!
//! The crate knows blocks, logs and transactions, and nothing about what they mean.

mod error;
pub mod follow;
pub mod meter;
pub mod refusal;
pub mod rpc;
pub mod send;
#[cfg(test)]
mod toy;

pub use error::ChainError;
pub use refusal::Refusal;
pub use rpc::{BlockTag, CallOutcome, Header, Receipt, Rpc, RpcUrl};
pub use surety_store as store;
