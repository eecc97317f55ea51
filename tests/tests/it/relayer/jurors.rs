//! Jurors that answer over HTTP, sign real ballots, and can be told to misbehave.
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use futures::stream;
use surety_bindings::jury::Ballot;
use surety_jury::Source;
use surety_jury::ballot::compact;
use surety_jury::wire::{BallotBody, CaseRequest, CaseState, CaseStatus};
use surety_terms::digest;
use surety_tests::{Contracts, actors, sign};
use tokio::net::TcpListener;

/// What a juror does with a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Takes the bytes and ballots these masks.
    Votes(u16, u16),
    /// Says that it is at work, for ever.
    Silent,
    /// Refuses every case.
    Refuses,
    /// Answers something that is no status.
    Garbage,
    /// Answers ten megabytes.
    Huge,
    /// Signs with a key that holds no seat.
    StrangeKey,
    /// Hands out the ballot of another juror.
    OtherJuror,
    /// Hands out a good ballot of another case.
    OtherCase,
    /// Answers HTTP 500.
    Broken,
    /// Answers without an end.
    Endless,
    /// Answers a byte now and then.
    Drips,
}

#[derive(Debug)]
struct Inner {
    key: PrivateKeySigner,
    habit: Mutex<Habit>,
    contracts: Mutex<Option<Contracts>>,
    bytes: Mutex<HashMap<B256, Vec<u8>>>,
    cases: Mutex<HashMap<B256, B256>>,
    /// The ids of the requests that told of a case.
    asked_for: Mutex<Vec<String>>,
}

/// A juror and its server.
#[derive(Clone, Debug)]
pub(crate) struct TestJuror {
    inner: Arc<Inner>,
    pub(crate) url: String,
}

impl TestJuror {
    /// The juror on seat `i`.
    pub(crate) async fn start(i: usize) -> Self {
        let inner = Arc::new(Inner {
            key: actors::juror(i),
            habit: Mutex::new(Habit::Votes(0b11, 0)),
            contracts: Mutex::new(None),
            bytes: Mutex::default(),
            cases: Mutex::default(),
            asked_for: Mutex::default(),
        });
        let app = Router::new()
            .route("/v1/cases", post(open))
            .route("/v1/cases/{id}", get(show))
            .route("/v1/deliverables/{digest}", put(take))
            .with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { inner, url }
    }

    pub(crate) fn key(&self) -> &PrivateKeySigner {
        &self.inner.key
    }

    pub(crate) fn serve_chain(&self, contracts: &Contracts) {
        *self.inner.contracts.lock().unwrap() = Some(contracts.clone());
    }

    /// The ids of the requests that told it of a case.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        self.inner.asked_for.lock().unwrap().clone()
    }

    pub(crate) fn set(&self, habit: Habit) {
        *self.inner.habit.lock().unwrap() = habit;
    }
}

type Juror = State<Arc<Inner>>;

async fn open(
    State(juror): Juror,
    headers: HeaderMap,
    Json(request): Json<CaseRequest>,
) -> Response {
    let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
    juror.asked_for.lock().unwrap().extend(id.map(ToOwned::to_owned));
    let contracts = juror.contracts.lock().unwrap().clone().unwrap();
    let delivery = &request.delivery;
    let case = sign::case(&contracts, delivery.dealId, delivery.milestone, delivery.deliverable);
    let id = digest::case_id(&case);
    juror.cases.lock().unwrap().insert(id, delivery.deliverable);
    juror.answer(id)
}

async fn show(State(juror): Juror, Path(id): Path<B256>) -> Response {
    if !juror.cases.lock().unwrap().contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    juror.answer(id)
}

async fn take(
    State(juror): Juror,
    Path(digest): Path<B256>,
    body: axum::body::Bytes,
) -> StatusCode {
    assert_eq!(keccak256(&body), digest);
    juror.bytes.lock().unwrap().insert(digest, body.to_vec());
    StatusCode::NO_CONTENT
}

impl Inner {
    fn answer(&self, case_id: B256) -> Response {
        let habit = *self.habit.lock().unwrap();
        let deliverable = self.cases.lock().unwrap().get(&case_id).copied();
        let has_bytes = deliverable.is_some_and(|d| self.bytes.lock().unwrap().contains_key(&d));
        let stranger = PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
        let other = actors::juror(0);
        let (state, ballot) = match habit {
            Habit::Votes(..) if !has_bytes => (CaseState::AwaitingDeliverable, None),
            Habit::Votes(met, failed) => {
                let ballot = self.ballot(case_id, (met, failed), &self.key, self.key.address());
                (CaseState::Ballot, Some(ballot))
            }
            Habit::StrangeKey => {
                let ballot = self.ballot(case_id, (3, 0), &stranger, self.key.address());
                (CaseState::Ballot, Some(ballot))
            }
            Habit::OtherJuror => {
                let ballot = self.ballot(case_id, (3, 0), &other, other.address());
                (CaseState::Ballot, Some(ballot))
            }
            Habit::OtherCase => {
                let case = keccak256(case_id);
                let ballot = self.ballot(case, (3, 0), &self.key, self.key.address());
                (CaseState::Ballot, Some(ballot))
            }
            Habit::Silent => (CaseState::Judging, None),
            Habit::Refuses => (CaseState::Refused, None),
            Habit::Garbage => return Json(serde_json::json!({"who": "knows"})).into_response(),
            Habit::Huge => return vec![b'['; 10 << 20].into_response(),
            Habit::Endless => {
                let chunk = || Ok::<_, Infallible>(Bytes::from_static(&[b'['; 4_096]));
                return Body::from_stream(stream::repeat_with(chunk)).into_response();
            }
            Habit::Drips => {
                let drop = stream::unfold((), |()| async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
                });
                return Body::from_stream(drop).into_response();
            }
            Habit::Broken => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
        Json(CaseStatus { case_id, state, ballot, problem: None }).into_response()
    }

    fn ballot(
        &self,
        case_id: B256,
        (met, failed): (u16, u16),
        key: &PrivateKeySigner,
        juror: Address,
    ) -> BallotBody {
        let contracts = self.contracts.lock().unwrap().clone().unwrap();
        let ballot = Ballot { caseId: case_id, met, failed, reason: 0, transcript: B256::ZERO };
        let digest = digest::ballot_digest(&ballot, contracts.chain_id, contracts.jury);
        let signature = compact(&key.sign_hash_sync(&digest).unwrap());
        BallotBody::new(&ballot, signature, juror, Source::Live)
    }
}
