//! The relayer on a chain that lies, stalls and takes things back, for many seeds and every depth.

use crate::output::step;
use crate::repository::Repository;

/// Says the tests of `tests/it/relayer` that they run in their long form.
const DEEP: &str = "SURETY_DEEP";

/// Their names, by their beginnings.
const TESTS: [&str; 3] = ["relayer::storm::", "relayer::reorgs::", "relayer::sending::"];

/// Runs them, and says what is wrong.
pub(super) fn run(repository: &Repository) -> anyhow::Result<Vec<String>> {
    step("cargo test of the relayer in a storm, in the long form");
    let mut tests = repository.cargo_command();
    tests.args(["test", "--workspace", "--quiet", "--test", "it", "--", "--test-threads", "2"]);
    let status = tests.args(TESTS).env(DEEP, "1").status()?;
    let failed = || format!("storm: the relayer's long tests failed ({status})");
    Ok(if status.success() { Vec::new() } else { vec![failed()] })
}
