//! A case from the request to the ballot.
//!
//! A case that was taken is a row in the store and a task. The task can die at any instruction: what
//! it learnt stands in the store, and the next start takes it up from there. It ends with a signed
//! ballot that may be seen, or silently when no ballot could count any more.

pub(crate) mod follow;
mod gather;
mod judging;
mod keep;
mod room;
pub(crate) mod sealed;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy::primitives::{Address, B128, B256};
use follow::LOOK_WAIT;
use keep::{other_deliverable, to_keep};
use surety_judge::{Judge, Session, Turns};
use surety_jury::{
    Opinion, Reason,
    wire::{CaseRequest, CaseState, CaseStatus, WaitFor},
};
use surety_metrics::Metrics;
use surety_preview::Previews;
use surety_prices::Prices;
use surety_privacy::{Circle, Identities};
use surety_seal::{BallotSigner, Row};
use surety_terms::Problem;
use tokio::sync::{Notify, OnceCell, Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::sealed::status;
use crate::{
    JurorError,
    chain::{Chain, Moment},
    config::{FetchConfig, Limits},
    ready::Readiness,
    reveal::Hidden,
    store::{CaseRow, Store, Taken},
    verify::{Asked, Fault, Seen, Standing, Window},
};

/// The largest body of a case.
pub(crate) const CASE_BYTES: usize = surety_terms::limits::BODY_BYTES;
/// The first wait before bytes are fetched again, or a provider is asked again; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// A day, over which what the provider costs is counted.
pub(crate) const DAY_SECS: u64 = 86_400;
/// The longest wait between two rounds of questions.
const ROUND_WAIT: Duration = Duration::from_mins(10);

/// All of a juror's cases.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) chain: Chain,
    pub(crate) store: Store,
    pub(crate) signer: BallotSigner,
    pub(crate) judge: Judge,
    pub(crate) fetch: FetchConfig,
    pub(crate) limits: Limits,
    pub(crate) moments: watch::Receiver<Moment>,
    /// The places of cases that are worked on: only those have their bytes in memory.
    pub(crate) places: Semaphore,
    /// Where cases are judged, so many at once.
    pub(crate) judging: Turns,
    pub(crate) previews: Arc<Previews>,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) open: OpenCases,
    pub(crate) prices: Prices,
    pub(crate) metrics: Metrics,
    pub(crate) readiness: Readiness,
    /// No more cases are taken.
    pub(crate) closing: CancellationToken,
    /// What reads private deals.
    pub(crate) identities: Identities,
}

/// The cases with a task, by their id.
pub(crate) type OpenCases = Mutex<HashMap<B256, Arc<Open>>>;

/// A case with a task.
#[derive(Debug)]
pub(crate) struct Open {
    deal_id: B256,
    deliverable: B256,
    /// Something may have happened to the milestone.
    moved: Notify,
    /// The bytes have come in.
    arrived: Notify,
    /// What is hidden of the milestone, and whether it may still be revealed.
    pub(crate) hidden: Hidden,
    /// Another seat's commitment has come in.
    bound: Notify,
    /// The digest of the jury and the round, and the panel that they name, once it was asked for.
    panel: ((B256, u8), OnceCell<Vec<Address>>),
    /// Who may read what is written down of it; everybody when there is none.
    pub(crate) circle: Option<Circle>,
    status: watch::Sender<CaseStatus>,
}

impl Desk {
    /// Takes a case, or says why not. The same case again is answered with how far it is.
    ///
    /// A case that ended without a ballot is looked at again: the chain may have been reorganised
    /// since.
    pub(crate) async fn take(self: &Arc<Self>, request: CaseRequest) -> Result<CaseStatus, Fault> {
        let asked = Asked::of(&request, &self.chain)?;
        Asked::judged_by(&request.term_sheet, &self.judge.family)?;
        let known = self.status(asked.case_id).await?;
        match known {
            Some(status) if status.state == CaseState::Silent => {
                self.retake(request, asked, status).await
            }
            Some(status) => Ok(status),
            None => self.take_new(request, asked).await,
        }
    }

    async fn take_new(
        self: &Arc<Self>,
        request: CaseRequest,
        asked: Asked,
    ) -> Result<CaseStatus, Fault> {
        self.has_room()?;
        let verified = asked.verify(&self.chain, self.signer.juror(), Seen::Now).await?;
        let fee = request.term_sheet.jury_fee;
        if let Some(problem) = self.prices.refusal(&asked.milestone, fee, verified.seats) {
            return Err(problem.into());
        }
        let circle = self.circle(&asked)?;
        let (request, asked) = to_keep(request, asked, verified.signed, circle.as_ref())?;
        let row = CaseRow {
            case_id: asked.case_id,
            deal_id: asked.place.deal_id,
            milestone: asked.place.milestone,
            round: asked.round,
            deliverable: asked.deliverable(),
            seat: verified.seat,
            nonce: B128::from(rand::random::<[u8; 16]>()),
            request,
            seen_at: verified.standing.now,
            closed: None,
        };
        let pinned = verified.standing.pins(row.deliverable).is_some();
        match self.store.take(&row, pinned).await? {
            Taken::New => {
                tracing::info!(case = %row.case_id, seat = row.seat, "case taken");
                Ok(self.begin(row, asked, (verified.standing, circle), None).await?)
            }
            Taken::Known => Ok(self
                .status(asked.case_id)
                .await?
                .unwrap_or_else(|| status(asked.case_id, CaseState::AwaitingDeliverable))),
            Taken::Refused { first } => Err(other_deliverable(row.deliverable, first).into()),
        }
    }

    async fn retake(
        self: &Arc<Self>,
        request: CaseRequest,
        asked: Asked,
        silent: CaseStatus,
    ) -> Result<CaseStatus, Fault> {
        self.has_room()?;
        let verified = match asked.verify(&self.chain, self.signer.juror(), Seen::Before).await {
            Ok(verified) => verified,
            Err(Fault::Refused(_)) => return Ok(silent),
            Err(fault @ Fault::Unable(_)) => return Err(fault),
        };
        let circle = self.circle(&asked)?;
        let (request, asked) = to_keep(request, asked, verified.signed, circle.as_ref())?;
        match self.store.reopen_case(asked.case_id, &request).await? {
            Some(row) => Ok(self.begin(row, asked, (verified.standing, circle), None).await?),
            None => Ok(self.status(asked.case_id).await?.unwrap_or(silent)),
        }
    }

    /// Takes no more cases, and gives those that are being judged this long to end.
    pub(crate) async fn drain(&self, within: Duration) {
        self.closing.cancel();
        let judged = async {
            loop {
                let mut open = self.open_cases().values().cloned().collect::<Vec<_>>();
                open.retain(|open| open.status.borrow().state == CaseState::Judging);
                let Some(open) = open.first() else { return };
                let mut status = open.status.subscribe();
                drop(status.wait_for(|status| status.state != CaseState::Judging).await);
            }
        };
        if tokio::time::timeout(within, judged).await.is_err() {
            tracing::warn!("what is half judged is left to the next start");
        }
    }

    /// Takes up what an earlier run left open: all of it, or nothing when the store is not ours.
    #[expect(clippy::cognitive_complexity, reason = "what is logged counts as branches")]
    pub(crate) async fn resume(self: &Arc<Self>) -> Result<(), JurorError> {
        let mut cases = Vec::new();
        for row in self.store.open_cases().await? {
            let asked = self.asked_before(&row)?;
            let circle = self.circle(&asked).map_err(|_| JurorError::NoIdentity)?;
            cases.push((row, asked, circle));
        }
        // A ballot that came from another store has no commitment yet, and whoever collects ballots
        // counts none without.
        for row in self.store.ballots().unsigned().await? {
            self.signer.finish(self.store.ballots(), row).await?;
        }
        for (row, asked, circle) in cases {
            tracing::info!(case = %row.case_id, "case taken up again");
            // Nothing is due before the chain has been looked at.
            let window = Window { judge_end: u64::MAX, last_tenth: u64::MAX };
            let known = self.store.ballots().get(row.case_id).await?;
            let known = known.map(|known| self.shown(&known));
            let standing = Standing { now: 0, window, pinned: None };
            self.begin(row, asked, (standing, circle), known).await?;
        }
        Ok(())
    }

    /// How far a case is; `None` when this juror does not know it.
    pub(crate) async fn status(&self, case_id: B256) -> Result<Option<CaseStatus>, JurorError> {
        if let Some(open) = self.open_cases().get(&case_id) {
            return Ok(Some(open.status.borrow().clone()));
        }
        if let Some(row) = self.store.ballots().get(case_id).await? {
            return Ok(Some(self.shown(&row)));
        }
        let Some(row) = self.store.case(case_id).await? else { return Ok(None) };
        let Some(why) = row.closed else {
            // Stored a moment ago, its task about to begin.
            return Ok(Some(status(case_id, CaseState::AwaitingDeliverable)));
        };
        let problem = serde_json::from_str(&why).ok();
        Ok(Some(CaseStatus { problem, ..status(case_id, CaseState::Silent) }))
    }

    /// How far a case is, once what is waited for is there or `wait` is over.
    pub(crate) async fn wait(
        &self,
        case_id: B256,
        wait: Duration,
        what: WaitFor,
    ) -> Result<Option<CaseStatus>, JurorError> {
        let open = self.open_cases().get(&case_id).cloned();
        if let Some(open) = open {
            let mut status = open.status.subscribe();
            let done = status.wait_for(|status| what.is_met_by(status.state));
            tokio::select! {
                _ = tokio::time::timeout(wait, done) => {}
                () = self.stop.cancelled() => {}
            }
        }
        self.status(case_id).await
    }

    /// Keeps a deliverable that an open case asks for; `false` when none does.
    pub(crate) async fn deliverable(&self, digest: B256, bytes: &[u8]) -> Result<bool, JurorError> {
        let asking: Vec<Arc<Open>> =
            self.open_cases().values().filter(|open| open.deliverable == digest).cloned().collect();
        if asking.is_empty() {
            return Ok(self.store.has_deliverable(digest).await);
        }
        for open in asking {
            self.store.keep_deliverable(digest, bytes, open.circle.as_ref()).await?;
            open.arrived.notify_one();
        }
        Ok(true)
    }

    /// Whether bytes with this digest would be kept.
    pub(crate) async fn asks_for(&self, digest: B256) -> bool {
        let open = self.open_cases().values().any(|open| open.deliverable == digest);
        open || self.store.has_deliverable(digest).await
    }

    pub(crate) fn open_cases(&self) -> MutexGuard<'_, HashMap<B256, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn begin(
        self: &Arc<Self>,
        row: CaseRow,
        asked: Asked,
        (standing, circle): (Standing, Option<Circle>),
        known: Option<CaseStatus>,
    ) -> Result<CaseStatus, JurorError> {
        let now = self.moments.borrow().head.timestamp.max(standing.now);
        self.store.keep_until(row.case_id, asked.judge_by(now)).await?;
        let first = known.unwrap_or_else(|| status(row.case_id, CaseState::AwaitingDeliverable));
        let open = Arc::new(Open {
            deal_id: row.deal_id,
            deliverable: row.deliverable,
            moved: Notify::new(),
            arrived: Notify::new(),
            hidden: Hidden::of(&asked.milestone, asked.template),
            bound: Notify::new(),
            panel: ((asked.jury(), asked.round), OnceCell::new()),
            circle,
            status: watch::Sender::new(first.clone()),
        });
        self.open_cases().insert(row.case_id, Arc::clone(&open));
        let work = Work {
            desk: Arc::clone(self),
            open,
            standing: watch::Sender::new(standing),
            told: OnceCell::new(),
            row,
            asked,
        };
        self.tasks.spawn(work.run());
        self.metrics.taken.inc();
        Ok(first)
    }
}

/// One case's task.
struct Work {
    desk: Arc<Desk>,
    open: Arc<Open>,
    row: CaseRow,
    asked: Asked,
    /// How the milestone stands, followed block by block.
    standing: watch::Sender<Standing>,
    /// Where the seller said that the bytes are, when that was before the round.
    told: OnceCell<String>,
}

impl Work {
    async fn run(self) {
        let stop = self.desk.stop.clone();
        tokio::select! {
            biased;
            // What is half done is left as it is: the store says where to go on.
            () = stop.cancelled() => return,
            () = self.until_done() => {}
        }
        self.desk.open_cases().remove(&self.row.case_id);
    }

    async fn until_done(&self) {
        let mut wait = FIRST_WAIT;
        while let Err(err) = self.end().await {
            tracing::error!(case = %self.row.case_id, %err, "the case waits");
            self.desk.metrics.waits.inc();
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(LOOK_WAIT);
        }
    }

    /// Ends the case one way or the other; fails when this juror cannot tell which.
    async fn end(&self) -> Result<(), JurorError> {
        let case = self.row.case_id;
        let status = match self.ballot().await {
            Ok(row) => self.desk.shown(&self.unsealed(row).await?),
            Err(Fault::Refused(problem)) => {
                let text = serde_json::to_string(&*problem).unwrap_or_default();
                self.desk.store.close_case(case, &text).await?;
                CaseStatus { problem: Some(*problem), ..status(case, CaseState::Silent) }
            }
            Err(Fault::Unable(err)) => return Err(err),
        };
        let metrics = &self.desk.metrics;
        let ended = if status.ballot.is_some() { &metrics.balloted } else { &metrics.silent };
        ended.inc();
        let reason = status.ballot.as_ref().map(|ballot| ballot.reason);
        if reason == Some(Reason::Void.byte()) {
            metrics.void.inc();
        }
        let why = status.problem.as_ref().map(Problem::slug);
        tracing::info!(%case, reason, why, "case ended");
        self.open.status.send_replace(status);
        Ok(())
    }

    /// Everything from here to the signed ballot.
    async fn ballot(&self) -> Result<Row, Fault> {
        let desk = &self.desk;
        let ballots = desk.store.ballots();
        if let Some(row) = ballots.get(self.row.case_id).await? {
            return Ok(desk.signer.finish(ballots, row).await?);
        }
        self.look().await?;
        tokio::select! {
            fault = self.follow() => Err(fault),
            row = self.work() => row,
        }
    }

    async fn work(&self) -> Result<Row, Fault> {
        let desk = &self.desk;
        let circle = self.open.circle.clone();
        let records = desk.store.records().of_case(self.row.case_id, circle);
        let case = self.row.case(self.asked.template);
        let mut session = desk.judge.session(&records, case, &self.asked.milestone).await?;
        let opinion = if let Some(opinion) = session.concluded().await {
            opinion
        } else {
            self.answer(&mut session).await?
        };
        let root = session.conclude(opinion).await?;
        let ballot = opinion.ballot(self.row.case_id, root);
        Ok(desk.signer.cast(desk.store.ballots(), &ballot).await?)
    }

    /// Waits for the bytes and for what is hidden, and then for a place to work on the case.
    async fn answer(&self, session: &mut Session<'_>) -> Result<Opinion, JurorError> {
        if self.deliverable().await?.is_none() {
            return Ok(session.missing()?);
        }
        let reveals = self.reveals().await?;
        self.say(CaseState::Judging);
        let _place = self.desk.places.acquire().await.map_err(|_| JurorError::Stopped)?;
        let Some(bytes) = self.deliverable().await? else { return Ok(session.missing()?) };
        self.read(session, &bytes, &reveals).await?;
        drop(bytes);
        self.judge(session).await
    }

    async fn last_tenth(&self) {
        let mut standing = self.standing.subscribe();
        if standing.wait_for(Standing::is_last_tenth).await.is_err() {
            // The sender is this value, so it cannot be gone; if it were, nothing would be due.
            std::future::pending::<()>().await;
        }
    }

    fn say(&self, state: CaseState) {
        self.open.status.send_if_modified(|status| {
            let changed = status.state != state;
            status.state = state;
            changed
        });
    }
}
