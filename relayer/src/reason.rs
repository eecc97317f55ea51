//! Why a case is given up.

use std::borrow::Cow;
use std::fmt;

/// The reason, as it is shown; its label is what is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Too few ballots agreed while the panel had time.
    NoVerdict { got: usize, needed: usize },
    /// The verdict stood when the panel's time was over.
    TooLate,
    /// The seller pinned something else.
    OtherDeliverable,
    /// The escrow refuses the settlement for good.
    Refused(String),
    /// Anything else.
    Other(Cow<'static, str>),
}

impl Reason {
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::NoVerdict { .. } => "no-verdict",
            Self::TooLate => "too-late",
            Self::OtherDeliverable => "other-deliverable",
            Self::Refused(_) => "refused",
            Self::Other(_) => "other",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVerdict { got, needed } => {
                write!(f, "no verdict: {got} of {needed} needed ballots when the time was over")
            }
            Self::TooLate => f.write_str("the verdict came too late"),
            Self::OtherDeliverable => f.write_str(
                "the seller pinned another deliverable, and only a rejection could stand",
            ),
            Self::Refused(revert) => write!(f, "the escrow refuses: {revert}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Self::Other(text.into())
    }
}

impl From<&String> for Reason {
    fn from(text: &String) -> Self {
        Self::Other(text.clone().into())
    }
}
