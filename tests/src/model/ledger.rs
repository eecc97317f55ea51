//! The invariants of the [module's head](super), kept from what the contracts log and hold. The
//! model has no part in it, so a mistake that model and contracts share still shows here.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Chain, JURORS, everybody};
use super::compare::{self, same};
use super::money::mul_div;
use super::reputation::{Facts, Role, Standing};
use super::state::{At, Ending, Event, Kept, Status};
use super::step::Step;
use super::tally::Outcome;
use super::terms::{Terms, Who};
use crate::usd;

/// What the logs say of one deal.
#[derive(Clone, Debug, Default)]
struct Book {
    /// Money and bond of the milestones that have not ended.
    open: (u128, u128),
    ended: BTreeSet<u8>,
}

/// What the logs say of everything.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    deals: BTreeMap<usize, Book>,
    /// The last state that was logged of a milestone.
    states: BTreeMap<At, Kept>,
    appeal_bonds: BTreeMap<At, u128>,
    pots: u128,
    donated: BTreeMap<Who, u128>,
    standings: BTreeMap<(Who, Role), Standing>,
    /// Balance and credit of everybody, contracts apart.
    wealth: BTreeMap<Who, u128>,
}

impl Ledger {
    /// Nothing has happened yet.
    pub fn new(chain: &Chain) -> Self {
        Self { wealth: wealth(chain), ..Self::default() }
    }

    /// Checks every invariant after a step that succeeded and logged `events`, or was refused and
    /// logged none.
    pub fn check(
        &mut self,
        chain: &Chain,
        terms: &[Terms],
        (step, done): (&Step, bool),
        events: &[Event],
    ) -> Result<(), String> {
        let named = self.named(terms, step, events);
        if let (Step::Donate { to, amount, .. }, true) = (step, done) {
            *self.donated.entry(*to).or_default() += amount;
        }
        for event in events {
            self.read(chain, terms, event, events)?;
        }
        let ended = |at: &At| self.deals[&at.deal].ended.contains(&at.milestone);
        if let Some(at) = self.appeal_bonds.keys().find(|at| ended(at)) {
            return Err(format!("the appeal's bond of {at:?} outlived it"));
        }
        self.check_money(chain)?;
        self.check_payees(chain, done, &named)?;
        for ((who, role), standing) in &self.standings {
            let kept = compare::standing(chain, *who, *role);
            same(&format!("facts of {who:?} as {role:?}, folded from events"), standing, &kept)?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        chain: &Chain,
        terms: &[Terms],
        event: &Event,
        all: &[Event],
    ) -> Result<(), String> {
        match event {
            Event::Opened { deal } => {
                let open = (terms[*deal].sum(), terms[*deal].bond);
                let twice = self.deals.insert(*deal, Book { open, ..Book::default() });
                same(&format!("openings of deal {deal} before"), &false, &twice.is_some())?;
            }
            Event::Delivered { at, kept } | Event::Moved { at, kept } => {
                self.refuse_ended(*at)?;
                let appealed = kept.status == Status::Round2 && kept.standing != Outcome::NoVerdict;
                if appealed {
                    self.appeal_bonds.insert(*at, terms[at.deal].appeal_bond);
                }
                self.states.insert(*at, *kept);
            }
            Event::Settled { at, .. } => self.refuse_ended(*at)?,
            Event::AppealBondPaid { at, amount, fees, .. } => {
                let held = self.appeal_bonds.remove(at).ok_or("an appeal's bond from nowhere")?;
                same(&format!("appeal's bond of {at:?}"), &held, &(amount + fees))?;
            }
            Event::Ended { at, .. } => self.end(chain, &terms[at.deal], event, all)?,
            Event::Funded { shares, .. } => self.pots += shares.iter().sum::<u128>(),
            Event::Claimed { amount, .. } => self.pots -= amount,
            Event::FeesPaid { .. }
            | Event::Revoked { .. }
            | Event::ActFeePaid { .. }
            | Event::Skipped { .. }
            | Event::Credited { .. }
            | Event::Withdrawn { .. } => {}
        }
        Ok(())
    }

    fn refuse_ended(&self, at: At) -> Result<(), String> {
        let ended = self.deals.get(&at.deal).is_none_or(|book| book.ended.contains(&at.milestone));
        if ended {
            Err(format!("{at:?} moved after its end or before its opening"))
        } else {
            Ok(())
        }
    }

    /// Invariants 2, 3, 4 and 8.
    fn end(
        &mut self,
        chain: &Chain,
        terms: &Terms,
        event: &Event,
        all: &[Event],
    ) -> Result<(), String> {
        let Event::Ended { at, ending, to_seller, to_buyer } = event else { return Ok(()) };
        self.refuse_ended(*at)?;
        let book = self.deals.get_mut(&at.deal).ok_or("an end without a beginning")?;
        let amount = terms.milestones[usize::from(at.milestone)].amount;
        let bond = mul_div(book.open.1, amount, book.open.0);
        let fees = all.iter().find_map(|event| match event {
            Event::FeesPaid { at: of, rounds, receiver } if of == at => Some(rounds + receiver),
            _ => None,
        });
        let paid = to_seller + to_buyer + fees.unwrap_or(0);
        same(&format!("what {at:?} pays in all"), &(amount + bond), &paid)?;
        if *ending == Ending::Cancelled {
            same("a cancelled milestone", &(bond, amount), &(*to_seller, *to_buyer))?;
        }
        book.open = (book.open.0 - amount, book.open.1 - bond);
        book.ended.insert(at.milestone);
        let mask = chain.ended(chain.deals[at.deal].1);
        same(&format!("the ended bit of {at:?}"), &1, &(mask >> at.milestone & 1))?;
        self.record(chain, terms, event, all);
        Ok(())
    }

    /// The fact of an ended milestone: of what was logged about it before and in the same
    /// transaction.
    fn record(&mut self, chain: &Chain, terms: &Terms, event: &Event, all: &[Event]) {
        let Event::Ended { at, ending, .. } = event else { return };
        let standing = self.states.get(at).map_or(Outcome::NoVerdict, |kept| kept.standing);
        let overturned = all.iter().any(|event| match event {
            Event::Settled { at: of, round: 2, outcome, .. } if of == at => {
                *outcome != standing && *outcome != Outcome::Undetermined
            }
            _ => false,
        });
        let (appellant, role) = match standing {
            Outcome::Rejected => (terms.seller, Role::Seller),
            Outcome::NoVerdict | Outcome::Accepted | Outcome::Undetermined => {
                (terms.buyer, Role::Buyer)
            }
        };
        // Whoever does not get its appeal's bond back has lost the appeal.
        let lost = all.iter().any(|event| {
            matches!(event, Event::AppealBondPaid { at: of, to, .. } if of == at && *to != appellant)
        });
        let facts = Facts {
            amount: terms.milestones[usize::from(at.milestone)].amount,
            ending: *ending,
            rejection_stood: standing == Outcome::Rejected && !overturned,
            lost_appeal: lost.then_some(role),
        };
        for (who, role) in [(terms.buyer, Role::Buyer), (terms.seller, Role::Seller)] {
            let standing = self.standings.entry((who, role)).or_default();
            *standing = standing.with(&facts, role, chain.world.now());
        }
    }

    /// Invariant 1.
    fn check_money(&self, chain: &Chain) -> Result<(), String> {
        let mut owed: u128 = self.appeal_bonds.values().sum();
        for (deal, book) in &self.deals {
            let open = chain.open_money(chain.deals[*deal].1);
            same(&format!("open money and bond of deal {deal}"), &book.open, &open)?;
            owed += open.0 + open.1;
        }
        for who in everybody() {
            owed += chain.credit(chain.address(who)).to::<u128>();
        }
        let donated = |to| self.donated.get(&to).copied().unwrap_or(0);
        let held = chain.balance_slot(Who::Escrow);
        same("what the escrow owes and holds", &(owed + donated(Who::Escrow)), &held)?;
        let stakes = usd(100).to::<u128>() * u128::from(JURORS);
        let held = chain.balance_slot(Who::Jury);
        same("what the jury owes and holds", &(stakes + self.pots + donated(Who::Jury)), &held)
    }

    /// Invariants 5 and 9.
    fn check_payees(
        &mut self,
        chain: &Chain,
        done: bool,
        named: &BTreeSet<Who>,
    ) -> Result<(), String> {
        let after = wealth(chain);
        let before = std::mem::replace(&mut self.wealth, after);
        for (who, after) in &self.wealth {
            let changed = before.get(who) != Some(after);
            if changed && !(done && named.contains(who)) {
                return Err(format!("{who:?} had {:?} and has {after}", before.get(who)));
            }
        }
        Ok(())
    }

    /// Everybody whose money a step may change.
    fn named(&self, terms: &[Terms], step: &Step, events: &[Event]) -> BTreeSet<Who> {
        let mut named = BTreeSet::new();
        let mut milestones: Vec<At> = step.call().map(|call| call.at).into_iter().collect();
        named.extend(step.call().map(|call| call.by));
        match step {
            Step::Batch { by, items, .. } => {
                named.insert(*by);
                milestones.extend(items.iter().map(|item| item.at));
            }
            Step::Multicall { steps, .. } => {
                let of_all = steps.iter().flat_map(|step| self.named(terms, step, &[]));
                named.extend(of_all);
            }
            Step::Donate { from, .. } => {
                named.insert(*from);
            }
            _ => {}
        }
        named.extend(events.iter().filter_map(|event| match event {
            Event::Claimed { key, .. } => Some(*key),
            _ => None,
        }));
        for at in milestones {
            let terms = &terms[at.deal];
            named.extend([terms.buyer, terms.seller]);
            named.extend(terms.fee_receiver);
            named.extend(self.states.get(&at).and_then(|kept| kept.due.submitter));
            // Seats are credited when the token refuses the jury.
            named.extend((0..JURORS).map(Who::Juror));
        }
        named
    }

    /// Invariant 6, at its end: nothing is open, so the escrow owes nothing but credits.
    pub fn check_closed(&self) -> Result<(), String> {
        let open = self.deals.values().find(|book| book.open != (0, 0));
        same("what is still open", &None, &open.map(|book| book.open))?;
        same("appeals' bonds still held", &0, &self.appeal_bonds.len())
    }
}

fn wealth(chain: &Chain) -> BTreeMap<Who, u128> {
    let wallets = everybody().into_iter().filter(|who| ![Who::Escrow, Who::Jury].contains(who));
    let of = |who: Who| {
        let credit: u128 = chain.credit(chain.address(who)).to();
        (who, chain.balance_slot(who) + credit)
    };
    wallets.map(of).collect()
}
