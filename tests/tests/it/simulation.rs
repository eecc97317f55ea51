//! Whole lives of a deal, each drawn from a seed: relayers, their stores and the chain are the real
//! ones, in this process; jurors are down, late, malformed or two-faced, clocks are wrong, networks are
//! cut, relayers race and die, the chain takes blocks back. A deal has several milestones; deliveries
//! are put on the chain or not, verdicts settle together or alone and are appealed or not, and what the
//! panel leaves open is the appeal panel's, if there is one.
//!
//! ```text
//! safety      one end, each dollar where it belongs, and only a verdict that countable ballots give
//! honesty     a panel with a quorum of honest jurors decides, whatever the others do
//! liveness    what no panel decides ends by time alone
//! ```
//!
//! Relayers wait long for commitments here, so that the chain's clock decides which of them count, and
//! not the machine's load. The seed draws what happens; threads and sockets decide how far each was
//! when it did. So a seed that failed once is worth running more than once: `SURETY_SIMULATION_SEED=N`.

mod chain;
mod juror;
mod oracle;
mod plan;
mod run_out;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::U256;
use alloy::signers::local::PrivateKeySigner;
use futures::future::join_all;
use futures::{FutureExt as _, StreamExt as _, stream};
use reqwest::StatusCode;
use surety_relayer::{Config, Handle};
use surety_terms::{TermSheet, Usdc};
use surety_tests::{Chaos, Weather, actors};
use tokio::time::{sleep, timeout};

use self::chain::{standings, try_send, work};
use self::juror::{Bench, SimulatedJuror};
use self::oracle::{ACCEPTED, RECLAIMED, REJECTED, SILENT, Told, UNDETERMINED};
use self::plan::{Appeals, Event, Pin, Plan, Side};
use crate::relayer::court::Court;

/// Deals that live at the same time.
const AT_ONCE: usize = 4;
/// The seeds of `cargo x test`, and of `cargo x deep`.
const SEEDS: u64 = 32;
const DEEP_SEEDS: u64 = 3_000;
/// The longest that a start may take once the chain can be reached.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the seller waits for an answer before it goes on with its life.
const ANSWER: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

/// How long a panel has. Half of it passes after every honest juror is awake, also for what is pinned at
/// once, and before the time of anything is over.
const JUDGE_SECS: u64 = 48 * 3_600;
/// By how much the seller has less than the sheet's day.
const LESS_SECS: u64 = 8 * 3_600;
/// How long a verdict can be appealed.
const APPEAL_SECS: u64 = 48 * 3_600;
/// Every verdict waits for others.
const TOGETHER: &str = "[batch]\nleast_ms = 400\nmost_ms = 400\nanswer_ms = 300\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_deal_ends_once_as_its_honest_jurors_say_or_by_time() {
    let seeds = seeds();
    let lives = stream::iter(seeds.clone()).map(|seed| async move {
        let life = AssertUnwindSafe(Box::pin(live(seed))).catch_unwind().await;
        (seed, life.ok())
    });
    let lives: Vec<_> = lives.buffer_unordered(AT_ONCE).collect().await;
    let failed = lives.iter().filter(|(_, told)| told.is_none()).map(|(seed, _)| *seed);
    let failed: Vec<u64> = failed.collect();
    let told: Vec<&Told> = lives.iter().filter_map(|(_, told)| told.as_ref()).collect();
    let mut endings = BTreeMap::<u8, usize>::new();
    for ending in told.iter().flat_map(|told| &told.endings) {
        *endings.entry(*ending).or_default() += 1;
    }
    let [accepted, rejected, reclaimed, undetermined, silent] =
        [ACCEPTED, REJECTED, RECLAIMED, UNDETERMINED, SILENT]
            .map(|ending| endings.get(&ending).copied().unwrap_or_default());
    let sum = |of: fn(&Told) -> usize| told.iter().map(|told| of(told)).sum::<usize>();
    let (pinned, second, appealed) =
        (sum(|it| it.pinned), sum(|it| it.second), sum(|it| it.appealed));
    let (together, raced) = (sum(|it| it.together), sum(|it| it.raced));
    println!(
        "simulation: seeds {seeds:?}: {} milestones: {accepted} accepted, {rejected} rejected, \
         {undetermined} undetermined, {reclaimed} reclaimed, {silent} silent; {pinned} pinned, \
         {appealed} appealed, {second} verdicts in round 2, {raced} by the second relayer, \
         {together} batches; {} failed",
        endings.values().sum::<usize>(),
        failed.len()
    );
    assert!(failed.is_empty(), "failed seeds, SURETY_SIMULATION_SEED=N runs one: {failed:?}");
    // Otherwise they showed little.
    let all = [accepted, rejected, reclaimed, pinned, second, together];
    assert!(seeds.end - seeds.start == 1 || !all.contains(&0), "{all:?}");
}

fn seeds() -> std::ops::Range<u64> {
    let one = std::env::var_os("SURETY_SIMULATION_SEED");
    match one.map(|seed| seed.to_string_lossy().parse::<u64>().unwrap()) {
        Some(seed) => seed..seed + 1,
        None if std::env::var_os("SURETY_DEEP").is_some() => 0..DEEP_SEEDS,
        None => 0..SEEDS,
    }
}

/// One deal, to its end. Says what it showed.
async fn live(seed: u64) -> Told {
    let mut life = Life::begin(Plan::of(seed)).await;
    for (at, (event, pause)) in life.plan.events.clone().into_iter().enumerate() {
        life.befalls(event).await;
        life.hand_in(at).await;
        sleep(pause).await;
    }
    life.heal().await;
    life.run_out().await;
    life.ends().await
}

struct Life {
    plan: Plan,
    court: Court,
    jurors: Vec<SimulatedJuror>,
    relayers: Vec<Operated>,
    /// Relayers and the milestones whose deliveries they have taken.
    handed_in: BTreeSet<(usize, u8)>,
    opened: u64,
    /// What seller and buyer own once the deal is open, in dollars.
    before: (u64, u64),
}

/// A relayer with a connection of its own.
struct Operated {
    toml: String,
    chain: Chaos,
    /// None only between a death and the next start.
    handle: Option<Handle>,
}

impl Life {
    /// The deal is open, and nothing is delivered.
    async fn begin(plan: Plan) -> Self {
        let mut jurors = Vec::new();
        for (seat, vice) in plan.panels.iter().flatten().enumerate() {
            jurors.push(SimulatedJuror::start(seat, *vice).await);
        }
        let urls: Vec<String> = jurors.iter().map(|juror| juror.url.clone()).collect();
        let mut court = Court::unopened_on(&urls, plan.panels[0].len()).await;
        shape(&mut court.sheet, &plan);
        court.open().await;
        // Deeper than any reorganisation.
        for _ in 0..8 {
            court.node.mine();
        }
        let opened = court.node.now();
        let bench = Arc::new(Bench {
            node: court.node.clone(),
            contracts: court.contracts.clone(),
            truths: plan.parts.iter().map(|part| part.truth).collect(),
            opened,
            until: court.sheet.milestones[0].deliver_by + JUDGE_SECS,
            within: JUDGE_SECS,
            panels: [plan.panels[0].len(), plan.panels[1].len()],
        });
        for juror in &jurors {
            juror.sit(&bench);
        }
        let before = parties(&court).await;
        let mut relayers = Vec::new();
        for who in 0..plan.relayers {
            let mut relayer = Operated::new(&court, &plan, who);
            relayer.start().await;
            relayers.push(relayer);
        }
        let handed_in = BTreeSet::new();
        Self { plan, court, jurors, relayers, handed_in, opened, before }
    }

    async fn befalls(&mut self, event: Event) {
        let fair = fair(&self.plan);
        match event {
            Event::Cut(Side::Chain(who)) => {
                let cut = Weather { lost: Weather::ALWAYS, ..Weather::default() };
                self.relayers[who].chain.set(cut);
            }
            Event::Heal(Side::Chain(who)) => self.relayers[who].chain.set(fair),
            Event::Cut(Side::Juror(seat)) => self.jurors[seat].cut(true),
            Event::Heal(Side::Juror(seat)) => self.jurors[seat].cut(false),
            Event::Restart(who) => {
                // Nobody can start one that does not reach the chain. The old one is killed before
                // the new one starts: they share a store.
                self.relayers[who].chain.set(fair);
                self.relayers[who].crash().await;
                self.relayers[who].start().await;
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

    async fn crash_all(&mut self) {
        for relayer in &mut self.relayers {
            relayer.crash().await;
        }
    }

    /// The seller tries once what is left to do after so many events. Says whether nothing was.
    async fn hand_in(&mut self, events: usize) -> bool {
        let standings = standings(&self.court).await;
        let (mut is_done, mut offers) = (true, Vec::new());
        for (milestone, part) in (0_u8..).zip(&self.plan.parts) {
            let standing = &standings[usize::from(milestone)];
            // Whoever has judged it has it.
            if standing.round() != Some(1) {
                continue;
            }
            let places = (0..self.relayers.len()).map(|who| (who, milestone));
            let open = places.filter(|place| !self.handed_in.contains(place));
            let open: Vec<_> = if part.after > events { Vec::new() } else { open.collect() };
            let pins = part.after <= events && standing.state.is_none() && part.pin.is_due(&open);
            if pins {
                try_send(&self.court, chain::delivery(&self.court, milestone)).await;
            }
            is_done &= part.after <= events && open.is_empty() && !pins;
            if part.pin != Pin::Before || pins || standing.state.is_some() {
                offers.extend(open);
            }
        }
        let taken = join_all(offers.iter().map(|place| self.offer(*place))).await;
        let taken = offers.into_iter().zip(taken).filter(|(_, is_taken)| *is_taken);
        self.handed_in.extend(taken.map(|(place, _)| place));
        is_done
    }

    /// Hands a relayer the bytes and the delivery. Says whether it took them.
    async fn offer(&self, (who, milestone): (usize, u8)) -> bool {
        let (court, url) = (&self.court, self.relayers[who].handle().url());
        let work = work(milestone);
        let request = court.delivery(milestone, &work);
        let put = format!("{url}/v1/deliverables/{}", request.delivery.deliverable);
        let put = court.http.put(put).body(work.to_vec()).timeout(ANSWER).send().await;
        let has_bytes = put.is_ok_and(|it| it.status() == StatusCode::NO_CONTENT);
        if self.plan.parts[usize::from(milestone)].pin == Pin::Only {
            return has_bytes;
        }
        let post = court.http.post(format!("{url}/v1/deliveries")).json(&request);
        let post = post.timeout(ANSWER).send().await;
        has_bytes && post.is_ok_and(|it| it.status() == StatusCode::ACCEPTED)
    }

    /// Whether a relayer took a milestone's delivery.
    fn has_taken(&self, who: usize, milestone: u8, pin: Pin) -> bool {
        pin != Pin::Only && self.handed_in.contains(&(who, milestone))
    }

    /// What was cut is whole again; who is bad stays so.
    async fn heal(&mut self) {
        for relayer in &self.relayers {
            relayer.chain.set(Weather::default());
        }
        self.jurors.iter().for_each(|juror| juror.cut(false));
        self.court.node.mine();
        let handed_in = timeout(PATIENCE, async {
            while !self.hand_in(usize::MAX).await {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let is_taken = handed_in.await.is_ok();
        assert!(is_taken, "seed {}: a delivery is never taken: {:?}", self.plan.seed, self.plan);
    }
}

impl Operated {
    fn new(court: &Court, plan: &Plan, who: usize) -> Self {
        // What of them counts is for the chain's clock to say.
        let mut toml = court.toml().replace("commit_ms = 500", "commit_ms = 600000");
        toml = toml.replace("grace_ms = 500", "grace_ms = 100");
        if plan.performs {
            toml = toml.replace("perform = false", "perform = true");
        }
        if plan.gathers {
            toml.push_str(TOGETHER);
        }
        if who > 0 {
            let key = rival();
            court.node.set_balance(key.address(), U256::from(10).pow(U256::from(18)));
            court.keep_key("rival-key", &key);
            toml = toml.replace("/store\"", "/rival-store\"").replace("/key\"", "/rival-key\"");
        }
        let dice = plan.seed.wrapping_add(u64::try_from(who).unwrap() << 32);
        let chain = Chaos::over(&court.node, dice).with(fair(plan));
        Self { toml, chain, handle: None }
    }

    fn handle(&self) -> &Handle {
        self.handle.as_ref().unwrap()
    }

    /// Whoever operates it starts it until it runs.
    async fn start(&mut self) {
        let up = timeout(PATIENCE, async {
            loop {
                let config: Config = self.toml.parse().unwrap();
                let started = Box::pin(surety_relayer::start_on(config, self.chain.provider()));
                match started.await {
                    Ok(relayer) => return relayer,
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        });
        let up = up.await.unwrap_or_else(|_| panic!("the relayer does not start"));
        self.handle = Some(up);
    }

    async fn crash(&mut self) {
        if let Some(relayer) = self.handle.take() {
            relayer.abort().await;
        }
    }
}

/// The key of the second relayer.
fn rival() -> PrivateKeySigner {
    actors::actor("rival relayer")
}

/// As many milestones as are planned, of 50 dollars with 5 of the bond each.
fn shape(sheet: &mut TermSheet, plan: &Plan) {
    let mut part = sheet.milestones[0].clone();
    part.deliver_by -= LESS_SECS;
    sheet.milestones = vec![part; plan.parts.len()];
    let count = u32::try_from(plan.parts.len()).unwrap();
    (sheet.total, sheet.bond) = (Usdc::from_whole(50 * count), Usdc::from_whole(5 * count));
    sheet.judge_within = JUDGE_SECS;
    if plan.appeals != Appeals::Never {
        (sheet.appeal_within, sheet.appeal_bond) = (APPEAL_SECS, Usdc::from_whole(10));
    }
}

/// What the network is like when nothing is cut.
fn fair(plan: &Plan) -> Weather {
    let latency = Duration::from_millis(1);
    Weather { latency, lost: plan.lost, answer_lost: plan.lost, ..Weather::default() }
}

/// What seller and buyer own, in dollars.
async fn parties(court: &Court) -> (u64, u64) {
    let [seller, buyer] = [actors::seller(), actors::buyer()].map(|party| party.address());
    (court.dollars(seller).await, court.dollars(buyer).await)
}
