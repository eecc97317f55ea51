//! How a judged period's money is divided, how it reaches its owners, and the token around it.

use super::state::{Event, Model};
use super::step::Step;
use super::who::Who;
use crate::model::state::Refusal;
use crate::model::terms::refuse;
use crate::model::token::TOKEN_REFUSES;

/// The parts of a judged period's fees and slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// What a seat that voted gets of each record's fee.
    pub per_seat: u128,
    /// What each record brings back.
    pub each: u128,
    /// What nobody gets.
    pub burned: u128,
}

/// Seats that voted earn their part of each fee. A slash gives the presenters back what the seats
/// earned, then a part of the rest; all rounded down, and what is left goes to nobody.
pub fn divide(
    records: u128,
    (fee, seats): (u128, u128),
    voted: u128,
    (slashed, reward_parts): (u128, u128),
) -> Parts {
    let per_seat = fee / seats;
    let earned = per_seat * voted;
    let back = earned.min(slashed / records);
    let reward = (slashed - back * records) / reward_parts / records;
    Parts {
        per_seat,
        each: fee - earned + back + reward,
        burned: slashed - (back + reward) * records,
    }
}

impl Model {
    /// Pays, or owes what the token refuses; says whether it paid.
    pub fn pay(&mut self, to: Who, amount: u128) -> bool {
        let paid = amount == 0 || self.token.transfer(Who::Registry, to, amount).is_ok();
        if !paid {
            self.credit(to, amount);
        }
        paid
    }

    fn credit(&mut self, owner: Who, amount: u128) {
        *self.credits.entry(owner).or_default() += amount;
        self.events.push(Event::Credited { owner, amount });
    }

    /// A share to the pot of each seat that voted, or to its key as credit.
    pub fn pay_jurors(&mut self, jury: usize, voted: u16, share: u128) -> bool {
        let sum = share * u128::from(voted.count_ones());
        if sum == 0 {
            return true;
        }
        let paid = self.token.transfer(Who::Registry, Who::Jury, sum).is_ok();
        let panel = self.juries[jury].panel.clone();
        let mut shares = vec![0; panel.len()];
        for (seat, key) in (0u8..).zip(panel) {
            if voted >> seat & 1 == 0 {
                continue;
            }
            if paid {
                shares[usize::from(seat)] = share;
                *self.pots.entry((jury, seat)).or_default() += share;
            } else {
                self.credit(key, share);
            }
        }
        if paid {
            self.events.push(Event::Funded { jury, shares });
        }
        paid
    }

    /// Anybody: the owner's whole credit to the owner.
    pub fn withdraw(&mut self, owner: Who) -> Result<&'static str, Refusal> {
        let amount = self.credits.remove(&owner).ok_or("CreditEmpty")?;
        self.events.push(Event::Withdrawn { owner, amount });
        let paid = self.token.transfer(Who::Registry, owner, amount);
        refuse(paid.is_err(), "TransferRefused")?;
        Ok("withdraw")
    }

    /// Anybody: a seat's whole pot to its key.
    pub fn claim_fees(&mut self, jury: usize, seat: u8) -> Result<&'static str, Refusal> {
        let amount = self.pots.remove(&(jury, seat)).ok_or("FeesEmpty")?;
        let key = self.juries[jury].panel[usize::from(seat)];
        self.events.push(Event::Claimed { jury, seat, key, amount });
        refuse(self.token.transfer(Who::Jury, key, amount).is_err(), "TransferRefused")?;
        Ok("claimFees")
    }

    /// The clock, the chain's memory and what the token does by itself.
    pub fn around(&mut self, step: &Step) -> Result<&'static str, Refusal> {
        match step {
            Step::Wait { until, blocks } => {
                self.now = self.now.max(*until);
                self.block += blocks;
                Ok("wait")
            }
            Step::History { answers } => {
                self.forgets = !answers;
                Ok("history")
            }
            Step::Blacklist { who } => {
                self.token.blacklist.insert(*who);
                Ok("blacklist")
            }
            Step::Unblacklist { who } => {
                self.token.blacklist.remove(who);
                Ok("unBlacklist")
            }
            Step::Pause | Step::Unpause => {
                self.token.paused = *step == Step::Pause;
                Ok(if self.token.paused { "pause" } else { "unpause" })
            }
            Step::Donate { from, to, amount } => {
                refuse(self.token.transfer(*from, *to, *amount).is_err(), TOKEN_REFUSES)?;
                Ok("donate")
            }
            Step::Open { .. }
            | Step::Notice { .. }
            | Step::Close { .. }
            | Step::Draw { .. }
            | Step::FixSeed { .. }
            | Step::Present { .. }
            | Step::Crowd { .. }
            | Step::Settle { .. }
            | Step::Expire { .. }
            | Step::Collect { .. }
            | Step::Withdraw { .. }
            | Step::ClaimFees { .. } => unreachable!("{step:?} is an operation of pacts"),
        }
    }
}
