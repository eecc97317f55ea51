//! `cargo x bench [name]`: each bench's keys into target/bench.json.
//!
//! Run it on a quiet machine: these are rates, not limits that a test checks.

mod document;
mod juror;
mod jury;
mod measured;
mod relayer;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, Bytes, keccak256};
use alloy::sol_types::SolCall as _;
use anyhow::{Context, anyhow, ensure};
use clap::Parser;
use serde_json::{Value, json};
use surety_bindings::escrow::{DealEscrow, Terms};
use surety_tests::model::history;
use surety_tests::{World, sign};

/// Runs the benches.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the keys go; other keys in the file stay.
    #[arg(long, default_value = "target/bench.json")]
    results: PathBuf,
    /// Foundry's forge, which histories are compared with.
    #[arg(long)]
    forge: Option<PathBuf>,
    /// The backlog of the relayer's bench, in cases.
    #[arg(long, default_value_t = 10_000)]
    cases: usize,
    /// Only the bench of this name.
    name: Option<String>,
}

/// Keys and their values.
type Keys = Vec<(String, Value)>;

/// A bench's name and what measures it.
type Bench = (&'static str, fn(&Arguments) -> anyhow::Result<Keys>);

const BENCHES: [Bench; 4] = [
    ("lifecycles", lifecycles),
    ("histories", histories),
    ("jury", jury::run),
    ("relayer", relayer::run),
];

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let wanted = |name: &str| arguments.name.as_deref().is_none_or(|wanted| wanted == name);
    let chosen: Vec<_> = BENCHES.into_iter().filter(|(name, _)| wanted(name)).collect();
    ensure!(!chosen.is_empty(), "no bench is called {:?}", arguments.name);

    let present = fs::read(&arguments.results).unwrap_or_default();
    let mut results: BTreeMap<String, Value> = serde_json::from_slice(&present).unwrap_or_default();
    for (name, bench) in chosen {
        let keys = bench(&arguments)?;
        let mut shown = String::new();
        for (key, value) in &keys {
            writeln!(shown, "{name}.{key} = {value}")?;
            results.insert(format!("{name}.{key}"), value.clone());
        }
        if name == "relayer" {
            shown = relayer::table::text(&keys);
        }
        io::stdout().write_all(shown.as_bytes())?;
        // Now: the next bench may fail.
        let text = serde_json::to_string_pretty(&results)? + "\n";
        fs::write(&arguments.results, text)
            .with_context(|| format!("cannot write {}", arguments.results.display()))?;
    }
    Ok(())
}

/// How many deals of each world are prepared, and how often the world begins anew.
const DEALS: usize = 200;
const ROUNDS: usize = 25;

/// Whole lifecycles per second on one core: `open`, then `settle` with five ballots and a transfer,
/// encoded, executed and committed in one growing world. Signing is done before and measured apart.
#[expect(clippy::unnecessary_wraps, reason = "another bench can fail")]
fn lifecycles(_: &Arguments) -> anyhow::Result<Keys> {
    let mut world = World::new();
    let since = Instant::now();
    let lives: Vec<_> = (0..DEALS).map(|_| prepare(&mut world)).collect();
    let signing = since.elapsed();

    let (relayer, escrow) = (world.relayer().address(), world.contracts().escrow);
    let mut executing = Duration::ZERO;
    for _ in 0..ROUNDS {
        let mut world = world.clone();
        let since = Instant::now();
        for (open, settle) in &lives {
            run(&mut world, relayer, escrow, open);
            run(&mut world, relayer, escrow, settle);
        }
        executing += since.elapsed();
        black_box(&world);
    }
    Ok(vec![
        ("per_second".to_owned(), json!(rate(DEALS * ROUNDS, executing))),
        ("signed_per_second".to_owned(), json!(rate(DEALS, signing))),
    ])
}

/// Where the histories begin, how many are run, and how many runs forge does beside them.
const SEED: u64 = 20_261_123;
const HISTORIES: u64 = 200;
const RUNS: u64 = 100;

/// The handler of forge's invariants that acts on the same contract.
const SUITE: &str = "contracts/test/invariant/Money.t.sol";

/// Random histories on one core, and forge's invariant runner on one core in the same run.
///
/// Both act on the escrow with a jury, a registry and a token: open, revoke, deliver, settle one or
/// many, appeal, accept, concede, agree, close by time, withdraw, with signatures, time, donations
/// and a token that refuses; and both end a history by closing everything by time. They differ in
/// what they check after every act. Forge's handler compares balances and wealth with its own sums.
/// The model is run as a second implementation and compared in every event, balance, credit, word,
/// digest, pot and standing; a verdict is counted again for parts of its ballots, and before every
/// timed ending it is asked which are possible. Forge's calls count also when the handler found
/// nothing to do, ours when the contracts did something. So the ratio flatters forge. A history of
/// ours is longer than a run of forge's; both are told, too.
fn histories(arguments: &Arguments) -> anyhow::Result<Keys> {
    let forge = arguments.forge.as_deref().context(
        "histories are measured beside forge's, and there is no forge: put it on PATH or run \
         `cargo x setup` (npm has it for Linux x86-64), then `cargo x bench histories`, which names \
         it by --forge; the other benches run by name without it",
    )?;
    let since = Instant::now();
    let mut calls = 0;
    for seed in SEED..SEED + HISTORIES {
        let counts = history::random(seed).map_err(|failure| anyhow!(history::show(&failure)))?;
        calls += counts.done.values().sum::<u64>();
    }
    let elapsed = since.elapsed();
    let ours = per_second(calls, elapsed);
    let (forge_calls, forge_elapsed) = campaign(forge)?;
    let theirs = per_second(forge_calls, forge_elapsed);
    let ratio = (ours / theirs * 100.0).round() / 100.0;
    Ok(vec![
        ("per_second".to_owned(), json!(per_second(HISTORIES, elapsed))),
        ("calls_per_second".to_owned(), json!(ours)),
        ("forge_runs_per_second".to_owned(), json!(per_second(RUNS, forge_elapsed))),
        ("forge_calls_per_second".to_owned(), json!(theirs)),
        ("calls_per_second_to_forge".to_owned(), json!(ratio)),
    ])
}

/// Calls of one campaign of forge on one core that did not revert, and how long it took, compiling
/// apart.
fn campaign(forge: &Path) -> anyhow::Result<(u64, Duration)> {
    let mut command = Command::new(forge);
    command.args(["test", "--json", "--threads", "1", "--match-path", SUITE]);
    command.args(["--match-test", "^invariant_", "--fuzz-seed", &SEED.to_string()]);
    let output = command.env("FOUNDRY_INVARIANT_RUNS", RUNS.to_string()).output()?;
    ensure!(output.status.success(), "forge failed: {}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).context("forge's answer")?;
    let suite = answer.as_object().and_then(|suites| suites.values().next());
    let tests = suite.and_then(|suite| suite["test_results"].as_object());
    let test = tests.and_then(|tests| tests.values().next()).context("forge ran nothing")?;
    let kind = &test["kind"]["Invariant"];
    let calls = kind["calls"].as_u64().context("no calls")?;
    let reverts = kind["reverts"].as_u64().unwrap_or_default();
    let duration = duration(test["duration"].as_str().unwrap_or_default())?;
    Ok((calls - reverts, duration))
}

/// As forge writes it: `1m 2s 201ms 914µs 609ns`.
fn duration(text: &str) -> anyhow::Result<Duration> {
    let mut sum = Duration::ZERO;
    for part in text.split_whitespace() {
        let digits = part.find(|c: char| !c.is_ascii_digit()).context("no unit")?;
        let (count, unit) = part.split_at(digits);
        let count: u64 = count.parse()?;
        sum += match unit {
            "h" => Duration::from_hours(count),
            "m" => Duration::from_mins(count),
            "s" => Duration::from_secs(count),
            "ms" => Duration::from_millis(count),
            "µs" => Duration::from_micros(count),
            "ns" => Duration::from_nanos(count),
            _ => return Err(anyhow!("{unit:?} is no unit of time")),
        };
    }
    ensure!(!sum.is_zero(), "forge says no duration");
    Ok(sum)
}

/// To a tenth.
fn per_second(count: u64, elapsed: Duration) -> f64 {
    let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    (count / elapsed.as_secs_f64() * 10.0).round() / 10.0
}

fn rate(count: usize, elapsed: Duration) -> u64 {
    let nanos = elapsed.as_nanos().max(1);
    u64::try_from(count as u128 * 1_000_000_000 / nanos).unwrap_or(u64::MAX)
}

/// The calldata of both transactions of a new deal.
fn prepare(world: &mut World) -> (Bytes, Bytes) {
    let terms: Terms = world.terms();
    let (buyer, seller) = sign::opening(world.contracts(), &terms, &world.buyer(), &world.seller());
    let votes = world.unanimous(0b11, 0);
    let settle = world.settle_call(&terms, 0, (keccak256("work"), vec![]), &votes);
    let open =
        DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
    (open.abi_encode().into(), settle.abi_encode().into())
}

fn run(world: &mut World, from: Address, to: Address, calldata: &Bytes) {
    let receipt = world.send(from, to, calldata.clone());
    assert!(receipt.is_ok(), "a lifecycle failed: {receipt:?}");
}
