//! The rows of the table in section 4 of the protocol, one function per operation.
//!
//! Every operation checks, then changes; [`Model::apply`] forgets the changes of one that refuses.

use super::money::{Consent, Due, Till, for_this};
use super::reputation::Role;
use super::state::{At, Deal, Ending, Event, Handed, Kept, Live, Model, Part, Refusal, Status};
use super::step::{Call, Requested, Step, Timed};
use super::tally::Outcome;
use super::terms::{Terms, Who, refuse};
use super::token::{Funding, Pull, TOKEN_REFUSES};

impl Model {
    /// Does it, or refuses and changes nothing. `terms` are those of every deal that steps name.
    pub fn apply(&mut self, terms: &[Terms], step: &Step) -> Result<(), Refusal> {
        let mut next = self.clone();
        next.events.clear();
        next.rows.clear();
        next.act(terms, step)?;
        *self = next;
        Ok(())
    }

    fn act(&mut self, terms: &[Terms], step: &Step) -> Result<(), Refusal> {
        match step {
            Step::Open { deal, by, buyer, seller } => {
                self.open(*deal, &terms[*deal], *by, (*buyer, *seller))
            }
            Step::Revoke { deal, by, party, consent } => {
                self.revoke(*deal, &terms[*deal], *by, (*party, consent))
            }
            Step::Deliver { at, by, work, signer, requested } => {
                self.deliver((*at, *by), *work, *signer, requested)
            }
            Step::Settle { call, work, ballots } => self.settle(*call, *work, ballots),
            Step::Batch { by, round, items, forged } => {
                self.settle_batch(terms, *by, *round, (items, *forged))
            }
            Step::ByTime { action, call, requested } => match action {
                Timed::Reclaim => self.reclaim(*call, requested),
                Timed::Escalate => self.escalate(*call, requested),
                Timed::Expire => self.expire(*call, requested),
                Timed::Finalize | Timed::Deliver => self.finalize(*call, requested),
            },
            Step::Appeal { call, fee, valid_until, standing, funding } => {
                self.appeal(*call, (*fee, *valid_until), *standing, *funding)
            }
            Step::Accept { call, buyer } => self.accept(*call, buyer),
            Step::Concede { call, seller } => self.concede(*call, seller),
            Step::Agree { call, to_seller, as_credit, buyer, seller } => {
                self.agree(*call, (*to_seller, *as_credit), buyer, seller)
            }
            Step::Multicall { steps, .. } => {
                self.rows.push("multicall");
                steps.iter().try_for_each(|step| self.act(terms, step))
            }
            other => self.act_on_money(other),
        }
    }

    /// What is not about a milestone.
    fn act_on_money(&mut self, step: &Step) -> Result<(), Refusal> {
        match step {
            Step::Advance { secs } => self.now += secs,
            Step::Withdraw { owner, .. } => return self.withdraw(*owner),
            Step::ClaimFees { jury, round, seat, .. } => {
                return self.claim_fees(*jury, *round, *seat);
            }
            Step::Blacklist { who } => {
                self.token.blacklist.insert(*who);
            }
            Step::Unblacklist { who } => {
                self.token.blacklist.remove(who);
            }
            Step::Pause => self.token.paused = true,
            Step::Unpause => self.token.paused = false,
            Step::Approve { owner, amount } => {
                let listed = [*owner, Who::Escrow].iter().any(|w| self.token.blacklist.contains(w));
                refuse(self.token.paused || listed, TOKEN_REFUSES)?;
                self.token.allowances.insert(*owner, *amount);
            }
            Step::Donate { from, to, amount } => return self.token.transfer(*from, *to, *amount),
            other => unreachable!("{other:?} is about a milestone"),
        }
        Ok(())
    }

    /// Row 1: anybody, with both signatures, before `openBy`; pulls total and bond.
    fn open(
        &mut self,
        id: usize,
        terms: &Terms,
        by: Who,
        (buyer, seller): (Funding, Funding),
    ) -> Result<(), Refusal> {
        terms.check(&self.juries[terms.jury], self.now)?;
        self.refuse_used(id)?;
        // Without a bond the seller signs the deal's id.
        refuse(terms.bond == 0 && seller.signer != terms.seller, "SignatureInvalid")?;
        let parts = vec![Part::default(); terms.milestones.len()];
        let (terms, revoked) = (terms.clone(), false);
        let (amount, bond, total) = (terms.sum(), terms.bond, terms.total);
        let pull =
            |from, amount| Pull { from, amount, valid_before: terms.open_by, for_this: true, by };
        self.token.pull(self.now, pull(terms.buyer, total), buyer)?;
        if bond > 0 {
            self.token.pull(self.now, pull(terms.seller, bond), seller)?;
        }
        self.rows.push("1 open");
        self.events.push(Event::Opened { deal: id });
        self.pay(by, terms.open_fee, false);
        self.deals.insert(id, Deal { terms, revoked, parts, amount, bond });
        Ok(())
    }

    /// Row 2: either, signed, while it was never opened.
    fn revoke(
        &mut self,
        id: usize,
        terms: &Terms,
        by: Who,
        (party, consent): (Who, &Consent),
    ) -> Result<(), Refusal> {
        self.refuse_used(id)?;
        refuse(party != terms.buyer && party != terms.seller, "NotAParty")?;
        if by != party {
            refuse(self.now >= consent.valid_until, "ConsentExpired")?;
            refuse(consent.signer != party, "SignatureInvalid")?;
        }
        let terms = terms.clone();
        self.deals.insert(id, Deal { terms, revoked: true, parts: vec![], amount: 0, bond: 0 });
        self.rows.push("2 revoke");
        self.events.push(Event::Revoked { deal: id, party });
        let (amount, valid_before) = (consent.fee, consent.valid_until);
        let mut till = Till::default();
        let pull = Pull { from: party, amount, valid_before, for_this: true, by };
        self.charge(&mut till, pull, consent.cover)?;
        self.flush(0, till);
        Ok(())
    }

    fn refuse_used(&self, id: usize) -> Result<(), Refusal> {
        match self.deals.get(&id) {
            None => Ok(()),
            Some(deal) if deal.revoked => Err("DealIsRevoked"),
            Some(_) => Err("DealExists"),
        }
    }

    /// Row 3: the seller, signed, before `deliverBy`; the digest is pinned.
    fn deliver(
        &mut self,
        (at, by): (At, Who),
        work: u8,
        signer: Who,
        requested: &[Requested],
    ) -> Result<(), Refusal> {
        let mut live = self.pending(at, by)?;
        let deadline = live.terms.milestones[usize::from(at.milestone)].deliver_by;
        refuse(self.now >= deadline, "DeadlinePassed")?;
        refuse(by != live.terms.seller && signer != live.terms.seller, "SignatureInvalid")?;
        let kept = Kept {
            status: Status::Delivered,
            work,
            until: self.now + live.terms.judge_within,
            standing: Outcome::NoVerdict,
            met_bps: 0,
            due: Due::default(),
        };
        self.keep(&mut live, kept);
        self.rows.push("3 deliver");
        self.events.push(Event::Delivered { at, kept });
        self.close(live, Timed::Deliver, (1, Outcome::NoVerdict), requested)
    }

    // ---- time

    /// Row 9: anybody, from judgeEnd, while nothing is on-chain.
    fn reclaim(&mut self, call: Call, requested: &[Requested]) -> Result<(), Refusal> {
        let mut live = self.pending(call.at, call.by)?;
        refuse(self.now < live.until(), "TooEarly")?;
        self.rows.push("9 reclaim");
        self.refund(&mut live, Ending::Reclaimed, None);
        self.close(live, Timed::Reclaim, (1, Outcome::NoVerdict), requested)
    }

    /// Row 10: anybody, from judgeEnd of a delivery, with an appeal panel.
    fn escalate(&mut self, call: Call, requested: &[Requested]) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        refuse(live.status() != Status::Delivered, "StatusMismatch")?;
        refuse(self.juries[live.terms.jury].appeal.is_empty(), "PanelMissing")?;
        refuse(self.now < live.until(), "TooEarly")?;
        let kept = live.kept.expect("delivered");
        let until = self.now + live.terms.judge_within;
        self.move_to(&mut live, Kept { status: Status::Round2, until, ..kept });
        self.rows.push("10 escalate");
        self.close(live, Timed::Escalate, (1, Outcome::NoVerdict), requested)
    }

    /// Rows 11 and 16: anybody, from judgeEnd of the last panel.
    fn expire(&mut self, call: Call, requested: &[Requested]) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        let last = match live.status() {
            Status::Round2 => true,
            Status::Delivered => self.juries[live.terms.jury].appeal.is_empty(),
            Status::Pending | Status::Judged => false,
        };
        refuse(!last, "StatusMismatch")?;
        refuse(self.now < live.until(), "TooEarly")?;
        let (round, standing) = (live.round(), live.standing());
        if let Some(appellant) = live.appellant() {
            self.rows.push("16 expire, a verdict stands");
            let met_bps = live.kept.map_or(0, |kept| kept.met_bps);
            self.pay_appeal_bond(&mut live, appellant, false);
            self.by_verdict(&mut live, standing, met_bps, None);
        } else {
            let delivered = live.status() == Status::Delivered;
            self.rows.push(if delivered { "11 expire" } else { "16 expire, nothing stands" });
            let bps = live.terms.silent_seller_bps;
            self.share(&mut live, Ending::Silent, None, bps);
        }
        self.close(live, Timed::Expire, (round, standing), requested)
    }

    /// Row 13: anybody, after the window.
    fn finalize(&mut self, call: Call, requested: &[Requested]) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        refuse(live.status() != Status::Judged, "StatusMismatch")?;
        refuse(self.now < live.until(), "TooEarly")?;
        let (standing, met_bps) = (live.standing(), live.kept.map_or(0, |kept| kept.met_bps));
        self.rows.push("13 finalize");
        self.by_verdict(&mut live, standing, met_bps, None);
        self.close(live, Timed::Finalize, (1, standing), requested)
    }

    /// Takes the fees of those who asked for it, and pays everybody.
    fn close(
        &mut self,
        mut live: Live,
        action: Timed,
        (round, standing): (u8, Outcome),
        requested: &[Requested],
    ) -> Result<(), Refusal> {
        let mut till = std::mem::take(&mut live.till);
        refuse(requested.len() > 1, "RequestCount")?;
        for request in requested {
            let (party, consent) = (request.party, &request.consent);
            let is_party = [live.terms.buyer, live.terms.seller].contains(&party);
            refuse(!is_party, "NotAParty")?;
            let for_this = request.action == action && for_this(round, standing, consent);
            if live.by != party {
                refuse(self.now >= consent.valid_until, "ConsentExpired")?;
                refuse(consent.signer != party || !for_this, "SignatureInvalid")?;
            }
            self.charge(&mut till, pull(party, live.by, for_this, consent), consent.cover)?;
        }
        self.flush(live.terms.jury, till);
        Ok(())
    }

    // ---- what only a party can do

    /// Row 12: the loser, signed, in the window; pulls the appeal bond.
    fn appeal(
        &mut self,
        call: Call,
        (fee, valid_until): (u128, u64),
        standing: Outcome,
        funding: Funding,
    ) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        refuse(live.status() != Status::Judged, "StatusMismatch")?;
        refuse(self.now >= live.until(), "DeadlinePassed")?;
        refuse(self.now >= valid_until, "ConsentExpired")?;
        let from = live.wallet(live.loser().expect("a verdict stands"));
        let (amount, for_this) = (live.terms.appeal_bond + fee, standing == live.standing());
        let pull = Pull { from, amount, valid_before: valid_until, for_this, by: live.by };
        self.token.pull(self.now, pull, funding)?;
        self.rows.push("12 appeal");
        let kept = live.kept.expect("judged");
        let until = self.now + live.terms.judge_within;
        self.move_to(&mut live, Kept { status: Status::Round2, until, ..kept });
        if fee > 0 {
            self.events.push(Event::ActFeePaid { party: from, by: live.by, fee });
            self.pay(live.by, fee, false);
        }
        Ok(())
    }

    /// Row 17: the buyer gives in; so does an appeal bond that it posted.
    fn accept(&mut self, call: Call, buyer: &Consent) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        self.consents(&live, live.terms.buyer, buyer)?;
        let (appellant, round, standing) = (live.appellant(), live.round(), live.standing());
        self.rows.push(if appellant.is_some() { "17 accept, appealed" } else { "17 accept" });
        if appellant.is_some() {
            // Its own back to the seller, or the buyer's over to it.
            self.pay_appeal_bond(&mut live, Role::Seller, false);
        }
        let lost = appellant.filter(|role| *role == Role::Buyer);
        self.share(&mut live, Ending::Accepted, lost, super::terms::WHOLE);
        self.charge_one(live, Role::Buyer, (round, standing), buyer)
    }

    /// Row 18: the seller gives in; so does an appeal bond that it posted.
    fn concede(&mut self, call: Call, seller: &Consent) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        self.consents(&live, live.terms.seller, seller)?;
        let (appellant, round, standing) = (live.appellant(), live.round(), live.standing());
        self.rows.push(if appellant.is_some() { "18 concede, appealed" } else { "18 concede" });
        if appellant.is_some() {
            self.pay_appeal_bond(&mut live, Role::Buyer, false);
        }
        let lost = appellant.filter(|role| *role == Role::Seller);
        self.refund(&mut live, Ending::Conceded, lost);
        self.charge_one(live, Role::Seller, (round, standing), seller)
    }

    fn charge_one(
        &mut self,
        mut live: Live,
        role: Role,
        (round, standing): (u8, Outcome),
        consent: &Consent,
    ) -> Result<(), Refusal> {
        let mut till = std::mem::take(&mut live.till);
        let for_this = for_this(round, standing, consent);
        let pull = pull(live.wallet(role), live.by, for_this, consent);
        self.charge(&mut till, pull, consent.cover)?;
        self.flush(live.terms.jury, till);
        Ok(())
    }

    /// Row 19: both, signed for the current state; the appeal bond goes back.
    fn agree(
        &mut self,
        call: Call,
        (to_seller, as_credit): (u128, bool),
        buyer: &Consent,
        seller: &Consent,
    ) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        self.consents(&live, live.terms.buyer, buyer)?;
        self.consents(&live, live.terms.seller, seller)?;
        let (round, standing) = (live.round(), live.standing());
        let appealed = live.appellant().is_some();
        self.rows.push(if appealed { "19 agree, appealed" } else { "19 agree" });
        live.as_credit = as_credit;
        if let Some(appellant) = live.appellant() {
            self.pay_appeal_bond(&mut live, appellant, false);
        }
        self.split(&mut live, to_seller)?;
        let mut till = std::mem::take(&mut live.till);
        for (role, consent) in [(Role::Buyer, buyer), (Role::Seller, seller)] {
            let for_this = for_this(round, standing, consent);
            let pull = pull(live.wallet(role), live.by, for_this, consent);
            self.charge(&mut till, pull, consent.cover)?;
        }
        self.flush(live.terms.jury, till);
        Ok(())
    }

    // ---- what is owed

    fn withdraw(&mut self, owner: Who) -> Result<(), Refusal> {
        let amount = self.credits.get(&owner).copied().unwrap_or(0);
        refuse(amount == 0, "CreditEmpty")?;
        self.credits.insert(owner, 0);
        self.events.push(Event::Withdrawn { owner, amount });
        self.token.transfer(Who::Escrow, owner, amount).map_err(|_| "TransferRefused")
    }

    fn claim_fees(&mut self, jury: usize, round: u8, seat: u8) -> Result<(), Refusal> {
        let amount = self.pots.remove(&(jury, round, seat)).unwrap_or(0);
        refuse(amount == 0, "FeesEmpty")?;
        let key = self.juries[jury].of(round)[usize::from(seat)];
        self.events.push(Event::Claimed { jury, round, seat, key, amount });
        self.token.transfer(Who::Jury, key, amount).map_err(|_| "TransferRefused")
    }
}

fn pull(from: Who, by: Who, for_this: bool, consent: &Consent) -> Pull {
    Pull { from, amount: consent.fee, valid_before: consent.valid_until, for_this, by }
}

/// A careful caller's.
pub fn careful(at: At, by: Who) -> Call {
    Call { at, by, handed: Handed::Right }
}
