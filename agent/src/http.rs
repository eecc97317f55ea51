//! The agent's HTTP interface: offers and deliverables for everybody, deals for its principal.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use alloy::primitives::{B256, keccak256};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{ConnectInfo, FromRequestParts, Path, State, rejection::BytesRejection},
    http::{HeaderValue, StatusCode, header, request::Parts},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use surety_service::{
    guard::{self, Guard, Takes},
    refusal,
};
use surety_terms::{
    HiddenCriterion, Problem, TermSheet, json, limits,
    wire::{Offer, OfferAnswer},
};
use tower_http::timeout::TimeoutLayer;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    DealView, Error, Role, Stage, blobs::Blobs, negotiate::Negotiator, perform::Context,
    readers::RecipientAnswer,
};

/// How long one request may take, its body included.
const REQUEST_WITHIN: Duration = Duration::from_mins(1);
/// How many deals a list shows, newest first.
const LIST_LENGTH: u32 = 1_000;

/// What a principal asks its agent to buy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDeal {
    /// The terms, complete.
    pub term_sheet: TermSheet,
    /// Where the seller's agent answers.
    pub seller_url: Url,
    /// What the terms hide until the delivery, for the agent to reveal to the jurors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Vec<HiddenCriterion>>,
}

/// One deal of the agent's book, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DealSummary {
    /// The deal's id.
    pub deal_id: B256,
    /// The agent's side.
    pub role: Role,
    /// Where it stands in the agent's book.
    pub stage: Stage,
    /// The sheet's title.
    pub title: String,
}

/// A list of deals.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DealList {
    /// The newest first.
    pub deals: Vec<DealSummary>,
}

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) context: Arc<Context>,
    pub(crate) negotiator: Arc<Negotiator>,
    /// The principal's token; without one only this machine is the principal.
    pub(crate) token: Option<Zeroizing<String>>,
}

/// All routes, behind a guard.
pub(crate) fn router(shared: Arc<Shared>, guard: &Arc<Guard>) -> Router {
    let takes = (Arc::clone(guard), Takes::Json(limits::BODY_BYTES));
    Router::new()
        .route("/v1/offers", post(offer))
        .route("/v1/deals", post(buy).get(list))
        .layer(from_fn_with_state(takes, guard::read))
        .route("/v1/recipient", get(recipient))
        .route("/v1/deliverables/{digest}", get(deliverable))
        .route("/v1/deals/{deal_id}", get(show))
        .fallback(async || {
            Refusal::new("not-found", StatusCode::NOT_FOUND, "No such resource", "see the docs")
        })
        .method_not_allowed_fallback(async || {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Refusal::new("method-not-allowed", status, "Another method is needed", "see the docs")
        })
        .layer(from_fn_with_state(Arc::clone(guard), guard::admit))
        .route("/livez", get(async || "alive"))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_WITHIN))
        .with_state(shared)
}

/// A buyer's offer, from anybody.
async fn offer(
    State(shared): State<Arc<Shared>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<OfferAnswer>, Refusal> {
    let offer = Offer::parse(&body?).map_err(Error::from)?;
    Ok(Json(shared.negotiator.answer(offer).await?))
}

/// To whom others write what only the owner may read.
async fn recipient(State(shared): State<Arc<Shared>>) -> Json<RecipientAnswer> {
    Json(shared.context.readers.answer())
}

/// A deliverable's bytes, for whoever knows their digest; of a private deal, the age file's.
async fn deliverable(
    State(shared): State<Arc<Shared>>,
    Path(digest): Path<String>,
) -> Result<Response, Refusal> {
    let digest = parse_digest("digest", &digest)?;
    let blobs: &Blobs = &shared.context.blobs;
    let Some(bytes) = blobs.get(digest).await? else {
        let title = "No such deliverable";
        return Err(Refusal::new("deliverable-unknown", StatusCode::NOT_FOUND, title, "not here"));
    };
    // A disk that returns other bytes than were written must not make the seller look dishonest.
    if keccak256(&bytes) != digest {
        return Err(Error::Store("reading a deliverable").into());
    }
    // A program chose the bytes: no browser may take them for a page.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, bytes).into_response())
}

/// A deal that the principal wants.
async fn buy(
    _: Principal,
    State(shared): State<Arc<Shared>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<DealSummary>), Refusal> {
    let body = body?;
    let wanted: NewDeal = json::parse_exact(&body, limits::BODY_BYTES).map_err(Error::from)?;
    wanted.term_sheet.validate().map_err(|error| Error::from(error.under("termSheet")))?;
    let hidden = wanted.hidden.unwrap_or_default();
    let entry = shared.negotiator.buy(wanted.term_sheet, &wanted.seller_url, &hidden).await?;
    let title = entry.deal.sheet.title.clone();
    let summary =
        DealSummary { deal_id: entry.deal.id, role: entry.role, stage: entry.stage, title };
    Ok((StatusCode::ACCEPTED, Json(summary)))
}

/// The agent's deals.
async fn list(_: Principal, State(shared): State<Arc<Shared>>) -> Result<Json<DealList>, Refusal> {
    let entries = shared.context.store.deals(LIST_LENGTH).await?;
    let deals = entries
        .into_iter()
        .map(|entry| DealSummary {
            deal_id: entry.deal.id,
            role: entry.role,
            stage: entry.stage,
            title: entry.deal.sheet.title,
        })
        .collect();
    Ok(Json(DealList { deals }))
}

/// One deal, with everything that the chain says about it.
async fn show(
    _: Principal,
    State(shared): State<Arc<Shared>>,
    Path(deal_id): Path<String>,
) -> Result<Json<DealView>, Refusal> {
    let deal_id = parse_digest("dealId", &deal_id)?;
    let entry = shared.context.store.deal(deal_id).await?.ok_or(Error::DealUnknown(deal_id))?;
    Ok(Json(DealView::of_entry(&shared.context.session.chain, &entry).await?))
}

/// Reads a digest of a path.
fn parse_digest(field: &'static str, text: &str) -> Result<B256, Refusal> {
    let well_formed = text.starts_with("0x");
    text.parse().ok().filter(|_| well_formed).ok_or_else(|| {
        let title = "The path is malformed";
        let problem = Problem::new("malformed", 400, title, "not a digest");
        Refusal(Box::new(problem.with_field(field, "0x and 64 hexadecimal digits")))
    })
}

/// Proof that a request is the principal's: its token, or without one that it is from this machine.
struct Principal;

impl FromRequestParts<Arc<Shared>> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let allowed = if let Some(token) = &shared.token {
            let given = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
            let given = given.and_then(|value| value.strip_prefix(b"Bearer "));
            // Equal digests without a comparison whose time tells where the two differ.
            given.is_some_and(|given| keccak256(given) == keccak256(token.as_bytes()))
        } else {
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
            // A browser of this machine sends this header with what a foreign page asks for.
            peer.is_some_and(|ConnectInfo(peer)| peer.ip().is_loopback())
                && !parts.headers.contains_key(header::ORIGIN)
        };
        if allowed {
            return Ok(Self);
        }
        let (title, detail) = (
            "Only the principal may do this",
            "send its token as `Authorization: Bearer ...`, or ask from the agent's own machine",
        );
        Err(Refusal::new("not-the-principal", StatusCode::FORBIDDEN, title, detail))
    }
}

/// A problem as a response.
#[derive(Debug)]
struct Refusal(Box<Problem>);

impl Refusal {
    fn new(slug: &str, status: StatusCode, title: &'static str, detail: &str) -> Self {
        Self(Box::new(Problem::new(slug, status.as_u16(), title, detail)))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let problem = Problem::from(&error);
        if problem.status >= 500 {
            tracing::warn!(%error, "a request failed");
        }
        Self(Box::new(problem))
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(
            "body",
            rejection.status(),
            "The body cannot be read",
            "it is too large or broke off",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refusal::answer(&self.0)
    }
}
