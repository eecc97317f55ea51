//! A seller's worker: reads `{"termSheet","milestone"}` on stdin and writes the deliverable.
//!
//! Exit code 10 says that there is nothing to deliver. A seller has habits: how it works on what kind
//! of order is in its own configuration, and nobody else is told.

mod portfolio;
mod style;

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use surety_terms::{MilestoneSheet, TermSheet};

use crate::error::DemoError;
pub use style::Style;
use surety_qualify::llmbar::{Item, Llmbar};

/// The exit code that says: there is nothing to deliver.
pub const NOTHING_TO_DELIVER: u8 = 10;
/// A work order is a term sheet and a number.
const ORDER_MAX_BYTES: u64 = 1 << 20;

/// Habits of the seller that runs this worker.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// How the seller works: honest, careless, injecting, absent or borderline.
    #[arg(long, default_value = "honest")]
    pub style: Style,
    /// How it works on milestones whose title holds a word: WORD=STYLE; the first that fits counts.
    #[arg(long = "habit", value_parser = style::habit)]
    pub habits: Vec<(String, Style)>,
    /// A folder with LLMBar's items.jsonl: orders that are among its tasks get its first answer.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

/// What a seller agent hands to its worker. Unknown fields are the agent's business.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkOrder {
    term_sheet: TermSheet,
    milestone: usize,
}

/// Reads the order from stdin and writes the deliverable to stdout.
pub fn run(args: &WorkerArgs) -> Result<u8, DemoError> {
    let mut order = Vec::new();
    let mut stdin = std::io::stdin().lock().take(ORDER_MAX_BYTES);
    stdin.read_to_end(&mut order).map_err(DemoError::file("stdin"))?;
    let order: WorkOrder =
        serde_json::from_slice(&order).map_err(|error| DemoError::WorkOrder(error.to_string()))?;
    let milestone = order.term_sheet.milestones.get(order.milestone).ok_or_else(|| {
        DemoError::WorkOrder(format!("milestone {} is not in the term sheet", order.milestone))
    })?;
    let Some(deliverable) = deliverable(args, milestone)? else {
        return Ok(NOTHING_TO_DELIVER);
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(deliverable.as_bytes()).map_err(DemoError::file("stdout"))?;
    stdout.flush().map_err(DemoError::file("stdout"))?;
    Ok(0)
}

/// The deliverable for a milestone, or nothing.
fn deliverable(args: &WorkerArgs, milestone: &MilestoneSheet) -> Result<Option<String>, DemoError> {
    if let Some(folder) = &args.data
        && let Some(item) = task(&Llmbar::items_of(folder)?, milestone)
    {
        return Ok(Some(item.output_1.clone()));
    }
    let title = milestone.title.to_lowercase();
    let habit = args.habits.iter().find(|(word, _)| title.contains(&word.to_lowercase()));
    let style = habit.map_or(args.style, |(_, style)| *style);
    Ok(style.deliver(&milestone.title))
}

/// The task that a milestone sets: its title ends with the task's id.
fn task<'a>(items: &'a [Item], milestone: &MilestoneSheet) -> Option<&'a Item> {
    let id = milestone.title.rsplit(' ').next()?;
    items.iter().find(|item| item.id == id)
}
