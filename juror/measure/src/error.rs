//! Why a measurement ends early.

use std::path::{Path, PathBuf};

use surety_judge::JudgeError;

/// An error for the juror's operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// Another process measures in this folder.
    #[error("{folder} is in use by another measurement: wait until it ends, or name another folder", folder = folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder holds another measurement.
    #[error("{folder} holds a measurement with another {field}: name another folder with --folder", folder = folder.display())]
    Other {
        /// The folder.
        folder: PathBuf,
        /// What differs.
        field: String,
    },
    /// The rest of the money does not pay for another case.
    #[error(
        "all cases may cost {most} millionths of a dollar, {spent} are spent and one case may cost \
         {case}: run again with a larger --most-micro-usd"
    )]
    Money {
        /// What all cases may cost.
        most: u64,
        /// What they cost so far.
        spent: u64,
        /// What one may cost.
        case: u64,
    },
    /// The provider answers nothing.
    #[error(
        "the provider answered none of the last {cases} cases: look at the log, and run again to go \
         on where this ended"
    )]
    Out {
        /// How many cases in a row.
        cases: usize,
    },
    /// Some cases have no end.
    #[error(
        "{open} of {of} cases have questions that the provider did not answer, or that \
         budget.case_micro_usd does not pay for: run again to ask again, or with --last to count \
         them as unanswered"
    )]
    Open {
        /// How many.
        open: usize,
        /// How many cases there are.
        of: usize,
    },
    /// A file of the folder cannot be used.
    #[error("{path}: {kind}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        kind: std::io::ErrorKind,
    },
    /// A file of the folder was not written by this version.
    #[error("{path} is damaged: name another folder with --folder", path = path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// The database failed.
    #[error("the measurement's store failed: {0}")]
    Store(#[from] sqlx::Error),
    /// The database could not be brought up to date.
    #[error("the measurement's store cannot be migrated: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A case cannot be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
    /// The labelled cases cannot be used.
    #[error(transparent)]
    Data(#[from] surety_qualify::DataError),
    /// Something has no canonical form.
    #[error(transparent)]
    Form(#[from] surety_terms::TermsError),
    /// A transcript is none.
    #[error(transparent)]
    Transcript(#[from] surety_jury::JuryError),
}

impl MeasureError {
    pub(crate) fn file(path: &Path, err: &std::io::Error) -> Self {
        Self::File { path: path.to_owned(), kind: err.kind() }
    }
}
