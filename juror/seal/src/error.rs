//! Why a ballot cannot be written down or signed.

use alloy::primitives::B256;

/// An error for the juror's operator: one line each, and never a secret.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The store holds something that this version did not write.
    #[error("the store is damaged: column {column} holds what it must not")]
    StoreDamaged {
        /// Where.
        column: &'static str,
    },
    /// The store was made with another chain or `Jury`.
    #[error("the store belongs to another chain or Jury: case {case_id}")]
    StoreForeign {
        /// A case that shows it.
        case_id: B256,
    },
    /// The database failed.
    #[error("the store failed: {0}")]
    Store(#[from] sqlx::Error),
    /// The key cannot be used, or did not sign.
    #[error(transparent)]
    Key(#[from] surety_keys::KeyError),
}
