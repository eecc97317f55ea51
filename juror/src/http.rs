//! What a juror answers over HTTP. Every refusal is an RFC 9457 problem.
//!
//! Bodies are bounded in size and time, requests in number. A ballot is no secret: whoever asks for
//! a case gets it, the parties too.

use std::{sync::Arc, time::Duration};

use alloy::primitives::{B256, keccak256};
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{
        Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::Deserialize;
use surety_jury::wire::{CaseRequest, CaseStatus, JurorInfo};
use surety_metrics::Now;
use surety_prices::SignedPrices;
use surety_terms::{Problem, Reveal, json, limits, problem::CONTENT_TYPE};
use tokio::sync::Semaphore;

use crate::{
    JurorError,
    case::{CASE_BYTES, Desk},
    verify::Fault,
};

/// How long a body may take to come in.
const BODY_TIME: Duration = Duration::from_secs(30);
/// The longest wait of a long poll.
const MOST_WAIT_SECS: u64 = 60;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) desk: Arc<Desk>,
    pub(crate) info: JurorInfo,
    /// Requests that may be served at once.
    pub(crate) requests: Semaphore,
    /// Those of them that may wait; the others are answered at once.
    pub(crate) polls: Semaphore,
}

/// A problem on its way out.
struct Refused(Box<Problem>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wait {
    #[serde(default)]
    wait_secs: u64,
}

/// All routes.
pub(crate) fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route("/v1/cases", post(take_case))
        .route("/v1/cases/{case_id}", get(show_case))
        .route("/v1/cases/{case_id}/reveals", get(show_reveals).post(take_reveal))
        .route("/v1/deliverables/{digest}", put(take_deliverable))
        .layer(middleware::from_fn_with_state(Arc::clone(&door), bounded))
        .layer(middleware::from_fn(to_the_end))
        .route("/v1/juror", get(show_juror))
        .route("/v1/prices", get(show_prices))
        .route("/livez", get(|| async { StatusCode::NO_CONTENT }))
        .route("/readyz", get(ready))
        .route("/metrics", get(show_metrics))
        .fallback(|| async {
            refused("not-found", StatusCode::NOT_FOUND, "There is no such resource", "no such path")
        })
        .method_not_allowed_fallback(|| async {
            refused(
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The resource does not do that",
                "another method is needed",
            )
        })
        .with_state(door)
}

async fn bounded(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let Ok(_permit) = door.requests.try_acquire() else {
        return refused(
            "busy",
            StatusCode::SERVICE_UNAVAILABLE,
            "The juror is busy",
            "too many requests are being served",
        )
        .into_response();
    };
    next.run(request).await
}

/// Lets a request that writes run to its end, also when its client is gone meanwhile. Otherwise it
/// could end between the row of a case and the task that judges it, and nobody would judge the case
/// before the next start.
async fn to_the_end(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request)).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "a request broke off");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn take_case(State(door): State<Arc<Door>>, body: Body) -> Result<Response, Refused> {
    let bytes = read(body, CASE_BYTES).await?;
    let request: CaseRequest = json::parse_exact(&bytes, CASE_BYTES).map_err(Problem::from)?;
    let status = door.desk.take(request).await?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

async fn show_case(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Json<CaseStatus>, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    let Query(wait) =
        wait.map_err(|_| malformed("waitSecs", "must be a whole number of seconds"))?;
    let secs = wait.wait_secs.min(MOST_WAIT_SECS);
    let permit = if secs > 0 { door.polls.try_acquire().ok() } else { None };
    let status = match permit {
        Some(_permit) => door.desk.wait(case_id, Duration::from_secs(secs)).await?,
        None => door.desk.status(case_id).await?,
    };
    status.map(Json).ok_or_else(|| {
        refused(
            "unknown-case",
            StatusCode::NOT_FOUND,
            "The case is unknown",
            format!("this juror has not taken case {case_id}"),
        )
    })
}

async fn take_reveal(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
    body: Body,
) -> Result<StatusCode, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    let bytes = read(body, limits::SHEET_BYTES).await?;
    let reveal = Reveal::parse(&bytes).map_err(Problem::from)?;
    door.desk.reveal(case_id, &reveal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was revealed of a case, for whoever wants to hand it to other jurors.
async fn show_reveals(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
) -> Result<Json<Vec<Reveal>>, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    Ok(Json(door.desk.store.reveals(case_id).await?))
}

async fn take_deliverable(
    State(door): State<Arc<Door>>,
    digest: Result<Path<B256>, PathRejection>,
    body: Body,
) -> Result<StatusCode, Refused> {
    let Path(digest) = digest.map_err(|_| malformed("digest", "must be 32 bytes of 0x-hex"))?;
    let unasked = || {
        refused(
            "unasked-deliverable",
            StatusCode::NOT_FOUND,
            "Nobody asks for the deliverable",
            format!("no open case is about {digest}"),
        )
    };
    // Before the body is read: strangers cannot make a juror buffer their bytes.
    if !door.desk.asks_for(digest).await {
        return Err(unasked());
    }
    let bytes = read(body, door.desk.fetch.deliverable_max_bytes).await?;
    let got = keccak256(&bytes);
    if got != digest {
        let detail = format!("the bytes have the digest {got}, not {digest}");
        let title = "The bytes are others";
        return Err(Problem::new("digest-mismatch", 422, title, detail)
            .with_field("digest", "must be keccak256 of the body")
            .into());
    }
    if door.desk.deliverable(digest, &bytes).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(unasked())
    }
}

async fn show_juror(State(door): State<Arc<Door>>) -> Json<JurorInfo> {
    Json(door.info.clone())
}

async fn show_prices(State(door): State<Arc<Door>>) -> Result<Json<SignedPrices>, Refused> {
    let now = door.desk.moments.borrow().head.timestamp;
    Ok(Json(door.desk.prices.signed(door.desk.signer.key(), now).await.map_err(JurorError::from)?))
}

async fn ready(State(door): State<Arc<Door>>) -> Result<StatusCode, Refused> {
    door.desk.readiness.check(&door.desk).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn show_metrics(State(door): State<Arc<Door>>) -> Response {
    let desk = &door.desk;
    let now = Now {
        open: desk.open_cases().len(),
        head: desk.moments.borrow().head.number,
        head_age_secs: desk.readiness.head_age().as_secs(),
    };
    let text = desk.metrics.text(now).unwrap_or_default();
    ([(header::CONTENT_TYPE, surety_metrics::CONTENT_TYPE)], text).into_response()
}

/// A body of at most `most` bytes, in bounded time.
async fn read(body: Body, most: usize) -> Result<Vec<u8>, Refused> {
    match tokio::time::timeout(BODY_TIME, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(_)) => Err(refused(
            "too-large",
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large",
            format!("at most {most} bytes are read"),
        )),
        Err(_) => Err(refused(
            "too-slow",
            StatusCode::REQUEST_TIMEOUT,
            "The body came too slowly",
            format!("a body has to come within {} seconds", BODY_TIME.as_secs()),
        )),
    }
}

fn refused(
    slug: &str,
    status: StatusCode,
    title: &'static str,
    detail: impl Into<String>,
) -> Refused {
    Problem::new(slug, status.as_u16(), title, detail).into()
}

fn malformed(field: &str, rule: &str) -> Refused {
    Problem::new("malformed", 400, "The request is malformed", format!("{field} {rule}"))
        .with_field(field, rule)
        .into()
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<JurorError> for Refused {
    fn from(err: JurorError) -> Self {
        tracing::error!(%err, "a request cannot be served");
        let (slug, detail) = if matches!(err, JurorError::Chain { .. }) {
            ("no-chain", "this juror has no view of the chain now")
        } else {
            ("unavailable", "this juror cannot serve the request now")
        };
        refused(slug, StatusCode::SERVICE_UNAVAILABLE, "The juror cannot tell", detail)
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(problem) => Self(problem),
            Fault::Unable(err) => err.into(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, watch};
    use tower::util::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn a_request_that_writes_runs_to_its_end_without_its_client() {
        let (begun, mut begins) = mpsc::channel(1);
        let (go_on, goes_on) = watch::channel(false);
        let (done, mut ends) = mpsc::channel(1);
        let handler = async move || {
            begun.send(()).await.unwrap();
            goes_on.clone().wait_for(|go| *go).await.unwrap();
            done.send(()).await.unwrap();
        };
        let router = Router::new().route("/", post(handler)).layer(middleware::from_fn(to_the_end));
        let request = Request::builder().method("POST").uri("/").body(Body::empty()).unwrap();
        let client = tokio::spawn(router.oneshot(request));
        begins.recv().await.unwrap();
        client.abort();
        client.await.unwrap_err();
        go_on.send_replace(true);
        ends.recv().await.unwrap();
    }
}
