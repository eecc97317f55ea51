//! Everything that takes more than one crate to test, in one binary.

mod node;
mod terms;
mod vectors;
mod world;
