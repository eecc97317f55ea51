//! `cargo x test` and `cargo x check`.

use clap::Command as Commands;

use crate::histories::{self, INVARIANTS, MODEL};
use crate::output::{say, step};
use crate::repository::{Repository, answers, run};
use crate::{needs, setup, tidy};

/// Every test, Rust and Solidity, or those whose names contain `filter`.
///
/// Random histories, of the model and of forge's invariants, are a step of their own: they take
/// minutes, side by side, and print what they did. `model` and `invariants` are names for it alone.
pub(crate) fn test(repository: &Repository, filter: Option<&str>) -> anyhow::Result<()> {
    setup::setup(repository)?;
    if matches!(filter, Some("model" | "invariants")) {
        return histories::test(repository);
    }
    let all = filter.is_none();
    step("cargo build --workspace");
    repository.cargo(&["build", "--workspace"])?;
    if answers("cargo", &["nextest", "--version"]) {
        step("cargo nextest run --workspace");
        let mut arguments = vec!["nextest", "run", "--workspace", "--no-tests", "pass"];
        let others = format!("not test(/^{MODEL}/)");
        if all {
            arguments.extend(["-E", &others]);
        }
        arguments.extend(filter);
        repository.cargo(&arguments)?;
    } else {
        say("cargo-nextest is not installed (`cargo install cargo-nextest`): using `cargo test`.");
        step("cargo test --workspace");
        let mut arguments = vec!["test", "--workspace", "--quiet", "--lib", "--bins", "--tests"];
        arguments.extend(filter);
        if all {
            arguments.extend(["--", "--skip", MODEL]);
        }
        repository.cargo(&arguments)?;
    }
    if all {
        on_postgres(repository)?;
    }
    forge_tests(repository, filter)?;
    if all {
        histories::test(repository)?;
        needs::notice(repository);
    }
    Ok(())
}

/// What of the relayer's suite says little about a database, or ran on PostgreSQL before. The long one
/// waits for a dead process's leases after each of its many deaths; `fleet` has deaths of its own.
const NOT_AGAIN: [&str; 7] = [
    "relayer::fleet::",
    "relayer::reorgs::",
    "relayer::sending::",
    "relayer::socket::",
    "relayer::storm::",
    "killed_after_any_number_of_calls",
    "that_is_shown",
];

/// The relayer's own suite once more, with its rows on PostgreSQL where a server is named.
fn on_postgres(repository: &Repository) -> anyhow::Result<()> {
    if std::env::var_os("SURETY_POSTGRES").is_none() {
        return Ok(());
    }
    step("the relayer's suite on PostgreSQL");
    let mut suite = repository.cargo_command();
    if answers("cargo", &["nextest", "--version"]) {
        let not_again = NOT_AGAIN.join("|");
        let relayer =
            format!("package(surety-tests) & test(/^relayer::/) & not test(/{not_again}/)");
        suite.args(["nextest", "run", "--workspace", "-E", &relayer]);
    } else {
        suite.args(["test", "--workspace", "--quiet", "--test", "it", "--", "relayer::"]);
        // A name may also end so.
        suite.args(["--skip", "operator::"]).args(NOT_AGAIN.map(|name| ["--skip", name]).concat());
    }
    run(suite.env("SURETY_RELAYER_ON_POSTGRES", "1"))
}

fn forge_tests(repository: &Repository, filter: Option<&str>) -> anyhow::Result<()> {
    let Some(forge) = setup::foundry(repository, "forge") else {
        if filter.is_some() {
            say("forge is not here (npm has it for Linux x86-64): no test in Solidity ran.");
        }
        return Ok(());
    };
    step("forge test");
    let mut forge = repository.command(forge);
    forge.arg("test");
    match filter {
        Some(filter) => forge.args(["--match-test", filter]),
        None => forge.args(["--no-match-test", INVARIANTS]),
    };
    run(&mut forge)
}

/// Format, lints and drift.
pub(crate) fn check(repository: &Repository, commands: &Commands) -> anyhow::Result<()> {
    step("cargo fmt --check");
    repository.cargo(&["fmt", "--all", "--check"])?;
    step("cargo clippy");
    repository.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    match setup::foundry(repository, "forge") {
        Some(forge) => {
            step("forge fmt --check");
            run(repository.command(forge).args(["fmt", "--check"]))?;
        }
        None => say("forge is not here: the Solidity format was not checked."),
    }
    tidy::run(repository, commands)
}
