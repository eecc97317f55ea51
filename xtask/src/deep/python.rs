//! The pinned Python tools, in a virtual environment of their own below the target directory.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};

use crate::output::step;
use crate::repository::{Repository, answers, run};

const PINNED: &str = "tools/requirements.txt";

/// Installs the tools unless exactly these are installed.
pub(super) fn install(repository: &Repository) -> anyhow::Result<()> {
    let pinned = fs::read_to_string(repository.path(PINNED)).context(PINNED)?;
    let folder = folder(repository)?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == pinned) {
        return Ok(());
    }
    ensure!(
        answers("python3", &["-m", "venv", "--help"]) && answers("python3", &["-m", "pip", "-V"]),
        "python3 with venv and pip is missing: install Python 3.11 or newer"
    );
    step("python3 -m venv and pip install (halmos, slither and solvers; once)");
    run(repository.command("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = repository.command(program(repository, "python")?);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", PINNED]);
    run(&mut pip).context("the Python tools were not installed")?;
    Ok(fs::write(installed, pinned)?)
}

/// Where the environment's programs are.
pub(super) fn programs(repository: &Repository) -> anyhow::Result<PathBuf> {
    Ok(folder(repository)?.join("bin"))
}

/// One of the environment's programs.
pub(super) fn program(repository: &Repository, name: &str) -> anyhow::Result<PathBuf> {
    Ok(programs(repository)?.join(name))
}

fn folder(repository: &Repository) -> anyhow::Result<PathBuf> {
    Ok(repository.target()?.join("deep/venv"))
}
