//! The agent: signs deals for its owner, delivers, watches the chain, and owns no ETH.
//!
//! - [`Session`] with [`ops`] is the SDK: one function per operation, each of which builds and signs
//!   what its operation needs, has a relayer send it, and waits until the *chain* shows the effect.
//! - [`start`] runs an agent: it buys and sells under its principal's mandate, delivers what its
//!   worker program makes, and closes what time allows to close.
//!
//! Invariant: the process holds one key, its owner's. What it signs is checked against the chain
//! that it reads itself and written to its store before it leaves.

pub mod deploy;
mod jurors;
pub mod key;
pub mod ops;

mod acts;
mod blobs;
mod chain;
mod checks;
mod config;
mod deal;
mod driver;
mod error;
#[cfg(test)]
mod fixture;
mod history;
mod http;
mod negotiate;
mod perform;
mod problem;
pub mod relayer;
mod service;
mod session;
pub mod setup;
mod store;
mod view;
mod watch;
mod worker;

pub use chain::{Chain, Seat, Word};
pub use checks::{Mandate, before_signing};
pub use config::{Buyer, Config, Seller};
pub use deal::{Deal, Role};
pub use error::Error;
pub use history::History;
pub use http::{DealList, DealSummary, NewDeal};
pub use service::{Handle, check, run, start, start_on};
pub use session::{Effect, Session};
pub use store::Stage;
pub use view::{DealView, Ending, JuryView, MilestoneStatus, MilestoneView, SeatView, VerdictView};
