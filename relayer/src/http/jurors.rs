//! Showing what jurors did.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::Json;
use axum::extract::{Path, State};
use surety_record::{self as seats, JurorRecord};
use surety_terms::Problem;

use super::body::Id;
use super::problem::{Refusal, malformed};
use crate::RelayerError;
use crate::relayer::Relayer;

/// `GET /v1/jurors/{key}`.
pub(super) async fn record(
    State(relayer): State<Arc<Relayer>>,
    key: Id,
) -> Result<Json<JurorRecord>, Refusal> {
    let key: Option<Address> = key.ok().and_then(|Path(text)| text.parse().ok());
    let wrong = || malformed("key", "must be 0x and 40 hexadecimal digits");
    let key = key.ok_or_else(wrong)?;
    let shown = read(&relayer, key).await?;
    let detail = "No juror with this key was asked by this relayer.";
    let missing = || Problem::new("not-found", 404, "No such juror", detail);
    shown.map(Json).ok_or_else(|| missing().into())
}

async fn read(relayer: &Relayer, key: Address) -> Result<Option<JurorRecord>, RelayerError> {
    Ok(seats::record(&mut *relayer.store.read().await?, key).await?)
}
