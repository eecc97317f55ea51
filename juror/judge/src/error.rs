//! Why a case cannot be judged now, or a provider not be asked at all.

use std::{
    fmt::Display,
    io,
    path::{Path, PathBuf},
};

/// An error for the juror's operator: one line each, and never a secret.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The configuration is wrong.
    #[error("configuration: {field} {rule}")]
    Config {
        /// The key at fault.
        field: &'static str,
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
    /// The database failed.
    #[error("the store failed: {0}")]
    Store(#[from] sqlx::Error),
    /// The place for transcripts failed.
    #[error("transcripts: {0}")]
    Files(#[from] surety_store::StoreError),
    /// The store holds something that this version did not write.
    #[error("the store is damaged: column {column} holds what it must not")]
    StoreDamaged {
        /// Where.
        column: &'static str,
    },
    /// The provider's client could not be built.
    #[error("the HTTP client for the provider cannot be built")]
    Client,
    /// The provider does not say which models it has.
    #[error("{0}")]
    Provider(surety_dialect::ProviderFault),
    /// What is private cannot be encrypted, or not be read again.
    #[error("a private record: {0}")]
    Private(#[from] surety_privacy::PrivacyError),
    /// A check did not finish.
    #[error("a check did not finish")]
    Check,
    /// A check was broken off, since this machine was too slow for it. That is no answer: it is run
    /// again.
    #[error("a check took longer than limits.check_secs and is run again; do less at once")]
    CheckLate,
    /// The sheet pins, or an earlier release began in, a prompt template that this one does not have.
    #[error("the case cannot be judged: {0}")]
    Template(#[source] surety_jury::JuryError),
    /// A transcript could not be written.
    #[error("the transcript cannot be written")]
    Transcript,
}

impl JudgeError {
    pub(crate) fn config(field: &'static str, rule: impl Display) -> Self {
        Self::Config { field, rule: rule.to_string() }
    }

    /// A file that cannot be used.
    pub fn file(path: &Path, err: &io::Error) -> Self {
        Self::File { path: path.to_owned(), kind: err.kind() }
    }
}
