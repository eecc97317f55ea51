//! `cargo x bench [name]`: each bench's keys into target/bench.json.
//!
//! Run it on a quiet machine: these are rates, not limits that a test checks.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, Bytes, keccak256};
use alloy::sol_types::SolCall as _;
use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::{Value, json};
use surety_bindings::escrow::{DealEscrow, Terms};
use surety_tests::{World, sign};

/// Runs the benches.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where the keys go; other keys in the file stay.
    #[arg(long, default_value = "target/bench.json")]
    results: PathBuf,
    /// Only the bench of this name.
    name: Option<String>,
}

/// A bench's name and what measures it: keys and values.
type Bench = (&'static str, fn() -> Vec<(&'static str, Value)>);

const BENCHES: [Bench; 1] = [("lifecycles", lifecycles)];

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let wanted = |name: &str| arguments.name.as_deref().is_none_or(|wanted| wanted == name);
    let chosen: Vec<_> = BENCHES.into_iter().filter(|(name, _)| wanted(name)).collect();
    ensure!(!chosen.is_empty(), "no bench is called {}", arguments.name.unwrap_or_default());

    let present = fs::read(&arguments.results).unwrap_or_default();
    let mut results: BTreeMap<String, Value> = serde_json::from_slice(&present).unwrap_or_default();
    for (name, bench) in chosen {
        for (key, value) in bench() {
            writeln!(io::stdout(), "{name}.{key} = {value}")?;
            results.insert(format!("{name}.{key}"), value);
        }
    }
    let text = serde_json::to_string_pretty(&results)? + "\n";
    fs::write(&arguments.results, text)
        .with_context(|| format!("cannot write {}", arguments.results.display()))
}

/// How many deals of each world are prepared, and how often the world begins anew.
const DEALS: usize = 200;
const ROUNDS: usize = 25;

/// Whole lifecycles per second on one core: `open`, then `settle` with five ballots and a transfer,
/// encoded, executed and committed in one growing world. Signing is done before and measured apart.
fn lifecycles() -> Vec<(&'static str, Value)> {
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
    vec![
        ("per_second", json!(rate(DEALS * ROUNDS, executing))),
        ("signed_per_second", json!(rate(DEALS, signing))),
    ]
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
