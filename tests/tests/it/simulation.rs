//! Whole lives of a deal, each drawn from a seed: the relayer, its store and the chain are the real
//! ones, in this process; jurors are down, late, malformed or two-faced, clocks are wrong, the network
//! is cut, the relayer dies, the chain takes blocks back.
//!
//! ```text
//! safety      one end, each dollar where it belongs, and only a verdict that countable ballots give
//! honesty     a quorum of honest jurors decides, whatever the others do
//! liveness    what no quorum decides ends by time alone
//! ```
//!
//! The seed draws what happens; threads and sockets decide how far each was when it did. So a seed
//! that failed once is worth running more than once: `SURETY_SIMULATION_SEED=N`.

mod juror;
mod plan;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::{SolCall as _, SolEvent as _};
use futures::{FutureExt as _, StreamExt as _, stream};
use reqwest::StatusCode;
use surety_bindings::escrow::DealEscrow::{MilestoneEnded, reclaimCall};
use surety_relayer::Handle;
use surety_tests::{Chaos, Weather, actors};
use tokio::time::{sleep, timeout};

use self::juror::{Bench, SimulatedJuror};
use self::plan::{AWAKE_HOURS, Event, Plan, Side};
use crate::relayer::court::{Court, eventually};

/// Deals that live at the same time.
const AT_ONCE: usize = 4;
/// The seeds of `cargo x test`, and of `cargo x deep`.
const SEEDS: u64 = 48;
const DEEP_SEEDS: u64 = 3_000;
/// What the milestone and its part of the bond come to, in base units.
const STAKE: u128 = 55_000_000;
const DOLLAR: u128 = 1_000_000;
/// The longest that a start may take once the chain can be reached.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the seller waits for an answer before it goes on with its life.
const ANSWER: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// The contract's numbers for how a milestone ends.
const ACCEPTED: u8 = 1;
const REJECTED: u8 = 2;
const RECLAIMED: u8 = 4;
const UNDETERMINED: u8 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn every_deal_ends_once_as_its_honest_jurors_say_or_by_time() {
    let seeds = seeds();
    let lives = stream::iter(seeds.clone()).map(|seed| async move {
        let life = AssertUnwindSafe(Box::pin(live(seed))).catch_unwind().await;
        (seed, life.ok())
    });
    let lives: Vec<_> = lives.buffer_unordered(AT_ONCE).collect().await;
    let ended = |ending| lives.iter().filter(|(_, life)| *life == Some(ending)).count();
    let failed = lives.iter().filter(|(_, life)| life.is_none()).map(|(seed, _)| *seed);
    let failed: Vec<u64> = failed.collect();
    let [accepted, rejected, undetermined, by_time] =
        [ACCEPTED, REJECTED, UNDETERMINED, RECLAIMED].map(ended);
    println!(
        "simulation: seeds {seeds:?}: {accepted} accepted, {rejected} rejected, {undetermined} \
         undetermined, {by_time} by time, {} failed",
        failed.len()
    );
    assert!(failed.is_empty(), "failed seeds, SURETY_SIMULATION_SEED=N runs one: {failed:?}");
}

fn seeds() -> std::ops::Range<u64> {
    let one = std::env::var_os("SURETY_SIMULATION_SEED");
    match one.map(|seed| seed.to_string_lossy().parse::<u64>().unwrap()) {
        Some(seed) => seed..seed + 1,
        None if std::env::var_os("SURETY_DEEP").is_some() => 0..DEEP_SEEDS,
        None => 0..SEEDS,
    }
}

/// One deal, to its end. Says how it ended.
async fn live(seed: u64) -> u8 {
    let mut life = Life::begin(Plan::of(seed)).await;
    for (event, pause) in life.plan.events.clone() {
        life.befalls(event).await;
        life.hand_in().await;
        sleep(pause).await;
    }
    life.heal().await;
    life.decide().await;
    life.ends().await
}

struct Life {
    plan: Plan,
    court: Court,
    jurors: Vec<SimulatedJuror>,
    chain: Chaos,
    /// None only between a death and the next start.
    relayer: Option<Handle>,
    is_handed_in: bool,
    opened: u64,
    /// What seller and buyer own once the deal is open, in dollars.
    before: (u64, u64),
}

impl Life {
    /// The deal is open, and nothing is delivered.
    async fn begin(plan: Plan) -> Self {
        let mut jurors = Vec::new();
        for (seat, vice) in plan.panel.iter().enumerate() {
            jurors.push(SimulatedJuror::start(seat, *vice).await);
        }
        let urls: Vec<String> = jurors.iter().map(|juror| juror.url.clone()).collect();
        let court = Court::unopened_at(&urls).await;
        court.open().await;
        // Deeper than any reorganisation.
        for _ in 0..8 {
            court.node.mine();
        }
        let opened = court.node.now();
        let bench = Arc::new(Bench {
            node: court.node.clone(),
            contracts: court.contracts.clone(),
            truth: plan.truth,
            opened,
            until: court.sheet.milestones[0].deliver_by + court.sheet.judge_within,
            seats: plan.panel.len(),
        });
        for juror in &jurors {
            juror.sit(&bench);
        }
        let before = parties(&court).await;
        let chain = Chaos::over(&court.node, plan.seed).with(fair(&plan));
        let relayer = Some(start(&court, &chain).await);
        Self { plan, court, jurors, chain, relayer, is_handed_in: false, opened, before }
    }

    async fn befalls(&mut self, event: Event) {
        match event {
            Event::Cut(Side::Chain) => {
                self.chain.set(Weather { lost: Weather::ALWAYS, ..Weather::default() });
            }
            Event::Heal(Side::Chain) => self.chain.set(fair(&self.plan)),
            Event::Cut(Side::Juror(seat)) => self.jurors[seat].cut(true),
            Event::Heal(Side::Juror(seat)) => self.jurors[seat].cut(false),
            Event::Restart => {
                // Nobody can start one that does not reach the chain.
                self.chain.set(fair(&self.plan));
                self.restart().await;
            }
            Event::Hours(hours) => {
                self.court.node.advance(Duration::from_hours(hours));
            }
            Event::Reorg(depth, orphans) => {
                self.court.node.reorg(depth, orphans);
                self.court.node.mine();
            }
        }
    }

    fn relayer(&self) -> &Handle {
        self.relayer.as_ref().unwrap()
    }

    /// The old one is killed before the new one starts: they share a store.
    async fn restart(&mut self) {
        self.crash().await;
        self.relayer = Some(start(&self.court, &self.chain).await);
    }

    async fn crash(&mut self) {
        if let Some(relayer) = self.relayer.take() {
            relayer.abort().await;
        }
    }

    /// The seller tries once, until it has succeeded.
    async fn hand_in(&mut self) -> bool {
        let (court, url) = (&self.court, self.relayer().url());
        if !self.is_handed_in {
            let request = court.delivery(0, &court.work);
            let put = format!("{url}/v1/deliverables/{}", request.delivery.deliverable);
            let put = court.http.put(put).body(court.work.to_vec()).timeout(ANSWER).send().await;
            let post = court.http.post(format!("{url}/v1/deliveries")).json(&request);
            let post = post.timeout(ANSWER).send().await;
            self.is_handed_in = put.is_ok_and(|it| it.status() == StatusCode::NO_CONTENT)
                && post.is_ok_and(|it| it.status() == StatusCode::ACCEPTED);
        }
        self.is_handed_in
    }

    /// What was cut is whole again; who is bad stays so.
    async fn heal(&mut self) {
        self.chain.set(Weather::default());
        self.jurors.iter().for_each(|juror| juror.cut(false));
        self.court.node.mine();
        let handed_in = timeout(PATIENCE, async {
            while !self.hand_in().await {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let is_taken = handed_in.await.is_ok();
        assert!(is_taken, "seed {}: the delivery is never taken", self.plan.seed);
    }

    /// A quorum of honest jurors decides in time; without one, the panel's time passes.
    async fn decide(&self) {
        let (court, what) = (&self.court, format!("seed {}", self.plan.seed));
        if self.plan.honest_decide() {
            let awake = self.opened + AWAKE_HOURS * 3_600;
            let left = awake.saturating_sub(court.node.now());
            court.node.advance(Duration::from_secs(left));
            let decided = format!("{what}: honest jurors decide, {:?}", self.plan);
            eventually(&decided, || async { !endings(court).await.is_empty() }).await;
        } else {
            sleep(Duration::from_millis(300)).await;
        }
        court.node.advance(DAY * 2);
        let id = court.case_id(0, &court.work);
        eventually(&format!("{what}: the case is over, {:?}", self.plan), || async {
            court.case(self.relayer(), id, 0).await.state.is_over()
        })
        .await;
        if endings(court).await.is_empty() {
            let reclaim =
                reclaimCall { terms: court.sheet.terms(), milestone: 0, requested: Vec::new() };
            court.send(reclaim.abi_encode().into()).await;
        }
    }

    /// Counts what happened. Says how the milestone ended.
    async fn ends(mut self) -> u8 {
        let plan = &self.plan;
        let endings = endings(&self.court).await;
        assert_eq!(endings.len(), 1, "{plan:?}");
        let MilestoneEnded { ending, toSeller: seller, toBuyer: buyer, .. } = endings[0];
        assert_eq!(seller + buyer, STAKE, "{plan:?}");
        let verdicts = plan.verdicts(self.court.sheet.terms().milestones[0].rule);
        let given = match ending {
            ACCEPTED => Some((1, STAKE)),
            REJECTED => Some((2, 0)),
            UNDETERMINED => Some((3, seller)),
            RECLAIMED => None,
            _ => panic!("ending {ending}: {plan:?}"),
        };
        if let Some((outcome, due)) = given {
            assert!(verdicts.contains(&outcome), "{outcome} of {verdicts:?}: {plan:?}");
            assert_eq!(seller, due, "{plan:?}");
        }
        if plan.honest_decide() {
            assert_eq!(verdicts.len(), 1, "honest jurors decide: {verdicts:?}: {plan:?}");
            let outcome = given.map(|(outcome, _)| outcome);
            assert_eq!(outcome, verdicts.first().copied(), "{plan:?}");
        }
        let now = parties(&self.court).await;
        let paid = [(now.0, self.before.0, seller), (now.1, self.before.1, buyer)];
        for (now, before, due) in paid {
            assert_eq!(u128::from(now - before), due / DOLLAR, "{plan:?}");
        }
        self.crash().await;
        ending
    }
}

/// What the network is like when nothing is cut.
fn fair(plan: &Plan) -> Weather {
    let latency = Duration::from_millis(1);
    Weather { latency, lost: plan.lost, answer_lost: plan.lost, ..Weather::default() }
}

/// Whoever operates it starts it until it runs.
async fn start(court: &Court, chain: &Chaos) -> Handle {
    let up = timeout(PATIENCE, async {
        loop {
            match Box::pin(surety_relayer::start_on(court.config(), chain.provider())).await {
                Ok(relayer) => return relayer,
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    });
    up.await.unwrap_or_else(|_| panic!("the relayer does not start"))
}

/// What seller and buyer own, in dollars.
async fn parties(court: &Court) -> (u64, u64) {
    let [seller, buyer] = [actors::seller(), actors::buyer()].map(|party| party.address());
    (court.dollars(seller).await, court.dollars(buyer).await)
}

/// How the deal's milestones ended, in the blocks that stand.
async fn endings(court: &Court) -> Vec<MilestoneEnded> {
    let filter = Filter::new()
        .from_block(0)
        .address(court.contracts.escrow)
        .event_signature(MilestoneEnded::SIGNATURE_HASH)
        .topic1(court.sheet.deal_id());
    let logs = court.node.provider().get_logs(&filter).await.unwrap();
    logs.iter().map(|log| MilestoneEnded::decode_log(&log.inner).unwrap().data).collect()
}
