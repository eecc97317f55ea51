//! The programs of `tests/`: built with the whole workspace, so that cargo selects the same features as
//! every other build and compiles no dependency twice.

use std::path::PathBuf;

use crate::output::{say, step};
use crate::repository::{Repository, run};

/// How a program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    Dev,
    Release,
}

/// Builds the workspace and returns where `program` is.
pub(crate) fn build(repository: &Repository, program: &str) -> anyhow::Result<PathBuf> {
    build_as(repository, program, Profile::Dev)
}

fn build_as(repository: &Repository, program: &str, profile: Profile) -> anyhow::Result<PathBuf> {
    let (folder, arguments): (_, &[&str]) = match profile {
        Profile::Dev => ("debug", &["build", "--workspace"]),
        Profile::Release => ("release", &["build", "--workspace", "--release"]),
    };
    step(&format!("cargo {}", arguments.join(" ")));
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let path = repository.target()?.join(folder).join(file);
    repository.cargo(arguments)?;
    Ok(path)
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
    let path = match build(repository, program) {
        Ok(path) => path,
        Err(error) => {
            let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
            let before = repository.target()?.join("debug").join(file);
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
    let path = build_as(repository, "surety-bench", Profile::Release)?;
    let results = repository.target()?.join("bench.json");
    run(repository.command(path).arg("--results").arg(results).args(name))
}
