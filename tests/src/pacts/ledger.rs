//! The invariants of the [module's head](super), kept from what the contracts log and hold. The
//! model has no part in it, so a mistake that model and contracts share still shows here.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::Chain;
use super::state::{At, Event, Record};
use super::step::Step;
use super::who::{JURORS, Who, everybody};
use crate::model::compare::{Difference, same};
use crate::model::tally::Outcome;
use crate::usd;

/// What the logs say of one period.
#[derive(Clone, Debug, Default)]
struct Book {
    presented: BTreeSet<Record>,
    collected: BTreeSet<Record>,
    /// What every record brings back, once it ended.
    each: Option<u128>,
}

/// What the logs say of everything.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    opened: BTreeSet<u32>,
    closed: BTreeSet<u32>,
    periods: BTreeMap<At, Book>,
    pots: u128,
    donated: BTreeMap<Who, u128>,
    /// All balances together.
    supply: u128,
    /// Balance and credit of everybody.
    wealth: BTreeMap<Who, u128>,
}

impl Ledger {
    /// Nothing has happened yet.
    pub fn new(chain: &Chain) -> Self {
        let wealth = wealth(chain);
        Self { supply: wealth.values().sum(), wealth, ..Self::default() }
    }

    /// Checks every invariant after a step that succeeded and logged `events`, or was refused and
    /// logged none.
    pub fn check(
        &mut self,
        chain: &Chain,
        (step, done): (&Step, bool),
        events: &[Event],
    ) -> Difference {
        let after = wealth(chain);
        let before = std::mem::replace(&mut self.wealth, after);
        if !done {
            same("everybody's money after a refusal", &before, &self.wealth)?;
        }
        if let (Step::Donate { to, amount, .. }, true) = (step, done) {
            *self.donated.entry(*to).or_default() += amount;
        }
        for event in events {
            self.read(chain, event)?;
            if let Event::Ended { .. } = event {
                let burned = self.wealth[&Who::Nobody] - before[&Who::Nobody];
                self.check_parts(chain, event, events, burned)?;
            }
        }
        self.check_money(chain)
    }

    fn read(&mut self, chain: &Chain, event: &Event) -> Difference {
        match event {
            Event::Opened { pact } => {
                same(&format!("first opening of pact {pact}"), &true, &self.opened.insert(*pact))
            }
            Event::Closed { pact, .. } => {
                let open = self.opened.contains(pact);
                let first = open && self.closed.insert(*pact);
                same(&format!("first close of pact {pact}"), &true, &first)
            }
            Event::Presented { record, .. } => {
                let book = self.periods.entry(record.at()).or_default();
                same(&format!("end of {:?} before {record:?}", record.at()), &None, &book.each)?;
                let first = book.presented.insert(*record);
                same(&format!("first presentation of {record:?}"), &true, &first)
            }
            Event::Ended { at, each, .. } => {
                let book = self.periods.get_mut(at).ok_or("an end without a beginning")?;
                same(&format!("end of {at:?} before"), &None, &book.each)?;
                book.each = Some(*each);
                same(&format!("what {at:?} still locks"), &0, &chain.locked(*at))
            }
            Event::Collected { record, amount, .. } => {
                let book = self.periods.get_mut(&record.at()).ok_or("collected from nowhere")?;
                same(&format!("what {record:?} brings"), &book.each, &Some(*amount))?;
                let first = book.presented.contains(record) && book.collected.insert(*record);
                same(&format!("first collection of {record:?}"), &true, &first)
            }
            Event::Funded { shares, .. } => {
                self.pots += shares.iter().sum::<u128>();
                Ok(())
            }
            Event::Claimed { amount, .. } => {
                self.pots -= amount;
                Ok(())
            }
            Event::Noticed { .. }
            | Event::Drawn { .. }
            | Event::Fixed { .. }
            | Event::Credited { .. }
            | Event::Withdrawn { .. } => Ok(()),
        }
    }

    /// Invariant 3.
    fn check_parts(&self, chain: &Chain, event: &Event, all: &[Event], burned: u128) -> Difference {
        let Event::Ended { at, outcome, slashed, each, .. } = event else { return Ok(()) };
        let fee: u128 = chain.pacts[&at.pact].0.juryFee.to();
        let records = self.periods[at].presented.len() as u128;
        let seats: u128 = all.iter().map(to_seats).sum();
        let parts = each * records + seats + burned;
        same(&format!("what {at:?} pays in all"), &(fee * records + slashed), &parts)?;
        if *outcome != Outcome::Rejected {
            same(&format!("slash and remainder of {at:?}"), &(0, 0), &(*slashed, burned))?;
        }
        if *outcome == Outcome::NoVerdict {
            same(&format!("what time brings back of {at:?}"), &(fee, 0), &(*each, seats))?;
        }
        Ok(())
    }

    /// Invariant 1.
    fn check_money(&self, chain: &Chain) -> Difference {
        let mut owed: u128 = everybody().into_iter().map(|who| chain.credit(who)).sum();
        owed += self.opened.iter().map(|pact| chain.free_bond(*pact)).sum::<u128>();
        for (at, book) in &self.periods {
            let fee: u128 = chain.pacts[&at.pact].0.juryFee.to();
            let left = (book.presented.len() - book.collected.len()) as u128;
            owed += chain.locked(*at) + left * book.each.unwrap_or(fee);
        }
        let donated = |to| self.donated.get(&to).copied().unwrap_or(0);
        let held = chain.balance_slot(Who::Registry);
        same("what the registry owes and holds", &(owed + donated(Who::Registry)), &held)?;
        let stakes = usd(100).to::<u128>() * u128::from(JURORS);
        let held = chain.balance_slot(Who::Jury);
        same("what the jury owes and holds", &(stakes + self.pots + donated(Who::Jury)), &held)?;
        let supply: u128 = everybody().into_iter().map(|who| chain.balance_slot(who)).sum();
        same("all balances together", &self.supply, &supply)
    }

    /// At the end: every pact is closed, so the registry owes nothing but credits.
    pub fn check_closed(&self, chain: &Chain) -> Difference {
        same("closed pacts", &self.opened, &self.closed)?;
        let left = self.periods.values().filter(|book| book.presented != book.collected).count();
        same("periods whose records were not collected", &0, &left)?;
        let credits: u128 = everybody().into_iter().map(|who| chain.credit(who)).sum();
        let donated = self.donated.get(&Who::Registry).copied().unwrap_or(0);
        let held = chain.balance_slot(Who::Registry);
        same("credits and what the registry holds", &(credits + donated), &held)
    }
}

/// What an event that ends a period says about its seats.
fn to_seats(event: &Event) -> u128 {
    match event {
        Event::Funded { shares, .. } => shares.iter().sum(),
        Event::Credited { owner: Who::Juror(_), amount } => *amount,
        Event::Credited { .. }
        | Event::Opened { .. }
        | Event::Noticed { .. }
        | Event::Closed { .. }
        | Event::Drawn { .. }
        | Event::Fixed { .. }
        | Event::Presented { .. }
        | Event::Ended { .. }
        | Event::Collected { .. }
        | Event::Withdrawn { .. }
        | Event::Claimed { .. } => 0,
    }
}

fn wealth(chain: &Chain) -> BTreeMap<Who, u128> {
    let of = |who: Who| (who, chain.balance_slot(who) + chain.credit(who));
    everybody().into_iter().map(of).collect()
}
