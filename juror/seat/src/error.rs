//! Why an operation on a seat was not done.

use alloy::primitives::{Address, B256};
use surety_chain::ChainError;
use surety_keys::KeyError;
use surety_terms::Usdc;

/// An error for the operator: one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeatError {
    /// The chain cannot be read, or is another one.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A transaction was refused or not done.
    #[error(transparent)]
    Transaction(#[from] surety_agent::Error),
    /// The juror's key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key is not registered.
    #[error("juror {juror} is not registered in Jury {jury}: use surety juror register")]
    Unregistered {
        /// The key.
        juror: Address,
        /// The contract.
        jury: Address,
    },
    /// The key was struck off.
    #[error("juror {juror} signed two answers and was struck off for ever: register another key")]
    StruckOff {
        /// The key.
        juror: Address,
    },
    /// The key is leaving.
    #[error("juror {juror} is leaving already: claim its stake from {unbonds_at} (Unix time) on")]
    Leaving {
        /// The key.
        juror: Address,
        /// When its stake is free.
        unbonds_at: u64,
    },
    /// There is nothing to claim.
    #[error("there is nothing to claim for juror {juror}: no fees in its pots, and {stake}")]
    NothingDue {
        /// The key.
        juror: Address,
        /// What is with its stake, and what to do.
        stake: String,
    },
    /// The new key is the old one.
    #[error("{juror} is the key that serves now: make a new one with surety key new")]
    SameKey {
        /// The key.
        juror: Address,
    },
    /// The new key was registered before.
    #[error("the new key {juror} was registered before: make a new one with surety key new")]
    KnownKey {
        /// The key.
        juror: Address,
    },
    /// The new key cannot pay its stake.
    #[error("the new key {juror} holds {got} and stakes {needed}: send it the rest")]
    StakeUncovered {
        /// The key.
        juror: Address,
        /// What it holds.
        got: Usdc,
        /// What it stakes.
        needed: Usdc,
    },
    /// The contract says what no contract of ours says.
    #[error("the contract's {what} is no amount of the token: check jury in the configuration")]
    NoAmount {
        /// Which answer.
        what: &'static str,
    },
    /// The endpoint has no receipt.
    #[error("the endpoint has no whole receipt of {tx_hash}: use one that keeps old transactions")]
    NoReceipt {
        /// The transaction.
        tx_hash: B256,
    },
    /// The endpoint has no such block.
    #[error("the endpoint has no block {block}, in which it saw an event: ask it again")]
    NoBlock {
        /// The block.
        block: u64,
    },
}
