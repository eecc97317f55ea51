//! One signature over a list of cases. Whoever collects ballots proposes the list.

use std::{collections::HashSet, sync::Arc};

use axum::{Json, body::Body, extract::State, http::StatusCode};
use surety_jury::wire::{BatchBody, BatchRequest};
use surety_seal::Batched;
use surety_terms::{Problem, json};

use super::{Door, Refused, malformed, read, refused};
use crate::JurorError;

/// The largest body: 256 ids.
const BATCH_BYTES: usize = 32 << 10;

pub(super) async fn take(
    State(door): State<Arc<Door>>,
    body: Body,
) -> Result<Json<BatchBody>, Refused> {
    let bytes = read(body, BATCH_BYTES).await?;
    let request: BatchRequest = json::parse_exact(&bytes, BATCH_BYTES).map_err(Problem::from)?;
    let (cases, most) = (request.cases, BatchRequest::MOST);
    let distinct: HashSet<_> = cases.iter().collect();
    if cases.is_empty() || cases.len() > most || distinct.len() != cases.len() {
        return Err(malformed("cases", &format!("must be 1 to {most} ids, each once")));
    }
    let desk = &door.desk;
    let cast = desk.signer.cast_batch(desk.store.ballots(), &cases).await;
    match cast.map_err(JurorError::from)? {
        Batched::Row(row) => {
            let signature = row.signature.ok_or(JurorError::Stopped)?;
            let (votes, transcript) = (row.batch.votes, row.batch.transcript);
            Ok(Json(BatchBody { votes, transcript, signature, juror: desk.signer.juror() }))
        }
        Batched::Absent => {
            let detail = "this juror shows no ballot on any of the cases";
            Err(refused("no-ballot", StatusCode::CONFLICT, "There is nothing to sign", detail))
        }
        Batched::TooOften { case_id } => {
            let detail = format!("case {case_id} is in as many lists as one case may be");
            let title = "Too many lists were signed";
            Err(refused("too-many-lists", StatusCode::TOO_MANY_REQUESTS, title, detail))
        }
    }
}
