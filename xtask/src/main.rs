//! `cargo x`: the one front door, for people and for CI.
//!
//! This crate depends on almost nothing, so that it builds in seconds. What needs a compiler, an EVM or
//! a chain is a program of `tests/` that it builds with the workspace and starts.

mod chain;
mod deep;
mod demo;
mod histories;
mod needs;
mod output;
mod programs;
mod repository;
mod setup;
mod suite;
mod tidy;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use repository::Repository;

/// Build, test, measure and run Surety.
#[derive(Debug, Parser)]
#[command(name = "cargo x", bin_name = "cargo x")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install the pinned Solidity tools of tools/package.json.
    Setup,
    /// Run the whole story on a local chain; flags go to `surety demo`.
    #[command(disable_help_flag = true)]
    Demo {
        /// Flags of `surety demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<String>,
    },
    /// Run every test, or those whose names contain the filter; `model` is random histories.
    Test {
        /// Part of a test's name.
        filter: Option<String>,
    },
    /// Check format, lints and drift: what to run before every commit.
    Check,
    /// Compile the contracts and write the committed artifacts and docs/errors.md.
    Artifacts {
        /// Compare instead of writing.
        #[arg(long)]
        check: bool,
    },
    /// Measure the gas cases and write tests/snapshots/gas.json.
    Gas {
        /// Compare instead of writing.
        #[arg(long)]
        check: bool,
    },
    /// Record the frozen cases of tests/corpus anew: only where a format changes on purpose.
    Corpus,
    /// Run the benches in release and write their keys into target/bench.json.
    Bench {
        /// Only the bench of this name.
        name: Option<String>,
    },
    /// Prove what takes longer than a person waits, and write docs/verification.md.
    Deep {
        /// About how long it may take; with 0 and `--only mutation` it tells what is known of mutants.
        #[arg(long, default_value_t = 1, value_name = "N")]
        hours: u32,
        /// How long the soak takes: the hours when it runs alone, a quarter hour of each otherwise.
        #[arg(long, value_name = "M")]
        minutes: Option<u32>,
        /// Only this part.
        #[arg(long)]
        only: Option<deep::Part>,
        /// How many mutants are drawn, at least 100 of each contract.
        #[arg(long, default_value_t = 1_000, value_name = "N")]
        sample: usize,
        /// What mutants are drawn by.
        #[arg(long, default_value_t = 1, value_name = "S")]
        seed: u64,
    },
    /// Compare what can drift and needs no compiler: links, names, sizes, words, addresses.
    Tidy,
    /// Everything CI runs, in its order: test, artifacts, gas, tidy. Refuses where a test would pass
    /// since what it needs is missing: PostgreSQL, anvil, forge.
    Ci,
}

fn main() -> ExitCode {
    let task = Cli::parse().task;
    match Repository::find().and_then(|repository| run(&repository, task)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(repository: &Repository, task: Task) -> anyhow::Result<()> {
    match task {
        Task::Setup => setup::setup(repository),
        Task::Demo { flags } => demo::demo(repository, &flags),
        Task::Test { filter } => suite::test(repository, filter.as_deref()),
        Task::Check => suite::check(repository, &Cli::command()),
        Task::Artifacts { check } => artifacts(repository, check),
        Task::Gas { check } => gas(repository, check),
        Task::Corpus => programs::start(repository, "surety-corpus", &[]),
        Task::Bench { name } => bench(repository, name.as_deref()),
        Task::Deep { hours, minutes, only, sample, seed } => {
            let sample = deep::mutation::Sample { size: sample, seed };
            deep::deep(repository, (hours, minutes), only, sample)
        }
        Task::Tidy => tidy::run(repository, &Cli::command()),
        Task::Ci => {
            setup::setup(repository)?;
            needs::require(repository, &needs::Need::TO_DECIDE)?;
            suite::test(repository, None)?;
            artifacts(repository, true)?;
            gas(repository, true)?;
            tidy::run(repository, &Cli::command())
        }
    }
}

fn artifacts(repository: &Repository, check: bool) -> anyhow::Result<()> {
    setup::setup(repository)?;
    programs::start(repository, "surety-artifacts", check_flag(check))
}

fn gas(repository: &Repository, check: bool) -> anyhow::Result<()> {
    programs::start(repository, "surety-gas", check_flag(check))
}

fn bench(repository: &Repository, name: Option<&str>) -> anyhow::Result<()> {
    programs::bench(repository, name)
}

fn check_flag(check: bool) -> &'static [&'static str] {
    if check { &["--check"] } else { &[] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn demo_passes_its_flags_through() {
        let cli = Cli::parse_from(["cargo x", "demo", "--deals", "3", "--json", "--help"]);
        let Task::Demo { flags } = cli.task else { panic!("not a demo: {cli:?}") };
        assert_eq!(flags, ["--deals", "3", "--json", "--help"]);
    }
}
