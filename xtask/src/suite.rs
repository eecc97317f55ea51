//! `cargo x test` and `cargo x check`.

use clap::Command as Commands;

use crate::histories::{self, INVARIANTS, MODEL};
use crate::output::{say, step};
use crate::repository::{Repository, answers, run};
use crate::{setup, tidy};

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
        if all {
            on_postgres(repository)?;
        }
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
    forge_tests(repository, filter)?;
    if all {
        histories::test(repository)?;
    }
    Ok(())
}

/// What of the relayer's suite says little about a database, or ran on PostgreSQL before. The long one
/// waits for a dead process's leases after each of its many deaths; `fleet` has deaths of its own.
const NOT_AGAIN: &str = "^relayer::(fleet|reorgs|sending|socket|storm)::\
    |killed_after_any_number_of_calls|that_is_shown";

/// The relayer's own suite once more, with its rows on PostgreSQL where a server is named.
fn on_postgres(repository: &Repository) -> anyhow::Result<()> {
    if std::env::var_os("SURETY_POSTGRES").is_none() {
        say("SURETY_POSTGRES names no server: the relayer's suite did not run on PostgreSQL.");
        say("With one, set it to postgres://USER@HOST/DATABASE; .ci/run shows how to get one.");
        return Ok(());
    }
    step("cargo nextest run --workspace (the relayer on PostgreSQL)");
    let relayer = format!("package(surety-tests) & test(/^relayer::/) & not test(/{NOT_AGAIN}/)");
    let mut suite = repository.cargo_command();
    suite.args(["nextest", "run", "--workspace", "-E", &relayer]);
    run(suite.env("SURETY_RELAYER_ON_POSTGRES", "1"))
}

fn forge_tests(repository: &Repository, filter: Option<&str>) -> anyhow::Result<()> {
    let Some(forge) = setup::foundry(repository, "forge") else {
        say("forge is not here (npm has it for Linux x86-64): the Solidity tests did not run.");
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
