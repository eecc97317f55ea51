#![doc = include_str!("../README.md")]

mod case;
mod chain;
mod config;
#[cfg(test)]
mod double;
mod error;
mod fetch;
mod http;
mod judge;
mod provider;
mod service;
mod sign;
mod store;
mod verify;

pub use config::{BlockTag, Config, FetchConfig, Limits, ProviderConfig};
pub use error::JurorError;
pub use service::{Handle, run, start, start_on};
