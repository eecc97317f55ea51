//! Who gets what when a milestone ends, and how it reaches them: sections 4 to 6 of the protocol.

use alloy::primitives::U256;

use super::reputation::{Facts, Role};
use super::state::{At, Ending, Event, Live, Model, Refusal};
use super::tally::Outcome;
use super::terms::{Terms, WHOLE, Who};
use super::token::{Funding, Pull, Route};

/// `a * b / c`, rounded down.
pub fn mul_div(a: u128, b: u128, c: u128) -> u128 {
    (U256::from(a) * U256::from(b) / U256::from(c)).to()
}

/// F: what a decided round is owed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// What each seat gets that voted on something.
    pub seat_fee: u128,
    /// Which those are.
    pub voted: u16,
    /// What the submitter gets.
    pub relay_fee: u128,
    /// Who handed the ballots in.
    pub submitter: Option<Who>,
}

impl Due {
    /// Of a round of `n` seats: the jury's fee in n equal parts, the submitter's in proportion to
    /// the counted seats.
    pub fn new(terms: &Terms, n: u32, (seats, voted): (u16, u16), submitter: Who) -> Self {
        if terms.jury_fee + terms.relay_fee == 0 {
            // Nothing is owed, so nobody needs to be remembered.
            return Self::default();
        }
        let n = u128::from(n);
        Self {
            seat_fee: terms.jury_fee / n,
            voted,
            relay_fee: terms.relay_fee * u128::from(seats.count_ones()) / n,
            submitter: Some(submitter),
        }
    }

    /// All of it.
    pub fn sum(&self) -> u128 {
        self.seat_fee * u128::from(self.voted.count_ones()) + self.relay_fee
    }

    /// Cuts it down to what is there, jurors before submitter, and takes it out.
    fn take_from(&mut self, available: &mut u128) {
        let voters = u128::from(self.voted.count_ones());
        if self.seat_fee * voters > *available {
            self.seat_fee = *available / voters;
        }
        *available -= self.seat_fee * voters;
        self.relay_fee = self.relay_fee.min(*available);
        *available -= self.relay_fee;
    }
}

/// What a transaction pays: one entry per payee, transfers and credits apart, and per jury's seat.
#[derive(Clone, Debug, Default)]
pub struct Till {
    payees: Vec<(Who, bool, u128)>,
    seats: [Vec<u128>; 2],
}

impl Till {
    /// Adds to what somebody is paid, or credited.
    pub fn add(&mut self, to: Who, amount: u128, as_credit: bool) {
        if amount == 0 {
            return;
        }
        match self.payees.iter_mut().find(|(who, credit, _)| (*who, *credit) == (to, as_credit)) {
            Some((_, _, sum)) => *sum += amount,
            None => self.payees.push((to, as_credit, amount)),
        }
    }

    /// Takes an act's fee out of what its signer gets, if it gets that much in one piece.
    fn take(&mut self, from: Who, amount: u128) -> bool {
        let mut pieces: Vec<_> = self.payees.iter_mut().filter(|(who, ..)| *who == from).collect();
        pieces.sort_by_key(|(_, as_credit, _)| *as_credit);
        let piece = pieces.into_iter().find(|(.., sum)| *sum >= amount);
        piece.map(|(.., sum)| *sum -= amount).is_some()
    }

    /// Adds what a round is owed.
    fn add_round(&mut self, round: usize, due: &Due) {
        if due.seat_fee > 0 {
            let shares = &mut self.seats[round];
            shares.resize(16, 0);
            for seat in (0..16).filter(|seat| due.voted >> seat & 1 == 1) {
                shares[seat] += due.seat_fee;
            }
        }
        if let Some(submitter) = due.submitter {
            self.add(submitter, due.relay_fee, false);
        }
    }
}

/// A party's consent to an act, or what somebody claims to be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consent {
    /// What the caller gets.
    pub fee: u128,
    /// The signature is worth nothing from here on.
    pub valid_until: u64,
    /// Who signed.
    pub signer: Who,
    /// The round that it was signed for.
    pub round: u8,
    /// The standing verdict that it was signed for.
    pub standing: Outcome,
    /// What pays the fee, if nothing else does.
    pub cover: Option<Funding>,
}

impl Model {
    // ---- endings

    /// Rows 5, 9, 18: X + b - fees to the buyer, fees from b first. In a sequence the rest is
    /// cancelled.
    pub fn refund(&mut self, live: &mut Live, ending: Ending, lost: Option<Role>) {
        let mut left = live.x + live.b;
        live.rounds[0].take_from(&mut left);
        live.rounds[1].take_from(&mut left);
        self.end(live, ending, lost, (0, left, 0));
        if live.terms.sequential {
            self.cancel_rest(live);
        }
    }

    /// Rows 4, 8, 11, 17: `bps` of X - fees to the seller, less the marketplace's part; b back.
    pub fn share(&mut self, live: &mut Live, ending: Ending, lost: Option<Role>, bps: u128) {
        let mut net = live.x;
        live.rounds[0].take_from(&mut net);
        live.rounds[1].take_from(&mut net);
        let part = mul_div(net, bps, WHOLE);
        let receiver = mul_div(part, live.terms.fee_bps, WHOLE);
        self.end(live, ending, lost, (part - receiver + live.b, net - part, receiver));
    }

    /// Row 19: what both signed of what the fees leave; the marketplace's part is not of the bond.
    pub fn split(&mut self, live: &mut Live, to_seller: u128) -> Result<(), Refusal> {
        let mut net = live.x;
        live.rounds[0].take_from(&mut net);
        live.rounds[1].take_from(&mut net);
        let left = (net + live.b).checked_sub(to_seller).ok_or("SplitTooLarge")?;
        let receiver = mul_div(to_seller.saturating_sub(live.b), live.terms.fee_bps, WHOLE);
        self.end(live, Ending::Agreed, None, (to_seller - receiver, left, receiver));
        Ok(())
    }

    /// Rows 4, 5 by a verdict: accepted in part where the terms say so.
    pub fn by_verdict(
        &mut self,
        live: &mut Live,
        verdict: Outcome,
        met_bps: u128,
        lost: Option<Role>,
    ) {
        if verdict == Outcome::Rejected {
            return self.refund(live, Ending::Rejected, lost);
        }
        let pro_rata = live.terms.milestones[usize::from(live.at.milestone)].rule.pro_rata;
        self.share(live, Ending::Accepted, lost, if pro_rata { met_bps } else { WHOLE });
    }

    fn end(
        &mut self,
        live: &mut Live,
        ending: Ending,
        lost: Option<Role>,
        (to_seller, to_buyer, receiver): (u128, u128, u128),
    ) {
        let at = live.at;
        let deal = self.deals.get_mut(&at.deal).expect("a live deal");
        deal.end(usize::from(at.milestone), ending, live.b);
        let rounds: u128 = live.rounds.iter().map(Due::sum).sum();
        assert!(to_seller + to_buyer + rounds + receiver == live.x + live.b, "to the unit");
        self.events.push(Event::Ended { at, ending, to_seller, to_buyer });
        if rounds + receiver > 0 {
            self.events.push(Event::FeesPaid { at, rounds, receiver });
        }
        // Nothing stands any more once the other verdict overturned it.
        let rejection_stood = live.standing() == Outcome::Rejected;
        self.record(live, Facts { amount: live.x, ending, rejection_stood, lost_appeal: lost });
        let seller_credited = live.as_credit || live.terms.pay_as_credit;
        live.till.add(live.terms.seller, to_seller, seller_credited);
        live.till.add(live.terms.buyer, to_buyer, live.as_credit);
        live.till.add_round(0, &live.rounds[0]);
        live.till.add_round(1, &live.rounds[1]);
        if let Some(market) = live.terms.fee_receiver {
            live.till.add(market, receiver, false);
        }
    }

    /// Row 20: X to the buyer, b back.
    fn cancel_rest(&mut self, live: &mut Live) {
        let terms = live.terms.clone();
        for k in usize::from(live.at.milestone) + 1..terms.milestones.len() {
            let deal = self.deals.get_mut(&live.at.deal).expect("a live deal");
            self.rows.push("20 cascade");
            assert!(deal.parts[k].kept.is_none(), "nothing later has left Pending");
            let bond = deal.share(k);
            deal.end(k, Ending::Cancelled, bond);
            let milestone = u8::try_from(k).expect("at most sixteen");
            let at = At { deal: live.at.deal, milestone };
            let (amount, ending) = (terms.milestones[k].amount, Ending::Cancelled);
            self.events.push(Event::Ended { at, ending, to_seller: bond, to_buyer: amount });
            let facts = Facts { amount, ending, rejection_stood: false, lost_appeal: None };
            self.record(live, facts);
            live.till.add(terms.seller, bond, terms.pay_as_credit);
            live.till.add(terms.buyer, amount, false);
        }
    }

    fn record(&mut self, live: &Live, facts: Facts) {
        for role in [Role::Buyer, Role::Seller] {
            let standing = self.standings.entry((live.wallet(role), role)).or_default();
            *standing = standing.with(&facts, role, self.now);
        }
    }

    /// Pays the appellant's bond, less F of round 2 where it bears that; then the milestone does
    /// not.
    pub fn pay_appeal_bond(&mut self, live: &mut Live, to: Role, bears_round_2: bool) {
        let mut amount = live.terms.appeal_bond;
        let mut fees = 0;
        if bears_round_2 {
            let due = std::mem::take(&mut live.rounds[1]);
            fees = due.sum();
            amount -= fees;
            live.till.add_round(1, &due);
        }
        let as_credit = live.as_credit || (to == Role::Seller && live.terms.pay_as_credit);
        let to = live.wallet(to);
        live.till.add(to, amount, as_credit);
        self.events.push(Event::AppealBondPaid { at: live.at, to, amount, fees });
    }

    // ---- signed acts

    /// Whether a party agrees: by calling, or by its signature of exactly this.
    pub fn consents(&self, live: &Live, party: Who, consent: &Consent) -> Result<(), Refusal> {
        if live.by == party {
            return Ok(());
        }
        super::terms::refuse(self.now >= consent.valid_until, "ConsentExpired")?;
        let right = consent.signer == party && for_this(live.round(), live.standing(), consent);
        super::terms::refuse(!right, "SignatureInvalid")
    }

    /// Moves an act's fee to whoever submitted it: from what the act pays the signer, else from
    /// its credit, if the token would pay it either; else by an authorization.
    pub fn charge(
        &mut self,
        till: &mut Till,
        pull: Pull,
        cover: Option<Funding>,
    ) -> Result<(), Refusal> {
        if pull.amount == 0 {
            return Ok(());
        }
        let payable = self.token.clone().transfer(Who::Escrow, pull.from, 0).is_ok();
        if payable && till.take(pull.from, pull.amount) {
            self.rows.push("fee from the payout");
        } else {
            let credit = self.credits.entry(pull.from).or_default();
            if payable && *credit >= pull.amount {
                *credit -= pull.amount;
                self.rows.push("fee from credit");
                self.events.push(Event::Withdrawn { owner: pull.from, amount: pull.amount });
            } else {
                self.rows.push("fee by authorization");
                let cover = cover.filter(|cover| cover.route != Route::Empty);
                self.token.pull(self.now, pull, cover.ok_or("FeeUncovered")?)?;
            }
        }
        till.add(pull.by, pull.amount, false);
        self.events.push(Event::ActFeePaid { party: pull.from, by: pull.by, fee: pull.amount });
        Ok(())
    }

    // ---- payments

    /// Pays everybody: by transfer, as credit where that was agreed or the token refuses.
    pub fn flush(&mut self, jury: usize, till: Till) {
        for (to, amount, as_credit) in till.payees.into_iter().map(|(w, c, a)| (w, a, c)) {
            self.pay(to, amount, as_credit);
        }
        for (round, mut shares) in (1..).zip(till.seats) {
            let keys = self.juries[jury].of(round).to_vec();
            shares.truncate(keys.len());
            let total = shares.iter().sum();
            if total == 0 {
                continue;
            }
            if self.token.transfer(Who::Escrow, Who::Jury, total).is_ok() {
                for (seat, share) in (0..).zip(&shares) {
                    *self.pots.entry((jury, round, seat)).or_default() += share;
                }
                self.events.push(Event::Funded { jury, round, shares });
            } else {
                self.rows.push("seats credited");
                for (key, share) in keys.into_iter().zip(shares) {
                    self.pay(key, share, true);
                }
            }
        }
    }

    /// Pays one.
    pub fn pay(&mut self, to: Who, amount: u128, as_credit: bool) {
        if amount == 0 {
            return;
        }
        if !as_credit && self.token.clone().transfer(Who::Escrow, to, amount).is_err() {
            self.rows.push("refused, hence credited");
        }
        if as_credit || self.token.transfer(Who::Escrow, to, amount).is_err() {
            *self.credits.entry(to).or_default() += amount;
            self.events.push(Event::Credited { owner: to, amount });
        }
    }
}

/// Whether a consent was signed for this round and standing verdict.
pub fn for_this(round: u8, standing: Outcome, consent: &Consent) -> bool {
    (consent.round, consent.standing) == (round, standing)
}
