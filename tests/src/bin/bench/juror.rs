//! How long a real juror takes beside its provider, and how much memory it needs for a thousand
//! cases: over HTTP, on a chain of its own.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::{B256, keccak256};
use alloy::providers::Provider as _;
use anyhow::{Context as _, ensure};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use reqwest::Client;
use serde_json::{Value, json};
use surety_bindings::escrow::Delivery;
use surety_dialect::Dialect;
use surety_juror::{Config, FetchConfig, Limits, ProviderConfig};
use surety_jury::wire::{CaseRequest, CaseState, CaseStatus};
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, TermSheet, Usdc, Version};
use surety_tests::{World, sealed, seat, sign};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::{Keys, document};

/// How long the provider takes for an answer, beside its own work.
const LATENCY: Duration = Duration::from_millis(50);
/// Cases that are timed, one after another.
const TIMED: usize = 100;
/// The questions of the document's twelve criteria for models: each once, three in denied words too,
/// and two canaries in both.
const QUESTIONS: usize = 19;
/// Cases that are open at once.
const OPEN: usize = 1_000;

/// Both.
pub(super) fn measure() -> anyhow::Result<Keys> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut keys = beyond_provider().await?;
        keys.extend(memory().await?);
        Ok(keys)
    })
}

/// How long each case took from its request to its signed ballot: under the limits that an operator
/// has by default, which ask four questions at once, and with all questions asked at once.
async fn beyond_provider() -> anyhow::Result<Keys> {
    let mut keys = Vec::new();
    let by_default = time(Limits::default()).await?;
    keys.extend(percentiles("ballot_beyond_provider_ms", by_default.beyond_slowest));
    keys.extend(percentiles("ballot_beyond_answers_ms", by_default.beyond_all));
    let at_once = time(Limits { questions: QUESTIONS, ..Limits::default() }).await?;
    keys.extend(percentiles("ballot_beyond_provider_ms.at_once", at_once.beyond_slowest));
    Ok(keys)
}

fn percentiles(name: &str, mut times: Vec<Duration>) -> [(String, Value); 2] {
    times.sort_unstable();
    [50, 95].map(|percent: usize| {
        let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
        let ms =
            times.get(index).map_or(0.0, |time| (time.as_secs_f64() * 10_000.0).round() / 10.0);
        (format!("{name}.p{percent}"), json!(ms))
    })
}

/// What the cases took beside their provider.
#[derive(Debug, Default)]
struct Times {
    /// Less its slowest answer.
    beyond_slowest: Vec<Duration>,
    /// Less all the time in which it was at an answer.
    beyond_all: Vec<Duration>,
}

async fn time(limits: Limits) -> anyhow::Result<Times> {
    let clock = Arc::new(Mutex::new(Clock::default()));
    let provider = provider(Arc::clone(&clock)).await?;
    let mut world = World::new();
    let sheets = open(&mut world, TIMED, &document::criteria())?;
    let node = world.node();
    let folder = tempfile::tempdir()?;
    let config = config(&world, &folder, "http://127.0.0.1:1", &format!("{provider}/careful"));
    let config = Config { limits, ..config };
    let juror = surety_juror::start_on(config, node.provider().erased()).await?;
    let http = Client::new();
    let mut times = Times::default();
    for sheet in &sheets {
        *held(&clock) = Clock::default();
        let request = request(&world, sheet);
        let begun = Instant::now();
        let case = take(&http, juror.url(), &request).await?.case_id;
        let place = format!("{}/v1/deliverables/{}", juror.url(), keccak256(document::WORK));
        http.put(place).body(document::WORK).send().await?.error_for_status()?;
        let place = format!("{}/v1/cases/{case}", juror.url());
        let wait = format!("{place}?waitSecs=60&waitFor=commitment");
        let status: CaseStatus = http.get(wait).send().await?.json().await?;
        // The ballot is signed and on disk, and sealed.
        let elapsed = begun.elapsed();
        ensure!(status.commitment.is_some(), "a case ended without a commitment: {status:?}");
        // What the other seats of a panel of five would have to say for the ballot to be shown.
        let others = world.jurors().iter().skip(1);
        let others = others.map(|key| sealed::commitment(world.contracts(), key, case));
        let others = json!({ "commitments": others.collect::<Vec<_>>() });
        let bound = http.post(format!("{place}/commitments")).json(&others).send().await?;
        bound.error_for_status()?;
        let status: CaseStatus =
            http.get(format!("{place}?waitSecs=60")).send().await?.json().await?;
        let ballot = status.ballot.context("a case ended without a ballot")?;
        ensure!(ballot.met == u16::MAX, "the rehearsal finds all criteria met: {ballot:?}");
        let (answers, slowest, busy) = {
            let clock = held(&clock);
            (clock.answers, clock.slowest, clock.busy)
        };
        ensure!(answers == QUESTIONS, "{answers} questions were asked, not {QUESTIONS}");
        times.beyond_slowest.push(elapsed.saturating_sub(slowest));
        times.beyond_all.push(elapsed.saturating_sub(busy));
    }
    juror.shutdown().await;
    Ok(times)
}

/// What the provider did in one case.
#[derive(Debug, Default)]
struct Clock {
    answers: usize,
    slowest: Duration,
    /// How long it was at one answer or several.
    busy: Duration,
    /// At how many it is, and since when.
    at: usize,
    since: Option<Instant>,
}

impl Clock {
    fn begin(&mut self, now: Instant) {
        self.at += 1;
        self.since.get_or_insert(now);
    }

    fn end(&mut self, begun: Instant, now: Instant) {
        self.answers += 1;
        self.slowest = self.slowest.max(now.duration_since(begun));
        self.at = self.at.saturating_sub(1);
        if self.at == 0 {
            self.busy +=
                self.since.take().map_or(Duration::ZERO, |since| now.duration_since(since));
        }
    }
}

fn held(clock: &Mutex<Clock>) -> MutexGuard<'_, Clock> {
    clock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The rehearsal server behind a known latency.
async fn provider(clock: Arc<Mutex<Clock>>) -> anyhow::Result<String> {
    let delay = move |request: Request, next: Next| {
        let clock = Arc::clone(&clock);
        async move {
            let begun = Instant::now();
            held(&clock).begin(begun);
            tokio::time::sleep(LATENCY).await;
            let answer = next.run(request).await;
            held(&clock).end(begun, Instant::now());
            answer
        }
    };
    let router = surety_demo::provider::router(None).layer(from_fn(delay));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// The resident memory of the real process, idle and with many cases that wait for their bytes.
async fn memory() -> anyhow::Result<Keys> {
    let mut world = World::new();
    let sheets = open(&mut world, OPEN, &mentions(3))?;
    let node = world.node();
    let served = node.serve().await;
    let folder = tempfile::tempdir()?;
    let config = config(&world, &folder, &served.url(), "http://127.0.0.1:1");
    let limits = Limits { waiting_cases: OPEN, ..Limits::default() };
    let path = folder.path().join("juror.toml");
    let table = toml::Table::try_from(Config { limits, ..config })?;
    fs::write(&path, toml::to_string(&table)?)?;
    let (juror, url) = start(&path).await?;
    let idle = resident(&juror)?;
    let http = Client::new();
    for sheet in &sheets {
        let status = take(&http, &url, &request(&world, sheet)).await?;
        ensure!(status.state == CaseState::AwaitingDeliverable, "{status:?}");
    }
    let metrics = http.get(format!("{url}/metrics")).send().await?.text().await?;
    ensure!(metrics.contains(&format!("surety_juror_cases_open {OPEN}\n")), "cases ended");
    let open = resident(&juror)?;
    Ok(vec![("juror_rss_kib.idle".to_owned(), idle), (format!("juror_rss_kib.open_{OPEN}"), open)])
}

/// Starts the binary beside this program, and waits until it says where it listens.
async fn start(config: &Path) -> anyhow::Result<(Child, String)> {
    let binary = std::env::current_exe()?.with_file_name("surety");
    let mut child = Command::new(&binary)
        .args(["--log-json", "juror", "run", "--config"])
        .arg(config)
        .env("RUST_LOG", "surety_juror::service=info")
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{}: build it first", binary.display()))?;
    let stderr = child.stderr.take().context("no stderr")?;
    let mut lines = BufReader::new(stderr).lines();
    while let Some(line) = lines.next_line().await? {
        let line: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(url) = line["fields"]["url"].as_str() {
            let url = url.to_owned();
            // A pipe that nobody reads would stop it.
            tokio::spawn(
                async move { while lines.next_line().await.is_ok_and(|l| l.is_some()) {} },
            );
            return Ok((child, url));
        }
    }
    anyhow::bail!("the juror did not start")
}

/// What the operating system says; nothing where it is no Linux.
fn resident(process: &Child) -> anyhow::Result<Value> {
    let pid = process.id().context("the juror has ended")?;
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        return Ok(Value::Null);
    };
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(json!(kib))
}

async fn take(http: &Client, url: &str, request: &CaseRequest) -> anyhow::Result<CaseStatus> {
    let answer = http.post(format!("{url}/v1/cases")).json(request).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{text}");
    Ok(serde_json::from_str(&text)?)
}

/// Opens so many deals of one milestone.
fn open(world: &mut World, deals: usize, criteria: &[Criterion]) -> anyhow::Result<Vec<TermSheet>> {
    let mut sheets = Vec::with_capacity(deals);
    for deal in 0..deals {
        let sheet = sheet_of(world, deal, criteria.to_vec());
        let opened = world.open(&sheet.terms());
        ensure!(opened.is_ok(), "a deal cannot be opened: {opened:?}");
        sheets.push(sheet);
    }
    Ok(sheets)
}

/// A deal's sheet with so many criteria of the same words.
pub(super) fn sheet(world: &World, deal: usize, criteria: usize) -> TermSheet {
    sheet_of(world, deal, mentions(criteria))
}

fn mentions(criteria: usize) -> Vec<Criterion> {
    // The first one takes what the others leave of the whole.
    let rest = 600 * u16::try_from(criteria.saturating_sub(1)).unwrap_or_default();
    let criterion = |number: usize| Criterion {
        id: format!("c{number}"),
        text: "The deliverable mentions \"three markets\".".to_owned(),
        weight_bps: Bps::new(if number == 0 { 10_000 - rest } else { 600 }),
        mandatory: false,
        evidence_required: true,
        kind: Kind::Llm,
    };
    (0..criteria).map(criterion).collect()
}

fn sheet_of(world: &World, deal: usize, criteria: Vec<Criterion>) -> TermSheet {
    let terms = world.clone().terms();
    let amount = Usdc::from_whole(1);
    let now = world.now();
    TermSheet {
        version: Version::V1,
        chain_id: world.contracts().chain_id,
        escrow: world.contracts().escrow,
        title: "A report".to_owned(),
        summary: String::new(),
        buyer: terms.buyer,
        seller: terms.seller,
        buyer_agent: None,
        seller_agent: None,
        seller_families: vec![],
        recipients: None,
        token: terms.token,
        total: amount,
        bond: Usdc::ZERO,
        jury: terms.jury,
        template: None,
        jury_fee: Usdc::ZERO,
        relay_fee: Usdc::ZERO,
        open_fee: Usdc::ZERO,
        fee_bps: Bps::ZERO,
        fee_receiver: alloy::primitives::Address::ZERO,
        pay_as_credit: false,
        open_by: now + 3_600,
        judge_within: 86_400,
        appeal_within: 0,
        appeal_bond: Usdc::ZERO,
        silent_seller_bps: Bps::ZERO,
        split_seller_bps: Bps::ZERO,
        sequential: false,
        salt: B256::from(keccak256(deal.to_be_bytes())),
        milestones: vec![MilestoneSheet {
            title: "The report".to_owned(),
            description: "Of the last quarter.".to_owned(),
            amount,
            deliver_by: now + 86_400,
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria,
        }],
    }
}

fn request(world: &World, sheet: &TermSheet) -> CaseRequest {
    let delivery = Delivery {
        dealId: sheet.deal_id(),
        milestone: 0,
        deliverable: keccak256(document::WORK),
        uri: String::new(),
    };
    let signature = sign::delivery(&world.seller(), world.contracts(), &delivery);
    CaseRequest { term_sheet: sheet.clone(), delivery, signature, round: 1 }
}

/// The configuration of seat 0 as an operator has it who sets only what has no default.
fn config(world: &World, folder: &TempDir, rpc: &str, provider: &str) -> Config {
    let key = seat::key_file(&folder.path().join("key"), &world.juror(0));
    let store = folder.path().join("store");
    let config = seat::config(world.contracts(), store, key, provider);
    let provider = ProviderConfig {
        dialect: Dialect::Ollama,
        model: "m-1".to_owned(),
        timeout_secs: 60,
        max_output_tokens: 2_048,
        breaker_secs: 30,
        ..config.provider
    };
    Config {
        chain_rpc: rpc.to_owned(),
        poll_ms: 100,
        provider,
        fetch: FetchConfig::default(),
        limits: Limits::default(),
        ..config
    }
}
