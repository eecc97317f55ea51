#![doc = include_str!("../README.md")]

pub mod deploy;
pub mod ops;
pub mod relayer;
pub mod setup;

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
mod for_juror;
mod history;
mod http;
mod jurors;
mod negotiate;
mod perform;
mod problem;
mod readers;
mod reveal;
mod service;
mod session;
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
