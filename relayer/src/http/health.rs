//! Whether the process lives, and whether it can work.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use surety_chain::Standing;

use crate::relayer::Relayer;
use crate::store::cases;
use crate::wire::Readiness;

/// The chain counts as unread after this many polls without an answer.
const MISSED_POLLS: u32 = 40;
/// And not before this many milliseconds.
const LEAST_MS: u64 = 15_000;

pub(super) async fn live() -> &'static str {
    "alive\n"
}

pub(super) async fn ready(State(relayer): State<Arc<Relayer>>) -> (StatusCode, Json<Readiness>) {
    let store = match relayer.store.read().await {
        Ok(mut conn) => cases::open(&mut conn).await.is_ok(),
        Err(_) => false,
    };
    let clock = *relayer.clock.borrow();
    let age = clock.read.elapsed();
    let patience = relayer.poll() * MISSED_POLLS;
    let chain_read_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
    let within_budget = !relayer.sender.health().over_budget;
    let is_ready = store && within_budget && (age < patience || chain_read_ms < LEAST_MS);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let reports = relayer.escrow.rpc.reports();
    let readiness = Readiness {
        is_ready,
        store,
        chain_read_ms,
        head: clock.head.number,
        within_budget,
        endpoints_good: reports.iter().filter(|r| r.standing == Standing::Good).count(),
        endpoints: reports.len(),
    };
    (status, Json(readiness))
}
