//! The token, as far as the jury can tell: balances, a blacklist and a pause.

use std::collections::{BTreeMap, BTreeSet};

use super::step::Who;

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

impl Token {
    /// What somebody has.
    pub fn balance(&self, who: Who) -> u128 {
        self.balances.get(&who).copied().unwrap_or(0)
    }

    /// Moves money; false when the token refuses.
    pub fn transfer(&mut self, from: Who, to: Who, amount: u128) -> bool {
        let listed = self.blacklist.contains(&from) || self.blacklist.contains(&to);
        if self.paused || listed || self.balance(from) < amount {
            return false;
        }
        *self.balances.entry(from).or_default() -= amount;
        *self.balances.entry(to).or_default() += amount;
        true
    }
}
