//! An error as problem details: what a counterparty or the principal is told.

use surety_terms::Problem;

use crate::Error;

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Terms(error) => Self::from(error),
            Error::Refused { field, rule } => {
                Self::new("refused", 422, "The agent does not sign this", detail)
                    .with_field(field.to_string(), rule.clone())
            }
            Error::Problem { problem, .. } => Self { detail, ..problem.as_ref().clone() },
            Error::DealUnknown(_) => Self::new("deal-unknown", 404, "No such deal", detail),
            Error::Reverted(_) | Error::NotSent(_) => {
                Self::new("reverted", 409, "The chain refuses", detail)
            }
            Error::Busy(_) => Self::new("busy", 429, "Too much at once", detail),
            Error::Chain(_) | Error::EventMissing(_) | Error::NotSeen(_) => {
                Self::new("chain-unavailable", 503, "The chain cannot be read now", detail)
            }
            Error::Unreachable { .. } => {
                Self::new("service-unavailable", 502, "Another service does not answer", detail)
            }
            Error::Worker(_) => Self::new("worker-failed", 500, "The work failed", detail),
            Error::Config { .. }
            | Error::Key(_)
            | Error::TokenDomain(_)
            | Error::Store(_)
            | Error::Listen { .. } => {
                // The detail is for the operator's log, not for a counterparty.
                Self::new("internal", 500, "The agent failed", "see the agent's log")
            }
        }
    }
}
