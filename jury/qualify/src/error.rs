//! Why labelled cases cannot be read, and why a certificate counts for nothing.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;

/// What is wrong with the data.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file is not where the data should be.
    #[error(
        "{path} is missing: the data is LLMBar's items.jsonl and judges.csv (docs/data.md says how \
         to get them)",
        path = path.display()
    )]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds something else than expected.
    #[error("{path}, line {line}: {reason}", path = path.display())]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What was wrong.
        reason: String,
    },
    /// The cases have no canonical form.
    #[error("the cases cannot be digested: {0}")]
    Form(#[from] surety_terms::TermsError),
}

impl DataError {
    /// `index` counts lines from 0.
    pub(crate) fn invalid(path: &Path, index: usize, reason: String) -> Self {
        Self::Invalid { path: path.to_path_buf(), line: index.saturating_add(1), reason }
    }
}

/// Why a certificate counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It is no certificate.
    #[error("the certificate is malformed: {0}")]
    Form(#[from] surety_terms::TermsError),
    /// Its counts contradict one another, or its figures do not follow from them.
    #[error("the certificate's figures do not follow from one another: do not trust its source")]
    Figures,
    /// Its juror did not sign it.
    #[error("the certificate is not signed by juror {juror}: do not trust its source")]
    Unsigned {
        /// The juror.
        juror: Address,
    },
}
