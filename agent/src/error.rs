//! What can go wrong, in words for the principal. No foreign error's text is kept: endpoints carry keys.

use std::borrow::Cow;

use alloy::primitives::{Address, B256};
use surety_bindings::revert;
use surety_chain::ChainError;
use surety_keys::KeyError;
use surety_terms::{Problem, TermsError};

/// Why an operation of the agent did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configuration file is missing or malformed.
    #[error("configuration {what}: {why}")]
    Config {
        /// The file or the key.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The term sheet breaks one of its own rules.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The agent does not sign this: its mandate or the chain speaks against it.
    #[error("{field}: {rule}")]
    Refused {
        /// The field of the term sheet, or of the request.
        field: Cow<'static, str>,
        /// What the field has to fulfil and what it holds.
        rule: String,
    },
    /// The token's own domain separator is not the one its name and version give.
    #[error("token {0} does not sign in the domain that its name and version say; do not use it")]
    TokenDomain(Address),
    /// The chain cannot be read, or is not the one that was configured.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The chain does not show an event that must be there.
    #[error("the chain's endpoint does not show {0}; check from_block, or use another endpoint")]
    EventMissing(&'static str),
    /// The chain refuses a call, by one of the contracts' named errors.
    #[error("the chain refuses: {0}")]
    Reverted(String),
    /// No such deal was opened on the configured escrow.
    #[error("deal {0} is not open on this escrow")]
    DealUnknown(B256),
    /// Another service refused, and said why.
    #[error("{service} refuses: {problem}")]
    Problem {
        /// Who refused.
        service: &'static str,
        /// Its words.
        problem: Box<Problem>,
    },
    /// Another service did not answer in its own protocol, or not at all.
    #[error("{service} cannot be reached or gives no valid answer; it is asked again later")]
    Unreachable {
        /// Who did not answer.
        service: &'static str,
    },
    /// The chain did not show the effect of a transaction in time. It may still come.
    #[error("the chain does not show {0} yet; it is tried again later")]
    NotSeen(&'static str),
    /// A transaction of a key with ETH was not sent, or did not work.
    #[error("the transaction was not done: {0}")]
    NotSent(&'static str),
    /// More is asked than the agent takes on at once.
    #[error("{0}; try again later")]
    Busy(&'static str),
    /// The seller's program failed.
    #[error("the worker program {0}")]
    Worker(String),
    /// The database or the folder of the deliverables failed.
    #[error("the store failed at {0}; check its disk")]
    Store(&'static str),
    /// The HTTP interface could not be started.
    #[error("cannot listen on {listen}: {why}")]
    Listen {
        /// The configured address.
        listen: std::net::SocketAddr,
        /// The operating system's words.
        why: String,
    },
}

impl Error {
    /// Names the error that revert bytes encode.
    pub(crate) fn reverted(data: &[u8]) -> Self {
        let unnamed = || "it gives no reason; check the addresses".to_owned();
        Self::Reverted(revert::decode(data).map_or_else(unnamed, |revert| revert.to_string()))
    }

    /// Builds a refusal.
    pub(crate) fn refused(field: impl Into<Cow<'static, str>>, rule: impl Into<String>) -> Self {
        Self::Refused { field: field.into(), rule: rule.into() }
    }
}
