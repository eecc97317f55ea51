//! Everything that takes more than one crate to test, in one binary.

mod agent;
mod cli;
mod node;
mod world;
