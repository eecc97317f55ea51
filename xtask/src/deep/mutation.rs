//! Mutation testing: what no test notices, of the small changes of the contracts that the program
//! `surety-mutation` of `tests/` makes; a committed list says why each of those is harmless.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::{Report, forge, page::cell};
use crate::output::step;
use crate::programs;
use crate::repository::{Repository, run as complete};

/// Why survivors are none: `file`, `function`, `original`, `replacement` and `why` of each, and
/// `occurrence` where several look alike.
pub(crate) const ARGUMENTS: &str = "tools/deep/survivors.json";

/// What earlier runs found, as far as it stands.
const VERDICTS: &str = "tools/deep/verdicts.jsonl";
const PROGRAM: &str = "surety-mutation";
/// Of a hundred mutants that compile to something else, how many must be noticed.
const LEAST: usize = 95;

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    /// How many mutants.
    pub(crate) size: usize,
    /// By which seed.
    pub(crate) seed: u64,
}

/// A mutant that was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mutant {
    contract: String,
    file: String,
    line: u64,
    function: String,
    original: String,
    replacement: String,
    occurrence: u64,
    outcome: Outcome,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Open,
    NotCompiled,
    Same,
    Killed,
    Survived,
}

/// Why a survivor is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    /// The source that it is about.
    pub(crate) file: String,
    function: String,
    original: String,
    replacement: String,
    /// Which of those that look alike; all, if it does not say.
    occurrence: Option<u64>,
    /// The reason.
    pub(crate) why: String,
}

pub(super) fn run(
    repository: &Repository,
    sample: Sample,
    time: Option<Duration>,
) -> anyhow::Result<Report> {
    // Compilers and forge take the time, for which it makes no difference how it is built.
    let program = programs::build(repository, &[PROGRAM])?;
    let results = repository.path("target/deep/mutation/results.json");
    step(&format!("{PROGRAM}: {} mutants, seed {}", sample.size, sample.seed));
    let mut program = repository.command(program);
    program.args(["--sample", &sample.size.to_string(), "--seed", &sample.seed.to_string()]);
    program.arg("--root").arg(repository.root()).arg("--forge").arg(forge(repository)?);
    program.arg("--results").arg(&results).arg("--verdicts").arg(repository.path(VERDICTS));
    if let Some(time) = time {
        program.args(["--seconds", &time.as_secs().to_string()]);
    }
    complete(&mut program)?;
    let results: Value = serde_json::from_slice(&fs::read(&results)?).context("the results")?;
    let argued = fs::read_to_string(repository.path(ARGUMENTS)).context(ARGUMENTS)?;
    report(&results, &arguments(&argued)?, sample)
}

/// The list's entries.
pub(crate) fn arguments(text: &str) -> anyhow::Result<Vec<Argument>> {
    let list: Vec<Value> = serde_json::from_str(text).context(ARGUMENTS)?;
    let entries = list.iter().map(|entry| {
        Ok(Argument {
            file: field(entry, "file")?,
            function: field(entry, "function")?,
            original: field(entry, "original")?,
            replacement: field(entry, "replacement")?,
            occurrence: entry["occurrence"].as_u64(),
            why: field(entry, "why")?,
        })
    });
    entries.collect()
}

fn field(entry: &Value, name: &str) -> anyhow::Result<String> {
    let text = entry[name].as_str().with_context(|| format!("a mutant has no {name}"))?;
    Ok(text.to_owned())
}

impl Argument {
    /// Whether the source still has what the mutant changes.
    pub(crate) fn stands_in(&self, source: &str) -> bool {
        let one_line = source.split_whitespace().collect::<Vec<_>>().join(" ");
        one_line.contains(&self.original)
    }

    fn fits(&self, mutant: &Mutant) -> bool {
        self.file == mutant.file
            && self.function == mutant.function
            && self.original == mutant.original
            && self.replacement == mutant.replacement
            && self.occurrence.is_none_or(|occurrence| occurrence == mutant.occurrence)
    }
}

fn mutant(entry: &Value) -> anyhow::Result<Mutant> {
    let (json, verdict) = (&entry["mutant"], &entry["verdict"]);
    let outcome = match verdict.as_str() {
        Some("notCompiled") => Outcome::NotCompiled,
        Some("same") => Outcome::Same,
        Some("survived") => Outcome::Survived,
        _ if verdict.is_null() => Outcome::Open,
        _ => Outcome::Killed,
    };
    Ok(Mutant {
        contract: field(json, "contract")?,
        file: field(json, "file")?,
        line: json["line"].as_u64().unwrap_or_default(),
        function: field(json, "function")?,
        original: field(json, "original")?,
        replacement: field(json, "replacement")?,
        occurrence: json["occurrence"].as_u64().unwrap_or(1),
        outcome,
    })
}

fn report(results: &Value, arguments: &[Argument], sample: Sample) -> anyhow::Result<Report> {
    let drawn = results["drawn"].as_array().context("no mutant was drawn")?;
    let drawn: Vec<_> = drawn.iter().map(mutant).collect::<anyhow::Result<_>>()?;
    let all = results["all"].as_array().context("the mutants were not counted")?;
    let (scores, mut problems) = scores(all, &drawn);
    let (survivors, unargued) = survivors(&drawn, arguments);
    problems.extend(unargued);
    let noticed = |argument: &&Argument| {
        let mut of = drawn.iter().filter(|mutant| argument.fits(mutant)).peekable();
        of.peek().is_some()
            && of.all(|mutant| !matches!(mutant.outcome, Outcome::Survived | Outcome::Open))
    };
    problems.extend(arguments.iter().filter(noticed).map(|argument| {
        let Argument { file, function, original, replacement, .. } = argument;
        let what = format!("{file} ({function}) `{original}` -> `{replacement}`");
        format!("mutation: {ARGUMENTS} argues for {what}, which a test notices: remove it there")
    }));
    let section = format!(
        "One small change at a time (other operators, numbers, conditions and arguments, statements \
         left\nout, in Solidity and in assembly): {} of them, drawn by seed {}. Each is compiled \
         without the\noptimiser and run against its library's tests, the model's histories and \
         forge's suites, until\nsomething fails. The score is what was noticed of what compiles to \
         other code.\n\n\
         | Contract | Mutants | Drawn | Not judged yet | Did not compile | Same code | Killed | Survived | Score |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n{scores}\n\
         The survivors, with the libraries that a contract is made of, and why each is none:\n\n\
         | Where | Mutation | Why it is none |\n|---|---|---|\n{survivors}",
        drawn.len(),
        sample.seed
    );
    Ok(Report { section, problems })
}

/// A row for each contract and one for all, and what is too low.
fn scores(all: &[Value], drawn: &[Mutant]) -> (String, Vec<String>) {
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    let mut total = 0;
    for entry in all {
        let name = entry["contract"].as_str().unwrap_or_default();
        let mutants = entry["mutants"].as_u64().unwrap_or_default();
        total += mutants;
        let of: Vec<_> = drawn.iter().filter(|mutant| mutant.contract == name).collect();
        rows.push(row(&format!("`{name}`"), mutants, &of, &mut problems));
    }
    let of: Vec<_> = drawn.iter().collect();
    rows.push(row("All", total, &of, &mut problems));
    let open = count(&of, Outcome::Open);
    if open > 0 {
        problems.push(format!("mutation: {open} mutants are not judged yet: run it again"));
    }
    (rows.concat(), problems)
}

fn row(name: &str, mutants: u64, of: &[&Mutant], problems: &mut Vec<String>) -> String {
    let [open, refused, same, killed, survived] =
        [Outcome::Open, Outcome::NotCompiled, Outcome::Same, Outcome::Killed, Outcome::Survived]
            .map(|outcome| count(of, outcome));
    // In hundredths of a percent, rounded down.
    let score = (killed * 10_000).checked_div(killed + survived).unwrap_or(10_000);
    if score < LEAST * 100 {
        problems.push(format!("mutation: {name} has a score of {}, not {LEAST} %", percent(score)));
    }
    let score = if killed + survived == 0 { "-".to_owned() } else { percent(score) };
    let drawn = of.len();
    format!(
        "| {name} | {mutants} | {drawn} | {open} | {refused} | {same} | {killed} | {survived} | {score} |\n"
    )
}

fn percent(hundredths: usize) -> String {
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn count(of: &[&Mutant], outcome: Outcome) -> usize {
    of.iter().filter(|mutant| mutant.outcome == outcome).count()
}

/// A row for each survivor, and those that nobody argued for.
fn survivors(drawn: &[Mutant], arguments: &[Argument]) -> (String, Vec<String>) {
    let mut of: Vec<_> =
        drawn.iter().filter(|mutant| mutant.outcome == Outcome::Survived).collect();
    of.sort_by(|a, b| (&a.file, a.line, &a.replacement).cmp(&(&b.file, b.line, &b.replacement)));
    let mut rows = Vec::new();
    let mut problems = Vec::new();
    for mutant in of {
        let Mutant { file, line, function, original, replacement, .. } = mutant;
        let why = arguments.iter().find(|argument| argument.fits(mutant));
        if why.is_none() {
            let what = format!("{file}:{line} ({function}) `{original}` -> `{replacement}`");
            problems.push(format!(
                "mutation: nothing notices {what}: add a test, or the reason to {ARGUMENTS}"
            ));
        }
        let why = cell(why.map_or("**Not argued**", |argument| argument.why.as_str()));
        let file = file.trim_start_matches("contracts/src/");
        let (original, replacement) = (cell(original), cell(replacement));
        rows.push(format!(
            "| `{file}:{line}` `{function}` | `{original}` → `{replacement}` | {why} |\n"
        ));
    }
    (rows.concat(), problems)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SAMPLE: Sample = Sample { size: 1, seed: 1 };

    fn results(killed: u64, verdict: &Value) -> Value {
        let mutant = |line: u64, verdict: &Value| {
            json!({ "verdict": verdict, "mutant": { "contract": "A", "file": "contracts/src/A.sol",
                "line": line, "function": "f", "original": "a | b", "replacement": "a & b",
                "occurrence": 1 } })
        };
        let mut drawn = vec![mutant(9, verdict)];
        drawn.extend((0..killed).map(|line| {
            let mut other = mutant(line, &json!({ "killed": "test_a" }));
            other["mutant"]["function"] = "g".into();
            other
        }));
        json!({ "all": [{ "contract": "A", "mutants": 100 }], "drawn": drawn })
    }

    fn argued(function: &str) -> Vec<Argument> {
        let entry = json!([{ "file": "contracts/src/A.sol", "function": function,
            "original": "a | b", "replacement": "a & b", "why": "They are one." }]);
        arguments(&entry.to_string()).unwrap()
    }

    fn problems(killed: u64, verdict: &Value, function: &str) -> usize {
        report(&results(killed, verdict), &argued(function), SAMPLE).unwrap().problems.len()
    }

    #[test]
    fn an_argued_survivor_is_no_problem_and_is_on_the_page() {
        let report = report(&results(99, &json!("survived")), &argued("f"), SAMPLE).unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        assert!(report.section.contains("`a \\| b` → `a & b` | They are one. |"));
        assert!(report.section.contains("| `A` | 100 | 100 | 0 | 0 | 0 | 99 | 1 | 99.00 % |"));
    }

    #[test]
    fn an_unargued_survivor_is_a_problem() {
        assert_eq!(problems(99, &json!("survived"), "h"), 1);
    }

    #[test]
    fn an_argument_for_what_a_test_notices_is_a_problem() {
        assert_eq!(problems(99, &json!({ "killed": "test_b" }), "f"), 1);
    }

    #[test]
    fn a_score_below_95_is_a_problem_of_the_contract_and_of_all() {
        assert_eq!(problems(10, &json!("survived"), "f"), 2);
    }

    #[test]
    fn a_mutant_that_is_not_judged_is_a_problem() {
        assert_eq!(problems(99, &Value::Null, "f"), 1);
    }

    #[test]
    fn an_argument_stands_while_the_source_has_what_it_is_about() {
        let argument = argued("f").remove(0);
        assert!(argument.stands_in("return a |\n    b;") && !argument.stands_in("a & b"));
    }
}
