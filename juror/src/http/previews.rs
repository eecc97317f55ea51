//! Previews over HTTP: one request, sent again until it is answered. Only whoever holds the signed
//! request, deliverable included, is told anything.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use surety_jury::preview::{PreviewRequest, PreviewState};
use surety_privacy::ciphertext_most;
use surety_terms::Problem;

use super::{Door, Refused, Wait, read};

pub(super) async fn take(
    State(door): State<Arc<Door>>,
    wait: Result<Query<Wait>, QueryRejection>,
    body: Body,
) -> Result<Response, Refused> {
    let wait = Wait::read(wait)?;
    let desk = &door.desk;
    let most = desk.previews.deliverable_most().min(desk.fetch.deliverable_max_bytes);
    let longest = PreviewRequest::body_bytes(most);
    let text = desk.plain_text(read(body, ciphertext_most(longest)).await?, longest)?;
    let request = PreviewRequest::parse(&text, most).map_err(Problem::from)?;
    drop(text);
    let permit = if wait.is_zero() { None } else { door.polls.try_acquire().ok() };
    let wait = if permit.is_some() { wait } else { Duration::ZERO };
    let status = door.desk.preview(&request, wait).await?;
    let code = match status.state {
        PreviewState::Pending => StatusCode::ACCEPTED,
        PreviewState::Answered | PreviewState::Refused => StatusCode::OK,
    };
    Ok((code, Json(status)).into_response())
}
