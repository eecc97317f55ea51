//! The token, as far as pacts can tell: balances, a blacklist and a pause.

use std::collections::{BTreeMap, BTreeSet};

use super::who::Who;
use crate::model::state::{Refusal, Time};
use crate::model::terms::refuse;
use crate::model::token::TOKEN_REFUSES;

/// The token's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// What everybody has.
    pub balances: BTreeMap<Who, u128>,
    /// Who neither pays nor is paid.
    pub blacklist: BTreeSet<Who>,
    /// Whether nobody is.
    pub paused: bool,
}

/// An authorization to pull somebody's money into the registry.
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    /// Whose money.
    pub from: Who,
    /// How much.
    pub amount: u128,
    /// It is worth nothing from here on.
    pub valid_before: Time,
    /// Who signed it.
    pub signer: Who,
}

impl Token {
    /// What somebody has.
    pub fn balance(&self, who: Who) -> u128 {
        self.balances.get(&who).copied().unwrap_or(0)
    }

    /// Moves money, or refuses.
    pub fn transfer(&mut self, from: Who, to: Who, amount: u128) -> Result<(), Refusal> {
        let refused = self.paused || self.blacklist.contains(&from) || self.blacklist.contains(&to);
        refuse(refused || self.balance(from) < amount, TOKEN_REFUSES)?;
        *self.balances.entry(from).or_default() -= amount;
        *self.balances.entry(to).or_default() += amount;
        Ok(())
    }

    /// Pulls what was authorized.
    pub fn pull(&mut self, now: Time, pull: Pull) -> Result<(), Refusal> {
        let good = pull.signer == pull.from && now < pull.valid_before;
        refuse(!good, TOKEN_REFUSES)?;
        self.transfer(pull.from, Who::Registry, pull.amount)
    }
}
