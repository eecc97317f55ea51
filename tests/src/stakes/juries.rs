//! Who may sit together, what a seat earns, and whose ballots count.

use std::sync::LazyLock;

use surety_terms::rule::Rule;

use super::state::{Event, Model, Panels, Pot, Refusal, refuse};
use super::step::{Count, Who};
use crate::model::tally::{Ballot, tally};

/// Fewest and most seats of a panel.
const LEAST: usize = 3;
const MOST: usize = 15;

/// How the criteria of every case here count: three, of which the first must be met.
pub static RULE: LazyLock<Rule> = LazyLock::new(|| Rule {
    weights: vec![5_000, 3_000, 2_000],
    mandatory: 0b001,
    pass_bps: 7_000,
    pro_rata: false,
});

impl Model {
    /// Anybody; the same jury twice is one.
    pub fn create_jury(&mut self, panel: &[Who], appeal: &[Who]) -> Result<(), Refusal> {
        refuse(panel.len() < LEAST || panel.len() > MOST, "PanelSize")?;
        refuse(!appeal.is_empty() && appeal.len() < LEAST, "PanelSize")?;
        refuse(appeal.len() > MOST, "PanelSize")?;
        let seats: Vec<Who> = panel.iter().chain(appeal).copied().collect();
        for (seat, key) in seats.iter().enumerate() {
            let juror = self.juror(*key);
            refuse(!juror.registered, "JurorUnknown")?;
            refuse(juror.leaves(), "JurorLeaving")?;
            for other in seats.iter().take(seat) {
                let before = self.juror(*other);
                refuse(other == key, "SeatsShare key")?;
                refuse(before.family == juror.family, "SeatsShare family")?;
                refuse(before.operator == juror.operator, "SeatsShare operator")?;
            }
        }
        let panels = Panels { panel: panel.to_vec(), appeal: appeal.to_vec() };
        if !self.juries.contains(&panels) {
            let Panels { panel, appeal } = panels.clone();
            self.juries.push(panels);
            self.events.push(Event::Created { panel, appeal });
        }
        Ok(())
    }

    /// Anybody, out of what lies here and is nobody's yet.
    pub fn fund(&mut self, jury: usize, round: u8, shares: &[u128]) -> Result<(), Refusal> {
        let seats = self.jury(jury)?.of(round).len();
        refuse(seats == 0, "PanelMissing")?;
        refuse(shares.len() != seats, "SharesMismatch")?;
        let sum = shares.iter().try_fold(0u128, |sum, share| sum.checked_add(*share));
        refuse(sum.is_none_or(|sum| sum > self.free()), "Unfunded")?;
        for (seat, share) in (0u8..).zip(shares).filter(|(_, share)| **share > 0) {
            *self.pots.entry((jury, round, seat)).or_default() += share;
        }
        self.events.push(Event::Funded { jury, round, shares: shares.to_vec() });
        Ok(())
    }

    /// Anybody; the seat's key is paid, whether or not it still is a juror's.
    pub fn claim_fees(&mut self, pot: Pot) -> Result<(), Refusal> {
        let (jury, round, seat) = pot;
        let amount = self.pots.remove(&pot).ok_or("FeesEmpty")?;
        let key = self.jury(jury)?.of(round)[usize::from(seat)];
        self.events.push(Event::Claimed { jury, round, seat, key, amount });
        self.pay(key, amount)
    }

    /// Whether parties may name a jury in their terms.
    pub fn check_jury(&self, jury: usize, parties: [Who; 2], appeal: bool) -> Result<(), Refusal> {
        let panels = self.jury(jury)?;
        refuse(appeal && panels.appeal.is_empty(), "PanelMissing")?;
        let mut seats = panels.panel.iter().chain(&panels.appeal);
        refuse(seats.any(|key| parties.contains(key)), "PartyIsJuror")
    }

    /// Counts ballots by the seats' keys alone: who left or was struck off still counts.
    pub fn judge(&mut self, count: &Count) -> Result<(), Refusal> {
        let panels = self.jury(count.jury)?.clone();
        let keys = panels.of(count.round);
        refuse(keys.is_empty(), "PanelMissing")?;
        refuse(count.cut, "BallotsMalformed")?;
        let seat_of = |seat: u8| keys.get(usize::from(seat));
        refuse(count.votes.iter().any(|vote| seat_of(vote.seat).is_none()), "SeatUnknown")?;
        let ballots: Vec<Ballot> = count
            .votes
            .iter()
            .map(|vote| {
                let (seat, met, failed) = (vote.seat, vote.met, vote.failed);
                let signed = seat_of(seat) == Some(&vote.by);
                Ballot { seat, met, failed, forged: !signed || met & failed != 0 }
            })
            .collect();
        let tally = tally(&RULE, size(keys), &ballots);
        self.events.push(Event::Counted {
            outcome: tally.outcome as u8,
            met_bps: tally.met_bps,
            masks: [tally.seats, tally.voted, tally.met, tally.failed],
            seats: [keys.len(), panels.appeal.len()],
        });
        Ok(())
    }

    fn jury(&self, jury: usize) -> Result<&Panels, Refusal> {
        self.juries.get(jury).ok_or("JuryUnknown")
    }
}

fn size(seats: &[Who]) -> u32 {
    u32::try_from(seats.len()).expect("at most fifteen")
}
