//! Static analysis: every finding of medium impact or more is explained in a committed list, and every
//! entry of the list explains one.

use std::fs;

use anyhow::Context as _;
use serde_json::Value;

use super::{Report, command, forge, page::cell, python};
use crate::output::step;
use crate::repository::{Repository, run as complete};

/// Why the findings are none: `check`, `file`, `function` and `why` of each.
pub(crate) const EXPLANATIONS: &str = "tools/deep/slither.json";

const BUILT: &str = "target/deep/slither";
const PROFILE: &str = "slither";

/// What slither found in a function, as often as it found it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    impact: String,
    check: String,
    file: String,
    function: String,
}

/// Why a finding is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Explanation {
    check: String,
    file: String,
    function: String,
    /// The reason.
    pub(crate) why: String,
}

pub(super) fn run(repository: &Repository) -> anyhow::Result<Report> {
    python::install(repository)?;
    step("forge build for slither");
    let forge = forge(repository)?;
    // Slither reads every build that lies there, so only this one may.
    drop(fs::remove_dir_all(repository.path(BUILT)));
    complete(command(repository, &forge, PROFILE)?.args(["build", "contracts/src"]))?;
    step("slither");
    let found = repository.path("target/deep/slither.json");
    drop(fs::remove_file(&found));
    let slither = python::program(repository, "slither")?;
    let mut slither = command(repository, &slither, PROFILE)?;
    slither.args([".", "--ignore-compile", "--foundry-ignore-compile", "--foundry-out-directory"]);
    slither.arg(format!("{BUILT}/out")).arg("--foundry-build-info-directory");
    slither.arg(format!("{BUILT}/build-info")).args(["--filter-paths", "node_modules"]);
    slither.args(["--exclude-low", "--exclude-informational", "--exclude-optimization", "--json"]);
    // It fails when it finds something; whether it ran is whether it wrote.
    let output = slither.arg(&found).output().context("slither does not start")?;
    let text = fs::read(&found).with_context(|| {
        format!("slither wrote nothing: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    let findings = findings(&serde_json::from_slice(&text).context("slither's answer")?)?;
    let explained = fs::read_to_string(repository.path(EXPLANATIONS)).context(EXPLANATIONS)?;
    Ok(report(&findings, &explanations(&explained)?))
}

/// The list's entries.
pub(crate) fn explanations(text: &str) -> anyhow::Result<Vec<Explanation>> {
    let list: Vec<Value> = serde_json::from_str(text).context(EXPLANATIONS)?;
    let field = |entry: &Value, name: &str| {
        let text = entry[name].as_str().with_context(|| format!("{EXPLANATIONS}: no {name}"))?;
        anyhow::Ok(text.to_owned())
    };
    let entries = list.iter().map(|entry| {
        Ok(Explanation {
            check: field(entry, "check")?,
            file: field(entry, "file")?,
            function: field(entry, "function")?,
            why: field(entry, "why")?,
        })
    });
    entries.collect()
}

fn findings(json: &Value) -> anyhow::Result<Vec<Finding>> {
    anyhow::ensure!(json["success"] == true, "slither failed: {}", json["error"]);
    let list = json["results"]["detectors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut findings: Vec<_> = list.iter().map(finding).collect();
    findings.sort();
    findings.dedup();
    Ok(findings)
}

fn finding(json: &Value) -> Finding {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let elements = json["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
    let functions = elements.iter().find(|element| element["type"] == "function");
    let first = functions.or(elements.first()).unwrap_or(&Value::Null);
    let name = if first["type"] == "function" {
        &first["name"]
    } else {
        &first["type_specific_fields"]["parent"]["name"]
    };
    Finding {
        impact: text(&json["impact"]),
        check: text(&json["check"]),
        file: text(&first["source_mapping"]["filename_relative"]),
        function: text(name),
    }
}

fn report(findings: &[Finding], explanations: &[Explanation]) -> Report {
    let fits = |finding: &Finding, explanation: &Explanation| {
        finding.check == explanation.check
            && finding.file == explanation.file
            && finding.function == explanation.function
    };
    let mut problems = Vec::new();
    let mut rows = Vec::new();
    for finding in findings {
        let Finding { impact, check, file, function } = finding;
        let why = explanations.iter().find(|explanation| fits(finding, explanation));
        if why.is_none() {
            problems.push(format!("slither: {check} in {file} ({function}) is not explained"));
        }
        let why = cell(why.map_or("**Not explained**", |explanation| explanation.why.as_str()));
        let file = file.trim_start_matches("contracts/src/");
        rows.push(format!("| {impact} | {check} | `{file}` `{function}` | {why} |\n"));
    }
    let stale = explanations.iter().filter(|e| !findings.iter().any(|finding| fits(finding, e)));
    problems.extend(stale.map(|Explanation { check, file, function, .. }| {
        format!("slither: {EXPLANATIONS} explains {check} in {file} ({function}), not found")
    }));
    let section = format!(
        "Slither 0.11.6 on `contracts/src`, dependencies left out: {} findings of medium impact or\n\
         more, by function.\n\n| Impact | Check | Where | Why it is none |\n|---|---|---|---|\n{}",
        findings.len(),
        rows.concat()
    );
    Report { section, problems }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found() -> Vec<Finding> {
        let element = json!({ "type": "function", "name": "open",
            "source_mapping": { "filename_relative": "contracts/src/A.sol" } });
        let finding = json!({ "impact": "High", "check": "odd", "elements": [element] });
        findings(&json!({ "success": true, "results": { "detectors": [finding, finding] } }))
            .unwrap()
    }

    fn explained(function: &str) -> Vec<Explanation> {
        let entry = json!([{ "check": "odd", "file": "contracts/src/A.sol",
            "function": function, "why": "It is even." }]);
        explanations(&entry.to_string()).unwrap()
    }

    #[test]
    fn an_explained_finding_is_no_problem() {
        let report = report(&found(), &explained("open"));
        assert!(report.problems.is_empty() && report.section.contains("It is even."));
    }

    #[test]
    fn an_unexplained_finding_and_a_stale_explanation_are_two_problems() {
        assert_eq!(report(&found(), &explained("close")).problems.len(), 2);
    }

    #[test]
    fn a_failed_run_is_no_run_without_findings() {
        assert!(findings(&json!({ "success": false, "error": "no forge" })).is_err());
    }
}
