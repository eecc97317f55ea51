//! Jurors over real HTTP with the chain's clock, their own error of it, and their vices.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use alloy::primitives::{Address, B256, keccak256};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use surety_bindings::jury::{Ballot, Case};
use surety_jury::ballot::{ballot_batch, compact};
use surety_jury::commitment::{commitment_digest, seal};
use surety_jury::wire::{
    BallotBody, BatchBody, BatchRequest, CaseRequest, CaseState, CaseStatus, Commitments,
};
use surety_jury::{Leaf, Reason, SignedCommitment, Source, quorum};
use surety_terms::digest;
use surety_tests::{Contracts, Node, actors, sign};
use tokio::net::TcpListener;

use super::plan::{Masks, Vice, opposite};

/// Where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:1";
/// How often a juror that is cut off looks whether it still is.
const LOOK: Duration = Duration::from_millis(5);

/// The chain as jurors see it.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) node: Node,
    pub(super) contracts: Contracts,
    /// Of each milestone.
    pub(super) truths: Vec<Masks>,
    /// When the deal was opened, and when the time of its panel is over for what nobody pins.
    pub(super) opened: u64,
    pub(super) until: u64,
    /// How long a panel has.
    pub(super) within: u64,
    /// The seats of the panel and of the appeal panel.
    pub(super) panels: [usize; 2],
}

impl Bench {
    /// The jurors of a round's panel.
    fn jurors(&self, round: u8) -> Range<usize> {
        let [first, second] = self.panels;
        if round == 2 { first..first + second } else { 0..first }
    }
}

/// What a juror was told of a case.
#[derive(Clone, Copy, Debug)]
struct Told {
    id: B256,
    deliverable: B256,
    milestone: u8,
    round: u8,
}

#[derive(Debug)]
struct Inner {
    key: PrivateKeySigner,
    vice: Vice,
    bench: OnceLock<Arc<Bench>>,
    is_cut: AtomicBool,
    asked: AtomicU64,
    bytes: Mutex<HashSet<B256>>,
    cases: Mutex<HashMap<B256, Told>>,
    bound: Mutex<HashSet<B256>>,
}

#[derive(Clone, Debug)]
pub(super) struct SimulatedJuror {
    inner: Arc<Inner>,
    pub(super) url: String,
}

impl SimulatedJuror {
    pub(super) async fn start(seat: usize, vice: Vice) -> Self {
        let inner = Arc::new(Inner {
            key: actors::juror(seat),
            vice,
            bench: OnceLock::new(),
            is_cut: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            bytes: Mutex::default(),
            cases: Mutex::default(),
            bound: Mutex::default(),
        });
        if vice == Vice::Down {
            return Self { inner, url: format!("{NOWHERE}/{seat}") };
        }
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

    /// The chain that it looks at, once.
    pub(super) fn sit(&self, bench: &Arc<Bench>) {
        self.inner.bench.set(Arc::clone(bench)).unwrap();
    }

    /// Keeps its answers back from now on, or hands them out.
    pub(super) fn cut(&self, is_cut: bool) {
        self.inner.is_cut.store(is_cut, Ordering::Relaxed);
    }
}

type Juror = State<Arc<Inner>>;

async fn open(State(juror): Juror, Json(request): Json<CaseRequest>) -> Response {
    let (delivery, round) = (&request.delivery, request.round);
    let (deliverable, milestone) = (delivery.deliverable, delivery.milestone);
    let bench = juror.bench.get().unwrap();
    let case = sign::case(&bench.contracts, delivery.dealId, milestone, deliverable);
    let id = digest::case_id(&Case { round, ..case });
    juror.cases.lock().unwrap().insert(id, Told { id, deliverable, milestone, round });
    juror.answer(id).await
}

async fn show(State(juror): Juror, Path(id): Path<B256>) -> Response {
    juror.answer(id).await
}

/// A relayer hands over a quorum of good commitments, and nothing else.
async fn bind(
    State(juror): Juror,
    Path(id): Path<B256>,
    Json(given): Json<Commitments>,
) -> StatusCode {
    let bench = juror.bench.get().unwrap();
    let Some(told) = juror.told(id) else { return StatusCode::NOT_FOUND };
    let panel = bench.jurors(told.round);
    let panel: Vec<Address> = panel.map(|i| actors::juror(i).address()).collect();
    let place = (bench.contracts.chain_id, bench.contracts.jury);
    let seats = given.commitments.iter().filter_map(|it| it.seat(id, &panel, place).ok());
    if seats.collect::<HashSet<_>>().len() < quorum(panel.len()) {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    juror.bound.lock().unwrap().insert(id);
    StatusCode::NO_CONTENT
}

/// Who votes signs what it shows of a list; others do worse.
async fn sign_list(State(juror): Juror, Json(request): Json<BatchRequest>) -> Response {
    juror.passes().await;
    match juror.vice {
        Vice::Honest { .. } | Vice::Dissents | Vice::Recommits | Vice::Equivocates => {
            Json(juror.list(&request.cases, &juror.key)).into_response()
        }
        Vice::BadSignature => {
            Json(juror.list(&request.cases, &actors::actor("a stranger"))).into_response()
        }
        Vice::Garbage => Json(serde_json::json!({ "who": "knows" })).into_response(),
        Vice::Huge => vec![b'['; 1 << 20].into_response(),
        Vice::Silent => std::future::pending().await,
        Vice::Withholds
        | Vice::Contradicts
        | Vice::Hurries
        | Vice::OtherCase
        | Vice::OtherJuror
        | Vice::Refuses
        | Vice::Broken
        | Vice::Down => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn take(
    State(juror): Juror,
    Path(digest): Path<B256>,
    body: axum::body::Bytes,
) -> StatusCode {
    juror.passes().await;
    if keccak256(&body) != digest {
        return StatusCode::UNPROCESSABLE_ENTITY;
    }
    juror.bytes.lock().unwrap().insert(digest);
    StatusCode::NO_CONTENT
}

impl Inner {
    /// Waits while it is cut off.
    async fn passes(&self) {
        while self.is_cut.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn told(&self, case: B256) -> Option<Told> {
        self.cases.lock().unwrap().get(&case).copied()
    }

    async fn answer(&self, case: B256) -> Response {
        self.passes().await;
        let Some(told) = self.told(case) else { return StatusCode::NOT_FOUND.into_response() };
        let bench = self.bench.get().unwrap();
        let turn = self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        let truth = bench.truths[usize::from(told.milestone)];
        let other = opposite(truth);
        let has_bytes = self.bytes.lock().unwrap().contains(&told.deliverable);
        let status = match self.vice {
            Vice::Garbage => return Json(serde_json::json!({ "who": "knows" })).into_response(),
            Vice::Huge => return vec![b'['; 1 << 20].into_response(),
            Vice::Broken | Vice::Down => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            Vice::Silent => state(case, CaseState::Judging),
            Vice::Refuses => state(case, CaseState::Refused),
            Vice::Hurries => self.timely(bench, told, (0, 3 * 86_400)),
            Vice::Honest { .. } | Vice::Withholds | Vice::Dissents if !has_bytes => {
                state(case, CaseState::AwaitingDeliverable)
            }
            Vice::Honest { late_hours, skew_secs } => {
                self.timely(bench, told, (late_hours, skew_secs))
            }
            Vice::Dissents => self.sealed(bench, case, (other, other)),
            Vice::Withholds => {
                let shown = self.sealed(bench, case, (truth, truth));
                CaseStatus { ballot: None, ..state_of(shown, CaseState::Committed) }
            }
            Vice::Contradicts => self.sealed(bench, case, (truth, other)),
            Vice::Recommits => {
                let committed = if turn { truth } else { other };
                self.sealed(bench, case, (committed, truth))
            }
            Vice::Equivocates => {
                let masks = if turn { truth } else { other };
                unsealed(case, ballot(bench, case, masks, &self.key))
            }
            Vice::BadSignature => {
                let stranger = actors::actor("a stranger");
                let body = ballot(bench, case, truth, &stranger);
                unsealed(case, BallotBody { juror: self.key.address(), ..body })
            }
            Vice::OtherCase => unsealed(case, ballot(bench, keccak256(case), truth, &self.key)),
            Vice::OtherJuror => {
                let another =
                    actors::juror(usize::from(self.key.address() == actors::juror(0).address()));
                unsealed(case, ballot(bench, case, truth, &another))
            }
        };
        Json(status).into_response()
    }

    /// An honest answer, by a clock that is wrong.
    fn timely(&self, bench: &Bench, told: Told, (late_hours, skew_secs): (u64, i64)) -> CaseStatus {
        let now = bench.node.now();
        if now < bench.opened + late_hours * 3_600 {
            return state(told.id, CaseState::Judging);
        }
        // The appeal panel's time has just begun.
        let until = if told.round == 2 { now + bench.within } else { bench.until };
        if now.saturating_add_signed(skew_secs) >= until {
            return state(told.id, CaseState::Refused);
        }
        let truth = bench.truths[usize::from(told.milestone)];
        self.sealed(bench, told.id, (truth, truth))
    }

    /// Its answers to a list: what it shows of each case, or nothing.
    fn list(&self, cases: &[B256], key: &PrivateKeySigner) -> BatchBody {
        let bench = self.bench.get().unwrap();
        let leaf = |case: &B256| {
            let is_shown = self.bound.lock().unwrap().contains(case);
            let told = self.told(*case).filter(|_| is_shown);
            let leaf = told.map_or(Leaf::Absent, |told| {
                let truth = bench.truths[usize::from(told.milestone)];
                let says = if self.vice == Vice::Dissents { opposite(truth) } else { truth };
                Leaf::Answer { met: says.0, failed: says.1, reason: Reason::Judged }
            });
            (*case, leaf)
        };
        let leaves: Vec<_> = cases.iter().map(leaf).collect();
        let batch = ballot_batch(&leaves, B256::ZERO).unwrap();
        let signed = sign::ballot_batch(key, &bench.contracts, 0, batch);
        let (votes, transcript) = (signed.batch.votes, signed.batch.transcript);
        BatchBody { votes, transcript, signature: signed.signature, juror: self.key.address() }
    }

    /// A commitment to one ballot and, once a quorum has committed, another or the same.
    fn sealed(&self, bench: &Bench, case: B256, (bound, shown): (Masks, Masks)) -> CaseStatus {
        let place = (bench.contracts.chain_id, bench.contracts.jury);
        let salt = keccak256(self.key.address());
        let committed = ballot(bench, case, bound, &self.key).ballot();
        let digest = seal(digest::ballot_digest(&committed, place.0, place.1), salt);
        let signature = self.key.sign_hash_sync(&commitment_digest(case, digest, place)).unwrap();
        let (juror, signature) = (self.key.address(), compact(&signature));
        let commitment = Some(SignedCommitment { case_id: case, digest, juror, signature });
        if !self.bound.lock().unwrap().contains(&case) {
            return CaseStatus { commitment, ..state(case, CaseState::Committed) };
        }
        let mut body = ballot(bench, case, shown, &self.key);
        body.salt = Some(salt);
        CaseStatus { commitment, ballot: Some(body), ..state(case, CaseState::Ballot) }
    }
}

fn unsealed(case: B256, ballot: BallotBody) -> CaseStatus {
    CaseStatus { ballot: Some(ballot), ..state(case, CaseState::Ballot) }
}

fn ballot(bench: &Bench, case: B256, (met, failed): Masks, key: &PrivateKeySigner) -> BallotBody {
    let ballot = Ballot { caseId: case, met, failed, reason: 0, transcript: B256::ZERO };
    let (chain_id, jury) = (bench.contracts.chain_id, bench.contracts.jury);
    let digest = digest::ballot_digest(&ballot, chain_id, jury);
    let signature = compact(&key.sign_hash_sync(&digest).unwrap());
    BallotBody::new(&ballot, signature, key.address(), Source::Live)
}

fn state(case_id: B256, state: CaseState) -> CaseStatus {
    CaseStatus { case_id, state, commitment: None, ballot: None, problem: None }
}

fn state_of(status: CaseStatus, state: CaseState) -> CaseStatus {
    CaseStatus { state, ..status }
}
