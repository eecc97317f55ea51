//! Three endpoints of which one is bad, in every way that it can be: verdicts are paid once, soon, and
//! nothing that the bad one says is believed.

use std::time::{Duration, Instant};

use alloy::primitives::Address;
use alloy::providers::DynProvider;
use surety_bindings::escrow::DealEscrow;
use surety_chain::follow::{FollowConfig, Follower, Step, migrations};
use surety_chain::{BlockTag, Rpc, Settings, Standing, Why};
use surety_relayer::wire::CaseState;
use surety_store::{Leases, Store};
use surety_tests::{Chaos, Lie, Node, Weather, actors};

use super::court::{Court, eventually};
use super::gate::Rule;

/// Whether the long form of the tests was asked for, by `cargo x deep`.
pub(crate) fn is_deep() -> bool {
    std::env::var_os("SURETY_DEEP").is_some()
}

fn settings(name: &str) -> Settings {
    Settings { name: name.to_owned(), priority: 0, per_second: None }
}

/// A connection through several endpoints, of which a majority must agree.
pub(crate) fn through(providers: Vec<DynProvider>) -> Rpc {
    let mut all = providers.into_iter().zip(["a", "b", "c", "d", "e"].map(settings));
    Rpc::over(all.next().unwrap(), all.collect(), None)
}

/// The bad one first, so that it is asked first.
fn one_bad(node: &Node, weather: Weather, seed: u64) -> (Rpc, Chaos) {
    let bad = Chaos::over(node, seed).with(weather);
    let rpc = through(vec![bad.provider(), Chaos::over(node, 1).provider(), good(node)]);
    (rpc, bad)
}

fn good(node: &Node) -> DynProvider {
    Chaos::over(node, 2).provider()
}

/// Every way to be bad for good.
fn bad_ones(node: &Node) -> Vec<Weather> {
    let always = Weather::ALWAYS;
    let calm = Weather::default();
    let lie = |lie| Weather { lie: Some(lie), ..calm };
    vec![
        Weather { lost: always, ..calm },
        Weather { answer_lost: always, ..calm },
        Weather { limited: always, ..calm },
        Weather { wrong_code: always, ..calm },
        Weather { garbage: always, ..calm },
        Weather { empty_logs: always, ..calm },
        Weather { still_at: Some(node.height()), ..calm },
        Weather { latency: Duration::from_secs(20), ..calm },
        lie(Lie::Words),
        lie(Lie::Receipts),
        lie(Lie::Heads),
        lie(Lie::Nonces),
    ]
}

#[tokio::test]
async fn one_bad_endpoint_of_three_harms_no_verdict() {
    let kinds = bad_ones(&Node::empty()).len();
    for kind in 0..kinds {
        let court = Court::new().await;
        let seller = actors::seller().address();
        let before = court.dollars(seller).await;
        let weather = bad_ones(&court.node)[kind];
        let (rpc, _) = one_bad(&court.node, weather, 7);
        let relayer = surety_relayer::start_on(court.config(), rpc).await.unwrap();
        let since = Instant::now();
        let id = court.deliver(&relayer).await;
        let view = court.over(&relayer, id).await;
        assert_eq!(view.state, CaseState::Final, "{weather:?}");
        assert_eq!(court.dollars(seller).await, before + 55, "{weather:?}");
        assert_eq!(court.relayed().await, 1, "{weather:?}");
        assert!(since.elapsed() < Duration::from_secs(20), "{weather:?} took {since:?}");
        relayer.abort().await;
    }
}

#[tokio::test]
async fn every_endpoint_is_rough_and_every_verdict_is_paid_once() {
    let seeds: std::ops::Range<u64> = if is_deep() { 0..200 } else { 0..3 };
    for seed in seeds {
        let court = Court::new().await;
        let seller = actors::seller().address();
        let before = court.dollars(seller).await;
        let rough = |at: u64| Chaos::over(&court.node, seed * 3 + at);
        let all = [0, 1, 2].map(|at| rough(at).with(Weather::rough()).provider());
        // The start needs a quorum within one look; whoever operates it starts it again.
        let relayer = loop {
            if let Ok(up) = surety_relayer::start_on(court.config(), through(all.to_vec())).await {
                break up;
            }
        };
        court.put(&relayer, &court.work).await;
        let request = court.delivery(0, &court.work);
        eventually("it is taken", || async {
            court.post(&relayer, "deliveries", &request).await.0.is_success()
        })
        .await;
        let view = court.over(&relayer, court.case_id(0, &court.work)).await;
        assert_eq!(view.state, CaseState::Final, "seed {seed}");
        assert_eq!(court.dollars(seller).await, before + 55, "seed {seed}");
        assert_eq!(court.relayed().await, 1, "seed {seed}");
        relayer.abort().await;
    }
}

/// What leads to money, read through an endpoint that is bad in one way, must be what an honest node
/// says, every time and soon.
#[tokio::test]
async fn one_bad_endpoint_of_three_spoils_no_safety_read() {
    let court = Court::new().await;
    for _ in 0..4 {
        court.node.mine();
    }
    let deal = court.sheet.deal_id();
    let rounds = if is_deep() { 300 } else { 12 };
    for weather in bad_ones(&court.node) {
        // Behind by three blocks, where it stands still.
        let still_at = weather.still_at.map(|height| height.saturating_sub(3));
        let (rpc, _) = one_bad(&court.node, Weather { still_at, ..weather }, 11);
        let mut slowest = Duration::ZERO;
        for _ in 0..rounds {
            let since = Instant::now();
            let head = rpc.head(BlockTag::Latest).await.unwrap();
            assert_eq!(head.number, court.node.height(), "{weather:?}");
            let call = DealEscrow::dealCall { dealId: deal };
            let word = rpc.read_at(court.contracts.escrow, &call, &head).await.unwrap();
            assert!(word.opened && word.ended == 0, "{weather:?}: {word:?}");
            let logs = rpc.logs_until(&[court.contracts.escrow], 0, &head).await.unwrap();
            assert!(!logs.is_empty(), "{weather:?}");
            let nonce = rpc.nonce(actors::deployer().address(), BlockTag::Latest).await.unwrap();
            assert_eq!(nonce, sent(&court).await, "{weather:?}");
            slowest = slowest.max(since.elapsed());
        }
        // Five questions; none waits longer than a moment for the bad one.
        assert!(slowest < Duration::from_secs(2), "{weather:?}: {slowest:?}");
    }
}

async fn sent(court: &Court) -> u64 {
    use alloy::providers::Provider as _;
    let account = actors::deployer().address();
    court.node.provider().get_transaction_count(account).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_that_lies_or_stands_still_is_benched_and_says_so() {
    let court = Court::new().await;
    let (rpc, bad) = one_bad(&court.node, Weather::default(), 3);
    let call = DealEscrow::dealCall { dealId: court.sheet.deal_id() };
    rpc.read(court.contracts.escrow, &call, BlockTag::Latest).await.unwrap();
    assert!(rpc.reports().iter().all(|r| r.standing == Standing::Good));
    bad.set(Weather { lie: Some(Lie::Words), ..Weather::default() });
    rpc.read(court.contracts.escrow, &call, BlockTag::Latest).await.unwrap();
    assert_eq!(rpc.reports()[0].standing, Standing::Benched(Why::Lying));

    let (rpc, bad) = one_bad(&court.node, Weather::default(), 3);
    bad.set(Weather { still_at: Some(court.node.height()), ..Weather::default() });
    court.node.advance(Duration::from_mins(1));
    rpc.head(BlockTag::Latest).await.unwrap();
    assert_eq!(rpc.reports()[0].standing, Standing::Benched(Why::Stale));
}

/// Follows through `rpc` and returns the deals' logs that arrived, as (block, hash, index).
struct Ledger {
    follower: Follower,
    store: Store,
    seen: Vec<(u64, alloy::primitives::B256, u64)>,
    _dir: tempfile::TempDir,
}

impl Ledger {
    async fn new(rpc: Rpc, escrow: Address) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), "storm", Leases::default()).await.unwrap();
        store.migrate("follow", migrations()).await.unwrap();
        let (addresses, tag) = (vec![escrow], BlockTag::Latest);
        let config = FollowConfig { name: "t", addresses, tag, start_block: 0, max_range: 64 };
        Self { follower: Follower::new(rpc, config), store, seen: Vec::new(), _dir: dir }
    }

    /// One step; false when there is nothing more, or an error.
    async fn step(&mut self) -> bool {
        let Ok(step) = self.follower.next(&mut self.store.read().await.unwrap()).await else {
            return false;
        };
        let mut tx = self.store.begin().await.unwrap();
        step.save(&mut tx, self.follower.config()).await.unwrap();
        tx.commit().await.unwrap();
        match step {
            Step::CaughtUp { .. } => return false,
            Step::Orphaned { from_block } => self.seen.retain(|(block, ..)| *block < from_block),
            Step::Batch(batch) => {
                let place =
                    |log: surety_chain::follow::FollowedLog| (log.block, log.block_hash, log.index);
                self.seen.extend(batch.logs.into_iter().map(place));
            }
        }
        true
    }
}

#[tokio::test]
async fn clients_on_different_forks_follow_the_majoritys_and_miss_nothing() {
    let court = Court::new().await;
    let escrow = court.contracts.escrow;
    // One endpoint stays on a fork of its own, from before the deal was opened.
    let lost = court.node.fork();
    lost.reorg(1, surety_tests::Orphans::Forget);
    for _ in 0..3 {
        lost.mine();
        court.node.mine();
    }
    let all = vec![Chaos::over(&lost, 1).provider(), good(&court.node), good(&court.node)];
    let mut ledger = Ledger::new(through(all), escrow).await;
    while ledger.step().await {}
    let mut alone = Ledger::new(court.gate(Rule::Open).provider().into(), escrow).await;
    while alone.step().await {}
    assert!(!alone.seen.is_empty());
    assert_eq!(ledger.seen, alone.seen);
}

#[tokio::test]
async fn empty_answers_of_one_endpoint_miss_no_event_over_many_blocks() {
    let court = Court::new().await;
    let token = court.contracts.token;
    let blocks = if is_deep() { 20_000 } else { 400 };
    // Several blocks share one second.
    court.node.set_interval(0);
    let weather = Weather { empty_logs: 300, ..Weather::default() };
    let (rpc, bad) = one_bad(&court.node, weather, 5);
    let mut ledger = Ledger::new(rpc, token).await;
    for n in 0..blocks {
        if n % 40 == 7 {
            court.transfer_nothing().await;
        } else {
            court.node.mine();
        }
        if n % 50 == 0 {
            let behind = (n % 100 == 0).then(|| court.node.height().saturating_sub(2));
            bad.set(Weather { still_at: behind, ..weather });
        }
        if n % 3 == 0 {
            ledger.step().await;
        }
    }
    while ledger.step().await {}
    let mut alone = Ledger::new(court.gate(Rule::Open).provider().into(), token).await;
    while alone.step().await {}
    assert!(alone.seen.len() >= blocks / 40);
    assert_eq!(ledger.seen, alone.seen);
}
