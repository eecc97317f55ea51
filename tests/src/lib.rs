//! The revm harness and everything that tests across crates.
//!
//! - [`World`] runs the committed bytecode in revm with actors and a clock, for tests of the contracts.
//! - [`Node`] is a chain behind an alloy transport, for tests of the services that talk to one. It
//!   starts from any world: `world.node()`.
//! - [`sign`] makes the signatures that agents and jurors make.
//!
//! A failure of the harness is a failed test, so it panics with what it expected instead of returning
//! errors that every test would unwrap.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "in a test harness a broken expectation is a failed test"
)]

pub mod actors;
pub mod anvil;
pub mod contracts;
pub mod evm;
pub mod gas;
pub mod node;
pub mod sign;
pub mod world;

pub use actors::usd;
pub use contracts::Contracts;
pub use node::{Node, Orphans};
pub use world::{Receipt, Revert, World};
