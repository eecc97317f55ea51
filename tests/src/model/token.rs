//! The token, as far as the escrow can tell: balances, allowances, a blacklist and a pause.

use std::collections::{BTreeMap, BTreeSet};

use super::state::{Refusal, Time};
use super::terms::{Who, refuse};

/// What the model calls the token's own refusals: it reverts with a string.
pub const TOKEN_REFUSES: Refusal = "Error";

/// How a party's money is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// ERC-3009: the authorization's signature is the party's.
    Authorization,
    /// An allowance stands, beside a signature.
    Allowance,
    /// ERC-2612: a permit, beside a signature.
    Permit,
    /// Not even the byte of a route.
    Empty,
    /// A byte that names no route.
    Unknown,
    /// A permit that ends too early.
    Short,
}

/// A party's funding of something, or what somebody claims to be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Funding {
    /// How.
    pub route: Route,
    /// Who signed it.
    pub signer: Who,
}

/// What one pull asks for.
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    /// Whose money.
    pub from: Who,
    /// How much.
    pub amount: u128,
    /// When the signatures end.
    pub valid_before: Time,
    /// Whether what was signed is what is being done.
    pub for_this: bool,
    /// Who sends the transaction.
    pub by: Who,
}

/// The token's state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// What everybody has.
    pub balances: BTreeMap<Who, u128>,
    /// What the escrow may take of everybody.
    pub allowances: BTreeMap<Who, u128>,
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

    /// Moves money, or refuses.
    pub fn transfer(&mut self, from: Who, to: Who, amount: u128) -> Result<(), Refusal> {
        let refused = self.paused || self.blacklist.contains(&from) || self.blacklist.contains(&to);
        refuse(refused || self.balance(from) < amount, TOKEN_REFUSES)?;
        *self.balances.entry(from).or_default() -= amount;
        *self.balances.entry(to).or_default() += amount;
        Ok(())
    }

    /// Pulls a party's money into the escrow.
    pub fn pull(&mut self, now: Time, pull: Pull, funding: Funding) -> Result<(), Refusal> {
        let signed = funding.signer == pull.from;
        match funding.route {
            Route::Empty | Route::Short => return Err("AuthorizationMalformed"),
            Route::Unknown => return Err("RouteUnknown"),
            Route::Authorization => {
                let good = signed && pull.for_this && now < pull.valid_before;
                refuse(!good, TOKEN_REFUSES)?;
                return self.transfer(pull.from, Who::Escrow, pull.amount);
            }
            // A permit that fails is none; an allowance may stand all the same.
            Route::Permit if signed && now <= pull.valid_before && self.permits(pull.from) => {
                self.allowances.insert(pull.from, pull.amount);
            }
            Route::Permit | Route::Allowance => {}
        }
        refuse(pull.by != pull.from && !(signed && pull.for_this), "SignatureInvalid")?;
        let allowed = self.allowances.entry(pull.from).or_default();
        refuse(*allowed < pull.amount, TOKEN_REFUSES)?;
        if *allowed != u128::MAX {
            *allowed -= pull.amount;
        }
        self.transfer(pull.from, Who::Escrow, pull.amount)
    }

    fn permits(&self, owner: Who) -> bool {
        !self.paused && !self.blacklist.contains(&owner) && !self.blacklist.contains(&Who::Escrow)
    }
}
