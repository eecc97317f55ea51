//! Five jurors that commit at once and show their ballots once a quorum has committed, from memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::{B256, keccak256};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use anyhow::Context as _;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use surety_bindings::jury::Ballot;
use surety_jury::ballot::{ballot_batch, compact};
use surety_jury::commitment::{commitment_digest, seal};
use surety_jury::wire::{
    BallotBody, BatchBody, BatchRequest, CaseRequest, CaseState, CaseStatus, Commitments,
};
use surety_jury::{Leaf, Reason, SignedCommitment, Source, quorum};
use surety_terms::digest;
use surety_tests::{Contracts, actors, sign};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Seats of the panel.
pub(super) const SEATS: usize = 5;

/// The jurors, all on one socket.
#[derive(Clone)]
pub(super) struct Panel {
    shared: Arc<Shared>,
    url: String,
}

struct Shared {
    keys: Vec<PrivateKeySigner>,
    contracts: OnceLock<Contracts>,
    /// Whether they say anything.
    speak: watch::Sender<bool>,
    seats: Mutex<HashMap<(usize, B256), Seat>>,
    /// How many ballots of a case were handed out, and when they were a quorum.
    shown: Mutex<HashMap<B256, (usize, Option<Instant>)>>,
}

/// What a juror has to say about a case.
#[derive(Clone)]
struct Seat {
    commitment: SignedCommitment,
    ballot: BallotBody,
    /// Whether a quorum has committed.
    bound: Arc<watch::Sender<bool>>,
}

impl Panel {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            keys: (0..SEATS).map(actors::juror).collect(),
            contracts: OnceLock::new(),
            speak: watch::Sender::new(true),
            seats: Mutex::default(),
            shown: Mutex::default(),
        });
        let router = Router::new()
            .route("/{seat}/v1/cases", post(open))
            .route("/{seat}/v1/cases/{id}", get(show))
            .route("/{seat}/v1/cases/{id}/commitments", post(bind))
            .route("/{seat}/v1/batches", post(sign_list))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { shared, url })
    }

    /// Where the juror on a seat is.
    pub(super) fn url(&self, seat: usize) -> String {
        format!("{}/{seat}", self.url)
    }

    /// The contracts for which they sign, once.
    pub(super) fn judge_for(&self, contracts: Contracts) {
        drop(self.shared.contracts.set(contracts));
    }

    /// Whether they answer from now on, or think.
    pub(super) fn speak(&self, speak: bool) {
        self.shared.speak.send_replace(speak);
    }

    /// When the ballots of a case that were handed out were a quorum.
    pub(super) fn quorum_at(&self, case: B256) -> Option<Instant> {
        lock(&self.shared.shown).get(&case).and_then(|(_, at)| *at)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer = Result<Json<CaseStatus>, StatusCode>;

async fn open(
    State(panel): State<Arc<Shared>>,
    Path(seat): Path<usize>,
    Json(request): Json<CaseRequest>,
) -> Answer {
    let contracts = panel.contracts.get().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let delivery = &request.delivery;
    let case = sign::case(contracts, delivery.dealId, delivery.milestone, delivery.deliverable);
    let case = digest::case_id(&case);
    let known = lock(&panel.seats).contains_key(&(seat, case));
    if !known {
        let opinion = opinion(&panel, contracts, seat, case).map_err(|_| StatusCode::NOT_FOUND)?;
        lock(&panel.seats).entry((seat, case)).or_insert(opinion);
    }
    status(&panel, seat, case)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wait {
    #[serde(default)]
    wait_secs: u64,
    wait_for: Option<String>,
}

/// Holds the question open until there is an answer.
async fn show(
    State(panel): State<Arc<Shared>>,
    Path((seat, case)): Path<(usize, B256)>,
    Query(wait): Query<Wait>,
) -> Answer {
    let bound = lock(&panel.seats).get(&(seat, case)).map(|seat| Arc::clone(&seat.bound));
    let bound = bound.ok_or(StatusCode::NOT_FOUND)?;
    let there = async {
        let mut speak = panel.speak.subscribe();
        drop(speak.wait_for(|speak| *speak).await);
        if wait.wait_for.is_none() {
            drop(bound.subscribe().wait_for(|bound| *bound).await);
        }
    };
    // Whether it is there or the time is over, the answer is what there is.
    drop(tokio::time::timeout(Duration::from_secs(wait.wait_secs), there).await);
    status(&panel, seat, case)
}

async fn bind(
    State(panel): State<Arc<Shared>>,
    Path((seat, case)): Path<(usize, B256)>,
    Json(given): Json<Commitments>,
) -> StatusCode {
    if given.commitments.len() < quorum(SEATS) {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    let Some(bound) = lock(&panel.seats).get(&(seat, case)).map(|s| Arc::clone(&s.bound)) else {
        return StatusCode::NOT_FOUND;
    };
    bound.send_replace(true);
    StatusCode::NO_CONTENT
}

/// Signs a list: what was shown is met, and of the rest it says nothing.
async fn sign_list(
    State(panel): State<Arc<Shared>>,
    Path(seat): Path<usize>,
    Json(request): Json<BatchRequest>,
) -> Result<Json<BatchBody>, StatusCode> {
    let contracts = panel.contracts.get().ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let key = panel.keys.get(seat).ok_or(StatusCode::NOT_FOUND)?;
    let leaf = |case: &B256| {
        let seats = lock(&panel.seats);
        let is_shown = seats.get(&(seat, *case)).is_some_and(|seat| *seat.bound.borrow());
        let answer = Leaf::Answer { met: 0b11, failed: 0, reason: Reason::Judged };
        (*case, if is_shown { answer } else { Leaf::Absent })
    };
    let leaves: Vec<_> = request.cases.iter().map(leaf).collect();
    let batch = ballot_batch(&leaves, B256::ZERO).map_err(|_| StatusCode::BAD_REQUEST)?;
    let signed = sign::ballot_batch(key, contracts, 0, batch);
    let (votes, transcript) = (signed.batch.votes, signed.batch.transcript);
    Ok(Json(BatchBody { votes, transcript, signature: signed.signature, juror: key.address() }))
}

fn status(panel: &Shared, seat: usize, case: B256) -> Answer {
    let known = lock(&panel.seats).get(&(seat, case)).cloned().ok_or(StatusCode::NOT_FOUND)?;
    let nothing = CaseStatus {
        case_id: case,
        state: CaseState::Judging,
        commitment: None,
        ballot: None,
        problem: None,
    };
    if !*panel.speak.borrow() {
        return Ok(Json(nothing));
    }
    let commitment = Some(known.commitment);
    if !*known.bound.borrow() {
        return Ok(Json(CaseStatus { state: CaseState::Committed, commitment, ..nothing }));
    }
    let mut shown = lock(&panel.shown);
    let (count, at) = shown.entry(case).or_default();
    *count += 1;
    if *count == quorum(SEATS) {
        *at = Some(Instant::now());
    }
    let ballot = Some(known.ballot);
    Ok(Json(CaseStatus { state: CaseState::Ballot, commitment, ballot, ..nothing }))
}

/// Everything is met.
fn opinion(panel: &Shared, contracts: &Contracts, seat: usize, case: B256) -> anyhow::Result<Seat> {
    let key = panel.keys.get(seat).context("no such seat")?;
    let place = (contracts.chain_id, contracts.jury);
    let ballot = Ballot { caseId: case, met: 0b11, failed: 0, reason: 0, transcript: B256::ZERO };
    let digest = digest::ballot_digest(&ballot, place.0, place.1);
    let signature = compact(&key.sign_hash_sync(&digest)?);
    let salt = keccak256(key.address());
    let mut body = BallotBody::new(&ballot, signature, key.address(), Source::Live);
    body.salt = Some(salt);
    let sealed = seal(digest, salt);
    let signature = compact(&key.sign_hash_sync(&commitment_digest(case, sealed, place))?);
    let commitment =
        SignedCommitment { case_id: case, digest: sealed, juror: key.address(), signature };
    Ok(Seat { commitment, ballot: body, bound: Arc::new(watch::Sender::new(false)) })
}
