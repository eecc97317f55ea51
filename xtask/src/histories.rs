//! Random histories: the model of `tests/` against the contracts on one core, and beside it forge's
//! invariants on another. Both say how much they did and from which seed.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::output::{say, step};
use crate::repository::{Repository, run as complete};
use crate::setup;

/// Tests of the model, by the beginning of their names.
pub(crate) const MODEL: &str = "model::";

/// Tests of forge's invariants, by the beginning of their names.
pub(crate) const INVARIANTS: &str = "^invariant_";

/// How the line begins with which a test of the model says what it did; then comes the campaign.
const TOLD: &str = "model: ";

/// What has a model: each says what it did, or something is wrong.
const CAMPAIGNS: [&str; 3] = ["escrow", "stakes", "pacts"];

/// Where the suites of invariants are: each runs for its part of the time.
const FOLDER: &str = "contracts/test/invariant";

/// Where forge's answer goes, below the target directory.
const ANSWER: &str = "invariants.json";

/// Where both begin: the same histories every time, unless told otherwise.
const SEED: u32 = 20_261_123;

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// The same histories every time: four to five minutes of one core each.
    Counted,
    /// As many as fit, from another seed every time.
    Within(Duration),
}

/// Histories of the escrow, of which stakes and pacts draw a fifth each, and runs of each suite of
/// invariants, that take about as long.
const HISTORIES: u64 = 1_300;
const RUNS: u64 = 700;

/// The escrow's part of the seconds, where stakes and pacts take a fifth of its time each.
const OF_ESCROW: (u64, u64) = (5, 7);

/// What was done and what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// A sentence for each: histories or runs, calls, seeds.
    pub(crate) told: Vec<String>,
    /// What is wrong.
    pub(crate) problems: Vec<String>,
}

/// Runs both, side by side, and says what they did.
pub(crate) fn run(repository: &Repository, extent: Extent) -> anyhow::Result<Outcome> {
    let seed = match extent {
        Extent::Counted => SEED,
        Extent::Within(_) => any_seed(),
    };
    step("cargo test of the model, and forge's invariants beside it");
    // Before the clock starts.
    let tests = ["test", "--workspace", "--quiet", "--test", "it"];
    repository.cargo(&[&tests[..], &["--no-run"]].concat())?;
    let mut forge = invariants(repository, extent, seed)?;
    let outcome = model(repository, &tests, extent, seed);
    if outcome.is_err()
        && let Some(forge) = &mut forge
    {
        // Nobody else would end it.
        drop(forge.kill());
    }
    let mut outcome = outcome?;
    match forge {
        Some(forge) => ended(repository, forge, seed, &mut outcome)?,
        None if cfg!(all(target_os = "linux", target_arch = "x86_64")) => {
            outcome.problems.push("invariants: forge is missing: npm has it for here".to_owned());
        }
        None => say("forge is not here (npm has it for Linux x86-64): no invariants ran."),
    }
    outcome.told.iter().for_each(|line| say(line));
    Ok(outcome)
}

/// The same, as a step that fails.
pub(crate) fn test(repository: &Repository) -> anyhow::Result<()> {
    let outcome = run(repository, Extent::Counted)?;
    if !outcome.problems.is_empty() {
        bail!("{}", outcome.problems.join("; "));
    }
    Ok(())
}

/// The standard library's own source of keys for its maps.
fn any_seed() -> u32 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let bytes = RandomState::new().build_hasher().finish().to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// Starts forge on one core.
fn invariants(repository: &Repository, extent: Extent, seed: u32) -> anyhow::Result<Option<Child>> {
    let Some(forge) = setup::foundry(repository, "forge") else { return Ok(None) };
    // Compiled before the clock starts.
    complete(repository.command(&forge).args(["build", "--quiet", FOLDER]))?;
    let mut forge = repository.command(forge);
    forge.args(["test", "--json", "--threads", "1", "--match-path"]);
    forge.arg(format!("{FOLDER}/*")).args(["--match-test", INVARIANTS, "--fuzz-seed"]);
    forge.arg(seed.to_string());
    match extent {
        Extent::Counted => forge.env("FOUNDRY_INVARIANT_RUNS", RUNS.to_string()),
        Extent::Within(time) => {
            let each = time.as_secs() / suites(repository)?;
            forge.env("FOUNDRY_INVARIANT_TIMEOUT", each.to_string());
            forge.env("FOUNDRY_INVARIANT_RUNS", u32::MAX.to_string())
        }
    };
    let answer = fs::File::create(repository.target()?.join(ANSWER))?;
    forge.stdout(answer).stdin(Stdio::null());
    Ok(Some(forge.spawn().context("forge does not start")?))
}

fn suites(repository: &Repository) -> anyhow::Result<u64> {
    let mut suites = 0;
    for entry in fs::read_dir(repository.path(FOLDER))? {
        suites += u64::from(entry?.file_name().to_string_lossy().ends_with(".t.sol"));
    }
    Ok(suites.max(1))
}

/// Runs the model's tests, one after the other on one core, and shows what they print.
fn model(
    repository: &Repository,
    tests: &[&str],
    extent: Extent,
    seed: u32,
) -> anyhow::Result<Outcome> {
    let mut model = repository.cargo_command();
    model.args(tests).args(["--", "--nocapture", "--test-threads", "1", MODEL]);
    model.env("SURETY_MODEL_SEED", seed.to_string());
    match extent {
        Extent::Counted => model.env("SURETY_MODEL_HISTORIES", HISTORIES.to_string()),
        Extent::Within(time) => {
            let of_escrow = time.as_secs() * OF_ESCROW.0 / OF_ESCROW.1;
            model.env("SURETY_MODEL_SECONDS", of_escrow.to_string())
        }
    };
    let mut model = model.stdout(Stdio::piped()).spawn().context("cargo does not start")?;
    let mut outcome = Outcome::default();
    for line in BufReader::new(model.stdout.take().context("no output")?).lines() {
        let line = line?;
        drop(writeln!(std::io::stdout(), "{line}"));
        outcome.told.extend(told(&line));
    }
    let status = model.wait()?;
    if !status.success() {
        outcome.problems.push(format!("model: the histories failed ({status})"));
    }
    outcome.problems.extend(untold(&outcome.told));
    Ok(outcome)
}

/// What a line tells of a campaign, behind the marks of tests that ended before.
fn told(line: &str) -> Option<String> {
    let line = line.trim_start_matches(['.', 'F']);
    line.starts_with(TOLD).then(|| line.to_owned())
}

/// Campaigns of which nothing was told.
fn untold(told: &[String]) -> Vec<String> {
    let about = |name: &str| told.iter().any(|line| line.starts_with(&format!("{TOLD}{name}: ")));
    let untold = CAMPAIGNS.into_iter().filter(|name| !about(name));
    untold.map(|name| format!("model: {name} said nothing of its histories")).collect()
}

/// Waits for forge and reads what it says.
fn ended(
    repository: &Repository,
    mut forge: Child,
    seed: u32,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let status = forge.wait()?;
    let path = repository.target()?.join(ANSWER);
    let answer = serde_json::from_slice(&fs::read(&path)?).unwrap_or_default();
    let (told, mut problems) = campaigns(&answer, seed);
    outcome.told.extend(told);
    if !status.success() && problems.is_empty() {
        problems.push(format!("invariants: forge failed ({status}); see {}", path.display()));
    }
    outcome.problems.extend(problems);
    Ok(())
}

/// What each campaign of forge's answer did, and which failed. Calls that reverted do not count;
/// those of a handler that found nothing to do and returned do.
fn campaigns(answer: &Value, seed: u32) -> (Vec<String>, Vec<String>) {
    let (mut told, mut problems) = (Vec::new(), Vec::new());
    for (suite, results) in answer.as_object().into_iter().flatten() {
        let suite = suite.rsplit(':').next().unwrap_or(suite);
        for (name, result) in results["test_results"].as_object().into_iter().flatten() {
            let kind = &result["kind"]["Invariant"];
            let count = |key: &str| kind[key].as_u64().unwrap_or_default();
            let done = count("calls").saturating_sub(count("reverts"));
            told.push(format!(
                "invariants: {suite}: {} runs from seed {seed}, {done} calls, {}",
                count("runs"),
                result["duration"].as_str().unwrap_or_default()
            ));
            if result["status"] != "Success" || done == 0 {
                problems.push(format!("invariants: {suite}.{name}: {}", result["reason"]));
            }
        }
    }
    if told.is_empty() {
        problems.push("invariants: none ran".to_owned());
    }
    (told, problems)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: &str, calls: u64) -> Value {
        let kind = json!({ "Invariant": { "runs": 10, "calls": calls, "reverts": 20 } });
        let result = json!({ "status": status, "kind": kind, "duration": "2s", "reason": "less" });
        json!({ "a/Money.t.sol:MoneyTest": { "test_results": { "invariant_money()": result } } })
    }

    #[test]
    fn a_campaign_tells_runs_calls_and_seed() {
        let (told, problems) = campaigns(&answer("Success", 320), 7);
        let line = "invariants: MoneyTest: 10 runs from seed 7, 300 calls, 2s";
        assert_eq!((told, problems), (vec![line.to_owned()], vec![]));
    }

    #[test]
    fn a_campaign_of_the_model_is_told_behind_the_marks_of_other_tests() {
        let line = "model: stakes: 10 histories from seed 7";
        assert_eq!(told(&format!("..{line}")).as_deref(), Some(line));
        assert_eq!(told("stakes: successful calls: {}"), None);
    }

    #[test]
    fn every_campaign_of_the_model_has_to_tell_what_it_did() {
        let told = ["model: escrow: 1 histories".to_owned(), "model: pacts: 2".to_owned()];
        let untold = untold(&told);
        assert_eq!(untold, ["model: stakes said nothing of its histories"]);
    }

    #[test]
    fn a_failure_and_an_empty_campaign_are_problems() {
        assert_eq!(campaigns(&answer("Failure", 320), 7).1.len(), 1);
        assert_eq!(campaigns(&answer("Success", 20), 7).1.len(), 1);
        assert_eq!(campaigns(&json!({}), 7).1.len(), 1);
    }
}
