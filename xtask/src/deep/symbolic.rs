//! Proofs for all inputs: every `check_` function of `contracts/test/symbolic` by halmos, and the
//! exhaustive tests beside them by forge.
//!
//! A check is proven when halmos says so, met no loop bound and said nothing else: no warning, no
//! error. A check that ran out of time, or that halmos did not find, is not proven.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;

use super::{Report, command, forge, page::cell, python};
use crate::output::{say, step};
use crate::repository::{Repository, run as complete};

/// Where the checks are.
pub(crate) const FOLDER: &str = "contracts/test/symbolic/";

const PROFILE: &str = "symbolic";
const BUILT: &str = "target/deep/symbolic";
const INTRODUCTION: &str = "\
By halmos 0.3.3 (with CLZ added, `tools/deep/prove.py`) on bytecode with the contracts' own
compiler settings; its queries are decided by yices, cvc5 or bitwuzla. Each claim holds for every
input that its row names.

| Check | What holds | For | Paths | Seconds |
|---|---|---|--:|--:|
";

const POLL: Duration = Duration::from_millis(100);

/// A claim that is checked for all inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// The Solidity contract that it is in.
    pub(crate) contract: String,
    /// The function's name.
    pub(crate) name: String,
    /// What it says, and after the last colon of its first paragraph over what.
    pub(crate) notice: String,
}

/// Paths and seconds of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proof {
    paths: u64,
    secs: u64,
}

pub(super) fn run(repository: &Repository, time: Duration) -> anyhow::Result<Report> {
    python::install(repository)?;
    let checks = checks_of(repository)?;
    step("forge build of the symbolic tests");
    let forge = forge(repository)?;
    complete(command(repository, &forge, PROFILE)?.arg("build"))?;
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (i, check) in checks.iter().enumerate() {
        let result = prove(repository, check, time)?;
        let row = match &result {
            Ok(proof) => {
                say(&format!("{}/{} {}: proven", i + 1, checks.len(), check.name));
                format!("{} | {}", proof.paths, proof.secs)
            }
            Err(why) => {
                say(&format!("{}/{} {}: NOT proven: {why}", i + 1, checks.len(), check.name));
                problems.push(format!("symbolic: {} is not proven: {why}", check.name));
                format!("**not proven**: {} | ", cell(why))
            }
        };
        let (what, over) = check.parts();
        rows.push(format!("| `{}` | {} | {} | {row} |\n", check.name, cell(what), cell(over)));
    }
    let exhaustive = exhaust(repository)?;
    problems.extend(exhaustive.problems);
    let section = format!("{INTRODUCTION}{}{}", rows.concat(), exhaustive.section);
    Ok(Report { section, problems })
}

impl Check {
    /// The claim, and over which inputs.
    fn parts(&self) -> (&str, &str) {
        self.notice.rsplit_once(": ").unwrap_or((&self.notice, ""))
    }
}

fn checks_of(repository: &Repository) -> anyhow::Result<Vec<Check>> {
    let folder = repository.path(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| FOLDER.to_owned())?;
    let mut files =
        entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<PathBuf>>>()?;
    files.sort();
    let mut found = Vec::new();
    for file in files {
        found.extend(checks(&fs::read_to_string(&file)?));
    }
    Ok(found)
}

/// The checks of a Solidity file, in order.
pub(crate) fn checks(text: &str) -> Vec<Check> {
    let mut contract = String::new();
    let mut notice = String::new();
    let mut within = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            let comment = comment.trim();
            if let Some(first) = comment.strip_prefix("@notice ") {
                first.clone_into(&mut notice);
                within = true;
            } else if comment.starts_with('@') {
                within = false;
            } else if within {
                notice.push(' ');
                notice.push_str(comment);
            }
            continue;
        }
        within = false;
        let named = |keyword: &str| {
            let rest = line.strip_prefix(keyword)?;
            Some(rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?.to_owned())
        };
        if let Some(name) = named("contract ") {
            contract = name;
        } else if let Some(name) = named("function ").filter(|name| name.starts_with("check_")) {
            found.push(Check { contract: contract.clone(), name, notice: notice.clone() });
        }
        notice.clear();
    }
    found
}

/// Runs one check for at most `time`.
fn prove(
    repository: &Repository,
    check: &Check,
    time: Duration,
) -> anyhow::Result<Result<Proof, String>> {
    let python = python::program(repository, "python")?;
    let answer = repository.path(&format!("{BUILT}/{}.json", check.name));
    let log = repository.path(&format!("{BUILT}/{}.log", check.name));
    drop(fs::remove_file(&answer));
    let solver = format!("tools/deep/solve {}", python.display());
    let since = Instant::now();
    let mut halmos = command(repository, &python, PROFILE)?;
    halmos
        .args(["tools/deep/prove.py", "--no-status", "--loop", "300", "--solver-threads", "2"])
        .args(["--forge-build-out", "target/deep/symbolic/out", "--contract", &check.contract])
        .arg("--match-test")
        .arg(format!("^{}\\(", check.name))
        .args(["--solver-timeout-assertion", "600s", "--solver-command", &solver])
        .arg("--json-output")
        .arg(&answer)
        .stdout(fs::File::create(&log)?)
        .stderr(fs::File::options().append(true).open(&log)?)
        .stdin(Stdio::null());
    let mut halmos = halmos.spawn().context("halmos does not start")?;
    if !ends_within(&mut halmos, time)? {
        return Ok(Err(format!("out of time after {} s", time.as_secs())));
    }
    let log = fs::read_to_string(&log)?;
    let answer = fs::read(&answer).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(verdict(check, &log, answer.as_ref(), since.elapsed().as_secs()))
}

fn ends_within(process: &mut Child, time: Duration) -> anyhow::Result<bool> {
    let since = Instant::now();
    while process.try_wait()?.is_none() {
        if since.elapsed() > time {
            process.kill()?;
            process.wait()?;
            return Ok(false);
        }
        thread::sleep(POLL);
    }
    Ok(true)
}

/// What halmos said, read with suspicion.
fn verdict(check: &Check, log: &str, answer: Option<&Value>, secs: u64) -> Result<Proof, String> {
    let suspicious = ["WARNING", "ERROR", "[TIMEOUT]", "[FAIL]", "[ERROR]", "loop-bound"];
    if let Some(line) = log.lines().find(|line| suspicious.iter().any(|word| line.contains(word))) {
        return Err(format!("halmos says: {}", plain(line)));
    }
    let tests = answer.and_then(|answer| answer["test_results"].as_object());
    let mut tests = tests.into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
    let named = |test: &&Value| {
        test["name"].as_str().and_then(|name| name.split('(').next()) == Some(&check.name)
    };
    let test = tests.find(named).ok_or("halmos did not run it")?;
    if test["exitcode"] != 0 {
        return Err(format!("halmos ended it with {}", test["exitcode"]));
    }
    if test["num_bounded_loops"] != 0 {
        return Err(format!("{} loops were cut short", test["num_bounded_loops"]));
    }
    Ok(Proof { paths: test["num_paths"][0].as_u64().unwrap_or_default(), secs })
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| text + piece.split_once('m').map_or(piece, |(_, rest)| rest))
}

/// The tests that go through a whole domain, too long for every day.
fn exhaust(repository: &Repository) -> anyhow::Result<Report> {
    step("forge test of whole domains");
    let since = Instant::now();
    let forge = forge(repository)?;
    let status = command(repository, &forge, PROFILE)?.arg("test").status()?;
    let (word, problems) = if status.success() {
        ("hold", Vec::new())
    } else {
        ("**do not hold**", vec!["symbolic: an exhaustive test failed".to_owned()])
    };
    let section = format!(
        "\nThe exhaustive tests of `{FOLDER}Exhaustive.t.sol` {word}; they took {} s.\n",
        since.elapsed().as_secs()
    );
    Ok(Report { section, problems })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SOURCE: &str = "
/// @notice All sums.
contract Sums {
    /// @notice A sum is exact: any
    /// amounts.
    /// @custom:halmos --loop 17
    function check_sums(uint256 a) external {
    function helper() private {
    }
";

    fn check() -> Check {
        checks(SOURCE).remove(0)
    }

    fn answer(exitcode: u64, loops: u64) -> Value {
        json!({ "test_results": { "Sums.t.sol:Sums": [{ "name": "check_sums(uint256)",
            "exitcode": exitcode, "num_paths": [7, 7, 0], "num_bounded_loops": loops }] } })
    }

    #[test]
    fn a_check_has_a_claim_and_a_domain() {
        assert_eq!(checks(SOURCE).len(), 1);
        assert_eq!(check().parts(), ("A sum is exact", "any amounts."));
        assert_eq!((check().contract.as_str(), check().name.as_str()), ("Sums", "check_sums"));
    }

    #[test]
    fn a_pass_without_a_word_is_a_proof() {
        let proof = verdict(&check(), "[PASS]", Some(&answer(0, 0)), 3);
        assert_eq!(proof, Ok(Proof { paths: 7, secs: 3 }));
    }

    #[test]
    fn a_bounded_loop_is_no_proof() {
        assert!(verdict(&check(), "[PASS]", Some(&answer(0, 1)), 3).is_err());
        assert!(verdict(&check(), "WARNING  loop-bound", Some(&answer(0, 0)), 3).is_err());
    }

    #[test]
    fn a_timeout_and_a_counterexample_are_no_proof() {
        assert!(verdict(&check(), "", Some(&answer(2, 0)), 3).is_err());
        assert!(verdict(&check(), "\u{1b}[33m[TIMEOUT]\u{1b}[0m", Some(&answer(0, 0)), 3).is_err());
    }

    #[test]
    fn a_check_that_did_not_run_is_no_proof() {
        assert!(verdict(&check(), "", None, 3).is_err());
        assert!(verdict(&check(), "", Some(&json!({ "test_results": {} })), 3).is_err());
    }

    #[test]
    fn colours_are_no_words() {
        assert_eq!(plain("\u{1b}[33m[TIMEOUT]\u{1b}[0m late"), "[TIMEOUT] late");
    }
}
