//! The relayer on a chain that lies, stalls and takes things back, for many seeds and every depth, and
//! beside others on one database; and whole lives of deals, each drawn from a seed.

use crate::output::step;
use crate::programs;
use crate::repository::Repository;

/// Says the tests of `tests/it` that they run in their long form.
const DEEP: &str = "SURETY_DEEP";

/// The names of the storm's tests, by their beginnings.
const TESTS: [&str; 4] =
    ["relayer::storm::", "relayer::reorgs::", "relayer::sending::", "relayer::fleet::"];

/// Runs the storm, and says what is wrong.
pub(super) fn run(repository: &Repository) -> anyhow::Result<Vec<String>> {
    // What is frozen is the binary itself, which a test alone does not build.
    programs::build(repository, &["surety"])?;
    long(repository, "storm", &TESTS)
}

/// Runs the simulation over thousands of seeds, and says what is wrong.
pub(super) fn simulation(repository: &Repository) -> anyhow::Result<Vec<String>> {
    long(repository, "simulation", &["--nocapture", "simulation::"])
}

fn long(repository: &Repository, part: &str, names: &[&str]) -> anyhow::Result<Vec<String>> {
    step(&format!("cargo test of the relayer, {part}, in the long form"));
    let mut tests = repository.cargo_command();
    tests.args(["test", "--workspace", "--quiet", "--test", "it", "--", "--test-threads", "2"]);
    let status = tests.args(names).env(DEEP, "1").status()?;
    let failed = || format!("{part}: the relayer's long tests failed ({status})");
    Ok(if status.success() { Vec::new() } else { vec![failed()] })
}
