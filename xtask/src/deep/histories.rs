//! Random histories of the model and of forge's invariants, side by side, for as long as there is.

use std::time::Duration;

use super::Report;
use crate::histories::{self, Extent};
use crate::repository::Repository;

pub(super) fn run(repository: &Repository, time: Duration) -> anyhow::Result<Report> {
    let outcome = histories::run(repository, Extent::Within(time))?;
    let verdict = if outcome.problems.is_empty() {
        "Every history ended as the model of `tests/` says, and kept forge's invariants"
    } else {
        "**Not proven**: a history ended otherwise than it should"
    };
    let told = format!("- {}\n", outcome.told.join("\n- ").replace(", ", ",\n  "));
    let section = format!("{verdict}:\n\n{told}");
    Ok(Report { section, problems: outcome.problems })
}
