//! What is looked at every few seconds: memory, databases, and what the relayer counts.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::Client;
use serde::Serialize;

use super::cast::Cast;
use super::flat::Point;
use super::load::Counts;
use super::say;

/// How long a page of metrics may take.
const WITHIN: Duration = Duration::from_secs(20);
/// Every so many samples a line is said.
const SAID: usize = 6;

/// What was seen at one moment: a line of `samples.jsonl`.
#[derive(Debug, Serialize)]
struct Sample {
    /// Seconds since the load began.
    second: f64,
    deals_begun: u64,
    deals_done: u64,
    deals_held: u64,
    verdicts: u64,
    processes: BTreeMap<String, Held>,
    /// What the relayer counts; none when its page did not come.
    relayer: Option<Numbers>,
}

/// What a process holds.
#[derive(Debug, Serialize)]
struct Held {
    resident_mib: Option<f64>,
    database_bytes: u64,
}

/// Some of the relayer's metrics.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Numbers {
    /// Cases by state.
    pub(super) cases: BTreeMap<String, f64>,
    /// Transactions by state.
    pub(super) transactions: BTreeMap<String, f64>,
    pub(super) setbacks: f64,
    pub(super) give_ups: f64,
    pub(super) equivocations: f64,
    pub(super) juror_faults: f64,
    pub(super) acts_due: f64,
    pub(super) nonce_gap: f64,
    pub(super) head_block: f64,
    pub(super) audit_block: f64,
    pub(super) audit_findings: f64,
}

impl Numbers {
    /// Reads a page of metrics.
    pub(super) fn of(page: &str) -> Self {
        // The sum of nothing is a negative zero.
        let sum = |name: &str| series(page, name).map(|(_, value)| value).sum::<f64>().abs();
        Self {
            cases: by_label(page, "surety_relayer_cases"),
            transactions: by_label(page, "surety_relayer_transactions"),
            setbacks: sum("surety_relayer_case_setbacks_total"),
            give_ups: sum("surety_relayer_give_ups_total"),
            equivocations: sum("surety_relayer_equivocations_total"),
            juror_faults: sum("surety_relayer_juror_faults_total"),
            acts_due: sum("surety_relayer_acts_due"),
            nonce_gap: sum("surety_relayer_nonce_gap"),
            head_block: sum("surety_relayer_head_block"),
            audit_block: sum("surety_relayer_audit_block"),
            audit_findings: sum("surety_relayer_audit_findings_total"),
        }
    }

    /// Asks the relayer.
    pub(super) async fn ask(http: &Client, relayer: &str) -> anyhow::Result<Self> {
        let answer = http.get(format!("{relayer}/metrics")).timeout(WITHIN).send().await?;
        Ok(Self::of(&answer.error_for_status()?.text().await?))
    }

    /// Cases that are not over.
    pub(super) fn open(&self) -> f64 {
        let over = ["final", "given-up"];
        let open = self.cases.iter().filter(|(state, _)| !over.contains(&state.as_str()));
        open.map(|(_, count)| count).sum::<f64>().abs()
    }
}

/// The series of one metric: what stands in the braces, and the value.
fn series<'a>(page: &'a str, name: &str) -> impl Iterator<Item = (&'a str, f64)> {
    page.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        let (labels, value) = rest.rsplit_once(' ')?;
        Some((labels, value.parse().ok()?))
    })
}

/// The series of a metric with one label, by that label's value.
fn by_label(page: &str, name: &str) -> BTreeMap<String, f64> {
    let value = |labels: &str| labels.split('"').nth(1).unwrap_or_default().to_owned();
    series(page, name).map(|(labels, count)| (value(labels), count)).collect()
}

/// Who looks.
pub(super) struct Watch {
    since: Instant,
    every: Duration,
    file: File,
    counts: Arc<Counts>,
    http: Client,
    taken: usize,
    /// Memory by process.
    pub(super) memory: BTreeMap<String, Vec<Point>>,
    /// How often the relayer's page did not come.
    pub(super) missed: u32,
}

impl Watch {
    pub(super) fn new(folder: &Path, every: Duration, counts: Arc<Counts>) -> anyhow::Result<Self> {
        let path = folder.join("samples.jsonl");
        let file = File::create(&path).with_context(|| format!("{}", path.display()))?;
        let http = Client::builder().pool_max_idle_per_host(0).build()?;
        let (since, memory) = (Instant::now(), BTreeMap::new());
        Ok(Self { since, every, file, counts, http, taken: 0, memory, missed: 0 })
    }

    /// Looks until something is wrong, and says what.
    pub(super) async fn run(&mut self, cast: &mut Cast) -> anyhow::Error {
        let mut beat = tokio::time::interval(self.every);
        loop {
            beat.tick().await;
            if let Err(error) = self.look(cast).await {
                return error;
            }
        }
    }

    async fn look(&mut self, cast: &mut Cast) -> anyhow::Result<()> {
        if let Some(dead) = cast.dead()? {
            bail!("{dead}");
        }
        let relayer = Numbers::ask(&self.http, &cast.relayer_url).await.ok();
        self.missed += u32::from(relayer.is_none());
        let second = self.since.elapsed().as_secs_f64();
        let mut processes = BTreeMap::new();
        for service in &cast.services {
            let resident_mib = service.resident_mib();
            let points = self.memory.entry(service.name.clone()).or_default();
            points.extend(resident_mib.map(|mib| (second, mib)));
            let held = Held { resident_mib, database_bytes: service.database_bytes() };
            processes.insert(service.name.clone(), held);
        }
        let counts = &self.counts;
        let sample = Sample {
            second,
            deals_begun: counts.begun.load(Ordering::Relaxed),
            deals_done: counts.done.load(Ordering::Relaxed),
            deals_held: counts.held.load(Ordering::Relaxed),
            verdicts: counts.verdicts.load(Ordering::Relaxed),
            processes,
            relayer,
        };
        writeln!(self.file, "{}", serde_json::to_string(&sample)?)?;
        if self.taken.is_multiple_of(SAID) {
            say(&sample.line());
        }
        self.taken += 1;
        Ok(())
    }
}

impl Sample {
    /// What is said of it.
    fn line(&self) -> String {
        let minutes = self.second / 60.0;
        let open = self.relayer.as_ref().map_or(0.0, Numbers::open);
        let memory: Vec<String> = self
            .processes
            .iter()
            .map(|(name, held)| format!("{name} {:.0}", held.resident_mib.unwrap_or_default()))
            .collect();
        format!(
            "soak: {minutes:.0} min, {} deals, {} verdicts, {open} open, {} held; MiB: {}",
            self.deals_begun,
            self.verdicts,
            self.deals_held,
            memory.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE surety_relayer_cases gauge\n\
                        surety_relayer_cases{state=\"final\"} 12\n\
                        surety_relayer_cases{state=\"asked\"} 2\n\
                        surety_relayer_cases{state=\"sent\"} 1\n\
                        surety_relayer_case_setbacks_total 3\n\
                        surety_relayer_audit_findings_total{kind=\"missing\"} 1\n\
                        surety_relayer_audit_findings_total{kind=\"extra\"} 4\n\
                        surety_relayer_nonce{key=\"0x1\"} 70\n\
                        surety_relayer_nonce_gap{key=\"0x1\"} 0\n\
                        # EOF\n";

    #[test]
    fn a_page_of_metrics_is_read_by_name_and_label() {
        let numbers = Numbers::of(PAGE);
        assert_eq!(numbers.cases.get("final"), Some(&12.0));
        assert_eq!(numbers.cases.len(), 3);
        assert!((numbers.open() - 3.0).abs() < 1e-9);
        assert!((numbers.audit_findings - 5.0).abs() < 1e-9);
        assert!((numbers.setbacks - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_metric_is_not_taken_for_another_whose_name_begins_alike() {
        assert_eq!(series(PAGE, "surety_relayer_nonce").count(), 1);
        assert!(Numbers::of(PAGE).nonce_gap.abs() < 1e-9);
    }

    #[test]
    fn what_is_not_on_the_page_is_nothing() {
        assert!(Numbers::of("").open().abs() < 1e-9);
    }
}
