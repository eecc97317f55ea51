#![doc = include_str!("../README.md")]
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "in a test harness a broken expectation is a failed test"
)]

pub mod actors;
pub mod anvil;
pub mod chaos;
pub mod contracts;
pub mod evm;
pub mod gas;
pub mod histories;
pub mod meter;
pub mod model;
pub mod node;
pub mod pacts;
pub mod process;
pub mod recorded;
pub mod red_team;
pub mod sealed;
pub mod seat;
pub mod sign;
pub mod stakes;
pub mod world;

pub use actors::usd;
pub use chaos::{Chaos, Lie, Weather};
pub use contracts::Contracts;
pub use node::{Node, Orphans};
pub use world::{Receipt, Revert, World};
