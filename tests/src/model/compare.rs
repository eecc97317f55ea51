//! Everything that model and contracts both remember, compared after every step.
//!
//! Most of it is read from storage slots, because a call for every balance after every step would
//! take most of a history's time. Where the slots are is not taken on trust: [`by_calls`] compares
//! the same things through the contracts' views, at the end of every history.

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::{SolCall, SolValue as _};
use surety_bindings::escrow::DealEscrow;
use surety_bindings::formula::{Faded, Weights};
use surety_bindings::jury::Jury;
use surety_bindings::registry::ReputationRegistry;

use super::chain::{Chain, everybody};
use super::reputation::{Role, Standing};
use super::state::{Deal, Event, Model};
use super::terms::Who;

/// Slots of the token's, the escrow's and the registry's mappings.
const BALANCES: u64 = 5;
const DEALS: u64 = 0;
const STATES: u64 = 1;
const CREDITS: u64 = 2;
const WORDS: u64 = 0;
/// The token keeps its blacklist in the balance's top bit.
const LISTED: usize = 255;

/// What of both differs, if anything does.
pub type Difference = Result<(), String>;

/// Fails with both operands unless they are the same.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, model: &T, chain: &T) -> Difference {
    if model == chain {
        return Ok(());
    }
    Err(format!("{what}:\n    model     {model:?}\n    contracts {chain:?}"))
}

/// The events of one step, in any order.
pub fn events(model: &[Event], chain: &[Event]) -> Difference {
    let sorted = |events: &[Event]| {
        let mut events = events.to_vec();
        events.sort();
        events
    };
    let (model, chain) = (sorted(model), sorted(chain));
    if model == chain {
        return Ok(());
    }
    let only = |a: &[Event], b: &[Event]| -> Vec<Event> {
        a.iter().filter(|event| !b.contains(event)).cloned().collect()
    };
    same("events", &only(&model, &chain), &only(&chain, &model))?;
    Err("the same event twice on one side".to_owned())
}

/// All balances, credits, deals, states and standings, by storage.
pub fn state(model: &Model, chain: &Chain) -> Difference {
    for who in everybody() {
        let account = chain.address(who);
        let balance = chain.balance_slot(who);
        same(&format!("balance of {who:?}"), &model.token.balance(who), &balance)?;
        let listed = model.token.blacklist.contains(&who);
        same(&format!("whether {who:?} is listed"), &listed, &chain.account(who).bit(LISTED))?;
        let credit = chain.credit(account);
        let kept = model.credits.get(&who).copied().unwrap_or(0);
        same(&format!("credit of {who:?}"), &U256::from(kept), &credit)?;
    }
    for (index, (_, id)) in chain.deals.iter().enumerate() {
        let word = chain.slot(chain.contracts.escrow, mapping(*id, DEALS));
        let deal = model.deals.get(&index);
        same(&format!("word of deal {index}"), &deal.map_or(U256::ZERO, word_of), &word)?;
        for (k, part) in (0u64..).zip(deal.map_or(&[][..], |deal| &deal.parts)) {
            let digest = chain.state_digest(*id, k);
            let kept = chain.digest(part.kept.as_ref());
            same(&format!("state of milestone {k} of deal {index}"), &kept, &digest)?;
        }
    }
    for ((who, role), standing) in &model.standings {
        let kept = self::standing(chain, *who, *role);
        same(&format!("standing of {who:?} as {role:?}"), standing, &kept)?;
    }
    Ok(())
}

/// Every pot.
pub fn pots(model: &Model, chain: &Chain) -> Difference {
    for (jury, panels) in model.juries.iter().enumerate() {
        for round in [1, 2] {
            for (seat, _) in (0u8..).zip(panels.of(round)) {
                let key = (jury, round, seat);
                let fees = Jury::feesCall { jury: chain.juries[jury], round, seat };
                let fees = chain.ask(chain.contracts.jury, &fees);
                let pot = model.pots.get(&key).copied().unwrap_or(0);
                same(&format!("pot of {key:?}"), &U256::from(pot), &fees)?;
            }
        }
    }
    Ok(())
}

/// The same once more, through the contracts' views.
pub fn by_calls(model: &Model, chain: &Chain) -> Difference {
    let contracts = &chain.contracts;
    for who in everybody() {
        let owner = chain.address(who);
        same(&format!("balanceOf {who:?}"), &model.token.balance(who), &chain.balance(who))?;
        let credits = DealEscrow::creditsCall { token: contracts.token, owner };
        let credits = chain.ask(contracts.escrow, &credits);
        let kept = model.credits.get(&who).copied().unwrap_or(0);
        same(&format!("credits of {who:?}"), &U256::from(kept), &credits)?;
    }
    for (index, (terms, id)) in chain.deals.iter().enumerate() {
        let d = chain.ask(contracts.escrow, &DealEscrow::dealCall { dealId: *id });
        let amount: u128 = d.remainingAmount.to();
        let got = (d.opened, d.revoked, d.ended, d.slow, amount, d.remainingBond.to::<u128>());
        let deal = model.deals.get(&index);
        let needed = deal.map_or((false, false, 0, 0, 0, 0), |deal| {
            let (ended, slow) = masks(deal);
            (!deal.revoked, deal.revoked, ended, slow, deal.amount, deal.bond)
        });
        same(&format!("deal {index}"), &needed, &got)?;
        let call = DealEscrow::dealIdOfCall { terms: terms.clone() };
        let same_id = chain.ask(contracts.escrow, &call);
        same(&format!("id of deal {index}"), id, &same_id)?;
        for (milestone, part) in (0u8..).zip(deal.map_or(&[][..], |deal| &deal.parts)) {
            let call = DealEscrow::stateDigestCall { dealId: *id, milestone };
            let digest = chain.ask(contracts.escrow, &call);
            same("state's digest", &chain.digest(part.kept.as_ref()), &digest)?;
        }
    }
    standings_by_calls(model, chain)?;
    pots(model, chain)
}

fn standings_by_calls(model: &Model, chain: &Chain) -> Difference {
    for ((who, role), standing) in &model.standings {
        let (wallet, role) = (chain.address(*who), *role as u8);
        let recorder = chain.contracts.escrow;
        let call = ReputationRegistry::standingCall { recorder, wallet, role };
        let s = chain.ask(chain.contracts.registry, &call);
        let (kept, last) = (standing.weights, standing.weights.last());
        let needed = (kept.at(last), last, kept.drawn(), counts(standing));
        let faded = Faded { good: s.good, bad: s.bad };
        let got = [s.first, s.goodCount.to(), s.badCount.to(), s.neutralCount.to()];
        let got = (faded, s.last.into(), s.drawn, (got, s.appealsLost.to()));
        same(&format!("standing of {who:?}"), &needed, &got)?;
        let call = ReputationRegistry::scoreCall { recorder, wallet, role };
        let score = chain.ask(chain.contracts.registry, &call);
        let points = score.points.to::<u32>();
        same(&format!("score of {who:?}"), &kept.score(chain.world.now()), &points)?;
    }
    Ok(())
}

fn counts(standing: &Standing) -> ([u32; 4], u32) {
    let Standing { first, good, bad, neutral, appeals_lost, .. } = *standing;
    ([first, good, bad, neutral], appeals_lost)
}

impl Chain {
    /// What a view answers.
    pub fn ask<C: SolCall>(&self, contract: Address, call: &C) -> C::Return {
        self.world.view(contract, call).expect("a view answers")
    }

    /// One storage slot.
    pub fn slot(&self, contract: Address, slot: U256) -> U256 {
        self.world.storage(contract, slot)
    }

    fn account(&self, who: Who) -> U256 {
        let key = self.address(who).into_word();
        self.slot(self.contracts.token, mapping(key, BALANCES))
    }

    /// What somebody has, by the token's storage.
    pub fn balance_slot(&self, who: Who) -> u128 {
        (self.account(who) & !(U256::ONE << LISTED)).to()
    }

    /// What the escrow owes an address.
    pub fn credit(&self, owner: Address) -> U256 {
        let of_token = mapping(self.contracts.token.into_word(), CREDITS);
        self.slot(self.contracts.escrow, nested(owner.into_word(), of_token))
    }

    /// A deal's remaining amount and bond.
    pub fn open_money(&self, id: B256) -> (u128, u128) {
        let word = self.slot(self.contracts.escrow, mapping(id, DEALS));
        let mask = (U256::ONE << 96usize) - U256::ONE;
        let bits = |at: usize| -> u128 { ((word >> at) & mask).to() };
        (bits(34), bits(130))
    }

    /// Which of a deal's milestones ended.
    pub fn ended(&self, id: B256) -> u16 {
        let word = self.slot(self.contracts.escrow, mapping(id, DEALS));
        ((word >> 2usize) & U256::from(u16::MAX)).to()
    }

    fn state_digest(&self, id: B256, milestone: u64) -> B256 {
        let of_deal = mapping(id, STATES);
        let slot = nested(B256::from(U256::from(milestone)), of_deal);
        self.slot(self.contracts.escrow, slot).into()
    }
}

fn mapping(key: B256, slot: u64) -> U256 {
    nested(key, U256::from(slot))
}

fn nested(key: B256, slot: U256) -> U256 {
    keccak256([key, slot.into()].concat()).into()
}

/// Opened 1, revoked 1, ended 16, slow 16, remaining amount 96, remaining bond 96.
fn word_of(deal: &Deal) -> U256 {
    if deal.revoked {
        return U256::from(2);
    }
    let (ended, slow) = masks(deal);
    U256::ONE
        | U256::from(ended) << 2usize
        | U256::from(slow) << 18usize
        | U256::from(deal.amount) << 34usize
        | U256::from(deal.bond) << 130usize
}

fn masks(deal: &Deal) -> (u16, u16) {
    let (mut ended, mut slow) = (0, 0);
    for (k, part) in deal.parts.iter().enumerate() {
        ended |= u16::from(part.ending.is_some()) << k;
        slow |= u16::from(part.kept.is_some()) << k;
    }
    (ended, slow)
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

/// What the registry keeps of a wallet in one role.
pub fn standing(chain: &Chain, who: Who, role: Role) -> Standing {
    let key = (chain.contracts.escrow, chain.address(who), U256::from(role as u8));
    let slot = mapping(keccak256(key.abi_encode()), WORDS);
    standing_of(chain.slot(chain.contracts.registry, slot))
}
