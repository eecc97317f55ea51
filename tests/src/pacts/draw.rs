//! Random steps, most of which succeed: promises, what is due with a pact, money and the clock.

use rand::Rng as _;
use rand::rngs::StdRng;
use surety_terms::rule::Rule;

use super::draw_claims::{claim, collect, on_sample, settle};
use super::promise::Promise;
use super::state::{At, Model, Pact, Status};
use super::step::{Call, Step};
use super::who::{AGENTS, COUNTERPARTIES, Who, everybody};
use crate::model::draw::{amount, chance, one};
use crate::model::state::Time;
use crate::model::terms::{HOUR, TWO_YEARS};

const DAY: Time = 86_400;
/// How many pacts stand at once, at most.
const PACTS: usize = 3;

/// Somebody who submits: anybody may, most of the time.
pub fn submitter(rng: &mut StdRng) -> Who {
    let agent = Who::Agent(rng.random_range(0..AGENTS));
    let counterparty = Who::Counterparty(rng.random_range(0..COUNTERPARTIES));
    one(rng, &[Who::Relayer, Who::Relayer, Who::Stranger, agent, counterparty])
}

/// A pact that stands, and what the model knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The promise.
    pub promise: &'a Promise,
    /// What is kept of it.
    pub pact: Pact,
}

impl Target<'_> {
    /// Mostly with the pact as it was signed.
    pub fn call(&self, rng: &mut StdRng) -> Call {
        let altered = chance(rng, 2);
        Call { pact: self.promise.number, by: submitter(rng), altered }
    }

    fn closes_at(&self) -> Time {
        self.pact.covered_until + self.promise.present_within + self.promise.judge_within
    }

    /// Periods that it covers.
    fn covered(&self) -> impl Iterator<Item = u32> {
        let covered =
            move |period: &u32| self.promise.period_end(*period) <= self.pact.covered_until;
        (0..u32::from(self.promise.periods)).take_while(covered)
    }
}

/// The next step.
pub fn step(rng: &mut StdRng, model: &Model) -> Step {
    if chance(rng, 13) {
        return on_money(rng, model);
    }
    let live: Vec<_> = model.pacts.iter().filter(|(_, pact)| !pact.closed).collect();
    if live.is_empty() || (live.len() < PACTS && chance(rng, 8)) {
        let promise = promise(rng, model);
        return open(rng, promise);
    }
    if chance(rng, 3) {
        let promises: Vec<_> = model.promises.values().collect();
        let (promise, _) = one(rng, &promises);
        return open(rng, promise.clone());
    }
    let (number, pact) = one(rng, &live);
    let target = Target { promise: &model.promises[number].0, pact: *pact };
    if chance(rng, 8) {
        return anything(rng, model, &target);
    }
    due(rng, model, &target)
}

/// What the pact's periods wait for: mostly what is most urgent.
fn due(rng: &mut StdRng, model: &Model, target: &Target<'_>) -> Step {
    let (promise, now) = (target.promise, model.now);
    let is_claimed = |period: &u32| {
        let at = At { pact: promise.number, period: *period };
        model.period(at).status == Status::Claimed
    };
    let over: Vec<_> = target.covered().filter(|p| promise.period_end(*p) <= now).collect();
    let welcome: Vec<_> = over.iter().copied().filter(|p| now < promise.present_end(*p)).collect();
    let claimed: Vec<_> = over.iter().copied().filter(is_claimed).collect();
    let judged = |p: &u32| (promise.present_end(*p)..promise.judge_end(*p)).contains(&now);
    let judging: Vec<_> = claimed.iter().copied().filter(judged).collect();
    let silent: Vec<_> = claimed.iter().copied().filter(|p| now >= promise.judge_end(*p)).collect();
    let call = target.call(rng);
    match rng.random_range(0..100) {
        0..45 if !silent.is_empty() => Step::Expire { call, period: one(rng, &silent) },
        0..60 if !judging.is_empty() => {
            let period = one(rng, &judging);
            settle(rng, model, target, period)
        }
        0..76 if !welcome.is_empty() => {
            let period = one(rng, &welcome);
            on_sample(rng, model, target, period)
        }
        0..84 if !model.presenters.is_empty() => collect(rng, model),
        0..90 if now >= target.closes_at() => Step::Close { call },
        90..92 if !target.pact.noticed => notice(rng, model, target),
        _ => wait(rng, model, target),
    }
}

/// Something that may not be due.
fn anything(rng: &mut StdRng, model: &Model, target: &Target<'_>) -> Step {
    let mut call = target.call(rng);
    if chance(rng, 10) {
        let promises: Vec<_> = model.promises.keys().copied().collect();
        call.pact = one(rng, &promises);
    }
    let period = rng.random_range(0..=u32::from(target.promise.periods));
    match rng.random_range(0..9) {
        0 => Step::Draw { call, period },
        1 => Step::FixSeed { call, period },
        2 => settle(rng, model, target, period),
        3 => Step::Expire { call, period },
        4 => Step::Close { call },
        5 => notice(rng, model, target),
        6 => collect(rng, model),
        7 => claim(rng, model, target, period),
        _ => Step::Wait { until: model.now + rng.random_range(1..30 * DAY), blocks: 1 },
    }
}

/// To just before, at or just after the next moment that matters.
fn wait(rng: &mut StdRng, model: &Model, target: &Target<'_>) -> Step {
    let promise = target.promise;
    let mut moments = vec![promise.open_by, promise.start_at, target.closes_at()];
    for period in target.covered() {
        let (end, present) = (promise.period_end(period), promise.present_end(period));
        moments.extend([end, present, promise.judge_end(period)]);
    }
    let next = moments.into_iter().filter(|moment| *moment > model.now).min();
    let until = next.map_or(model.now + HOUR, |next| next + one(rng, &[0, 1, 1, 1, 2]) - 1);
    Step::Wait { until, blocks: one(rng, &[0, 1, 40, 300, 2_000, 9_000]) }
}

fn notice(rng: &mut StdRng, model: &Model, target: &Target<'_>) -> Step {
    let agent = target.promise.agent;
    let mut call = target.call(rng);
    if chance(rng, 40) {
        call.by = agent;
    }
    let valid_until = model.now + one(rng, &[0, 1, HOUR, HOUR, DAY]);
    let signer = if chance(rng, 85) { agent } else { Who::Stranger };
    Step::Notice { call, valid_until, signer }
}

// ---- promises

fn open(rng: &mut StdRng, promise: Promise) -> Step {
    let signer = if chance(rng, 96) { promise.agent } else { Who::Stranger };
    Step::Open { by: submitter(rng), promise, signer }
}

/// Mostly one that opens, of every kind.
fn promise(rng: &mut StdRng, model: &Model) -> Promise {
    let agent = rng.random_range(0..AGENTS);
    let rich = agent + 1 < AGENTS;
    let windows = [HOUR, HOUR + 1, 2 * HOUR, DAY];
    let open_by = model.now + one(rng, &[1, HOUR, HOUR, DAY]);
    let mut p = Promise {
        number: u32::try_from(model.promises.len()).expect("few promises"),
        agent: Who::Agent(agent),
        jury: rng.random_range(0..model.juries.len()),
        rule: rule(rng),
        bond: amount(rng, rich).max(100),
        slash_bps: one(rng, &[500, 1_000, 3_333, 6_000, 10_000]),
        jury_fee: 0,
        sample_bps: one(rng, &[10_000, 10_000, 9_999, 5_000, 2_500]),
        open_by,
        start_at: open_by + one(rng, &[0, 0, 1, HOUR]),
        period_secs: one(rng, &windows),
        periods: rng.random_range(1..=4),
        present_within: one(rng, &windows),
        judge_within: one(rng, &windows),
    };
    let slash = p.slash();
    let least = slash.div_ceil(model.rules.places.into()).max(1);
    p.jury_fee = match rng.random_range(0..4) {
        0 => least,
        1 => slash.max(1),
        _ => rng.random_range(least..=slash.max(least)),
    };
    if chance(rng, 25) {
        spoil(rng, model, &mut p);
    }
    p
}

fn rule(rng: &mut StdRng) -> Rule {
    let kinds: [&[u16]; 4] =
        [&[10_000], &[5_000, 5_000], &[1, 4_999, 5_000], &[2_500, 2_500, 2_500, 2_500]];
    let weights = one(rng, &kinds).to_vec();
    let mandatory = u16::from(chance(rng, 40));
    let pass_bps = one(rng, &[1, 5_000, 7_000, 10_000]);
    Rule { weights, mandatory, pass_bps, pro_rata: false }
}

/// Makes it a promise that cannot open.
fn spoil(rng: &mut StdRng, model: &Model, p: &mut Promise) {
    match rng.random_range(0..18) {
        0 => p.slash_bps = one(rng, &[0, 10_001]),
        1 => p.sample_bps = one(rng, &[0, 10_001]),
        2 => p.periods = 0,
        3 => p.jury_fee = p.slash() + 1,
        4 => p.jury_fee = p.slash().div_ceil(64).saturating_sub(1),
        5 => p.period_secs = one(rng, &[HOUR - 1, TWO_YEARS + 1]),
        6 => p.present_within = HOUR - 1,
        7 => p.judge_within = HOUR - 1,
        8 => p.start_at = p.open_by - 1,
        9 => p.start_at = model.now + TWO_YEARS + 1,
        10 => p.judge_within = TWO_YEARS,
        11 => p.rule.pro_rata = true,
        12 => p.rule.weights[0] -= 1,
        13 => p.rule.mandatory = 1 << p.rule.weights.len(),
        14 => p.rule.pass_bps = one(rng, &[0, 10_001]),
        15 => p.jury = model.juries.len(),
        16 => p.open_by = model.now,
        _ => p.agent = Who::Juror(2),
    }
}

// ---- what is about no pact

/// Something with credits, pots, the token, the chain's memory or the clock.
fn on_money(rng: &mut StdRng, model: &Model) -> Step {
    if model.token.paused && chance(rng, 60) {
        return Step::Unpause;
    }
    if let Some(who) = model.token.blacklist.first().copied()
        && chance(rng, 35)
    {
        return Step::Unblacklist { who };
    }
    if model.forgets && chance(rng, 30) {
        return Step::History { answers: true };
    }
    let by = submitter(rng);
    let owners: Vec<_> = model.credits.keys().copied().collect();
    let pots: Vec<_> = model.pots.keys().copied().collect();
    match rng.random_range(0..100) {
        0..28 if !owners.is_empty() => Step::Withdraw { owner: one(rng, &owners), by },
        28..50 if !pots.is_empty() => {
            let (jury, seat) = one(rng, &pots);
            Step::ClaimFees { jury, seat, by }
        }
        0..8 => Step::Withdraw { owner: Who::Agent(0), by },
        8..50 => Step::Wait { until: model.now + rng.random_range(1..HOUR), blocks: 1 },
        50..58 => {
            let to = one(rng, &[Who::Registry, Who::Jury]);
            let from = one(rng, &[Who::Agent(0), Who::Counterparty(0), Who::Stranger]);
            Step::Donate { from, to, amount: amount(rng, false) }
        }
        58..78 => {
            let everybody = everybody();
            let near = [Who::Agent(0), Who::Counterparty(0), Who::Jury, Who::Nobody];
            let who = if chance(rng, 50) { one(rng, &near) } else { one(rng, &everybody) };
            Step::Blacklist { who }
        }
        78..85 => Step::Pause,
        85..90 => Step::ClaimFees { jury: 0, seat: rng.random_range(0..5), by },
        _ => Step::History { answers: false },
    }
}
