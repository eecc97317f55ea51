//! Everything that takes more than one crate to test, in one binary.

mod agent;
mod anvil;
mod cli;
mod node;
mod relayer;
mod world;
