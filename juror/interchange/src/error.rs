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
}
