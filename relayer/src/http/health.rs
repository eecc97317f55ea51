//! Whether the process lives, whether it has started, whether it can work, and its numbers.
//!
//! Nothing here makes the chain or the disk work: what is said was found at a steady pace.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::relayer::Relayer;
use crate::wire::{Readiness, Vitality};

/// 503 when only a restart helps.
pub(super) async fn live(State(relayer): State<Arc<Relayer>>) -> (StatusCode, Json<Vitality>) {
    vitality(relayer.stalled())
}

/// 503 until the chain was read up to its head once.
pub(super) async fn started(State(relayer): State<Arc<Relayer>>) -> (StatusCode, Json<Vitality>) {
    vitality(relayer.starting())
}

/// 503 while something keeps it from its work.
pub(super) async fn ready(State(relayer): State<Arc<Relayer>>) -> (StatusCode, Json<Readiness>) {
    let readiness = relayer.readiness();
    (status(readiness.is_ready), Json(readiness))
}

pub(super) async fn metrics(State(relayer): State<Arc<Relayer>>) -> Response {
    relayer.measure();
    let text = relayer.metrics.text().unwrap_or_default();
    ([(header::CONTENT_TYPE, surety_relayer_metrics::CONTENT_TYPE)], text).into_response()
}

fn vitality(problems: Vec<String>) -> (StatusCode, Json<Vitality>) {
    let good = problems.is_empty();
    (status(good), Json(Vitality { good, problems }))
}

const fn status(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
