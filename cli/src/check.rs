//! `surety check`: runs what a juror runs before it asks a model.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use surety_fetch::Bounds;
use surety_jury::{CheckResult, Template, View, check};
use surety_terms::{Check, Criterion, Kind, Reveal, TermSheet, limits};

use crate::{file, output::Output};

/// The longest body of a probe's answer that is read, in bytes.
const MOST_ANSWER_BYTES: usize = 1024 * 1024;

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The deliverable; `-` reads stdin
    deliverable: PathBuf,
    /// The JSON term sheet
    #[arg(long, value_name = "FILE")]
    sheet: PathBuf,
    /// The milestone, from 0
    #[arg(long, default_value_t = 0)]
    milestone: u8,
    /// A JSON file with a revealed criterion: `criterionId` and `document`
    #[arg(long, value_name = "FILE")]
    reveal: Vec<PathBuf>,
    /// Also ask the services of probes, as they answer now
    #[arg(long)]
    probe: bool,
    /// Let probes go to private networks: on a local chain
    #[arg(long, requires = "probe")]
    allow_private_hosts: bool,
    /// How long one probe may take, in seconds
    #[arg(long, default_value_t = 20)]
    probe_timeout_secs: u64,
}

/// What the programs say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    /// Why no model could be shown the deliverable, if none could.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    criteria: Vec<Line>,
}

/// What is known of one criterion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: String,
    /// "met", "failed", "unusable"; "asked" of a model, "hidden", "not-probed".
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Runs the command: exit code 1 when a check is not met.
pub(crate) async fn run(args: CheckArgs, output: Output) -> Result<ExitCode> {
    let place = args.sheet.display().to_string();
    let bytes = file::read(&args.sheet, limits::SHEET_BYTES)?;
    let mut sheet = TermSheet::parse(&bytes).context(place)?;
    let (template, count) = (sheet.template, sheet.milestones.len());
    let part = sheet
        .milestones
        .get_mut(usize::from(args.milestone))
        .with_context(|| format!("milestone {} of {count}; count from 0", args.milestone))?;
    for path in &args.reveal {
        let bytes = file::read(path, limits::SHEET_BYTES)?;
        let place = || path.display().to_string();
        let reveal = Reveal::parse(&bytes).with_context(place)?;
        let opened = reveal.open(part).with_context(place)?;
        if let Some(finding) = Template::pinned(template)?.refusal(&reveal.document) {
            bail!("jurors would refuse it, and count the criterion as met: {finding}");
        }
        for criterion in part.criteria.iter_mut().filter(|criterion| criterion.id == opened.id) {
            criterion.clone_from(&opened);
        }
    }
    let most = limits::DELIVERABLE_BYTES;
    let Some(deliverable) = file::read_within(&args.deliverable, most)? else {
        let why = format!("more than {most} bytes: every juror calls it missing");
        let criteria = part.criteria.iter().map(|criterion| missing(criterion, &why)).collect();
        output.result(&Checked { unreadable: Some(why), criteria })?;
        return Ok(ExitCode::FAILURE);
    };
    let mut criteria = Vec::new();
    for criterion in &part.criteria {
        criteria.push(line(criterion, &deliverable, &args).await);
    }
    let good = criteria.iter().all(|line| !matches!(line.outcome, "failed" | "unusable"));
    let unreadable = View::of(&deliverable).err().map(|why| why.to_string());
    output.result(&Checked { unreadable, criteria })?;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What jurors say of what is missing: a hidden criterion fails too.
fn missing(criterion: &Criterion, why: &str) -> Line {
    Line { id: criterion.id.clone(), outcome: "failed", detail: Some(why.to_owned()) }
}

async fn line(criterion: &Criterion, deliverable: &[u8], args: &CheckArgs) -> Line {
    let id = criterion.id.clone();
    let without = |outcome| Line { id: id.clone(), outcome, detail: None };
    let result: CheckResult = match &criterion.kind {
        Kind::Llm => return without("asked"),
        Kind::Hidden { .. } => return without("hidden"),
        Kind::Check(Check::HttpProbe(_)) if !args.probe => return without("not-probed"),
        Kind::Check(Check::HttpProbe(probe)) => {
            let bounds = Bounds {
                allow_private_hosts: args.allow_private_hosts,
                most_bytes: MOST_ANSWER_BYTES,
                within: Duration::from_secs(args.probe_timeout_secs),
            };
            surety_fetch::probe(probe, deliverable, &bounds).await.result
        }
        Kind::Check(program) => check::run(program, deliverable),
    };
    Line { id, outcome: result.outcome(), detail: Some(result.detail().to_owned()) }
}
