//! Where things are, and how programs are started there.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// The checkout that `cargo x` was called in.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The checkout this program was built from, or moved with.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let folder = manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        let root = folder.parent().context("the crate xtask is not in a workspace")?.to_path_buf();
        ensure!(root.join("foundry.toml").is_file(), "{} is no checkout", root.display());
        Ok(Self { root })
    }

    /// The checkout's root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path from the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's target directory, wherever environment and configuration put it.
    pub(crate) fn target(&self) -> anyhow::Result<PathBuf> {
        let metadata = self
            .command(cargo())
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .stderr(Stdio::inherit())
            .output()
            .context("cargo does not run")?;
        ensure!(metadata.status.success(), "cargo metadata failed");
        let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
        let target = metadata.get("target_directory").and_then(serde_json::Value::as_str);
        Ok(target.context("cargo metadata names no target directory")?.into())
    }

    /// A program, to be started in the root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// Runs cargo and fails when it does.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> anyhow::Result<()> {
        run(self.cargo_command().args(arguments))
    }

    /// Cargo, to be started in the root.
    pub(crate) fn cargo_command(&self) -> Command {
        self.command(cargo())
    }
}

/// The cargo that started us.
fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a program to its end and fails when it does, naming it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    ensure!(status.success(), "{} failed ({status})", name(command));
    Ok(())
}

/// Whether `program arguments` exists and answers without an error.
pub(crate) fn answers(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A program's name and first argument, for messages.
fn name(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let argument = command.get_args().next().map(OsStr::to_string_lossy);
    format!("{} {}", program.to_string_lossy(), argument.unwrap_or_default()).trim_end().to_owned()
}
