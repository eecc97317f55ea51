//! What anybody may write about anybody, in a column of its own.

use super::state::Model;
use super::step::{Fact, Who};
use crate::model::reputation::{Role, Standing};
use crate::model::state::Time;

/// The endings that matter: accepted is good; rejected, conceded and reclaimed are the seller's
/// failures; all else is neutral, values that no ending has among them.
const ACCEPTED: u8 = 1;
const SELLER_FAILED: std::ops::RangeInclusive<u8> = 2..=4;
const REJECTION_STOOD: u8 = 1;
const BUYER_LOST_APPEAL: u8 = 2;
const SELLER_LOST_APPEAL: u8 = 4;

impl Model {
    /// Never refused.
    pub fn record(&mut self, by: Who, fact: &Fact) {
        for (wallet, role) in [(fact.buyer, Role::Buyer), (fact.seller, Role::Seller)] {
            let standing = self.standings.entry((by, wallet, role)).or_default();
            *standing = with(*standing, fact, role, self.now);
        }
    }
}

/// The standing after one more fact.
fn with(mut standing: Standing, fact: &Fact, role: Role, now: Time) -> Standing {
    let lost = match role {
        Role::Buyer => fact.flags & BUYER_LOST_APPEAL != 0,
        Role::Seller => fact.flags & SELLER_LOST_APPEAL != 0,
    };
    let failed = SELLER_FAILED.contains(&fact.ending) || fact.flags & REJECTION_STOOD != 0;
    if lost || (role == Role::Seller && failed) {
        standing.weights = standing.weights.with_bad(fact.amount, now);
        standing.bad += 1;
    } else if fact.ending == ACCEPTED {
        standing.weights = standing.weights.with_good(fact.amount, now);
        standing.good += 1;
    } else {
        standing.weights = standing.weights.with_neutral(now);
        standing.neutral += 1;
    }
    standing.appeals_lost += u32::from(lost);
    if standing.first == 0 {
        standing.first = u32::try_from(now).unwrap_or(u32::MAX);
    }
    standing
}
