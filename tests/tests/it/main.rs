//! Everything that takes more than one crate to test, in one binary.

mod agent;
mod anvil;
mod cli;
mod crash;
mod juror;
mod node;
mod relayer;
mod terms;
mod vectors;
mod world;
