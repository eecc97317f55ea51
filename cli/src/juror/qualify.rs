//! `surety juror qualify`: measures a seat, or reads what another one says of itself.

use std::path::{Path, PathBuf};

use alloy::primitives::Bytes;
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;
use surety_judge::write_whole;
use surety_juror::Config;
use surety_jury::Template;
use surety_measure::{Means, Measurement, Progress, Unanswered};
use surety_qualify::{
    Certificate, Interval, LabelledCase, Mark, Measured, Plan, case, certificate::MOST_BYTES,
};
use surety_terms::json;

use super::seat::SeatArgs;
use crate::{
    ending, file,
    output::{self, Output},
};

#[derive(Args, Debug)]
pub(crate) struct QualifyArgs {
    /// The juror's TOML configuration: its key, chain, jury contract and provider
    #[arg(long, value_name = "FILE", required_unless_present = "verify")]
    config: Option<PathBuf>,
    /// The folder with the labelled cases: LLMBar's items.jsonl, or a cases.jsonl
    #[arg(long, value_name = "FOLDER", required_unless_present = "verify")]
    data: Option<PathBuf>,
    /// Measure with the first so many cases only
    #[arg(long, value_name = "COUNT")]
    most_cases: Option<usize>,
    /// The prompt template to measure with, as `surety jury templates` names it; by default the
    /// newest
    #[arg(long, value_name = "NAME", value_parser = named)]
    template: Option<Template>,
    /// What all cases may cost, in millionths of a US dollar; by default `budget.day_micro_usd`
    #[arg(long, value_name = "AMOUNT")]
    most_micro_usd: Option<u64>,
    /// The family of a key that is not registered yet
    #[arg(long)]
    family: Option<String>,
    /// Where answers are kept, and found by the next run; by default `qualify` in the store
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Count what was asked before and is still open as a jury does at the end of its window
    #[arg(long)]
    last: bool,
    /// Check a certificate instead, and print what it says; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["config", "data", "most_cases", "most_micro_usd", "family"])]
    #[arg(conflicts_with_all = ["template", "folder", "last"])]
    verify: Option<PathBuf>,
}

/// A certificate that holds, and what it reaches.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// Whether every mark is reached.
    qualified: bool,
    /// When it stops saying anything, in Unix seconds.
    holds_until: u64,
    marks: [Mark; 6],
    #[serde(flatten)]
    certificate: Certificate,
}

impl From<Certificate> for Shown {
    fn from(certificate: Certificate) -> Self {
        Self {
            qualified: certificate.is_qualified(),
            holds_until: certificate.measured.holds_until(),
            marks: certificate.marks(),
            certificate,
        }
    }
}

pub(crate) async fn qualify(args: QualifyArgs, output: Output) -> Result<()> {
    let certificate = if let Some(path) = &args.verify {
        read(path)?
    } else {
        let end = ending::told_to_end()?;
        tokio::select! {
            certificate = Box::pin(args.measure()) => certificate?,
            () = end => bail!("told to end; what was answered is kept: run again to go on"),
        }
    };
    table(&certificate);
    output.result(&Shown::from(certificate))
}

/// The certificate beside a juror's store, if there is one.
pub(super) fn beside(config: &Config) -> Result<Option<Shown>> {
    let path = config.certificate();
    if !path.exists() {
        return Ok(None);
    }
    let certificate = read(&path)?;
    let Plan { dialect, model_requested, template_digest, .. } = &certificate.measured.plan;
    let is_of = *model_requested == config.provider.model
        && *dialect == config.provider.dialect.as_str()
        && Template::of_digest(*template_digest).is_some();
    if !is_of {
        output::say(
            "the certificate is of another model or prompt than the juror's: measure again",
        );
    }
    Ok(Some(certificate.into()))
}

fn read(path: &Path) -> Result<Certificate> {
    let bytes = file::read(path, MOST_BYTES)?;
    Certificate::parse(&bytes).with_context(|| path.display().to_string())
}

impl QualifyArgs {
    /// Measures the seat, and puts the signed certificate where the running juror finds it.
    async fn measure(self) -> Result<Certificate> {
        let (Some(config), Some(data)) = (self.config, self.data) else {
            bail!("give --config and --data, or --verify");
        };
        let mut cases = case::load(&data)?;
        cases.truncate(self.most_cases.unwrap_or(usize::MAX));
        let (config, key, seat) = SeatArgs { config }.open().await?;
        let family = match (seat.family().await?, self.family) {
            (Some(family), None) => family,
            (Some(family), Some(given)) if family == given => family,
            (Some(family), Some(_)) => bail!("the key is registered with family {family}"),
            (None, Some(given)) => given,
            (None, None) => bail!("the key is not registered: give --family, or register it"),
        };
        let seat_of = surety_measure::Seat {
            chain_id: config.chain_id,
            jury: config.jury,
            juror: key.address(),
            family,
        };
        let (provider, now) = (&config.provider, seat.now().await?);
        let template = self.template.unwrap_or(Template::NEWEST);
        if !template.shows_prose() {
            let name = template.name();
            output::say(&format!(
                "{name} shows no description: labels that rest on it say nothing"
            ));
        }
        let plan = surety_measure::plan(seat_of, provider, template, &cases, now)?;
        let means = means(&config, self.most_micro_usd)?;
        let folder = self.folder.unwrap_or_else(|| config.store.join("qualify"));
        let measurement = Measurement::open(&folder, plan, means).await?;
        let unanswered = if self.last { Unanswered::Count } else { Unanswered::Wait };
        measurement.run(&cases, unanswered, &tell).await?;
        let measured = measurement.finish(&cases, seat.now().await?).await?;
        let signature = Bytes::from(key.sign(&measured.digest()?).await?.as_bytes());
        let certificate = Certificate::new(measured, signature);
        let path = config.certificate();
        let bytes = json::canonical(&certificate)?;
        write_whole(&path, &bytes).await.with_context(|| path.display().to_string())?;
        output::say(&format!("the certificate is in {}", path.display()));
        Ok(certificate)
    }
}

/// A template by its name.
fn named(name: &str) -> Result<Template, String> {
    let unknown = || format!("no prompt template has that name; there are {}", Template::known());
    Template::ALL.into_iter().find(|template| template.name() == name).ok_or_else(unknown)
}

fn means(config: &Config, most_micro_usd: Option<u64>) -> Result<Means> {
    let mut budget = config.budget;
    if let Some(most) = most_micro_usd {
        let budget =
            budget.as_mut().context("--most-micro-usd: [budget] has no prices to count by")?;
        budget.day_micro_usd = most;
    }
    Ok(Means {
        provider: config.provider()?,
        budget,
        judging: config.limits.judging,
        questions: config.limits.questions,
        rest: std::time::Duration::from_secs(config.provider.breaker_secs),
    })
}

/// Says how a case ended.
fn tell(progress: &Progress<'_>) {
    let Progress { case, score, done, of, spent_micro_usd } = progress;
    let LabelledCase { id, .. } = case;
    let ended = score.map_or_else(
        || "stays open".to_owned(),
        |score| {
            let wrong = score.decided().saturating_sub(score.right());
            format!("{} right, {wrong} wrong, {} open", score.right(), score.undetermined())
        },
    );
    let spent = dollars(*spent_micro_usd);
    output::say(&format!("{done} of {of}, {spent}: {id}: {ended}"));
}

fn dollars(micro_usd: u64) -> String {
    let cents = micro_usd.div_ceil(10_000);
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// Shows the figures to the person who watches.
fn table(certificate: &Certificate) {
    let Measured { plan, counts, cost_micro_usd, .. } = &certificate.measured;
    let derived = &certificate.derived;
    output::say(&format!(
        "{} asked {} ({}) in {}: {} cases, {} labels",
        plan.juror,
        plan.model_requested,
        derived.source,
        plan.template,
        counts.cases,
        counts.score.cases()
    ));
    let percent = |bps: i64| format!("{}.{:02} %", bps / 100, bps.unsigned_abs() % 100);
    let within =
        |it: Interval| format!("{} to {}", percent(it.low.into()), percent(it.high.into()));
    let rows = certificate.marks().into_iter().map(|mark| {
        let shown = |value: i64| match mark.figure {
            "labels" => value.to_string(),
            _ => percent(value),
        };
        let interval = match mark.figure {
            "falseAccepts" => within(derived.false_accepts),
            "falseRejects" => within(derived.false_rejects),
            "canariesRight" => within(derived.canaries_right),
            "validVotes" => within(derived.valid_votes),
            _ => String::new(),
        };
        let needed = match (mark.least, mark.most) {
            (Some(least), _) => format!("at least {}", shown(least)),
            (None, Some(most)) => format!("at most {}", shown(most)),
            (None, None) => String::new(),
        };
        let got = mark.got.map_or_else(|| "-".to_owned(), shown);
        let reached = if mark.is_reached { "reached" } else { "missed" };
        vec![mark.figure.to_owned(), got, interval, needed, reached.to_owned()]
    });
    output::table(&["figure", "measured", "95 % interval", "mark", ""], rows);
    let cost = cost_micro_usd.map_or_else(|| "not counted".to_owned(), dollars);
    output::say(&format!(
        "cost {cost}, half of the votes within {} ms, 95 % within {} ms",
        counts.latency_ms_p50, counts.latency_ms_p95
    ));
}
