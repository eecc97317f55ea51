//! Jurors that answer over HTTP, sign real ballots, and can be told to misbehave.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a broken expectation is its failure"
)]

use std::collections::{HashMap, HashSet};
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
use surety_bindings::jury::{Ballot, Case};
use surety_jury::ballot::{ballot_batch, compact};
use surety_jury::commitment::{commitment_digest, seal};
use surety_jury::wire::{
    BallotBody, BatchBody, BatchRequest, CaseRequest, CaseState, CaseStatus, Commitments,
};
use surety_jury::{Leaf, Reason, SignedCommitment, Source};
use surety_terms::digest;
use surety_tests::{Contracts, actors, sign};
use tokio::net::TcpListener;

/// What a juror does with a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Takes the bytes, commits, and ballots these masks once a quorum has committed.
    Votes(u16, u16),
    /// Ballots these masks at once, as jurors did before they sealed.
    Unsealed(u16, u16),
    /// Commits, and never shows its ballot.
    Withholds,
    /// Commits to one ballot and shows another.
    Contradicts,
    /// Commits, and shows its ballot without what opens the commitment.
    Saltless,
    /// Commits with a key that holds no seat.
    Forges,
    /// Hands out another juror's commitment.
    Copies,
    /// Hands out its commitment to another case.
    Elsewhere,
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

/// What a juror does with a list of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signing {
    /// Signs what it shows of them.
    Honest,
    /// Refuses, as jurors did before there were lists.
    Refuses,
    /// Takes longer than any test.
    Late,
    /// Signs votes that its ballots do not say.
    Contradicts,
    /// Signs with a key that holds no seat.
    Forges,
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
    /// The cases to which a quorum has committed.
    bound: Mutex<HashSet<B256>>,
    signing: Mutex<Signing>,
    /// The lists that it was asked to sign.
    lists: Mutex<Vec<Vec<B256>>>,
    /// Cases on which it is absent in lists.
    absent: Mutex<HashSet<B256>>,
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
            bound: Mutex::default(),
            signing: Mutex::new(Signing::Honest),
            lists: Mutex::default(),
            absent: Mutex::default(),
        });
        let app = Router::new()
            .route("/v1/cases", post(open))
            .route("/v1/cases/{id}", get(show))
            .route("/v1/cases/{id}/commitments", post(bind))
            .route("/v1/deliverables/{digest}", put(take))
            .route("/v1/batches", post(sign_list))
            .with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { inner, url }
    }

    pub(crate) fn serve_chain(&self, contracts: &Contracts) {
        *self.inner.contracts.lock().unwrap() = Some(contracts.clone());
    }

    /// The ids of the requests that told it of a case.
    pub(crate) fn asked_for(&self) -> Vec<String> {
        self.inner.asked_for.lock().unwrap().clone()
    }

    /// Lets it show its ballot of a case.
    pub(crate) fn bind(&self, case: B256) {
        self.inner.bound.lock().unwrap().insert(case);
    }

    pub(crate) fn sign(&self, signing: Signing) {
        *self.inner.signing.lock().unwrap() = signing;
    }

    /// Says nothing about a case in lists.
    pub(crate) fn be_absent(&self, case: B256) {
        self.inner.absent.lock().unwrap().insert(case);
    }

    /// The lists that it was asked to sign.
    pub(crate) fn lists(&self) -> Vec<Vec<B256>> {
        self.inner.lists.lock().unwrap().clone()
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
    let id = digest::case_id(&Case { round: request.round, ..case });
    juror.cases.lock().unwrap().insert(id, delivery.deliverable);
    juror.answer(id)
}

async fn show(State(juror): Juror, Path(id): Path<B256>) -> Response {
    if !juror.cases.lock().unwrap().contains_key(&id) {
        return StatusCode::NOT_FOUND.into_response();
    }
    juror.answer(id)
}

/// A relayer hands over a quorum of good commitments, and nothing else.
async fn bind(
    State(juror): Juror,
    Path(id): Path<B256>,
    Json(given): Json<Commitments>,
) -> StatusCode {
    let contracts = juror.contracts.lock().unwrap().clone().unwrap();
    // Those of an appeal panel as well.
    let panel: Vec<Address> = (0..10).map(|i| actors::juror(i).address()).collect();
    let place = (contracts.chain_id, contracts.jury);
    let seats = given.commitments.iter().map(|it| it.seat(id, &panel, place).unwrap());
    assert!(seats.collect::<HashSet<_>>().len() >= 4);
    juror.bound.lock().unwrap().insert(id);
    StatusCode::NO_CONTENT
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

async fn sign_list(State(juror): Juror, Json(request): Json<BatchRequest>) -> Response {
    juror.lists.lock().unwrap().push(request.cases.clone());
    let signing = *juror.signing.lock().unwrap();
    match signing {
        Signing::Refuses => StatusCode::NOT_FOUND.into_response(),
        Signing::Late => {
            tokio::time::sleep(Duration::from_mins(5)).await;
            StatusCode::NOT_FOUND.into_response()
        }
        Signing::Honest | Signing::Contradicts | Signing::Forges => {
            Json(juror.list(&request.cases, signing)).into_response()
        }
    }
}

impl Inner {
    fn list(&self, cases: &[B256], signing: Signing) -> BatchBody {
        let contracts = self.contracts.lock().unwrap().clone().unwrap();
        let Habit::Votes(met, failed) = *self.habit.lock().unwrap() else {
            panic!("only jurors that vote are asked to sign")
        };
        let (met, failed) =
            if signing == Signing::Contradicts { (failed, met) } else { (met, failed) };
        let leaf = |case: &B256| {
            let is_shown = self.bound.lock().unwrap().contains(case);
            let is_absent = self.absent.lock().unwrap().contains(case);
            let answer = Leaf::Answer { met, failed, reason: Reason::Judged };
            (*case, if is_shown && !is_absent { answer } else { Leaf::Absent })
        };
        let leaves: Vec<_> = cases.iter().map(leaf).collect();
        let batch = ballot_batch(&leaves, B256::ZERO).unwrap();
        let stranger = PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
        let key = if signing == Signing::Forges { &stranger } else { &self.key };
        let signed = sign::ballot_batch(key, &contracts, 0, batch);
        let (votes, transcript) = (signed.batch.votes, signed.batch.transcript);
        BatchBody { votes, transcript, signature: signed.signature, juror: self.key.address() }
    }

    fn answer(&self, case_id: B256) -> Response {
        let habit = *self.habit.lock().unwrap();
        let deliverable = self.cases.lock().unwrap().get(&case_id).copied();
        let has_bytes = deliverable.is_some_and(|d| self.bytes.lock().unwrap().contains_key(&d));
        let stranger = PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
        let other = actors::juror(0);
        let (state, ballot) = match habit {
            Habit::Votes(..) | Habit::Unsealed(..) | Habit::Withholds if !has_bytes => {
                (CaseState::AwaitingDeliverable, None)
            }
            Habit::Votes(met, failed) => return self.sealed(case_id, (met, failed)),
            Habit::Withholds | Habit::Contradicts | Habit::Saltless => {
                return self.sealed(case_id, (3, 0));
            }
            Habit::Forges | Habit::Copies | Habit::Elsewhere => {
                return self.wrongly(case_id, habit);
            }
            Habit::Unsealed(met, failed) => {
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
        Json(CaseStatus { case_id, state, commitment: None, ballot, problem: None }).into_response()
    }

    /// The commitment, and the ballot once a quorum has committed.
    fn sealed(&self, case_id: B256, masks: (u16, u16)) -> Response {
        let contracts = self.contracts.lock().unwrap().clone().unwrap();
        let place = (contracts.chain_id, contracts.jury);
        let salt = keccak256(self.key.address());
        let mut body = self.ballot(case_id, masks, &self.key, self.key.address());
        let digest = seal(digest::ballot_digest(&body.ballot(), place.0, place.1), salt);
        let commitment = Some(self.commitment(case_id, digest, &self.key));
        let habit = *self.habit.lock().unwrap();
        let is_bound = self.bound.lock().unwrap().contains(&case_id);
        let is_shown = is_bound && habit != Habit::Withholds;
        if habit == Habit::Contradicts {
            body = self.ballot(case_id, (0, 3), &self.key, self.key.address());
        }
        body.salt = (habit != Habit::Saltless).then_some(salt);
        let state = if is_shown { CaseState::Ballot } else { CaseState::Committed };
        let ballot = is_shown.then_some(body);
        Json(CaseStatus { case_id, state, commitment, ballot, problem: None }).into_response()
    }

    /// A commitment that binds nobody here.
    fn wrongly(&self, case_id: B256, habit: Habit) -> Response {
        let stranger = PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
        let commitment = if habit == Habit::Copies {
            self.commitment(case_id, B256::ZERO, &actors::juror(0))
        } else if habit == Habit::Elsewhere {
            self.commitment(keccak256(case_id), B256::ZERO, &self.key)
        } else {
            let forged = self.commitment(case_id, B256::ZERO, &stranger);
            SignedCommitment { juror: self.key.address(), ..forged }
        };
        let (state, commitment) = (CaseState::Committed, Some(commitment));
        Json(CaseStatus { case_id, state, commitment, ballot: None, problem: None }).into_response()
    }

    fn commitment(&self, case_id: B256, digest: B256, key: &PrivateKeySigner) -> SignedCommitment {
        let contracts = self.contracts.lock().unwrap().clone().unwrap();
        let place = (contracts.chain_id, contracts.jury);
        let signature = key.sign_hash_sync(&commitment_digest(case_id, digest, place)).unwrap();
        let (juror, signature) = (key.address(), compact(&signature));
        SignedCommitment { case_id, digest, juror, signature }
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
