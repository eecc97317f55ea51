//! How long a real juror takes beside its provider, and how much memory it needs for a thousand
//! cases: over HTTP, on a chain of its own.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::{B256, keccak256};
use alloy::providers::Provider as _;
use alloy::signers::SignerSync as _;
use anyhow::{Context as _, ensure};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use reqwest::Client;
use serde_json::{Value, json};
use surety_bindings::escrow::Delivery;
use surety_juror::Config;
use surety_jury::SignedCommitment;
use surety_jury::ballot::compact;
use surety_jury::commitment::commitment_digest;
use surety_jury::wire::{CaseRequest, CaseState, CaseStatus};
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, TermSheet, Usdc, Version};
use surety_tests::{World, sign};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use super::Keys;

/// What is judged; the rehearsal finds the word in it.
const WORK: &[u8] = b"The quarterly report covers three markets.\nRevenue grew by nine percent.\n";
/// How long the provider takes for an answer, beside its own work.
const LATENCY: Duration = Duration::from_millis(50);
/// Cases that are timed, one after another.
const TIMED: usize = 100;
const CRITERIA: usize = 16;
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

/// How long each case took from its request to its signed ballot, less the slowest answer of the
/// provider. All questions are asked at once: the 16 criteria and two canaries.
async fn beyond_provider() -> anyhow::Result<Keys> {
    let slowest = Arc::new(Mutex::new(Duration::ZERO));
    let provider = provider(Arc::clone(&slowest)).await?;
    let mut world = World::new();
    let sheets = open(&mut world, TIMED, CRITERIA)?;
    let node = world.node();
    let folder = tempfile::tempdir()?;
    let text = config(&world, &folder, "http://127.0.0.1:1", &format!("{provider}/careful"))?;
    let text = format!("{text}\n[limits]\nquestions = {}\n", CRITERIA + 2);
    let config: Config = text.parse()?;
    let juror = surety_juror::start_on(config, node.provider().erased()).await?;
    let http = Client::new();
    let mut beyond = Vec::new();
    for sheet in &sheets {
        *slowest.lock().unwrap_or_else(PoisonError::into_inner) = Duration::ZERO;
        let request = request(&world, sheet);
        let begun = Instant::now();
        let case = take(&http, juror.url(), &request).await?.case_id;
        let place = format!("{}/v1/deliverables/{}", juror.url(), keccak256(WORK));
        http.put(place).body(WORK).send().await?.error_for_status()?;
        let place = format!("{}/v1/cases/{case}", juror.url());
        let wait = format!("{place}?waitSecs=60&waitFor=commitment");
        let status: CaseStatus = http.get(wait).send().await?.json().await?;
        // The ballot is signed and on disk, and sealed.
        let elapsed = begun.elapsed();
        ensure!(status.commitment.is_some(), "a case ended without a commitment: {status:?}");
        let others = json!({ "commitments": commitments(&world, case)? });
        let bound = http.post(format!("{place}/commitments")).json(&others).send().await?;
        bound.error_for_status()?;
        let status: CaseStatus =
            http.get(format!("{place}?waitSecs=60")).send().await?.json().await?;
        let ballot = status.ballot.context("a case ended without a ballot")?;
        ensure!(ballot.met == u16::MAX, "the rehearsal finds all criteria met: {ballot:?}");
        let slowest = *slowest.lock().unwrap_or_else(PoisonError::into_inner);
        beyond.push(elapsed.saturating_sub(slowest));
    }
    juror.shutdown().await;
    beyond.sort_unstable();
    let at = |percent: usize| {
        let index = (beyond.len() * percent).div_ceil(100).saturating_sub(1);
        beyond.get(index).map_or(0.0, |time| (time.as_secs_f64() * 10_000.0).round() / 10.0)
    };
    Ok(vec![
        ("ballot_beyond_provider_ms.p50".to_owned(), json!(at(50))),
        ("ballot_beyond_provider_ms.p95".to_owned(), json!(at(95))),
    ])
}

/// What the other seats of a panel of five would have to say for the ballot to be shown.
fn commitments(world: &World, case_id: B256) -> anyhow::Result<Vec<SignedCommitment>> {
    let place = (world.contracts().chain_id, world.contracts().jury);
    let others = world.jurors().iter().skip(1);
    let signed = others.map(|key| {
        let digest = B256::ZERO;
        let signature = key.sign_hash_sync(&commitment_digest(case_id, digest, place))?;
        let (juror, signature) = (key.address(), compact(&signature));
        Ok(SignedCommitment { case_id, digest, juror, signature })
    });
    signed.collect()
}

/// The rehearsal server behind a known latency, which notes its slowest answer.
async fn provider(slowest: Arc<Mutex<Duration>>) -> anyhow::Result<String> {
    let delay = move |request: Request, next: Next| {
        let slowest = Arc::clone(&slowest);
        async move {
            let begun = Instant::now();
            tokio::time::sleep(LATENCY).await;
            let answer = next.run(request).await;
            let mut slowest = slowest.lock().unwrap_or_else(PoisonError::into_inner);
            *slowest = (*slowest).max(begun.elapsed());
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
    let sheets = open(&mut world, OPEN, 3)?;
    let node = world.node();
    let served = node.serve().await;
    let folder = tempfile::tempdir()?;
    let text = config(&world, &folder, &served.url(), "http://127.0.0.1:1")?;
    let path = folder.path().join("juror.toml");
    fs::write(&path, format!("{text}\n[limits]\nopen_cases = {OPEN}\n"))?;
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
fn open(world: &mut World, deals: usize, criteria: usize) -> anyhow::Result<Vec<TermSheet>> {
    let mut sheets = Vec::with_capacity(deals);
    for deal in 0..deals {
        let sheet = sheet(world, deal, criteria);
        let opened = world.open(&sheet.terms());
        ensure!(opened.is_ok(), "a deal cannot be opened: {opened:?}");
        sheets.push(sheet);
    }
    Ok(sheets)
}

pub(super) fn sheet(world: &World, deal: usize, criteria: usize) -> TermSheet {
    let terms = world.clone().terms();
    let amount = Usdc::from_whole(1);
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
            criteria: (0..criteria).map(criterion).collect(),
        }],
    }
}

fn request(world: &World, sheet: &TermSheet) -> CaseRequest {
    let delivery = Delivery {
        dealId: sheet.deal_id(),
        milestone: 0,
        deliverable: keccak256(WORK),
        uri: String::new(),
    };
    let signature = sign::delivery(&world.seller(), world.contracts(), &delivery);
    CaseRequest { term_sheet: sheet.clone(), delivery, signature, round: 1 }
}

/// The configuration of seat 0, but for its limits.
fn config(world: &World, folder: &TempDir, rpc: &str, provider: &str) -> anyhow::Result<String> {
    let key: PathBuf = folder.path().join("key");
    fs::write(&key, format!("{}\n", world.juror(0).to_bytes()))?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    let contracts = world.contracts();
    let mut text = String::new();
    writeln!(text, "chain_rpc = '{rpc}'\nchain_id = {}", contracts.chain_id)?;
    writeln!(text, "jury = '{}'\nconsumers = ['{}']", contracts.jury, contracts.escrow)?;
    writeln!(text, "block_tag = 'latest'\nlisten = '127.0.0.1:0'\npoll_ms = 100")?;
    writeln!(text, "store = '{}'", folder.path().join("store").display())?;
    writeln!(text, "key = '{}'\n[provider]\ndialect = 'ollama'", key.display())?;
    writeln!(text, "base_url = '{provider}'\nmodel = 'm-1'")?;
    Ok(text)
}
