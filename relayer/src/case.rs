//! A case's life: one task takes it from state to state, and any task can take it over.
//!
//! Every state is in the store before the action that it announces. So the process may be killed
//! at any point: on the next start each open case has its stage run again, and every stage finds
//! out what of its action happened already.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::primitives::B256;
use surety_acts::open_round;
use surety_bindings::escrow::Terms;
use surety_chain::BlockTag;
use surety_service::pulse::Beat;
use surety_service::request_id;
use surety_store::Lease;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::reason::Reason;
use crate::relayer::{ROUND, Relayer};
use crate::store::cases::{self, CaseRow, CaseState};
use crate::store::deals::{self, Place};
use crate::{RelayerError, batch, collect, submit};

/// What a stage wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Read the row again and go on.
    Again,
    /// Nothing can be done before the chain moves.
    Later,
    /// The case is over, or the process ends.
    Stop,
}

/// Sees to it that every open case has exactly one task, in one instance.
pub(crate) async fn run_all(relayer: Arc<Relayer>, beat: Beat, cut: CancellationToken) {
    let stop = relayer.stop.clone();
    let mut tasks = Tasks::default();
    while !stop.is_cancelled() {
        beat.beat();
        let began = Instant::now();
        match held_cases(&relayer).await {
            Ok(held) => tasks.start(&relayer, &cut, held),
            Err(error) => report(&error),
        }
        tasks.run(&relayer, began.elapsed()).await;
    }
    while tasks.set.join_next().await.is_some() {}
}

/// The cases that have a task.
#[derive(Default)]
struct Tasks {
    set: JoinSet<B256>,
}

impl Tasks {
    fn start(&mut self, relayer: &Arc<Relayer>, cut: &CancellationToken, leases: Vec<Lease>) {
        let Ok(mut held) = relayer.held.lock() else { return };
        for lease in leases {
            let Ok(id) = B256::try_from(lease.subject()) else { continue };
            if let Entry::Vacant(place) = held.entry(id) {
                place.insert(lease);
                let work = run_one(Arc::clone(relayer), id, cut.clone());
                self.set.spawn(request_id::within(relayer.take_up(id), work));
            }
        }
    }

    /// Sees tasks end until it is worth looking for cases again: when the bell rings, or in a while.
    /// With many open cases a look takes its time, and then comes seldom: a tenth of the time at most.
    async fn run(&mut self, relayer: &Relayer, took: Duration) {
        let soon = Instant::now() + took.saturating_mul(9);
        let late = soon.max(Instant::now() + relayer.poll() * 4);
        let mut rang = false;
        loop {
            tokio::select! {
                () = relayer.stop.cancelled() => return,
                () = relayer.cases.notified(), if !rang => rang = true,
                () = tokio::time::sleep_until(if rang { soon } else { late }) => return,
                Some(done) = self.set.join_next(), if !self.set.is_empty() => {
                    self.ended(relayer, &done);
                }
            }
        }
    }

    fn ended(&mut self, relayer: &Relayer, done: &Result<B256, JoinError>) {
        let Ok(mut held) = relayer.held.lock() else { return };
        if let Ok(id) = done {
            held.remove(id);
        } else {
            // A task that panicked is a bug. Its case must not be stuck with it, and which case it
            // was is not known: all of them get new tasks.
            tracing::error!("a case's task ended badly");
            self.set = JoinSet::new();
            held.clear();
        }
    }
}

fn report(error: &RelayerError) {
    tracing::warn!(%error, "open cases cannot be read");
}

/// Takes the open cases that nobody works on, as far as there is room, and returns all that this
/// instance holds.
async fn held_cases(relayer: &Relayer) -> Result<Vec<Lease>, RelayerError> {
    let mut conn = relayer.store.read().await?;
    let held = cases::held(&mut conn, relayer.store.instance()).await?;
    let room = relayer.config.limits.cases.saturating_sub(held.len());
    let now = relayer.store.now(&mut conn).await?;
    let is_crowded = room == 0 && cases::is_one_left(&mut conn, now).await?;
    relayer.crowded.store(is_crowded, Ordering::Relaxed);
    drop(conn);
    if room == 0 {
        return Ok(held);
    }
    let mut tx = relayer.store.begin().await?;
    let claimed = cases::claim(&mut tx, relayer.store.instance(), now, room).await?;
    tx.commit().await?;
    if !claimed.is_empty() {
        surety_failpoint::here("case.claimed.stored");
    }
    Ok([held, claimed].concat())
}

/// Takes one case to its end. Returns the case.
///
/// When the relayer is told to end, the stage in progress may end and no other begins; `cut` ends
/// the stage where it is, which is a crash to it, and crashes are safe.
async fn run_one(relayer: Arc<Relayer>, id: B256, cut: CancellationToken) -> B256 {
    cut.run_until_cancelled(async {
        let mut trouble: u32 = 0;
        while !relayer.stop.is_cancelled() {
            let pause = match Box::pin(stage(&relayer, id)).await {
                Ok(Next::Stop) => return,
                Ok(Next::Again) => {
                    trouble = 0;
                    continue;
                }
                Ok(Next::Later) => relayer.poll(),
                Err(error) if error.is_lease_lost() => {
                    tracing::warn!(case = %id, "another instance has taken the case over");
                    relayer.let_go(id);
                    return;
                }
                Err(error) => {
                    trouble = trouble.saturating_add(1).min(6);
                    setback(&relayer, id, &error, trouble)
                }
            };
            relayer.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    })
    .await;
    id
}

/// How long to wait before a stage that failed is run again.
fn setback(relayer: &Relayer, id: B256, error: &RelayerError, trouble: u32) -> Duration {
    tracing::warn!(case = %id, %error, "a stage failed and will be run again");
    relayer.metrics.case_setbacks.inc();
    if error.retryable() { relayer.poll() * 2_u32.pow(trouble) } else { Duration::from_mins(1) }
}

async fn stage(relayer: &Relayer, id: B256) -> Result<Next, RelayerError> {
    let Some(row) = cases::get(&mut *relayer.store.read().await?, id).await? else {
        return Ok(Next::Stop);
    };
    if row.state.is_over() {
        return Ok(Next::Stop);
    }
    if has_ended(relayer, &row).await? {
        return end(relayer, &row).await;
    }
    if let Some(block) = passed(relayer, &row).await? {
        return close(relayer, &row, block).await;
    }
    match row.state {
        CaseState::Seen => ask(relayer, id).await,
        CaseState::Asked => until_stop(relayer, collect::collect(relayer, &row)).await,
        CaseState::Decided => batch::settle(relayer, &row).await,
        CaseState::Sent => until_stop(relayer, submit::confirm(relayer, &row)).await,
        CaseState::Final | CaseState::GivenUp => Ok(Next::Stop),
    }
}

/// A stage that waits for others. What it learns is stored as it comes, so it may end at any moment.
async fn until_stop(
    relayer: &Relayer,
    stage: impl Future<Output = Result<Next, RelayerError>>,
) -> Result<Next, RelayerError> {
    relayer.stop.run_until_cancelled(stage).await.unwrap_or(Ok(Next::Stop))
}

/// Writes that the panel is asked; asking is the next stage.
async fn ask(relayer: &Relayer, id: B256) -> Result<Next, RelayerError> {
    let mut tx = relayer.begin(id).await?;
    cases::asked(&mut tx, id).await?;
    surety_failpoint::here("case.asked.written");
    tx.commit().await?;
    surety_failpoint::here("case.asked.stored");
    relayer.changed();
    Ok(Next::Again)
}

/// Leaves a case whose jurors are silent to whoever has room, after those that were not left so.
pub(crate) async fn set_aside(relayer: &Relayer, id: B256) -> Result<Next, RelayerError> {
    let mut tx = relayer.begin(id).await?;
    cases::set_aside(&mut tx, id).await?;
    tx.commit().await?;
    relayer.let_go(id);
    relayer.cases.notify_one();
    tracing::debug!(case = %id, "its jurors are silent: others are worked on");
    Ok(Next::Stop)
}

/// Whether the case's milestone has ended in the newest block, whoever ended it.
pub(crate) async fn has_ended(relayer: &Relayer, row: &CaseRow) -> Result<bool, RelayerError> {
    let (deal, milestone) = row.place();
    let word = relayer.escrow.deal(deal, BlockTag::Latest).await?;
    Ok(word.revoked || word.has_ended(milestone))
}

/// Where the watcher saw the case's milestone end. Costs no call.
pub(crate) async fn known_end(
    relayer: &Relayer,
    row: &CaseRow,
) -> Result<Option<Place>, RelayerError> {
    let row = deals::milestone(&mut *relayer.store.read().await?, row.place()).await?;
    Ok(row.end.map(|end| end.place))
}

/// Makes a case Final once the milestone's end stands at the configured depth; waits until then.
///
/// The escrow's word decides. The watcher must have seen it as well: then the end's block is in
/// its trail, and if that block is ever orphaned the case is opened again.
async fn end(relayer: &Relayer, row: &CaseRow) -> Result<Next, RelayerError> {
    let (deal, milestone) = row.place();
    let word = relayer.escrow.deal(deal, relayer.config.block_tag).await?;
    if !(word.revoked || word.has_ended(milestone)) {
        return Ok(Next::Later);
    }
    let measured = relayer.paid_after(row.id);
    let Some(place) = known_end(relayer, row).await? else { return Ok(Next::Later) };
    let paid_ms = row.decided_at.and_then(|at| match measured {
        Some(elapsed) => u64::try_from(elapsed.as_millis()).ok(),
        // Another process found the verdict: the chain's clock is all that is left.
        None => Some(place.at.saturating_sub(at).saturating_mul(1_000)),
    });
    let mut tx = relayer.begin(row.id).await?;
    // The watcher may have taken the end back since it was read.
    if !deals::has_ended_in(&mut tx, row.place(), place.block).await? {
        return Ok(Next::Later);
    }
    cases::ended(&mut tx, row.id, place.block, paid_ms).await?;
    surety_failpoint::here("case.final.written");
    tx.commit().await?;
    surety_failpoint::here("case.final.stored");
    relayer.forget_verdict(row.id);
    relayer.count_end(row.id, CaseState::Final);
    if let Some(ms) = paid_ms {
        relayer.metrics.paid_seconds.observe(Duration::from_millis(ms).as_secs_f64());
    }
    relayer.changed();
    tracing::info!(case = %row.id, block = place.block, ?paid_ms, "the milestone has ended");
    Ok(Next::Stop)
}

/// The block in which the milestone moved past the case's round: its panel's verdict stands, or the
/// appeal panel is asked. What the watcher saw counts, which is at the configured depth. Costs no call.
async fn passed(relayer: &Relayer, row: &CaseRow) -> Result<Option<u64>, RelayerError> {
    let pin = deals::milestone(&mut *relayer.store.read().await?, row.place()).await?.pin;
    let past = pin.filter(|pin| row.round == ROUND && open_round(&pin.state) != Some(ROUND));
    Ok(past.map(|pin| pin.block))
}

/// Makes a case Final whose round is over, while its milestone goes on. If that block is ever orphaned
/// the case is opened again.
async fn close(relayer: &Relayer, row: &CaseRow, block: u64) -> Result<Next, RelayerError> {
    let mut tx = relayer.begin(row.id).await?;
    // The milestone may have moved again, or back, since it was read.
    if !deals::has_moved_in(&mut tx, row.place(), block).await? {
        return Ok(Next::Later);
    }
    cases::ended(&mut tx, row.id, block, None).await?;
    surety_failpoint::here("case.passed.written");
    tx.commit().await?;
    surety_failpoint::here("case.passed.stored");
    relayer.forget_verdict(row.id);
    relayer.count_end(row.id, CaseState::Final);
    relayer.changed();
    tracing::info!(case = %row.id, block, "the round is over and the milestone goes on");
    Ok(Next::Stop)
}

/// Ends the work on a case without an end of its milestone.
pub(crate) async fn give_up(
    relayer: &Relayer,
    id: B256,
    reason: impl Into<Reason>,
) -> Result<Next, RelayerError> {
    let reason = reason.into();
    let mut tx = relayer.begin(id).await?;
    cases::given_up(&mut tx, id, &reason.to_string()).await?;
    surety_failpoint::here("case.given-up.written");
    tx.commit().await?;
    surety_failpoint::here("case.given-up.stored");
    relayer.forget_verdict(id);
    relayer.count_end(id, CaseState::GivenUp);
    relayer.metrics.gave_up(reason.label());
    relayer.changed();
    tracing::warn!(case = %id, %reason, "a case is given up");
    Ok(Next::Stop)
}

/// When the time of the case's panel ends. None while its round is not the one that is open: it is over,
/// or a reorganisation took its beginning back.
pub(crate) async fn judged_by(
    relayer: &Relayer,
    row: &CaseRow,
    terms: &Terms,
) -> Result<Option<u64>, RelayerError> {
    let pin = deals::milestone(&mut *relayer.store.read().await?, row.place()).await?.pin;
    Ok(match pin {
        None => (row.round == ROUND).then(|| judge_end(terms, row.delivery.milestone)),
        Some(pin) => {
            let is_open = open_round(&pin.state) == Some(row.round);
            is_open.then(|| pin.state.until.to::<u64>())
        }
    })
}

/// Whether the panel's time for the case is over.
pub(crate) async fn judging_is_over(
    relayer: &Relayer,
    row: &CaseRow,
    terms: &Terms,
) -> Result<bool, RelayerError> {
    let until = judged_by(relayer, row, terms).await?;
    Ok(until.is_some_and(|until| relayer.now() >= until))
}

/// When the panel's time ends for a milestone that nobody delivered on the chain.
fn judge_end(terms: &Terms, milestone: u8) -> u64 {
    let deliver_by = terms.milestones.get(usize::from(milestone)).map(|m| m.deliverBy.to::<u64>());
    deliver_by.unwrap_or_default().saturating_add(terms.judgeWithin.to::<u64>())
}
