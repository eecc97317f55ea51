//! Everything that takes more than one crate to test, in one binary.

mod agent;
mod anvil;
mod juror;
mod node;
mod relayer;
mod world;
