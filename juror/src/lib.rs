#![doc = include_str!("../README.md")]

mod config;
mod error;
mod service;

pub use config::{BlockTag, Config, FetchConfig, Limits, ProviderConfig};
pub use error::JurorError;
pub use service::{Handle, run, start, start_on};
