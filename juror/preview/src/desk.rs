//! All of a juror's previews: from the row to the answer.
//!
//! A preview that was taken is a row and a task. The task can die at any instruction: the next start
//! takes it up from there, and what was answered is not asked again. Its answer is shown at the time
//! that was set when it was taken, neither earlier nor later, so that no delay tells anything; what
//! was not found out by then is undecided.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{B128, B256};
use surety_judge::{Budget, Case, Judge, JudgeError, Judged, Records, Session, Until};
use surety_jury::{
    Opinion,
    preview::{Coarse, PreviewRequest, PreviewState, PreviewStatus, VALID_SECS_MOST},
};
use surety_privacy::{Circle, Identities, PrivacyError, is_private};
use surety_terms::{MilestoneSheet, TermSheet, json};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    PreviewError, PreviewsConfig,
    rows::{DAY_SECS, Rows, Taken},
};

/// The first wait before the provider is asked again; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// The longest such wait.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A juror's previews.
#[derive(Debug)]
pub struct Previews {
    config: PreviewsConfig,
    judge: Judge,
    /// What this juror reads by, and so keeps private deals' previews by.
    identities: Identities,
    rows: Rows,
    /// The chain's time.
    now: watch::Sender<u64>,
    /// How many cases are judged, or wait for it: they go first.
    cases: watch::Receiver<usize>,
    /// One preview is asked at a time.
    place: Semaphore,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What a preview is about, read from its request.
struct Work {
    row: Taken,
    milestone: MilestoneSheet,
    deliverable: Vec<u8>,
    case: Case,
    /// Who may read what is written down of it; everybody when there is none.
    circle: Option<Circle>,
}

impl Previews {
    /// Opens the previews in a folder. `judge` has a provider of its own, so that no deliverable of
    /// a preview keeps cases from theirs; `budget` is that of cases: previews have its prices, caps
    /// of their own, and are over with it once the provider counts too much for either.
    pub async fn open(
        folder: PathBuf,
        config: PreviewsConfig,
        (judge, budget, identities): (Judge, Option<Budget>, Identities),
        cases: watch::Receiver<usize>,
        (stop, tasks): (CancellationToken, TaskTracker),
    ) -> Result<Self, JudgeError> {
        let rows = Rows::open(folder).await?;
        let caps = |cases| config.budget(cases);
        let budget = budget.map(|cases| cases.beside(caps, rows.pool().clone()));
        let Judge { provider, .. } = judge;
        let provider = provider.after(cases.clone());
        let judge = Judge { provider, budget, questions: 1, ..judge };
        let (now, place) = (watch::Sender::new(0), Semaphore::new(1));
        Ok(Self { config, judge, identities, rows, now, cases, place, stop, tasks })
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.rows.pool().close().await;
    }

    /// The largest deliverable.
    pub const fn deliverable_most(&self) -> usize {
        self.config.deliverable_max_bytes
    }

    /// Follows the chain's time until the juror stops.
    pub async fn follow<T>(&self, mut moments: watch::Receiver<T>, time: impl Fn(&T) -> u64) {
        let follow = async {
            loop {
                let now = time(&moments.borrow_and_update());
                self.now.send_replace(now);
                if moments.changed().await.is_err() {
                    return;
                }
            }
        };
        self.stop.run_until_cancelled(follow).await;
    }

    /// How far a preview is that the seller signed, after at most so long a wait for its answer;
    /// `None` when this juror has not taken it.
    pub async fn status(
        &self,
        request: &PreviewRequest,
        now: u64,
        wait: Duration,
    ) -> Result<Option<PreviewStatus>, PreviewError> {
        if self.config.per_day == 0 {
            return Err(PreviewError::off());
        }
        check_time(request, now)?;
        let Some(status) = self.look(request, now).await? else { return Ok(None) };
        if status.state != PreviewState::Pending {
            return Ok(Some(status));
        }
        let mut moments = self.now.subscribe();
        let answered = async {
            loop {
                let now = *moments.borrow_and_update();
                let status = self.look(request, now).await?;
                let is_there = |status: &PreviewStatus| status.state != PreviewState::Pending;
                if status.as_ref().is_some_and(is_there) || moments.changed().await.is_err() {
                    return Ok::<_, PreviewError>(status);
                }
            }
        };
        tokio::select! {
            answered = tokio::time::timeout(wait, answered) => answered.unwrap_or(Ok(Some(status))),
            () = self.stop.cancelled() => Ok(Some(status)),
        }
    }

    async fn look(
        &self,
        request: &PreviewRequest,
        now: u64,
    ) -> Result<Option<PreviewStatus>, PreviewError> {
        let row = self.rows.get(request.id()).await?;
        Ok(row.map(|row| self.shown(&row, request, now)))
    }

    /// What is shown of a preview at a moment.
    fn shown(&self, row: &Taken, request: &PreviewRequest, now: u64) -> PreviewStatus {
        let answer = row.answer.filter(|_| now >= row.answers_at);
        let (state, criteria) = match (answer, request.part()) {
            (Some(answer), Some(milestone)) if !answer.is_refused => {
                (PreviewState::Answered, answer.criteria(milestone))
            }
            (Some(_), _) => (PreviewState::Refused, Vec::new()),
            (None, _) => (PreviewState::Pending, Vec::new()),
        };
        let (preview_id, answers_at, source) = (row.id, row.answers_at, self.judge.source);
        PreviewStatus { preview_id, state, answers_at, criteria, source }
    }

    /// Takes a preview that the seller signed and the chain does not speak against. On disk, and
    /// counted, before anybody is asked.
    pub async fn take(
        self: &Arc<Self>,
        request: &PreviewRequest,
        now: u64,
    ) -> Result<PreviewStatus, PreviewError> {
        let answers_at = now.saturating_add(self.config.answer_secs);
        if request.valid_until <= answers_at {
            let rule = format!("must be later than the answer, at {answers_at}");
            return Err(PreviewError::time(request.valid_until, rule));
        }
        let text = json::canonical(request).map_err(|_| JudgeError::Transcript)?;
        let circle = circle(&request.term_sheet, &self.identities).map_err(JudgeError::from)?;
        let text = match circle {
            Some(circle) => circle.encrypt(&text).map_err(JudgeError::from)?,
            None => text,
        };
        let row = Taken {
            id: request.id(),
            deal_id: request.term_sheet.deal_id(),
            milestone: request.milestone,
            seller: request.term_sheet.seller,
            nonce: B128::from(rand::random::<[u8; 16]>()),
            answers_at,
            request: Some(text),
            answer: None,
        };
        let row = match self.rows.take(row, now, &self.config).await? {
            Ok(row) => row,
            Err(full) => return Err(PreviewError::full(full, &self.config)),
        };
        let status = self.shown(&row, request, now);
        self.begin(row);
        Ok(status)
    }

    /// Takes up what an earlier run left open, and deletes what is no longer kept.
    pub async fn resume(self: &Arc<Self>, now: u64) -> Result<(), JudgeError> {
        self.rows.forget(now, self.config.keep_days).await?;
        for row in self.rows.open_ones().await? {
            self.begin(row);
        }
        Ok(())
    }

    fn begin(self: &Arc<Self>, row: Taken) {
        if row.answer.is_none() {
            let previews = Arc::clone(self);
            self.tasks.spawn(async move {
                let stop = previews.stop.clone();
                stop.run_until_cancelled(previews.until_done(row)).await;
            });
        }
    }

    async fn until_done(&self, row: Taken) {
        while let Err(err) = self.answer(&row).await {
            waits(row.id, &err);
            tokio::time::sleep(FIRST_WAIT).await;
        }
        // Whoever waits for it looks again.
        self.now.send_modify(|_| {});
        let now = *self.now.borrow();
        if let Err(err) = self.rows.forget(now, self.config.keep_days).await {
            waits(row.id, &err);
        }
    }

    /// Asks what is open until the answer is due, and writes down what may be told.
    async fn answer(&self, row: &Taken) -> Result<(), JudgeError> {
        let answer = if let Some(work) = Work::of(row, &self.identities) {
            let records = self.rows.records(row.id, work.circle.clone())?;
            let opinion = self.opinion(&work, &records).await?;
            Coarse::of(&opinion, &work.milestone)
        } else {
            unread(row.id);
            Coarse::default()
        };
        self.rows.end(row, answer).await
    }

    async fn opinion(&self, work: &Work, records: &Records) -> Result<Opinion, JudgeError> {
        let due = work.row.answers_at;
        let mut session = self.judge.session(records, work.case, &work.milestone).await?;
        if let Some(opinion) = session.concluded().await {
            return Ok(opinion);
        }
        // Its turn may never come.
        let Some(_place) = self.before(due, self.turn()).await else { return Ok(Opinion::void()) };
        let read = session.read(work.deliverable.clone(), &[]);
        if self.before(due, read).await.transpose()?.is_none() {
            return Ok(Opinion::void());
        }
        let Some(opinion) = self.before(due, self.ask(&session, due)).await.transpose()? else {
            return self.so_far(work, records).await;
        };
        session.conclude(opinion).await?;
        Ok(opinion)
    }

    /// What has been answered when the answer is due. What was broken off may have been written and
    /// not counted, so this begins from the disk.
    async fn so_far(&self, work: &Work, records: &Records) -> Result<Opinion, JudgeError> {
        let mut session = self.judge.session(records, work.case, &work.milestone).await?;
        session.read(work.deliverable.clone(), &[]).await?;
        let no_time = self.until(work.row.answers_at, Instant::now());
        let opinion = session.last_round(no_time).await?;
        session.conclude(opinion).await?;
        Ok(opinion)
    }

    /// What is done before the answer is due; nothing when it is not done by then.
    async fn before<T>(&self, due: u64, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.time(due) => None,
        }
    }

    /// A place once no case is judged.
    async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        let place = self.place.acquire().await.ok();
        let mut cases = self.cases.clone();
        // The juror's end, which comes first, is the only way in which this fails.
        let is_quiet = cases.wait_for(|cases| *cases == 0).await.is_ok();
        place.filter(|_| is_quiet)
    }

    /// Until the chain's time is there.
    async fn time(&self, at: u64) {
        let mut now = self.now.subscribe();
        if now.wait_for(|now| *now >= at).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Asks round by round until there is nothing more to ask. Ends when the answer is due only
    /// because its caller drops it.
    async fn ask(&self, session: &Session<'_>, due: u64) -> Result<Opinion, JudgeError> {
        let mut wait = FIRST_WAIT;
        loop {
            let left = Duration::from_secs(due.saturating_sub(*self.now.borrow()));
            let until = self.until(due, Instant::now() + left);
            if let Judged::Opinion(opinion) = session.round(until).await? {
                return Ok(opinion);
            }
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
    }

    /// A deadline, on the money of the day on which the answer is due.
    fn until(&self, due: u64, deadline: Instant) -> Until {
        Until { deadline, day: due.saturating_sub(self.config.answer_secs) / DAY_SECS }
    }
}

/// A request that counts now, and not for longer than a day.
fn check_time(request: &PreviewRequest, now: u64) -> Result<(), PreviewError> {
    let until = request.valid_until;
    if until <= now {
        return Err(PreviewError::time(until, format!("must be later than now, {now}")));
    }
    let most = now.saturating_add(VALID_SECS_MOST);
    if until > most {
        return Err(PreviewError::time(until, format!("must be at most {most}")));
    }
    Ok(())
}

/// Tells the operator that a preview has to wait.
fn waits(preview: B256, err: &JudgeError) {
    tracing::error!(%preview, %err, "the preview waits");
}

/// Tells the operator that a row cannot be read.
fn unread(preview: B256) {
    tracing::error!(%preview, "the request cannot be read: nothing is decided");
}

impl Work {
    fn of(row: &Taken, identities: &Identities) -> Option<Self> {
        let text = row.request.as_deref()?;
        let plain;
        let text = if is_private(text) {
            // No age file is shorter than what is in it.
            plain = identities.decrypt(text, text.len()).ok()?;
            &plain
        } else {
            text
        };
        // It was small enough when it was taken.
        let request = PreviewRequest::parse(text, text.len()).ok()?;
        let milestone = request.part()?.clone();
        let template = request.term_sheet.template;
        let case =
            Case { case_id: row.id, deliverable: request.digest(), nonce: row.nonce, template };
        let deliverable = request.deliverable.to_vec();
        let circle = circle(&request.term_sheet, identities).ok()?;
        Some(Self { row: row.clone(), milestone, deliverable, case, circle })
    }
}

/// Who may read what is written down of a deal's previews; `None` when it is public.
fn circle(sheet: &TermSheet, identities: &Identities) -> Result<Option<Circle>, PrivacyError> {
    sheet.recipients.as_ref().map(|parties| Circle::new(parties, identities)).transpose()
}
