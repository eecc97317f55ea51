//! The relayer's HTTP API.

mod acts;
pub(crate) mod body;
pub(crate) mod cases;
mod deliverables;
mod deliveries;
mod health;
mod jurors;
pub(crate) mod problem;
mod sheets;
mod transactions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use surety_privacy::ciphertext_most;
use surety_service::guard::{self, Guard, Takes};
use surety_service::refusal::Refused;
use surety_service::request_id;
use surety_service::serve::{self, Bounds, Ending};
use surety_terms::Problem;
use surety_terms::limits::BODY_BYTES;
use tokio::net::TcpListener;
use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::relayer::Relayer;
use problem::Refusal;

/// Serves until the relayer is told to stop; `cut` drops the requests in progress as well.
pub(crate) async fn serve(listener: TcpListener, relayer: Arc<Relayer>, cut: CancellationToken) {
    let stop = relayer.stop.clone();
    let bounds = Bounds {
        open: relayer.metrics.connections.clone(),
        turned_away: relayer.metrics.turned_away.clone(),
        ..relayer.config.http.bounds()
    };
    let app = router(relayer).layer(middleware::from_fn_with_state(cut.clone(), cut_off));
    serve::serve(listener, app, bounds, Ending { stop, cut }).await;
}

fn router(relayer: Arc<Relayer>) -> Router {
    let largest =
        usize::try_from(relayer.config.limits.deliverable_max_bytes).unwrap_or(BODY_BYTES);
    let largest = ciphertext_most(largest);
    let guard = Guard::new(relayer.config.http.limits());
    let takes = |takes| {
        let state = (Arc::clone(&guard), takes);
        middleware::from_fn_with_state(state, guard::read)
    };
    let documents = Router::new()
        .route("/v1/deliveries", post(deliveries::post))
        .route("/v1/transactions", post(transactions::post))
        .route("/v1/acts", post(acts::post))
        .route("/v1/deals/{id}/sheet", put(sheets::put))
        .layer(takes(Takes::Json(BODY_BYTES)));
    let bytes = Router::new()
        .route("/v1/deliverables/{digest}", put(deliverables::put))
        .layer(takes(Takes::Raw(largest)));
    let guarded = Router::new()
        .route("/v1/deliverables/{digest}", get(deliverables::show))
        .route("/v1/transactions/{id}", get(transactions::show))
        .route("/v1/cases/{id}", get(cases::case))
        .route("/v1/deals/{id}", get(cases::deal))
        .merge(documents)
        .merge(bytes)
        // The guard has read the body, within its own limits.
        .layer(DefaultBodyLimit::disable())
        .route("/v1/jurors/{key}", get(jurors::record))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(guard, guard::admit));
    Router::new()
        .route("/livez", get(health::live))
        .route("/startupz", get(health::started))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(guarded)
        .layer(middleware::from_fn_with_state(Arc::clone(&relayer), count))
        .layer(middleware::from_fn(request_id::identify))
        .with_state(relayer)
}

/// Counts what is asked, how long it took, and what was refused. A path is a route's: clients must
/// not make series.
async fn count(State(relayer): State<Arc<Relayer>>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("(none)", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    let refused = response.extensions().get::<Refused>().map(|r| r.reason().to_owned());
    tracing::debug!(status, ms = took.as_millis(), refused, "answered");
    relayer.metrics.request(path, status, took);
    if let Some(reason) = refused {
        relayer.metrics.refused(reason);
    }
    response
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
    /// With its place among those that are held open. Half of all requests may be; whoever comes
    /// later is answered at once, so that there is always a place to hand something in.
    fn within<'a>(&self, relayer: &'a Relayer) -> (Duration, Option<SemaphorePermit<'a>>) {
        let most = self.wait_secs.min(relayer.config.limits.wait_most_secs);
        let place = if most > 0 { relayer.polls.try_acquire().ok() } else { None };
        (Duration::from_secs(if place.is_some() { most } else { 0 }), place)
    }
}
