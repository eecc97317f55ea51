//! Random histories against the model: the tests of `tests/` whose names begin with `model::`.

use std::time::{Duration, Instant};

use super::Report;
use crate::output::{say, step};
use crate::repository::{Repository, answers};

const HISTORIES: &str = "test(/^model::/)";

/// nextest's status when no test has such a name.
const NO_TESTS: i32 = 4;

/// How long a history test runs; it reads it from the environment.
const SECONDS: &str = "SURETY_MODEL_SECONDS";

pub(super) fn run(repository: &Repository, time: Duration) -> anyhow::Result<Report> {
    if !answers("cargo", &["nextest", "--version"]) {
        return Ok(not_run("cargo-nextest is not installed (`cargo install cargo-nextest`)."));
    }
    step(&format!("cargo nextest run -E '{HISTORIES}' for {} s each", time.as_secs()));
    let since = Instant::now();
    let mut nextest = repository.command("cargo");
    nextest.args(["nextest", "run", "--workspace", "--no-tests", "fail", "-E", HISTORIES]);
    let status = nextest.env(SECONDS, time.as_secs().to_string()).status()?;
    let took = since.elapsed().as_secs();
    Ok(match status.code() {
        Some(0) => Report {
            section: format!(
                "The contracts and the model of `tests/` ended alike in every random history of \
                 {} s per test ({took} s in all, building included).\n",
                time.as_secs()
            ),
            problems: Vec::new(),
        },
        Some(NO_TESTS) => not_run("There is no test of the model yet."),
        _ => Report {
            section: "**Not proven**: a history ended otherwise than in the model.\n".to_owned(),
            problems: vec![format!("model: the histories failed ({status})")],
        },
    })
}

/// No claim, so no failure.
fn not_run(why: &str) -> Report {
    say(&format!("model: {why}"));
    Report { section: format!("Not run: {why}\n"), problems: Vec::new() }
}
