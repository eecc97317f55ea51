//! What an ended milestone says about its two parties: section 7 of the protocol. The arithmetic of
//! weights is `surety_bindings::formula`, which is compared to the contract's elsewhere.

use surety_bindings::formula::Weights;

use super::state::{Ending, Time};

/// In which role a fact is about a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It paid.
    Buyer,
    /// It delivered.
    Seller,
}

/// What a fact is for one party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Good,
    Bad,
    Neutral,
}

/// Everything an ended milestone says.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The milestone's money.
    pub amount: u128,
    /// How it ended.
    pub ending: Ending,
    /// A rejection stood when it ended.
    pub rejection_stood: bool,
    /// Who lost an appeal in it.
    pub lost_appeal: Option<Role>,
}

/// What is kept of a wallet in one role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Both sums and their clocks.
    pub weights: Weights,
    /// When the first fact was written.
    pub first: u32,
    /// Good facts.
    pub good: u32,
    /// Bad facts.
    pub bad: u32,
    /// Facts that are neither.
    pub neutral: u32,
    /// Appeals lost.
    pub appeals_lost: u32,
}

impl Standing {
    /// The standing after one more fact.
    #[must_use]
    pub fn with(mut self, facts: &Facts, role: Role, now: Time) -> Self {
        match facts.about(role) {
            Fact::Good => {
                self.weights = self.weights.with_good(facts.amount, now);
                self.good += 1;
            }
            Fact::Bad => {
                self.weights = self.weights.with_bad(facts.amount, now);
                self.bad += 1;
            }
            Fact::Neutral => {
                self.weights = self.weights.with_neutral(now);
                self.neutral += 1;
            }
        }
        if facts.lost_appeal == Some(role) {
            self.appeals_lost += 1;
        }
        if self.first == 0 {
            self.first = u32::try_from(now).unwrap_or(u32::MAX);
        }
        self
    }
}

impl Facts {
    /// Accepted is good; rejected, reclaimed and conceded are bad for the seller, and so is a
    /// rejection that stood; a lost appeal is bad for the appellant; all else is neither.
    fn about(&self, role: Role) -> Fact {
        let seller_failed = self.rejection_stood
            || matches!(self.ending, Ending::Rejected | Ending::Reclaimed | Ending::Conceded);
        if self.lost_appeal == Some(role) || (role == Role::Seller && seller_failed) {
            Fact::Bad
        } else if self.ending == Ending::Accepted {
            Fact::Good
        } else {
            Fact::Neutral
        }
    }
}
