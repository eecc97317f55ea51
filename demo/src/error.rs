//! What can go wrong in a demonstration, in sentences for the person who watches it.

use std::path::PathBuf;

/// Why a demonstration, or one of its programs, ended early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The recorded judges cannot be read.
    #[error(transparent)]
    Data(#[from] surety_qualify::DataError),
    /// What came on a worker's stdin is no work order.
    #[error("the work order on stdin is unreadable: {0}")]
    WorkOrder(String),
    /// A server could not listen.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The chain refused or did not answer.
    #[error("the chain: {0}")]
    Chain(String),
    /// A service answered with an error or not at all.
    #[error("{service}: {reason}")]
    Service {
        /// Which.
        service: String,
        /// What it said.
        reason: String,
    },
    /// Something that should have happened did not.
    #[error("waited {seconds} s in vain for {what}")]
    Timeout {
        /// For what.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// The books do not balance.
    #[error("money in {money_in} is not money out {money_out} plus money left {left}")]
    Unbalanced {
        /// Base units that entered the escrow.
        money_in: String,
        /// Base units that left it.
        money_out: String,
        /// Base units it still holds.
        left: String,
    },
    /// A story ended otherwise than the terms and the facts allow.
    #[error("{0}")]
    Story(String),
}

impl DemoError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
