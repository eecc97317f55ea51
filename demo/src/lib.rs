#![doc = include_str!("../README.md")]

pub mod command;
pub mod config;
pub mod error;
pub mod provider;
pub mod story;
pub mod worker;

pub use command::DemoCommand;
pub use error::DemoError;
