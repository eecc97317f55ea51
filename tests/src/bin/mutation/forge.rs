//! A copy of the tree in which forge's suites run against mutants.
//!
//! Tests deploy artifacts (`dynamic_test_linking`), so a mutant's code is put into the artifact and
//! forge compiles nothing: it starts in a second.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::compiler::{Codes, Target};
use super::files;

const COPIED: [&str; 4] = ["contracts/src", "contracts/test", "script", "bindings/artifacts"];
/// What limits gas holds for optimised code only.
const GAS_TESTS: &str = "heap|costsLittle";
/// A loop without an end runs out of gas long before, also on a busy machine.
const LONGEST: Duration = Duration::from_hours(1);
const POLL: Duration = Duration::from_millis(50);

/// Which suites run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suites<'a> {
    /// Those below contracts/test that a pattern names.
    Of(&'a str),
    /// Those that it does not name, with few random inputs: they are about something else.
    But(&'a str),
    All,
}

/// The copy and the forge that runs there.
#[derive(Debug)]
pub(crate) struct Forge {
    program: PathBuf,
    folder: PathBuf,
}

impl Forge {
    /// The copy of the tree at `root` in `folder`, built. The first build takes ten minutes; `like` is
    /// a copy that has been built already.
    pub(crate) fn prepare(
        root: &Path,
        folder: PathBuf,
        program: PathBuf,
        like: Option<&Self>,
    ) -> anyhow::Result<Self> {
        if let Some(like) = like.filter(|_| !folder.join("out").exists()) {
            for (path, text) in files::read(&like.folder, &["out", "cache", "tools/answers"])? {
                files::write(&folder.join(path), &text)?;
            }
        }
        let forge = Self { program, folder };
        let mut texts = files::read(root, &COPIED)?;
        texts.retain(|path, _| !path.contains("test/symbolic/"));
        files::mirror(&forge.folder, &COPIED, &texts)?;
        let tools = forge.folder.join("tools");
        files::write(&tools.join("compiler"), &fs::read(root.join("tools/solc"))?)?;
        let solc = root.join("tools/deep/solc");
        if fs::read(tools.join("solc")).ok() != Some(fs::read(&solc)?) {
            fs::copy(solc, tools.join("solc"))?;
        }
        link(&root.join("tools/node_modules"), &tools.join("node_modules"))?;
        let profile = profile(&fs::read_to_string(root.join("foundry.toml"))?)?;
        files::write(&forge.folder.join("foundry.toml"), profile.as_bytes())?;
        forge.restore()?;
        let log = forge.folder.join("build.log");
        let mut build = forge.command(&["build"]);
        let status = build.stdout(fs::File::create(&log)?).stderr(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "forge does not build: see {}", log.display());
        Ok(forge)
    }

    /// The test that fails first with these codes instead of the built ones; nothing when all pass.
    pub(crate) fn kill(&self, codes: &Codes, suites: Suites<'_>) -> anyhow::Result<Option<String>> {
        for (target, code) in codes {
            self.put(target, &code.to_string())?;
        }
        let killer = self.test(suites);
        self.restore()?;
        killer
    }

    fn test(&self, suites: Suites<'_>) -> anyhow::Result<Option<String>> {
        let mut arguments = vec!["test", "--fail-fast", "--threads", "1"];
        arguments.extend(["--no-match-test", GAS_TESTS]);
        let pattern = match suites {
            Suites::Of(pattern) | Suites::But(pattern) => format!("contracts/test/{pattern}"),
            Suites::All => String::new(),
        };
        match suites {
            Suites::Of(_) => arguments.extend(["--match-path", &pattern]),
            Suites::But(_) => {
                arguments.extend(["--no-match-path", &pattern, "--fuzz-runs", "8"]);
            }
            Suites::All => {}
        }
        // What failed for another mutant is not tried first: the order must not matter.
        for inputs in ["fuzz", "invariant"] {
            drop(fs::remove_dir_all(self.folder.join(inputs)));
        }
        let log = self.folder.join("test.log");
        let mut test = self.command(&arguments);
        if matches!(suites, Suites::But(_)) {
            test.env("FOUNDRY_INVARIANT_RUNS", "1");
        }
        test.stdout(fs::File::create(&log)?).stderr(fs::File::options().append(true).open(&log)?);
        let mut test = test.spawn().context("forge does not start")?;
        let Some(passed) = ends_within(&mut test, LONGEST)? else {
            return Ok(Some("no end".to_owned()));
        };
        let said = fs::read_to_string(&log)?;
        match (passed, killer(&said)) {
            (true, _) => Ok(None),
            (false, Some(killer)) => Ok(Some(killer)),
            (false, None) => bail!("forge failed without a test: see {}", log.display()),
        }
    }

    fn artifact(&self, target: &Target) -> PathBuf {
        let source = Path::new(&target.file).file_name().unwrap_or_default();
        self.folder.join("out").join(source).join(format!("{}.json", target.name))
    }

    /// Puts code into an artifact and keeps what was there.
    fn put(&self, target: &Target, code: &str) -> anyhow::Result<()> {
        let path = self.artifact(target);
        let text = fs::read(&path).with_context(|| format!("{} is not built", path.display()))?;
        let kept = self.folder.join("kept");
        fs::create_dir_all(&kept)?;
        let name = path.strip_prefix(self.folder.join("out"))?.to_string_lossy().replace('/', "|");
        fs::write(kept.join(name), &text)?;
        let mut artifact: Value = serde_json::from_slice(&text)?;
        artifact["bytecode"]["object"] = code.into();
        Ok(fs::write(&path, artifact.to_string())?)
    }

    /// Puts back what was built, also after an interruption.
    fn restore(&self) -> anyhow::Result<()> {
        let Ok(kept) = fs::read_dir(self.folder.join("kept")) else { return Ok(()) };
        for entry in kept {
            let entry = entry?;
            let path = entry.file_name().to_string_lossy().replace('|', "/");
            fs::rename(entry.path(), self.folder.join("out").join(path))?;
        }
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        command.env_remove("FOUNDRY_PROFILE").env("NO_COLOR", "1");
        command
    }
}

/// The repository's settings without the optimiser: compiles in half the time, without a limit to the
/// size of the code. Fewer random runs: a run is repeated a thousand times here.
fn profile(text: &str) -> anyhow::Result<String> {
    let table: toml::Table = text.parse().context("foundry.toml is not TOML")?;
    let default = table.get("profile").and_then(|profiles| profiles.get("default"));
    let mut default = default.and_then(toml::Value::as_table).cloned().unwrap_or_default();
    for unwanted in ["optimizer_details", "deny", "fuzz", "invariant", "broadcast"] {
        default.remove(unwanted);
    }
    let changed = "optimizer = false\nout = \"out\"\ncache_path = \"cache\"\n\
        gas_limit = 17179869184\n\
        [fuzz]\nruns = 64\nseed = \"0x5375726574\"\nfailure_persist_dir = \"fuzz\"\n\
        [invariant]\nruns = 4\ndepth = 32\nfail_on_revert = true\n\
        failure_persist_dir = \"invariant\"\n";
    default.extend(changed.parse::<toml::Table>()?);
    let mut profiles = toml::Table::new();
    profiles.insert("default".to_owned(), default.into());
    let mut lint = toml::Table::new();
    lint.insert("lint_on_build".to_owned(), false.into());
    let mut all = toml::Table::new();
    all.insert("profile".to_owned(), profiles.into());
    all.insert("lint".to_owned(), lint.into());
    Ok(toml::to_string(&all)?)
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !to.exists() {
        std::os::unix::fs::symlink(from, to)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> anyhow::Result<()> {
    bail!("mutants are tested on Unix only: forge comes from npm for Linux")
}

/// Whether it succeeded; nothing when it had to be stopped.
fn ends_within(process: &mut Child, time: Duration) -> anyhow::Result<Option<bool>> {
    let since = Instant::now();
    loop {
        if let Some(status) = process.try_wait()? {
            return Ok(Some(status.success()));
        }
        if since.elapsed() > time {
            process.kill()?;
            process.wait()?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// The first test that forge says failed: its file and its name.
fn killer(said: &str) -> Option<String> {
    let mut suite = "";
    for line in said.lines() {
        if let Some((_, rest)) = line.split_once(" for ").filter(|_| line.starts_with("Ran ")) {
            suite = rest.split(':').next().unwrap_or_default();
        }
        if line.starts_with("[FAIL") {
            let name = line.rsplit("] ").next().unwrap_or_default();
            return Some(format!("{suite} {}", name.split('(').next().unwrap_or_default()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failing_test_is_the_killer() {
        let said = "Ran 2 tests for contracts/test/A.t.sol:ATest\n[PASS] test_a() (gas: 1)\n\
            [FAIL: got [1], not [2]] test_b(uint8) (runs: 3)\n";
        assert_eq!(killer(said).as_deref(), Some("contracts/test/A.t.sol test_b"));
        assert_eq!(killer("Compiler run failed"), None);
    }

    #[test]
    fn mutants_are_not_optimised() {
        let text = "[profile.default]\nsrc = \"a\"\noptimizer = true\n\
            [profile.default.optimizer_details]\nyul = true\n";
        let made: toml::Table = profile(text).unwrap().parse().unwrap();
        let default = &made["profile"]["default"];
        assert_eq!(default["src"].as_str(), Some("a"));
        assert_eq!(default["optimizer"].as_bool(), Some(false));
        assert!(default.get("optimizer_details").is_none());
    }
}
