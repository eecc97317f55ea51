#![doc = include_str!("../README.md")]

mod acts;
mod admin;
mod audit;
mod batch;
mod case;
mod collect;
mod commit;
mod config;
mod error;
mod escrow;
mod http;
mod question;
mod reason;
mod relayer;
mod retention;
mod schema;
mod service;
mod shelf;
mod silence;
mod store;
mod submit;
mod talk;
mod vitals;
mod watch;
pub mod wire;

pub use config::{Batch, Config, Health, Http, Jurors as JurorsConfig, Limits, Sending};
pub use error::RelayerError;
pub use schema::{StoreState, store_state};
pub use service::{Handle, audit, connect, run, start, start_on};
pub use surety_acts::Settings as ActsConfig;
pub use surety_events::audit::AuditReport;
pub use surety_store::Leases;
