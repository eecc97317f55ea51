//! What is done with records: they are presented, judged or not, and collected.

use super::money::divide;
use super::promise::Promise;
use super::state::{At, Event, Model, Pact, Period, Record, Status};
use super::step::{Call, Presentation};
use super::token::Pull;
use super::who::Who;
use crate::model::reputation::{Facts, Role};
use crate::model::state::{Ending, Refusal};
use crate::model::tally::{Ballot, Outcome, Tally, tally};
use crate::model::terms::refuse;

impl Model {
    /// Anybody with the agent's signature on the record and the presenter's on the fee, while
    /// records are welcome. The period's first record locks a slash of the bond.
    pub fn present(&mut self, call: Call, what: &Presentation) -> Result<&'static str, Refusal> {
        let (promise, mut pact) = self.load(call)?;
        let (record, at) = (what.record, what.record.at());
        refuse(record.pact != call.pact, "RecordMismatch")?;
        self.refuse_unwelcome(&promise, &pact, at.period)?;
        refuse(what.claimed != record, "RecordMismatch")?;
        refuse(self.presenters.contains_key(&record), "RecordExists")?;
        let mut period = self.period(at);
        Self::refuse_unsampled(period.sample, &promise, record.key)?;
        refuse(period.records.len() == usize::from(self.rules.places), "PlacesTaken")?;
        if period.status == Status::Quiet {
            lock(&promise, &mut pact, &mut period)?;
        }
        refuse(what.signer != promise.agent, "SignatureInvalid")?;

        period.records.push(record);
        self.pacts.insert(call.pact, pact);
        self.periods.insert(at, period);
        self.presenters.insert(record, what.presenter);
        self.events.push(Event::Presented { record, presenter: what.presenter });
        let (from, signer, valid_before) = (what.presenter, what.fee_signer, what.valid_until);
        let amount = promise.jury_fee;
        self.token.pull(self.now, Pull { from, amount, valid_before, signer })?;
        Ok("present")
    }

    /// Anybody with a panel's ballots, once records are no longer welcome and before the panel's
    /// time is over.
    pub fn settle(
        &mut self,
        call: Call,
        period: u32,
        (ballots, torn): (&[Ballot], bool),
    ) -> Result<&'static str, Refusal> {
        let at = At { pact: call.pact, period };
        let (promise, pact, kept) = self.load_claimed(call, at)?;
        refuse(self.now < promise.present_end(period), "TooEarly")?;
        refuse(self.now >= promise.judge_end(period), "DeadlinePassed")?;
        let seats = self.juries[promise.jury].panel.len();
        refuse(torn, "BallotsMalformed")?;
        let beyond = ballots.iter().any(|ballot| usize::from(ballot.seat) >= seats);
        refuse(beyond, "SeatUnknown")?;
        let seats = u32::try_from(seats).unwrap_or(u32::MAX);
        let count = tally(&promise.rule, seats, ballots);
        let (name, ending) = match count.outcome {
            Outcome::NoVerdict => return Err("NoVerdict"),
            Outcome::Accepted => ("settle: accepted", Ending::Accepted),
            Outcome::Rejected => ("settle: rejected", Ending::Rejected),
            Outcome::Undetermined => ("settle: undetermined", Ending::Undetermined),
        };
        let amount = kept.locked;
        let slashed = if count.outcome == Outcome::Rejected { amount } else { 0 };
        let records = kept.records.len() as u128;
        let fees = (promise.jury_fee, u128::from(seats));
        let voted = u128::from(count.voted.count_ones());
        let parts = divide(records, fees, voted, (slashed, self.rules.reward_parts));
        let facts = Facts { amount, ending, rejection_stood: false, lost_appeal: None };
        let standing = self.standings.entry(promise.agent).or_default();
        *standing = standing.with(&facts, Role::Seller, self.now);
        self.end((call, at), (pact, kept), &count, (parts.each, slashed));
        let paid = self.pay_jurors(promise.jury, count.voted, parts.per_seat * records);
        self.pay(Who::Nobody, parts.burned);
        Ok(if paid { name } else { "settle: seats credited" })
    }

    /// Anybody, once the panel's time is over: nothing is slashed, no fact is written, every fee
    /// goes back.
    pub fn expire(&mut self, call: Call, period: u32) -> Result<&'static str, Refusal> {
        let at = At { pact: call.pact, period };
        let (promise, pact, kept) = self.load_claimed(call, at)?;
        refuse(self.now < promise.judge_end(period), "TooEarly")?;
        self.end((call, at), (pact, kept), &Tally::default(), (promise.jury_fee, 0));
        Ok("expire")
    }

    /// Anybody, once per record of an ended period.
    pub fn collect(&mut self, record: Record) -> Result<&'static str, Refusal> {
        let presenter = *self.presenters.get(&record).ok_or("RecordUnknown")?;
        let period = self.period(record.at());
        refuse(period.status != Status::Ended, "StatusMismatch")?;
        let amount = period.each;
        self.presenters.remove(&record);
        self.events.push(Event::Collected { record, presenter, amount });
        let paid = self.pay(presenter, amount);
        Ok(if paid { "collect" } else { "collect: credited" })
    }

    /// What is not slashed returns to the bond.
    fn end(
        &mut self,
        (call, at): (Call, At),
        (mut pact, mut period): (Pact, Period),
        count: &Tally,
        (each, slashed): (u128, u128),
    ) {
        pact.bond += period.locked - slashed;
        pact.claimed -= 1;
        self.pacts.insert(at.pact, pact);
        (period.status, period.locked, period.each) = (Status::Ended, 0, each);
        self.periods.insert(at, period);
        let masks = [count.seats, count.met, count.failed];
        let (outcome, by) = (count.outcome, call.by);
        self.events.push(Event::Ended { at, outcome, masks, slashed, each, by });
    }
}

/// One slash, or what is left of the bond: a lone presenter gets its fee back when it is right.
fn lock(promise: &Promise, pact: &mut Pact, period: &mut Period) -> Result<(), Refusal> {
    let locked = promise.slash().min(pact.bond);
    refuse(locked < promise.jury_fee, "BondTooLow")?;
    pact.bond -= locked;
    pact.claimed += 1;
    (period.status, period.locked) = (Status::Claimed, locked);
    Ok(())
}
