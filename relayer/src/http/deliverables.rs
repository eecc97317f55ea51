//! Taking and giving deliverables by digest.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use surety_terms::Problem;

use super::body::{self, Body, Id};
use super::problem::Refusal;
use crate::relayer::Relayer;
use crate::shelf::NotTaken;

/// `PUT /v1/deliverables/{digest}`: raw bytes whose keccak256 is the digest.
pub(super) async fn put(
    State(relayer): State<Arc<Relayer>>,
    id: Id,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let digest = body::digest(id)?;
    let bytes = body::bytes(body)?;
    relayer.shelf.put(digest, bytes).await?.map_err(refuse)?;
    relayer.changed();
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/deliverables/{digest}`: the bytes.
pub(super) async fn show(State(relayer): State<Arc<Relayer>>, id: Id) -> Result<Response, Refusal> {
    let digest = body::digest(id)?;
    let Some(bytes) = relayer.shelf.get(digest).await? else {
        let detail = "No deliverable with this digest is here.";
        return Err(Problem::new("not-found", 404, "No such deliverable", detail).into());
    };
    // Strangers chose the bytes: no browser may take them for a page.
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, bytes.0).into_response())
}

fn refuse(why: NotTaken) -> Refusal {
    let problem = match why {
        NotTaken::Digest(got) => {
            let detail = format!("The bytes' keccak256 is {got}.");
            Problem::new("digest-mismatch", 422, "Another digest", detail)
                .with_field("digest", "must be the keccak256 of the body")
        }
        NotTaken::Size(got) => {
            let detail = format!("{got} bytes are more than a deliverable may have here.");
            Problem::new("too-large", 413, "Too large", detail)
                .with_field("(document)", "not larger than the limit")
        }
        NotTaken::Full => {
            let detail = "There is no room for deliverables that no delivery names; hand in the \
                          delivery first.";
            Problem::new("shelf-full", 507, "No room", detail)
        }
    };
    problem.into()
}
