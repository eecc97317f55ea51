//! What a juror answers over HTTP. Every refusal is an RFC 9457 problem.
//!
//! Bodies are bounded in size and time, requests in number. Whoever asks for a case gets the
//! commitment and, once the seal is open, the ballot, the parties too.

mod batches;
mod previews;

use std::{path::PathBuf, sync::Arc, time::Duration};

use alloy::primitives::B256;
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{
        Path, Query, Request, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde::Deserialize;
use surety_judge::Trouble;
use surety_jury::wire::{CaseStatus, Commitments, JurorInfo, WaitFor};
use surety_metrics::Now;
use surety_prices::SignedPrices;
use surety_privacy::{
    AgeFile, PrivateCaseRequest, PrivateReveal, ciphertext_most, is_private, names_private_sheet,
};
use surety_qualify::Certificate;
use surety_service::{refusal, request_id};
use surety_terms::{Problem, json, limits};
use tokio::sync::Semaphore;

use crate::{
    JurorError,
    case::{CASE_BYTES, Desk},
    qualified,
    verify::Fault,
};

/// The largest body of commitments: 15 of them.
const COMMITMENTS_BYTES: usize = 8 << 10;
/// How long a body may take to come in.
const BODY_TIME: Duration = Duration::from_secs(30);
/// The longest wait of a long poll.
const MOST_WAIT_SECS: u64 = 60;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) desk: Arc<Desk>,
    pub(crate) info: JurorInfo,
    /// Where the certificate is.
    pub(crate) certificate: PathBuf,
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
    #[serde(default)]
    wait_for: WaitFor,
}

impl Wait {
    /// How long is waited for an answer.
    fn read(wait: Result<Query<Self>, QueryRejection>) -> Result<Duration, Refused> {
        let Query(wait) =
            wait.map_err(|_| malformed("waitSecs", "must be a whole number of seconds"))?;
        Ok(Duration::from_secs(wait.wait_secs.min(MOST_WAIT_SECS)))
    }
}

/// All routes.
pub(crate) fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route("/v1/cases", post(take_case))
        .route("/v1/cases/{case_id}", get(show_case))
        .route("/v1/cases/{case_id}/commitments", post(take_commitments))
        .route("/v1/cases/{case_id}/reveals", get(show_reveals).post(take_reveal))
        .route("/v1/cases/{case_id}/transcript", get(show_transcript))
        .route("/v1/cases/{case_id}/blobs/{digest}", get(show_blob))
        .route("/v1/deliverables/{digest}", put(take_deliverable))
        .route("/v1/qualification", get(show_qualification))
        .route("/v1/previews", post(previews::take))
        .route("/v1/batches", post(batches::take))
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
            let (title, detail) = ("The resource does not do that", "another method is needed");
            Refused::from(Problem::new("method-not-allowed", 405, title, detail))
        })
        .layer(middleware::from_fn(request_id::identify))
        .with_state(door)
}

async fn bounded(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let Ok(_permit) = door.requests.try_acquire() else {
        let detail = "too many requests are being served";
        return refusal::answer(&Problem::new("busy", 503, "The juror is busy", detail));
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
    let bytes = read(body, surety_privacy::CASE_BYTES).await?;
    let request = if names_private_sheet(&bytes) {
        door.desk.opened(PrivateCaseRequest::parse(&bytes).map_err(Problem::from)?)?
    } else if bytes.len() > CASE_BYTES {
        return Err(too_large(CASE_BYTES));
    } else {
        json::parse_exact(&bytes, CASE_BYTES).map_err(Problem::from)?
    };
    let status = door.desk.take(request).await?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

async fn show_case(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Json<CaseStatus>, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    let wait_for = wait.as_ref().map(|wait| wait.wait_for).unwrap_or_default();
    let wait = Wait::read(wait)?;
    let permit = if wait.is_zero() { None } else { door.polls.try_acquire().ok() };
    let status = match permit {
        Some(_permit) => door.desk.wait(case_id, wait, wait_for).await?,
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

async fn take_commitments(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
    body: Body,
) -> Result<StatusCode, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    let bytes = read(body, COMMITMENTS_BYTES).await?;
    let given: Commitments = json::parse_exact(&bytes, COMMITMENTS_BYTES).map_err(Problem::from)?;
    door.desk.bind(case_id, &given.commitments).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn take_reveal(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
    body: Body,
) -> Result<StatusCode, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    let bytes = read(body, ciphertext_most(limits::SHEET_BYTES)).await?;
    let reveal = door.desk.plain_reveal(bytes)?;
    door.desk.reveal(case_id, &reveal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was revealed of a case, for whoever wants to hand it to other jurors: of a private deal, for
/// its parties.
async fn show_reveals(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
) -> Result<Response, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    let kept = door.desk.store.kept_reveals(case_id).await?;
    if !kept.iter().any(|(_, document)| is_private(document)) {
        return Ok(Json(door.desk.store.reveals(case_id, None).await?).into_response());
    }
    let shown =
        |(criterion_id, document)| PrivateReveal { criterion_id, age_file: AgeFile(document) };
    Ok(Json(kept.into_iter().map(shown).collect::<Vec<_>>()).into_response())
}

async fn show_transcript(
    State(door): State<Arc<Door>>,
    case_id: Result<Path<B256>, PathRejection>,
) -> Result<Response, Refused> {
    let Path(case_id) = case_id.map_err(|_| malformed("caseId", "must be 32 bytes of 0x-hex"))?;
    file(door.desk.record(case_id, None).await?)
}

async fn show_blob(
    State(door): State<Arc<Door>>,
    place: Result<Path<(B256, B256)>, PathRejection>,
) -> Result<Response, Refused> {
    let Path((case_id, digest)) =
        place.map_err(|_| malformed("digest", "must be 32 bytes of 0x-hex, like the case's id"))?;
    file(door.desk.record(case_id, Some(digest)).await?)
}

/// A file of this juror's. Strangers chose some of its bytes: no browser may take it for a page.
fn file(bytes: Option<Vec<u8>>) -> Result<Response, Refused> {
    let title = "There is no such record";
    let missing = || refused("unknown-record", StatusCode::NOT_FOUND, title, "this juror has none");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, bytes.ok_or_else(missing)?).into_response())
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
    let most = door.desk.fetch.deliverable_max_bytes;
    let bytes = read(body, ciphertext_most(most)).await?;
    // What is encrypted is a little longer than what it holds.
    if bytes.len() > most && !is_private(&bytes) {
        return Err(too_large(most));
    }
    let bytes = door.desk.plain(digest, bytes)?;
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

async fn show_qualification(State(door): State<Arc<Door>>) -> Result<Json<Certificate>, Refused> {
    Ok(Json(qualified::certificate(&door.certificate, &door.info).await?))
}

async fn ready(State(door): State<Arc<Door>>) -> Result<StatusCode, Refused> {
    door.desk.readiness.check(&door.desk).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn show_metrics(State(door): State<Arc<Door>>) -> Response {
    let desk = &door.desk;
    let read = tokio::try_join!(desk.overcounts(), desk.troubles(), desk.spent());
    let (overcounts, troubles, day_spent) = read.unwrap_or_else(|err| {
        tracing::error!(%err, "nobody knows what the provider counted");
        (0, Vec::new(), 0)
    });
    let now = Now {
        overcounts,
        answers: desk.judge.answers(),
        troubles: Trouble::ALL.map(|it| (it.word(), troubles.contains(&it))).into(),
        day_spent,
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
        Ok(Err(_)) => Err(too_large(most)),
        Err(_) => Err(refused(
            "too-slow",
            StatusCode::REQUEST_TIMEOUT,
            "The body came too slowly",
            format!("a body has to come within {} seconds", BODY_TIME.as_secs()),
        )),
    }
}

fn too_large(most: usize) -> Refused {
    let detail = format!("at most {most} bytes are read");
    refused("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large", detail)
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

impl From<Box<Problem>> for Refused {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem)
    }
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
        refusal::answer(&self.0)
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
