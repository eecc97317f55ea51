//! Everything that model and contracts both remember, compared after every step.
//!
//! Like the escrow's, most of it is read from storage slots, and where those are is not taken on
//! trust: [`by_calls`] compares the same things through the contracts' views, before and after
//! every history's close.

use alloy::primitives::{Address, B256, U256, keccak256};
use surety_bindings::formula::{Faded, Weights};
use surety_bindings::jury::Jury;
use surety_bindings::pacts::PactRegistry;

use super::chain::Chain;
use super::sample::{holds, key_word, subject};
use super::state::{At, Event, Model, Pact, Period, Sample};
use super::who::{AGENTS, Who, everybody};
use crate::contracts::token::TestUSDC;
use crate::model::compare::{Difference, same};
use crate::model::reputation::Standing;

/// Slots of the token's and the registry's mappings.
const BALANCES: u64 = 5;
const CREDITS: u64 = 0;
const PRESENTERS: u64 = 1;
const PACTS: u64 = 2;
const PERIODS: u64 = 3;
const STANDINGS: u64 = 4;
/// The token keeps its blacklist in the balance's top bit.
const LISTED: usize = 255;

/// All balances, credits, pacts, periods, records and standings, by storage.
pub fn state(model: &Model, chain: &Chain) -> Difference {
    for who in everybody() {
        let account = chain.account(who);
        let balance: u128 = (account & !(U256::ONE << LISTED)).to();
        same(&format!("balance of {who:?}"), &model.token.balance(who), &balance)?;
        let listed = model.token.blacklist.contains(&who);
        same(&format!("whether {who:?} is listed"), &listed, &account.bit(LISTED))?;
        same(&format!("credit of {who:?}"), &credit(model, who), &chain.credit(who))?;
    }
    for (number, (_, id)) in &chain.pacts {
        let word = chain.slot(mapping(*id, PACTS));
        let pact = model.pacts.get(number);
        same(&format!("word of pact {number}"), &pact.map_or(U256::ZERO, word_of), &word)?;
    }
    for (at, period) in &model.periods {
        let kept = [0, 1, 2].map(|word| chain.period_word(*at, word));
        same(&format!("words of {at:?}"), &words_of(chain, period), &kept)?;
        for record in &period.records {
            let presenter = model.presenters.get(record).map(|who| chain.address(*who));
            let kept = chain.presenter(chain.digest(*record));
            let presenter = presenter.unwrap_or(Address::ZERO);
            same(&format!("presenter of {record:?}"), &presenter, &kept)?;
        }
    }
    for agent in (0..AGENTS).map(Who::Agent) {
        let standing = model.standings.get(&agent).copied().unwrap_or_default();
        let kept = standing_of(chain.slot(mapping(chain.address(agent).into_word(), STANDINGS)));
        same(&format!("standing of {agent:?}"), &standing, &kept)?;
    }
    Ok(())
}

/// Every pot, if some event is about one.
pub fn pots(model: &Model, chain: &Chain, events: &[Event]) -> Difference {
    let about = |event: &Event| matches!(event, Event::Funded { .. } | Event::Claimed { .. });
    if !events.iter().any(about) {
        return Ok(());
    }
    for (index, panels) in model.juries.iter().enumerate() {
        for (seat, _) in (0u8..).zip(&panels.panel) {
            let fees = Jury::feesCall { jury: chain.juries[index], round: 1, seat };
            let pot = model.pots.get(&(index, seat)).copied().unwrap_or(0);
            let fees = chain.ask(chain.contracts.jury, &fees);
            same(&format!("pot {seat} of jury {index}"), &U256::from(pot), &fees)?;
        }
    }
    Ok(())
}

/// The same once more, through the contracts' views.
pub fn by_calls(model: &Model, chain: &Chain) -> Difference {
    let paused = chain.ask(chain.contracts.token, &TestUSDC::pausedCall {});
    same("whether the token is paused", &model.token.paused, &paused)?;
    for who in everybody() {
        same(&format!("balanceOf {who:?}"), &model.token.balance(who), &chain.balance(who))?;
        let owner = chain.address(who);
        let credits = chain.ask(chain.registry, &PactRegistry::creditsCall { owner });
        same(&format!("credits of {who:?}"), &U256::from(credit(model, who)), &credits)?;
    }
    for number in chain.pacts.keys() {
        pact_by_calls(model, chain, *number)?;
    }
    for agent in (0..AGENTS).map(Who::Agent) {
        standing_by_calls(model, chain, agent)?;
    }
    Ok(())
}

fn pact_by_calls(model: &Model, chain: &Chain, number: u32) -> Difference {
    let ((pact, id), registry) = (&chain.pacts[&number], chain.registry);
    let id_of = PactRegistry::pactIdOfCall { pact: pact.clone() };
    same(&format!("id of pact {number}"), id, &chain.ask(registry, &id_of))?;
    let state = chain.ask(registry, &PactRegistry::pactStateCall { pactId: *id });
    let kept = model.pacts.get(&number);
    let needed = kept.map_or((false, 0, 0, 0, false, false), |kept| {
        (true, kept.bond, kept.covered_until, kept.claimed, kept.noticed, kept.closed)
    });
    let (bond, covered) = (state.bond.to::<u128>(), state.coveredUntil.to::<u64>());
    let got = (state.opened, bond, covered, state.claimed, state.noticed, state.closed);
    same(&format!("state of pact {number}"), &needed, &got)?;
    let (promise, _) = &model.promises[&number];
    // One beyond the last, too: nothing happens to it.
    for period in 0..=u32::from(promise.periods) {
        let at = At { pact: number, period };
        let kept = model.period(at);
        let call = PactRegistry::subjectOfCall { pactId: *id, period };
        same(&format!("subject of {at:?}"), &subject(*id, period), &chain.ask(registry, &call))?;
        let p = chain.ask(registry, &PactRegistry::periodStateCall { pactId: *id, period });
        let needed = (kept.status as u8, kept.records.len(), kept.locked, kept.each);
        let got = (p.status, usize::from(p.count), p.locked.to::<u128>(), p.each);
        same(&format!("state of {at:?}"), &needed, &got)?;
        let needed = (chain.evidence(&kept.records), sample_word(kept.sample));
        same(&format!("evidence and sample of {at:?}"), &needed, &(p.evidence, p.sample))?;
        for key in 0..2 {
            let (pact, word) = (pact.clone(), key_word(key));
            let call = PactRegistry::isSampledCall { pact, period, key: word };
            let sampled = chain.ask(registry, &call);
            let needed = holds(kept.sample, promise, key);
            same(&format!("whether {at:?} samples {key}"), &needed, &sampled)?;
        }
        for record in &kept.records {
            let digest = PactRegistry::recordDigestCall { record: chain.signed_record(*record) };
            let digest = chain.ask(registry, &digest);
            same(&format!("digest of {record:?}"), &chain.digest(*record), &digest)?;
        }
    }
    Ok(())
}

fn standing_by_calls(model: &Model, chain: &Chain, who: Who) -> Difference {
    let standing = model.standings.get(&who).copied().unwrap_or_default();
    let (agent, kept) = (chain.address(who), standing.weights);
    let s = chain.ask(chain.registry, &PactRegistry::standingCall { agent });
    let needed = (kept.at(kept.last()), kept.last(), kept.drawn(), counts(&standing));
    let faded = Faded { good: s.good, bad: s.bad };
    let got = [s.goodCount.to(), s.badCount.to(), s.neutralCount.to(), s.appealsLost.to()];
    let got = (faded, u64::from(s.last), s.drawn, (s.first, got));
    same(&format!("standing of {who:?}"), &needed, &got)?;
    let score = chain.ask(chain.registry, &PactRegistry::scoreCall { agent });
    let faded = kept.at(chain.world.now());
    let needed = (kept.score(chain.world.now()), faded.good, faded.bad);
    let got = (score.points.to::<u32>(), score.good.to::<u32>(), score.bad.to::<u32>());
    same(&format!("score of {who:?}"), &needed, &got)
}

fn counts(standing: &Standing) -> (u32, [u32; 4]) {
    let Standing { first, good, bad, neutral, appeals_lost, .. } = *standing;
    (first, [good, bad, neutral, appeals_lost])
}

fn credit(model: &Model, who: Who) -> u128 {
    model.credits.get(&who).copied().unwrap_or(0)
}

impl Chain {
    /// One storage slot of the registry.
    fn slot(&self, slot: U256) -> U256 {
        self.world.storage(self.registry, slot)
    }

    fn account(&self, who: Who) -> U256 {
        let slot = mapping(self.address(who).into_word(), BALANCES);
        self.world.storage(self.contracts.token, slot)
    }

    /// What somebody has, by the token's storage.
    pub fn balance_slot(&self, who: Who) -> u128 {
        (self.account(who) & !(U256::ONE << LISTED)).to()
    }

    /// What the registry owes somebody whom the token refused.
    pub fn credit(&self, who: Who) -> u128 {
        self.slot(mapping(self.address(who).into_word(), CREDITS)).to()
    }

    /// What is left of a pact's bond and not locked.
    pub fn free_bond(&self, number: u32) -> u128 {
        bits(self.slot(mapping(self.pacts[&number].1, PACTS)), 0, 96)
    }

    /// What of a bond is locked by a period.
    pub fn locked(&self, at: At) -> u128 {
        bits(self.period_word(at, 0), 16, 96)
    }

    /// What is kept of a period's evidence.
    pub fn kept_evidence(&self, at: At) -> B256 {
        self.period_word(at, 1).into()
    }

    fn period_word(&self, at: At, word: u64) -> U256 {
        let subject = subject(self.pacts[&at.pact].1, at.period);
        self.slot(mapping(subject, PERIODS) + U256::from(word))
    }

    fn presenter(&self, digest: B256) -> Address {
        Address::from_word(self.slot(mapping(digest, PRESENTERS)).into())
    }
}

fn mapping(key: B256, slot: u64) -> U256 {
    keccak256([key, U256::from(slot).into()].concat()).into()
}

fn bits(word: U256, at: usize, width: usize) -> u128 {
    ((word >> at) & ((U256::ONE << width) - U256::ONE)).to()
}

/// Bond 96, covered until 40, claimed 16, then opened, noticed and closed, a byte each.
fn word_of(pact: &Pact) -> U256 {
    U256::from(pact.bond)
        | U256::from(pact.covered_until) << 96usize
        | U256::from(pact.claimed) << 136usize
        | U256::ONE << 152usize
        | U256::from(u8::from(pact.noticed)) << 160usize
        | U256::from(u8::from(pact.closed)) << 168usize
}

/// Status 8, count 8, locked 96, each 128; the evidence; the sample.
fn words_of(chain: &Chain, period: &Period) -> [U256; 3] {
    let first = U256::from(period.status as u8)
        | U256::from(period.records.len()) << 8usize
        | U256::from(period.locked) << 16usize
        | U256::from(period.each) << 112usize;
    [first, chain.evidence(&period.records).into(), sample_word(period.sample).into()]
}

fn sample_word(sample: Sample) -> B256 {
    match sample {
        Sample::Undrawn => B256::ZERO,
        Sample::Drawn(block) => U256::from(block).into(),
        Sample::Fixed(seed) => seed,
    }
}

/// First 32 at 64, and from 160 on four counts of 24; the rest is the weights'.
fn standing_of(word: U256) -> Standing {
    let bits = |at: usize, width: usize| -> u32 {
        ((word >> at) & ((U256::ONE << width) - U256::ONE)).to()
    };
    Standing {
        weights: Weights::of_word(word),
        first: bits(64, 32),
        good: bits(160, 24),
        bad: bits(184, 24),
        neutral: bits(208, 24),
        appeals_lost: bits(232, 24),
    }
}
