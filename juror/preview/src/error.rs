//! Why there is no preview.

use surety_judge::JudgeError;
use surety_terms::Problem;

use crate::{PreviewsConfig, rows::Full};

/// A preview that is not given, or a juror that cannot tell.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// It is refused, with the rule.
    #[error(transparent)]
    Refused(#[from] Box<Problem>),
    /// The store or the provider's client failed.
    #[error(transparent)]
    Unable(#[from] JudgeError),
}

/// The title of every refusal.
const TITLE: &str = "The preview is refused";

impl PreviewError {
    /// A quota that is used up.
    pub(crate) fn full(full: Full, config: &PreviewsConfig) -> Self {
        let used = |what: String| Problem::new("preview-quota", 403, TITLE, what);
        let problem = match full {
            Full::Deal => {
                let detail = "this juror gives no more previews of this deal";
                Problem::new("previews-ended", 403, TITLE, detail)
            }
            Full::Milestone => {
                used(format!("the milestone has had its {} previews", config.per_milestone))
            }
            Full::Key => used(format!(
                "the seller's key has had its {} previews of the day; ask tomorrow",
                config.per_key
            )),
            Full::Day => used(format!(
                "this juror has given its {} previews of the day; ask tomorrow",
                config.per_day
            )),
        };
        Self::Refused(Box::new(problem))
    }

    /// A juror that gives no previews at all.
    pub(crate) fn off() -> Self {
        let detail = "this juror gives no previews";
        Self::Refused(Box::new(Problem::new("no-previews", 403, TITLE, detail)))
    }

    /// A request whose time is wrong.
    pub(crate) fn time(got: u64, rule: String) -> Self {
        let detail = format!("validUntil is {got}");
        let problem = Problem::new("preview-time", 422, TITLE, detail);
        Self::Refused(Box::new(problem.with_field("validUntil", rule)))
    }
}
