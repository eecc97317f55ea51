//! The programs of `tests/`: built with the whole workspace, so that cargo selects the same features as
//! every other build and compiles no dependency twice.

use std::path::PathBuf;

use crate::output::{say, step};
use crate::repository::{Repository, run};
use crate::setup;

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Dev,
    Release,
}

/// Builds programs and returns where the first is; the others are beside it.
pub(crate) fn build(repository: &Repository, programs: &[&str]) -> anyhow::Result<PathBuf> {
    build_as(repository, programs, Profile::Dev)
}

/// The same, optimised: for what runs longer than it is built.
pub(crate) fn build_optimised(
    repository: &Repository,
    programs: &[&str],
) -> anyhow::Result<PathBuf> {
    build_as(repository, programs, Profile::Release)
}

fn build_as(
    repository: &Repository,
    programs: &[&str],
    profile: Profile,
) -> anyhow::Result<PathBuf> {
    // With the whole workspace selected and only these targets, so that features stay the same.
    let mut arguments = vec!["build", "--workspace"];
    if profile == Profile::Release {
        arguments.push("--release");
    }
    for program in programs {
        arguments.extend(["--bin", program]);
    }
    step(&format!("cargo {}", arguments.join(" ")));
    repository.cargo(&arguments)?;
    place(repository, programs.first().unwrap_or(&""), profile)
}

/// Where cargo puts a program.
fn place(repository: &Repository, program: &str, profile: Profile) -> anyhow::Result<PathBuf> {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    Ok(repository.target()?.join(folder).join(file))
}

/// Builds and runs a program of `tests/`.
///
/// Whoever changes an interface may have Rust code that fits only the artifacts to be written. So when
/// the workspace does not build, the program built before does the work.
pub(crate) fn start(
    repository: &Repository,
    program: &str,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let path = match build(repository, &[program]) {
        Ok(path) => path,
        Err(error) => {
            let before = place(repository, program, Profile::Dev)?;
            if arguments.contains(&"--check") || !before.is_file() {
                return Err(error);
            }
            say(&format!("The workspace does not build; using the {program} built before."));
            before
        }
    };
    step(&format!("{program} {}", arguments.join(" ")));
    run(repository.command(path).args(arguments))
}

/// Runs the benches, optimised.
pub(crate) fn bench(repository: &Repository, name: Option<&str>) -> anyhow::Result<()> {
    // The binary too: a juror's memory is that of its process.
    let path = build_optimised(repository, &["surety-bench", "surety"])?;
    let results = repository.target()?.join("bench.json");
    let mut bench = repository.command(path);
    bench.arg("--results").arg(results).args(name);
    match setup::foundry(repository, "forge") {
        Some(forge) => bench.arg("--forge").arg(forge),
        None => &mut bench,
    };
    run(&mut bench)
}
