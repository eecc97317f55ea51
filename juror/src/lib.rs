#![doc = include_str!("../README.md")]

mod case;
mod chain;
mod config;
#[cfg(test)]
#[path = "tests/double.rs"]
mod double;
mod error;
mod http;
mod interchange;
mod judge;
mod provider;
mod ready;
mod reveal;
mod service;
mod sign;
mod store;
mod verify;

pub use config::{BlockTag, Config, FetchConfig, Limits, ProviderConfig};
pub use error::JurorError;
pub use interchange::{Merged, export, import};
pub use service::{Handle, run, start, start_on};
