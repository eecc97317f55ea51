//! Why a document is refused.

use alloy::primitives::B256;
use surety_terms::TermsError;

/// What is wrong with a document, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterchangeError {
    /// It is no JSON of this form, or not in its one spelling.
    #[error("the document is malformed: {0}; export it again")]
    Form(#[from] TermsError),
    /// It has another version.
    #[error("the document's version is {got}, this program reads {needed}: use a newer program")]
    Version {
        /// Its version.
        got: u8,
        /// Ours.
        needed: u8,
    },
    /// It was changed or cut.
    #[error("the document's digest is {got}, its content's {needed}: copy or export it again")]
    Digest {
        /// What it says.
        got: B256,
        /// What its content gives.
        needed: B256,
    },
    /// It belongs to another juror.
    #[error(
        "the document's {field} is {got}, this juror's {needed}: take this juror's own document"
    )]
    Foreign {
        /// Which field.
        field: &'static str,
        /// What it says.
        got: String,
        /// What this juror has.
        needed: String,
    },
    /// An entry is not what this juror signed.
    #[error("the entry of case {case_id} {rule}; export the document again")]
    Entry {
        /// The case.
        case_id: B256,
        /// Which rule it breaks.
        rule: &'static str,
    },
    /// The store and a document hold two answers to one case.
    #[error(
        "case {case_id}: the store holds the ballot {ours}, the document {theirs}; whoever has \
             both takes the stake: nothing was imported, find out which machine signed twice"
    )]
    TwoAnswers {
        /// The case.
        case_id: B256,
        /// The digest of the store's ballot.
        ours: B256,
        /// The digest of the document's.
        theirs: B256,
    },
    /// The store does not know a ballot that the chain shows.
    #[error(
        "the chain shows a ballot of this juror for case {case_id}, which neither store nor \
             document holds: nothing was imported, export again from the store that ran last; if \
             it is lost, leave this key and rotate to a new one"
    )]
    StoreBehind {
        /// The case.
        case_id: B256,
    },
    /// The store holds what no juror of ours writes.
    #[error("the store is damaged: column {column} holds what it must not")]
    StoreDamaged {
        /// Where.
        column: &'static str,
    },
    /// The store holds a case that is none of this juror's.
    #[error(
        "case {case_id} is of no consumer in the configuration: add the one it is of, or take \
             the store's own key, jury and chain"
    )]
    StoreForeign {
        /// The case.
        case_id: B256,
    },
    /// The database failed.
    #[error("the store failed: {0}")]
    Store(#[from] sqlx::Error),
}
