//! Why a juror stops, or cannot start.

use std::{
    fmt::Display,
    io,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256};
use surety_judge::JudgeError;
use surety_privacy::PrivacyError;
use surety_seal::SealError;

/// An error for the juror's operator: one line each, and never a secret.
#[derive(Debug, thiserror::Error)]
pub enum JurorError {
    /// The configuration is wrong.
    #[error("configuration: {field} {rule}")]
    Config {
        /// The key at fault, or the line.
        field: String,
        /// What it breaks.
        rule: String,
    },
    /// A file of the store cannot be used.
    #[error("{path}: {kind}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        kind: io::ErrorKind,
    },
    /// Another process runs on the same store.
    #[error("store {folder} is in use by another juror", folder = folder.display())]
    StoreHeld {
        /// The store.
        folder: PathBuf,
    },
    /// The store holds something that this version did not write.
    #[error("the store is damaged: column {column} holds what it must not")]
    StoreDamaged {
        /// Where.
        column: &'static str,
    },
    /// The store was made with another chain, `Jury`, consumer or key.
    #[error("the store belongs to another chain, Jury, consumer or key: case {case_id}")]
    StoreForeign {
        /// A case that shows it.
        case_id: B256,
    },
    /// A private case cannot be read any more.
    #[error(
        "case {case_id} is private: {why}; keep old identities in `identities` while cases are open"
    )]
    Private {
        /// The case.
        case_id: B256,
        /// What is wrong.
        why: PrivacyError,
    },
    /// A private deal came to a juror of public ones.
    #[error("`identities` names no file: this juror cannot read private deals")]
    NoIdentity,
    /// Something private cannot be encrypted or read.
    #[error("a private record: {0}")]
    Privacy(#[from] PrivacyError),
    /// A document of ballots cannot be used.
    #[error(transparent)]
    Interchange(Box<surety_interchange::InterchangeError>),
    /// The database failed.
    #[error("the store failed: {0}")]
    Store(#[from] sqlx::Error),
    /// The database could not be brought up to date.
    #[error("the store cannot be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The chain's endpoint failed. Its own words stay here: endpoints carry keys.
    #[error("the chain's endpoint did not answer {asked}")]
    Chain {
        /// The question.
        asked: &'static str,
    },
    /// The endpoint serves another chain.
    #[error("chain_id is {needed}, but the endpoint serves chain {got}")]
    ChainMismatch {
        /// What the endpoint says.
        got: u64,
        /// What the configuration says.
        needed: u64,
    },
    /// An address that should be a contract is none.
    #[error("{field} {address} has no code on this chain")]
    NoCode {
        /// Which key of the configuration.
        field: &'static str,
        /// The address.
        address: Address,
    },
    /// A consumer names no `Jury`.
    #[error("consumer {consumer} names no Jury: it is no escrow")]
    NotConsumer {
        /// The address.
        consumer: Address,
    },
    /// A consumer listens to another `Jury`.
    #[error("consumer {consumer} applies verdicts of Jury {got}, not of {needed}")]
    ForeignConsumer {
        /// The consumer.
        consumer: Address,
        /// Its `Jury`.
        got: Address,
        /// The configured one.
        needed: Address,
    },
    /// The key has not been registered as a juror.
    #[error("key {juror} is not registered in Jury {jury}: register it first")]
    NotRegistered {
        /// The key's address.
        juror: Address,
        /// The contract.
        jury: Address,
    },
    /// The socket cannot be listened on.
    #[error("cannot listen on {listen}: {kind}")]
    Listen {
        /// The configured address.
        listen: String,
        /// What is wrong with it.
        kind: io::ErrorKind,
    },
    /// The client for the chain's endpoint could not be built.
    #[error("the HTTP client for the chain's endpoint cannot be built")]
    Client,
    /// The key cannot be used, or did not sign.
    #[error(transparent)]
    Key(#[from] surety_keys::KeyError),
    /// The juror is stopping.
    #[error("the juror is stopping")]
    Stopped,
    /// A revealed criterion could not be written.
    #[error("a revealed criterion cannot be written")]
    Reveal,
    /// A ballot cannot be written down or signed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A case cannot be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
}

impl From<surety_interchange::InterchangeError> for JurorError {
    fn from(err: surety_interchange::InterchangeError) -> Self {
        Self::Interchange(Box::new(err))
    }
}

impl JurorError {
    pub(crate) fn config(field: impl Display, rule: impl Display) -> Self {
        Self::Config { field: field.to_string(), rule: rule.to_string() }
    }

    pub(crate) fn file(path: &Path, err: &io::Error) -> Self {
        Self::File { path: path.to_owned(), kind: err.kind() }
    }
}
