//! `cargo x setup`: the pinned npm packages, installed when they are missing or other ones.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::output::step;
use crate::repository::{Repository, answers, run};

/// Brings tools/node_modules to what tools/package-lock.json says. Does nothing when it is.
pub(crate) fn setup(repository: &Repository) -> anyhow::Result<()> {
    let tools = repository.path("tools");
    if is_current(&tools)? {
        return needs_node();
    }
    needs_node()?;
    ensure!(
        answers("npm", &["--version"]),
        "npm is missing: install Node.js 20 or newer with npm (https://nodejs.org)"
    );
    step("npm ci in tools/ (solc, forge, anvil, viem; once)");
    let mut install = repository.command("npm");
    install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&tools);
    run(&mut install).context("`npm ci` in tools/ failed; run it there to see why")?;
    ensure!(is_current(&tools)?, "`npm ci` left tools/node_modules unlike tools/package-lock.json");
    Ok(())
}

fn needs_node() -> anyhow::Result<()> {
    if answers("node", &["--version"]) {
        return Ok(());
    }
    bail!("node is missing: install Node.js 20 or newer with npm (https://nodejs.org)")
}

/// Whether every package of the lock is installed in the locked version. Optional packages of other
/// platforms may be absent.
fn is_current(tools: &Path) -> anyhow::Result<bool> {
    let installed = tools.join("node_modules/.package-lock.json");
    let Ok(installed) = fs::read(installed) else { return Ok(false) };
    let locked = fs::read(tools.join("package-lock.json"))
        .context("tools/package-lock.json is missing: is this a whole checkout?")?;
    let locked: Value = serde_json::from_slice(&locked).context("tools/package-lock.json")?;
    let Ok(installed) = serde_json::from_slice::<Value>(&installed) else { return Ok(false) };
    Ok(matches(&locked, &installed))
}

fn matches(locked: &Value, installed: &Value) -> bool {
    let Some(locked) = locked["packages"].as_object() else { return false };
    locked.iter().filter(|(name, _)| !name.is_empty()).all(|(name, package)| {
        let present = &installed["packages"][name]["version"];
        present == &package["version"] || (present.is_null() && package["optional"] == true)
    })
}

/// A Foundry tool: the one on PATH, else the npm package's binary (Linux x86-64 only).
///
/// The package's own file is started, not npm's shim: killing the shim can leave the tool alive.
pub(crate) fn foundry(repository: &Repository, tool: &str) -> Option<PathBuf> {
    if answers(tool, &["--version"]) {
        return Some(tool.into());
    }
    let packaged = format!("tools/node_modules/@foundry-rs/{tool}-linux-amd64/bin/{tool}");
    let packaged = repository.path(&packaged);
    answers(&packaged, &["--version"]).then_some(packaged)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lock(solc: &str) -> Value {
        json!({ "packages": {
            "": { "name": "surety-tools" },
            "node_modules/solc": { "version": solc },
            "node_modules/@foundry-rs/anvil-linux-amd64": { "version": "1.7.1", "optional": true },
        }})
    }

    #[test]
    fn the_same_packages_are_current() {
        assert!(matches(&lock("0.8.37"), &lock("0.8.37")));
    }

    #[test]
    fn another_version_is_not_current() {
        assert!(!matches(&lock("0.8.37"), &lock("0.8.36")));
    }

    #[test]
    fn another_platforms_package_may_be_absent() {
        let installed = json!({ "packages": { "node_modules/solc": { "version": "0.8.37" } } });
        assert!(matches(&lock("0.8.37"), &installed));
    }

    #[test]
    fn a_missing_package_is_not_current() {
        assert!(!matches(&lock("0.8.37"), &json!({ "packages": {} })));
    }
}
