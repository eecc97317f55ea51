//! `cargo x deep`: what proves instead of testing, and takes longer than a person waits.
//!
//! Every part runs, and the page says of each claim whether it is proven, also when one is not: then the
//! command fails at the end. A part that did not run keeps what the page said of it.

mod crash;
mod histories;
pub(crate) mod mutation;
pub(crate) mod page;
mod python;
pub(crate) mod slither;
mod soak;
mod storm;
pub(crate) mod symbolic;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use crate::needs::{self, Need};
use crate::output::say;
use crate::repository::Repository;
use crate::setup;

/// A part that can run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Proofs for all inputs by halmos, and exhaustive runs by forge.
    Symbolic,
    /// Static analysis of the contracts.
    Slither,
    /// Random histories against the model, and forge's invariants.
    Model,
    /// Small changes of the contracts, each of which some test must notice.
    Mutation,
    /// The relayer behind endpoints that lie, on chains that take things back, and in company that dies
    /// or freezes. Not on the page, which is about the contracts.
    Storm,
    /// The relayer's binary, killed at every named point and again while it recovers. Not on the page
    /// either.
    Crash,
    /// Whole lives of deals from seeds: bad jurors, wrong clocks, cut networks, deaths, reorganisations,
    /// through both rounds, with relayers that race.
    Simulation,
    /// The relayer with five jurors under load, as processes, with flat memory and a clean audit.
    Soak,
}

/// What a part found out.
#[derive(Debug)]
struct Report {
    /// The part of the page, without its heading.
    section: String,
    /// What is wrong.
    problems: Vec<String>,
}

const PARTS: [Part; 8] = [
    Part::Slither,
    Part::Symbolic,
    Part::Mutation,
    Part::Storm,
    Part::Crash,
    Part::Simulation,
    Part::Soak,
    Part::Model,
];

impl Part {
    /// What it shows nothing without.
    const fn needs(self) -> &'static [Need] {
        match self {
            Self::Symbolic | Self::Slither | Self::Model => &[Need::Forge],
            Self::Storm => &[Need::Postgres],
            Self::Crash | Self::Soak => &[Need::Anvil],
            // Of mutants it also tells what is known.
            Self::Mutation | Self::Simulation => &[],
        }
    }
}

/// What every part needs, or one.
fn needed(only: Option<Part>) -> Vec<Need> {
    let parts = PARTS.into_iter().filter(|part| only.is_none_or(|only| only == *part));
    let mut needed: Vec<Need> = parts.flat_map(|part| part.needs().iter().copied()).collect();
    needed.sort();
    needed.dedup();
    needed
}

/// How long histories run when the other parts took all the time.
const LEAST: Duration = Duration::from_mins(5);

/// Runs every part, or one, in about `hours`, and writes the page. Histories take what is left. The soak
/// takes `minutes` where they are given.
pub(crate) fn deep(
    repository: &Repository,
    (hours, minutes): (u32, Option<u32>),
    only: Option<Part>,
    sample: mutation::Sample,
) -> anyhow::Result<()> {
    setup::setup(repository)?;
    needs::require(repository, &needed(only))?;
    let since = Instant::now();
    let time = Duration::from_hours(1) * hours.max(1);
    let mut problems = Vec::new();
    for part in PARTS.into_iter().filter(|part| only.is_none_or(|only| only == *part)) {
        let report = match part {
            Part::Symbolic => symbolic::run(repository, time / 4)?,
            Part::Slither => slither::run(repository)?,
            // Alone it runs to its end; what is judged stays judged.
            Part::Mutation => {
                let time = match (only, hours) {
                    (_, 0) => Some(Duration::ZERO),
                    (Some(_), _) => None,
                    (None, _) => Some(time / 4),
                };
                mutation::run(repository, sample, time)?
            }
            Part::Storm => {
                problems.extend(storm::run(repository)?);
                continue;
            }
            Part::Crash => {
                problems.extend(crash::run(repository)?);
                continue;
            }
            Part::Simulation => {
                problems.extend(storm::simulation(repository)?);
                continue;
            }
            Part::Soak => {
                problems.extend(soak::run(repository, soak::minutes(minutes, hours, only))?);
                continue;
            }
            Part::Model => {
                histories::run(repository, time.saturating_sub(since.elapsed()).max(LEAST))?
            }
        };
        page::write(repository, part, &report.section)?;
        problems.extend(report.problems);
    }
    for problem in &problems {
        say(problem);
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("a claim is not proven; see {}", page::FILE),
        count => bail!("{count} claims are not proven; see {}", page::FILE),
    }
}

/// A program that finds forge and the Python tools on its PATH, for a profile of foundry.toml.
fn command(
    repository: &Repository,
    program: &std::path::Path,
    profile: &str,
) -> anyhow::Result<Command> {
    let forge = forge(repository)?;
    let mut folders = vec![python::programs(repository)?];
    folders.extend(forge.parent().map(std::path::Path::to_path_buf));
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut command = repository.command(program);
    command.env("PATH", std::env::join_paths(folders)?).env("FOUNDRY_PROFILE", profile);
    Ok(command)
}

fn forge(repository: &Repository) -> anyhow::Result<PathBuf> {
    setup::foundry(repository, "forge")
        .context("forge is missing: npm has it for Linux x86-64 only; install Foundry")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_together_need_what_decides_and_one_part_its_own() {
        assert_eq!(needed(None), Need::TO_DECIDE);
        assert_eq!(needed(Some(Part::Crash)), [Need::Anvil]);
        assert!(needed(Some(Part::Simulation)).is_empty());
    }
}
