#![doc = include_str!("../README.md")]

mod breaker;
mod budget;
mod clock;
#[cfg(test)]
#[path = "tests/double.rs"]
mod double;
mod error;
mod health;
mod provider;
mod records;
mod session;
#[cfg(test)]
mod tests;
mod turns;

pub use budget::{Budget, BudgetConfig};
pub use clock::Clock;
pub use error::JudgeError;
pub use health::Trouble;
pub use provider::{Provider, ProviderConfig};
pub use records::{Kept, Records, make_private_dir, write_whole};
pub use session::{Case, Judge, Judged, Session, Until};
pub use turns::{Turn, Turns};
