//! Everything that takes more than one crate to test, in one binary.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helper fails as the test does")]

mod agent;
mod anvil;
mod cli;
mod crash;
mod differential;
mod juror;
mod model;
mod node;
mod operator;
mod red_team;
mod relayer;
mod replay;
mod sealed;
mod simulation;
mod terms;
mod vectors;
mod world;
