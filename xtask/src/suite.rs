//! `cargo x test` and `cargo x check`.

use clap::Command as Commands;

use crate::output::{say, step};
use crate::repository::{Repository, answers, run};
use crate::{setup, tidy};

/// Every test, Rust and Solidity, or those whose names contain `filter`.
pub(crate) fn test(repository: &Repository, filter: Option<&str>) -> anyhow::Result<()> {
    setup::setup(repository)?;
    step("cargo build --workspace");
    repository.cargo(&["build", "--workspace"])?;
    if answers("cargo", &["nextest", "--version"]) {
        step("cargo nextest run --workspace");
        let mut arguments = vec!["nextest", "run", "--workspace", "--no-tests", "pass"];
        arguments.extend(filter);
        repository.cargo(&arguments)?;
    } else {
        say("cargo-nextest is not installed (`cargo install cargo-nextest`): using `cargo test`.");
        step("cargo test --workspace");
        let mut arguments = vec!["test", "--workspace", "--quiet", "--lib", "--bins", "--tests"];
        arguments.extend(filter);
        repository.cargo(&arguments)?;
    }
    forge_tests(repository, filter)
}

fn forge_tests(repository: &Repository, filter: Option<&str>) -> anyhow::Result<()> {
    let Some(forge) = setup::foundry(repository, "forge") else {
        say("forge is not here (npm has it for Linux x86-64): the Solidity tests did not run.");
        return Ok(());
    };
    step("forge test");
    let mut forge = repository.command(forge);
    forge.arg("test");
    if let Some(filter) = filter {
        forge.args(["--match-test", filter]);
    }
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
