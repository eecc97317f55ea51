#![doc = include_str!("../README.md")]

mod case;
mod chain;
mod check;
mod config;
mod error;
mod http;
mod interchange;
mod ledger;
mod preview;
mod private;
mod qualified;
mod ready;
mod retention;
mod reveal;
mod service;
mod store;
mod verify;

pub use check::{Checked, check};
pub use config::{BlockTag, BudgetConfig, Config, FetchConfig, Limits, ProviderConfig};
pub use error::JurorError;
pub use interchange::{Merged, export, import};
pub use ledger::spending;
pub use service::{Handle, run, start, start_on};
