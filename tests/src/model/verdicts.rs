//! What a panel's ballots do: rows 4 to 8, 14 and 15 of the table in section 4 of the protocol.

use super::money::{Due, Till};
use super::reputation::Role;
use super::state::{At, Ending, Event, Kept, Live, Model, Refusal, Status};
use super::step::{Call, Item};
use super::tally::{Ballot, Outcome, Tally, tally};
use super::terms::{Terms, Who, refuse};

impl Model {
    /// Rows 4 to 8, 14, 15: anybody, before judgeEnd.
    pub fn settle(&mut self, call: Call, work: u8, ballots: &[Ballot]) -> Result<(), Refusal> {
        let mut live = self.live(call.at, call.by, self.handed(call.at, call.handed))?;
        let round = live.round();
        self.refuse_late(&live, round)?;
        let seats = self.juries[live.terms.jury].of(round).len();
        let beyond = ballots.iter().any(|ballot| usize::from(ballot.seat) >= seats);
        refuse(beyond, "SeatUnknown")?;
        let count = self.count(&live.terms, call.at, round, ballots);
        refuse_undecided(&live, work, &count)?;
        self.verdict(&mut live, round, work, &count);
        self.flush(live.terms.jury, live.till);
        Ok(())
    }

    /// The same for many; what `settle` would refuse is skipped and reported, and every payee is
    /// paid once.
    pub fn settle_batch(
        &mut self,
        terms: &[Terms],
        by: Who,
        round: u8,
        (items, forged): (&[Item], u16),
    ) -> Result<(), Refusal> {
        let first = items.first().ok_or("BatchMalformed")?;
        let jury = terms[first.at.deal].jury;
        refuse(self.juries[jury].of(round).is_empty(), "PanelMissing")?;
        // Items are read before any is applied.
        let states: Vec<_> = items.iter().map(|item| self.handed(item.at, item.handed)).collect();
        let mut till = Till::default();
        for (item, handed) in items.iter().zip(states) {
            let counted = self.live(item.at, by, handed).and_then(|live| {
                refuse(live.terms.jury != jury, "JuryMismatch")?;
                self.refuse_late(&live, round)?;
                let ballots = ballots_of(item, forged);
                let count = self.count(&live.terms, item.at, round, &ballots);
                refuse_undecided(&live, item.work, &count)?;
                Ok((live, count))
            });
            match counted {
                Ok((mut live, count)) => {
                    live.till = till;
                    self.verdict(&mut live, round, item.work, &count);
                    till = live.till;
                }
                Err(refusal) => {
                    let ended = refusal == "MilestoneAlreadyEnded";
                    self.rows.push(if ended { "21 ended, skipped" } else { "skipped" });
                    let refusal = refusal.to_owned();
                    self.events.push(Event::Skipped { at: item.at, refusal });
                }
            }
        }
        self.flush(jury, till);
        Ok(())
    }

    fn count(&self, terms: &Terms, at: At, round: u8, ballots: &[Ballot]) -> Tally {
        let seats = self.juries[terms.jury].of(round).len();
        let seats = u32::try_from(seats).expect("at most fifteen");
        tally(&terms.milestones[usize::from(at.milestone)].rule, seats, ballots)
    }

    fn refuse_late(&self, live: &Live, round: u8) -> Result<(), Refusal> {
        let asked = live.status() != Status::Judged && live.round() == round;
        refuse(!asked, "StatusMismatch")?;
        refuse(self.now >= live.until(), "DeadlinePassed")
    }

    fn verdict(&mut self, live: &mut Live, round: u8, work: u8, count: &Tally) {
        let panels = &self.juries[live.terms.jury];
        let (seats, appealable) = (panels.of(round).len(), !panels.appeal.is_empty());
        let seats = u32::try_from(seats).expect("at most fifteen");
        let due = Due::new(&live.terms, seats, (count.seats, count.voted), live.by);
        let masks = [count.seats, count.met, count.failed];
        let (at, by, outcome) = (live.at, live.by, count.outcome);
        self.events.push(Event::Settled { at, work, round, outcome, masks, by });
        live.rounds[usize::from(round) - 1] = due;
        if round == 2 {
            return self.verdict_2(live, count);
        }
        let undetermined = outcome == Outcome::Undetermined;
        let kept = |status, until| Kept {
            status,
            work,
            until,
            standing: if undetermined { Outcome::NoVerdict } else { outcome },
            met_bps: if undetermined { 0 } else { count.met_bps },
            due,
        };
        if undetermined && appealable {
            self.rows.push("7 undetermined, on to round 2");
            let kept = kept(Status::Round2, self.now + live.terms.judge_within);
            self.move_to(live, kept);
        } else if undetermined {
            self.rows.push("8 undetermined");
            self.share(live, Ending::Undetermined, None, live.terms.split_seller_bps);
        } else if live.terms.appeal_within > 0 {
            self.rows.push("6 judged");
            let kept = kept(Status::Judged, self.now + live.terms.appeal_within);
            self.move_to(live, kept);
        } else {
            let accepted = outcome == Outcome::Accepted;
            self.rows.push(if accepted { "4 accepted" } else { "5 rejected" });
            self.by_verdict(live, outcome, count.met_bps, None);
        }
    }

    /// Rows 14 and 15.
    fn verdict_2(&mut self, live: &mut Live, count: &Tally) {
        let standing = live.standing();
        let standing_bps = live.kept.map_or(0, |kept| kept.met_bps);
        let Some(appellant) = live.appellant() else {
            if count.outcome == Outcome::Undetermined {
                self.rows.push("15 undetermined, nothing stands");
                self.share(live, Ending::Undetermined, None, live.terms.split_seller_bps);
            } else {
                self.rows.push("14 decided, nothing stands");
                self.by_verdict(live, count.outcome, count.met_bps, None);
            }
            return;
        };
        let other = if appellant == Role::Buyer { Role::Seller } else { Role::Buyer };
        if count.outcome == standing {
            self.rows.push("14 upheld");
            // F of round 2 from the appeal bond, the rest to the other party.
            self.pay_appeal_bond(live, other, true);
            self.by_verdict(live, standing, standing_bps, Some(appellant));
        } else if count.outcome == Outcome::Undetermined {
            self.rows.push("15 undetermined, a verdict stands");
            // F from the appeal bond, the rest back.
            self.pay_appeal_bond(live, appellant, true);
            self.by_verdict(live, standing, standing_bps, None);
        } else {
            self.rows.push("14 overturned");
            // Nothing stands any more, and the bond goes back.
            self.pay_appeal_bond(live, appellant, false);
            live.kept = live.kept.map(|kept| Kept { standing: Outcome::NoVerdict, ..kept });
            self.by_verdict(live, count.outcome, count.met_bps, None);
        }
    }

    /// Keeps a milestone's new state, and says so.
    pub fn move_to(&mut self, live: &mut Live, kept: Kept) {
        self.keep(live, kept);
        self.events.push(Event::Moved { at: live.at, kept });
    }
}

/// Why a tally is no verdict on this delivery. While the seller's own is pinned, another that it
/// signed can only be rejected; round 2 judges only what was pinned.
fn refuse_undecided(live: &Live, work: u8, count: &Tally) -> Result<(), Refusal> {
    refuse(count.outcome == Outcome::NoVerdict, "NoVerdict")?;
    let Some(kept) = live.kept else { return Ok(()) };
    let rejects = live.status() == Status::Delivered && count.outcome == Outcome::Rejected;
    refuse(work != kept.work && !rejects, "DeliverableMismatch")
}

/// What a batch says about one item: an absent seat and one that signed badly say nothing.
fn ballots_of(item: &Item, forged: u16) -> Vec<Ballot> {
    let seats = (0u8..).zip(&item.votes);
    let answered = seats.filter_map(|(seat, vote)| vote.map(|(met, failed)| (seat, met, failed)));
    let ballot =
        |(seat, met, failed)| Ballot { seat, met, failed, forged: forged >> seat & 1 == 1 };
    answered.map(ballot).collect()
}
