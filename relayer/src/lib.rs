#![doc = include_str!("../README.md")]

mod audit;
mod case;
mod collect;
mod config;
mod error;
mod escrow;
mod http;
mod jurors;
mod relayer;
mod service;
mod shelf;
mod store;
mod submit;
mod watch;
pub mod wire;

pub use config::{Config, Jurors as JurorsConfig, Limits, Sending};
pub use error::RelayerError;
pub use service::{Handle, audit, run, start, start_on};
pub use surety_events::audit::AuditReport;
