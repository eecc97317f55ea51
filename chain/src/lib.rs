//! The chain, as a service must see it: followed logs and sent transactions, both safe to kill.
//!
//! - [`follow`] reads the logs of a few contracts in order, survives reorganisations and never
//!   skips a block: its cursor is saved by the consumer, in the same database transaction as the
//!   rows that the logs caused.
//! - [`send`] owns a key's nonces. It writes the signed bytes down before they leave the process
//!   and keeps at it until a receipt stands in a canonical block.
//! - [`rpc`] is the only place that talks to nodes. What a node says is checked, and its words
//!   never reach an error: endpoints carry keys. Of several nodes, a quorum must agree.
//! - [`wake`] listens for new blocks, and only to look at once: losing it costs time, no event.
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
#[path = "tests/toy.rs"]
mod toy;
pub mod wake;

pub use error::ChainError;
pub use refusal::Refusal;
pub use rpc::{BlockTag, CallOutcome, EndpointConfig, Header, Receipt, Rpc, RpcUrl, WsUrl};
pub use surety_endpoints::{Report, Settings, Standing, Why};
pub use surety_store as store;
