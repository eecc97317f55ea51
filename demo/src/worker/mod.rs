//! A seller's worker: reads a work order, writes the deliverable.

use clap::Args;

use crate::error::DemoError;

/// Habits of the seller that runs this worker.
#[derive(Debug, Args)]
pub struct WorkerArgs {}

/// Reads the order from stdin and writes the deliverable to stdout; 10 = nothing to deliver.
pub fn run(_args: &WorkerArgs) -> Result<u8, DemoError> {
    Ok(0)
}
