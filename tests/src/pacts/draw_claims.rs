//! Random steps about a period: its sample, its records and its judgement.

use rand::Rng as _;
use rand::rngs::StdRng;

use super::draw::{Target, submitter};
use super::sample::{BLOCKHASH_BLOCKS, HISTORY_BLOCKS, WHOLE, holds};
use super::state::{At, Model, Record, Sample, Status};
use super::step::{Call, Presentation, Step};
use super::who::{COUNTERPARTIES, Who};
use crate::model::draw::{chance, one};
use crate::model::state::Time;
use crate::model::tally::Ballot;

/// What leads to a presentation, or one.
pub fn on_sample(rng: &mut StdRng, model: &Model, target: &Target<'_>, period: u32) -> Step {
    let at = At { pact: target.promise.number, period };
    let sample = model.period(at).sample;
    let whole = target.promise.sample_bps == 10_000 || sample == Sample::Fixed(WHOLE);
    let call = target.call(rng);
    if !whole && chance(rng, 90) {
        match sample {
            Sample::Undrawn => return Step::Draw { call, period },
            Sample::Drawn(block) if model.block <= block && chance(rng, 75) => {
                return until_block(rng, model, block);
            }
            Sample::Drawn(_) => return Step::FixSeed { call, period },
            Sample::Fixed(_) => {}
        }
    }
    if chance(rng, 4) {
        let fix = chance(rng, 50);
        return if fix { Step::FixSeed { call, period } } else { Step::Draw { call, period } };
    }
    let (call, what) = present(rng, model, at);
    if whole && chance(rng, 2) {
        // One more than there is room for.
        return Step::Crowd { call, what, many: u16::from(model.rules.places) + 1 };
    }
    Step::Present { call, what }
}

/// To the last block that is too early, or to one from which the drawn one is just in reach or just
/// out of reach of what the chain remembers.
fn until_block(rng: &mut StdRng, model: &Model, drawn: u64) -> Step {
    let ages =
        [0, 1, 1, 1, BLOCKHASH_BLOCKS, BLOCKHASH_BLOCKS + 1, HISTORY_BLOCKS, HISTORY_BLOCKS + 1];
    let block = drawn + one(rng, &ages);
    Step::Wait { until: model.now + one::<Time>(rng, &[0, 1, 60]), blocks: block - model.block }
}

/// A presentation of some record of a period, mostly a good one.
pub fn claim(rng: &mut StdRng, model: &Model, target: &Target<'_>, period: u32) -> Step {
    let (call, what) = present(rng, model, At { pact: target.promise.number, period });
    Step::Present { call, what }
}

fn present(rng: &mut StdRng, model: &Model, at: At) -> (Call, Presentation) {
    let (promise, _) = &model.promises[&at.pact];
    let mut record = record(rng, model, at);
    let presenter = if chance(rng, 5) {
        promise.agent
    } else {
        Who::Counterparty(rng.random_range(0..COUNTERPARTIES))
    };
    let mut what = Presentation {
        record,
        signer: promise.agent,
        claimed: record,
        presenter,
        valid_until: model.now + one(rng, &[1, 3_600, 86_400]),
        fee_signer: presenter,
    };
    match rng.random_range(0..40) {
        0 => what.signer = Who::Stranger,
        1 => what.fee_signer = Who::Stranger,
        2 => what.valid_until = model.now,
        3 => what.claimed.content ^= 1,
        4 => {
            let numbers: Vec<_> = model.promises.keys().copied().collect();
            record.pact = one(rng, &numbers);
            (what.record, what.claimed) = (record, record);
        }
        _ => {}
    }
    let by = if chance(rng, 20) { presenter } else { submitter(rng) };
    let altered = chance(rng, 1);
    (Call { pact: at.pact, by, altered }, what)
}

/// Mostly a record that was not presented and whose key is in the sample.
fn record(rng: &mut StdRng, model: &Model, at: At) -> Record {
    let (promise, _) = &model.promises[&at.pact];
    let period = model.period(at);
    if chance(rng, 5)
        && let Some(presented) = period.records.last()
    {
        return *presented;
    }
    let first: u16 = rng.random();
    let sampled = |key: &u16| holds(period.sample, promise, *key);
    let near = (0..200).map(|more| first.wrapping_add(more)).find(sampled);
    let key = near.filter(|_| chance(rng, 92)).unwrap_or(first);
    Record { pact: at.pact, period: at.period, key, content: rng.random_range(0..2) }
}

/// Mostly what can be collected; now and then what was, or what nobody presented.
pub fn collect(rng: &mut StdRng, model: &Model) -> Step {
    let by = submitter(rng);
    let presented: Vec<_> = model.presenters.keys().copied().collect();
    let ended: Vec<_> = presented
        .iter()
        .copied()
        .filter(|record| model.period(record.at()).status == Status::Ended)
        .collect();
    let ever: Vec<_> =
        model.periods.values().flat_map(|period| period.records.iter().copied()).collect();
    let record = match rng.random_range(0..20) {
        0 if !ever.is_empty() => one(rng, &ever),
        1 if !presented.is_empty() => one(rng, &presented),
        _ if !ended.is_empty() => one(rng, &ended),
        _ if !presented.is_empty() => one(rng, &presented),
        _ => {
            let numbers: Vec<_> = model.promises.keys().copied().collect();
            Record { pact: one(rng, &numbers), period: 0, key: rng.random(), content: 0 }
        }
    };
    Step::Collect { record, by }
}

/// Ballots of a period's panel: most agree on what it is to say, which is drawn first.
pub fn settle(rng: &mut StdRng, model: &Model, target: &Target<'_>, period: u32) -> Step {
    let (promise, call) = (target.promise, target.call(rng));
    let seats = model.juries.get(promise.jury).map_or(0, |panels| panels.panel.len());
    let existing = u16::try_from((1u32 << promise.rule.weights.len()) - 1).expect("sixteen bits");
    let truth = match rng.random_range(0..10) {
        0..=3 => existing,
        4..=7 => 0,
        _ => rng.random::<u16>() & existing,
    };
    let (split, absent) = (chance(rng, 20), one(rng, &[0, 0, 5, 20]));
    let mut ballots = Vec::new();
    for seat in (0u8..).take(seats) {
        if chance(rng, absent) {
            continue;
        }
        let silent = if chance(rng, 8) { u16::MAX } else { 0 };
        let opinion = if split && seat % 2 == 1 { !truth } else { truth };
        let (met, failed) = (opinion & existing & !silent, !opinion & existing & !silent);
        ballots.push(Ballot { seat, met, failed, forged: chance(rng, 3) });
    }
    if chance(rng, 4) {
        let seat = u8::try_from(seats).expect("at most fifteen");
        ballots.push(Ballot { seat, met: 1, failed: 0, forged: false });
    }
    Step::Settle { call, period, ballots, torn: chance(rng, 3) }
}
