//! From what went wrong to what a client is told.

use axum::response::{IntoResponse, Response};
use surety_bindings::revert;
use surety_service::refusal;
use surety_store::StoreError;
use surety_terms::{Problem, TermsError};

use crate::RelayerError;

/// A problem document as an answer (RFC 9457).
#[derive(Debug)]
pub(crate) struct Refusal(Box<Problem>);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<TermsError> for Refusal {
    fn from(error: TermsError) -> Self {
        Self(Box::new(error.into()))
    }
}

impl From<RelayerError> for Refusal {
    /// The client learns that it is our fault and whether to try again; the log learns the rest.
    fn from(error: RelayerError) -> Self {
        tracing::warn!(%error, "a request failed on our side");
        if error.retryable() {
            let detail = "The chain or the store did not answer as needed; try again.";
            Problem::new("unavailable", 503, "Unavailable", detail).into()
        } else {
            let detail = "The relayer cannot do this; its operator has to look.";
            Problem::new("internal", 500, "Internal error", detail).into()
        }
    }
}

impl From<surety_chain::ChainError> for Refusal {
    fn from(error: surety_chain::ChainError) -> Self {
        RelayerError::from(error).into()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        RelayerError::from(error).into()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refusal::answer(&self.0)
    }
}

/// What the escrow says against a call, with its remedy.
pub(super) fn reverted(data: &[u8]) -> Problem {
    let title = "The escrow refuses this call";
    if let Some(named) = revert::decode(data) {
        let slug = format!("revert:{}", named.name);
        Problem::new(&slug, 422, title, named.to_string()).with_field("calldata", named.remedy)
    } else {
        let detail = "The call reverts without a reason; most likely its arguments are not \
                      encoded as the function needs them.";
        let rule = "must be a call that the escrow would execute now";
        Problem::new("revert", 422, title, detail).with_field("calldata", rule)
    }
}

/// The watcher has not read yet what the chain shows.
pub(super) fn unread() -> Problem {
    let detail = "The chain's newest events are still being read; try again.";
    Problem::new("unavailable", 503, "Unavailable", detail)
}

pub(super) fn stopping() -> Problem {
    Problem::new("stopping", 503, "Stopping", "The relayer is being stopped; try again soon.")
}

/// A path or query that is not what it must be.
pub(super) fn malformed(field: &'static str, rule: &'static str) -> Problem {
    Problem::new("malformed", 400, "Malformed request", format!("{field}: {rule}"))
        .with_field(field, rule)
}
