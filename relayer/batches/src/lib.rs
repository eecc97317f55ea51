#![doc = include_str!("../README.md")]

mod call;
mod moment;
mod votes;

pub use call::{Entry, List};
pub use moment::{Load, Settings};
pub use votes::{Held, decided, is_fair};
