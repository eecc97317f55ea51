#![doc = include_str!("../README.md")]

mod case;
mod chain;
mod config;
#[cfg(test)]
#[path = "tests/double.rs"]
mod double;
mod error;
mod http;
mod judge;
mod provider;
mod reveal;
mod service;
mod sign;
mod store;
mod verify;

pub use config::{BlockTag, Config, FetchConfig, Limits, ProviderConfig};
pub use error::JurorError;
pub use service::{Handle, run, start, start_on};
