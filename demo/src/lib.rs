//! The demonstration: a whole market in miniature, from two signatures to paid USDC.
//!
//! [`story`] deploys to a local chain, starts every service of the real `surety` binary as a process
//! of its own and lets agents trade. [`provider`] is the server that answers for LLM providers when
//! there are no keys: the rehearsal's small heuristics, or recorded answers of real judges. [`worker`]
//! is the program that a seller agent runs to get its work done. No service depends on this crate.
//! Nothing in the system is told how a deal should end.

pub mod command;
pub mod config;
pub mod error;
pub mod llmbar;
pub mod provider;
pub mod story;
pub mod worker;

pub use command::DemoCommand;
pub use error::DemoError;
