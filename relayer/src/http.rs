//! The relayer's HTTP API.

mod body;
mod cases;
mod deliverables;
mod deliveries;
mod health;
mod problem;
mod sheets;
mod transactions;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use surety_privacy::ciphertext_most;
use surety_terms::Problem;
use surety_terms::limits::BODY_BYTES;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::relayer::Relayer;
use problem::Refusal;

/// Serves until the relayer is told to stop; `cut` drops the requests in progress as well.
pub(crate) async fn serve(listener: TcpListener, relayer: Arc<Relayer>, cut: CancellationToken) {
    let stop = relayer.stop.clone();
    let app = router(relayer).layer(middleware::from_fn_with_state(cut, cut_off));
    let serving =
        axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await });
    if let Err(error) = serving.await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

fn router(relayer: Arc<Relayer>) -> Router {
    let largest =
        usize::try_from(relayer.config.limits.deliverable_max_bytes).unwrap_or(BODY_BYTES);
    let largest = ciphertext_most(largest);
    let deliverable =
        get(deliverables::show).put(deliverables::put).layer(DefaultBodyLimit::max(largest));
    Router::new()
        .route("/v1/deliveries", post(deliveries::post))
        .route("/v1/transactions", post(transactions::post))
        .route("/v1/deals/{id}/sheet", put(sheets::put))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .route("/v1/deliverables/{digest}", deliverable)
        .route("/v1/transactions/{id}", get(transactions::show))
        .route("/v1/cases/{id}", get(cases::case))
        .route("/v1/deals/{id}", get(cases::deal))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .with_state(relayer)
}

async fn cut_off(State(cut): State<CancellationToken>, request: Request, next: Next) -> Response {
    tokio::select! {
        response = next.run(request) => response,
        () = cut.cancelled() => Refusal::from(problem::stopping()).into_response(),
    }
}

async fn unknown() -> Refusal {
    Problem::new("not-found", 404, "No such resource", "There is nothing at this path.").into()
}

async fn wrong_method() -> Refusal {
    let detail = "This path does not take this method.";
    Problem::new("method-not-allowed", 405, "Wrong method", detail).into()
}

/// How long a client wants its question held open, and for how long we do.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wait {
    #[serde(default)]
    wait_secs: u64,
}

impl Wait {
    fn within(&self, relayer: &Relayer) -> Duration {
        Duration::from_secs(self.wait_secs.min(relayer.config.limits.wait_most_secs))
    }
}
