//! Reading requests, so that every refusal is a problem document.

use alloy::primitives::B256;
use alloy::primitives::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use surety_terms::Problem;

use super::Wait;
use super::problem::{Refusal, malformed};

/// The query of a deliverable of a private deal.
pub(super) type OfDeal = Result<Query<Upload>, QueryRejection>;

/// Whose deliverable it is, and who signed for its age file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Upload {
    /// The deal's id.
    pub(super) deal: Option<B256>,
    /// The seller's signature of the upload.
    pub(super) signature: Option<Bytes>,
}

/// A body as axum reads it.
pub(super) type Body = Result<axum::body::Bytes, BytesRejection>;
/// A path's one argument as axum reads it.
pub(crate) type Id = Result<Path<String>, PathRejection>;
/// The query of a question that may be held open.
pub(super) type Waiting = Result<Query<Wait>, QueryRejection>;

/// The body's bytes.
pub(super) fn bytes(body: Body) -> Result<Bytes, Refusal> {
    body.map(Bytes::from).map_err(|rejection| {
        let problem = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new("too-large", 413, "Too large", "The body is larger than is read here.")
                .with_field("(document)", "not larger than the limit")
        } else {
            malformed("(document)", "must arrive whole")
        };
        problem.into()
    })
}

/// A digest from the path.
pub(crate) fn digest(id: Id) -> Result<B256, Refusal> {
    let rule = "must be 0x and 64 hexadecimal digits";
    let Ok(Path(text)) = id else { return Err(malformed("id", rule).into()) };
    let parsed = text.starts_with("0x").then(|| text.parse().ok()).flatten();
    parsed.ok_or_else(|| malformed("id", rule).into())
}

/// Of which private deal a deliverable is, with a signature if it is handed in.
pub(super) fn of_deal(query: OfDeal) -> Result<Upload, Refusal> {
    let rule = "must be 0x-hex: deal, and signature where bytes are handed in, and nothing else";
    query.map(|Query(upload)| upload).map_err(|_| malformed("query", rule).into())
}

/// How long to hold a question open.
pub(super) fn wait(query: Waiting) -> Result<Wait, Refusal> {
    match query {
        Ok(Query(wait)) => Ok(wait),
        Err(_) => Err(malformed("waitSecs", "must be a number of seconds, alone").into()),
    }
}
