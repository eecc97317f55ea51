//! Why labelled cases cannot be read.

use std::path::{Path, PathBuf};

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
}

impl DataError {
    /// `index` counts lines from 0.
    pub(crate) fn invalid(path: &Path, index: usize, reason: String) -> Self {
        Self::Invalid { path: path.to_path_buf(), line: index.saturating_add(1), reason }
    }
}
