//! Everything that takes more than one crate to test, in one binary.

mod anvil;
mod node;
mod world;
