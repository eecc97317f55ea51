#![doc = include_str!("../README.md")]

mod config;
mod desk;
mod error;
mod rows;

pub use config::PreviewsConfig;
pub use desk::Previews;
pub use error::PreviewError;
