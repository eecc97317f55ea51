//! The crash matrix in its long form: every point with many deaths of the recovery, and every scene
//! killed one point later each time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use anyhow::Context as _;
use serde_json::Value;

use crate::output::step;
use crate::programs;
use crate::repository::Repository;

/// Says the test that it runs in its long form.
const DEEP: &str = "SURETY_DEEP";

/// Its name, by its beginning.
const TEST: &str = "crash::matrix::";

/// How the line begins with which it says what it did.
const TOLD: &str = "crash: ";

/// What of that line are keys beside the bench's, which counts what is lost or doubled without a crash.
const KEYS: [(&str, &str); 4] = [
    ("points", "relayer.crash_points"),
    ("runs", "relayer.crash_runs"),
    ("lost", "relayer.crash_lost"),
    ("double", "relayer.crash_double"),
];

/// Runs it, writes its keys into target/bench.json and says what is wrong.
pub(super) fn run(repository: &Repository) -> anyhow::Result<Vec<String>> {
    // What is killed is the binary itself, which a test alone does not build.
    programs::build(repository, &["surety"])?;
    step("cargo test of the crash matrix, in the long form");
    let mut test = repository.cargo_command();
    test.args(["test", "--workspace", "--quiet", "--test", "it", "--", "--nocapture", TEST]);
    test.env(DEEP, "1");
    let mut test = test.stdout(Stdio::piped()).spawn().context("cargo does not start")?;
    let mut told = BTreeMap::new();
    for line in BufReader::new(test.stdout.take().context("no output")?).lines() {
        let line = line?;
        drop(writeln!(std::io::stdout(), "{line}"));
        told.extend(read(&line));
    }
    let status = test.wait()?;
    keep(repository, &told)?;
    let counted = told.len() == KEYS.len();
    let failed = || format!("crash: the matrix failed or did not run ({status})");
    Ok(if status.success() && counted { Vec::new() } else { vec![failed()] })
}

/// The keys that a line of the test's output tells: all of them or none.
fn read(line: &str) -> BTreeMap<&'static str, u64> {
    let Some(line) = line.strip_prefix(TOLD) else { return BTreeMap::new() };
    let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
    let known = |name: &str| KEYS.iter().find(|(told, _)| *told == name).map(|(_, key)| *key);
    pairs.filter_map(|(name, count)| Some((known(name)?, count.parse().ok()?))).collect()
}

/// Puts keys beside those that are there.
fn keep(repository: &Repository, told: &BTreeMap<&'static str, u64>) -> anyhow::Result<()> {
    let path = repository.target()?.join("bench.json");
    let present = fs::read(&path).unwrap_or_default();
    let mut results: BTreeMap<String, Value> = serde_json::from_slice(&present).unwrap_or_default();
    results.extend(told.iter().map(|(key, count)| ((*key).to_owned(), Value::from(*count))));
    let text = serde_json::to_string_pretty(&results)? + "\n";
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_line_tells_every_key() {
        let told = read("crash: points=51 runs=640 kills=1200 lost=0 double=1");
        assert_eq!(told.len(), KEYS.len());
        assert_eq!((told["relayer.crash_runs"], told["relayer.crash_double"]), (640, 1));
    }

    #[test]
    fn other_lines_tell_nothing() {
        assert!(read("running 1 test").is_empty() && read("runs=3").is_empty());
    }
}
