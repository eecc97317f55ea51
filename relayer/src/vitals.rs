//! What the relayer knows of its own health, read at a steady pace and not when somebody asks: who
//! asks often makes neither the disk nor the endpoint work often.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use alloy::primitives::{Address, U256};
use surety_acts::rows;
use surety_chain::send::Sender;
use surety_chain::{BlockTag, Standing};
use surety_relayer_metrics::whole;
use surety_service::pulse::{Beat, Pulses};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::relayer::{OWN_ACTS, Relayer, STRANGERS, VERDICTS};
use crate::store::{cases, deliverables};
use crate::wire::Readiness;

/// The pace.
const EVERY: Duration = Duration::from_secs(3);
/// The longest that one look may take.
const WITHIN: Duration = Duration::from_secs(8);
/// A sender whose rounds all fail for so long is stuck.
const ROUND_WITHIN: Duration = Duration::from_mins(1);

/// The health of one relayer.
#[derive(Debug)]
pub(crate) struct Health {
    /// Whether its tasks go round.
    pub(crate) pulses: Pulses,
    /// Whether the chain has been read up to its head since the start.
    pub(crate) caught_up: AtomicBool,
    vitals: watch::Sender<Vitals>,
}

/// What was found last.
#[derive(Debug, Clone, Default)]
struct Vitals {
    /// Whether the store takes writes; unknown before the first look.
    writable: Option<bool>,
    /// What the poorest of the sending keys owns, and which it is.
    balance: Option<(U256, Address)>,
    /// How long the oldest transaction has waited, in chain time.
    waited_secs: u64,
    /// When the last look ended.
    looked: Option<Instant>,
}

impl Health {
    pub(crate) fn new() -> Self {
        let vitals = watch::Sender::new(Vitals::default());
        Self { pulses: Pulses::default(), caught_up: AtomicBool::new(false), vitals }
    }
}

/// Looks until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, beat: Beat, stop: CancellationToken) {
    stop.run_until_cancelled(async {
        loop {
            beat.beat();
            look(&relayer).await;
            tokio::time::sleep(EVERY).await;
        }
    })
    .await;
}

/// One look. What cannot be read stays as it was, and its age tells.
async fn look(relayer: &Relayer) {
    let writable = tokio::time::timeout(WITHIN, write(relayer)).await.unwrap_or(false);
    relayer.health.vitals.send_modify(|vitals| vitals.writable = Some(writable));
    if let Ok(Err(error)) = tokio::time::timeout(WITHIN, measure(relayer)).await {
        report(&error);
    }
    relayer.health.vitals.send_modify(|vitals| vitals.looked = Some(Instant::now()));
}

fn report(error: &RelayerError) {
    tracing::debug!(%error, "the vitals cannot be read");
}

async fn write(relayer: &Relayer) -> bool {
    let began = Instant::now();
    let written = relayer.store.expect_writable().await;
    if let Err(error) = &written {
        tracing::error!(%error, "the store cannot be written");
    }
    relayer.metrics.write_seconds.set(began.elapsed().as_secs_f64());
    written.is_ok()
}

async fn measure(relayer: &Relayer) -> Result<(), RelayerError> {
    let metrics = &relayer.metrics;
    {
        let mut conn = relayer.store.read().await?;
        for (state, count) in cases::totals(&mut conn).await? {
            metrics.cases_in(state.as_str(), count);
        }
        metrics.acts_due.set(whole(rows::overdue(&mut conn, relayer.now()).await?));
        let (total, unnamed) = deliverables::totals(&mut conn).await?;
        metrics.shelf(total.saturating_sub(unnamed), unnamed);
    }
    let queued = relayer.sender.queued().await?;
    for (rank, who) in [(VERDICTS, "verdicts"), (OWN_ACTS, "acts"), (STRANGERS, "strangers")] {
        let count = queued.iter().find(|(of, _)| *of == rank).map_or(0, |(_, count)| *count);
        metrics.queued(who, count);
    }
    deliverables::fold(&relayer.store).await?;
    let totals = relayer.sender.totals().await?;
    for state in ["queued", "signed", "mined", "failed"] {
        let count = totals.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
        metrics.transactions_in(state.to_owned(), count);
    }
    let (mut longest, mut poorest) = (0, None);
    for key in relayer.sender.each() {
        let (waited, balance) = measure_key(relayer, key).await?;
        longest = waited.max(longest);
        let this = (balance, key.address());
        poorest = poorest.map_or(Some(this), |other| Some(this.min(other)));
    }
    metrics.transaction_oldest.set(whole(longest));
    relayer.health.vitals.send_modify(|vitals| {
        (vitals.waited_secs, vitals.balance) = (longest, poorest);
    });
    Ok(())
}

/// How long a key's oldest transaction has waited, in chain time, and what the key owns.
async fn measure_key(relayer: &Relayer, key: &Sender) -> Result<(u64, U256), RelayerError> {
    let (rpc, address) = (&relayer.escrow.rpc, key.address());
    let line = key.line().await?;
    let count = rpc.nonce(address, BlockTag::Latest).await?;
    let balance = rpc.balance(address).await?;
    relayer.metrics.key(address.to_string(), count, line.gaps(count).len(), balance.into());
    Ok((line.oldest().map_or(0, |since| relayer.now().saturating_sub(since)), balance))
}

impl Relayer {
    /// Whether it can do its work, and all that keeps it from it.
    pub(crate) fn readiness(&self) -> Readiness {
        let clock = *self.clock.borrow();
        let (still, unread) = (clock.moved.elapsed(), clock.read.elapsed());
        let problems = [self.process_problems(), self.chain_problems(), self.sender_problems()];
        let problems = problems.concat();
        self.metrics.ready.set(i64::from(problems.is_empty()));
        let endpoints = self.escrow.rpc.reports();
        Readiness {
            is_ready: problems.is_empty(),
            problems,
            store: self.health.vitals.borrow().writable.unwrap_or(false),
            chain_read_ms: u64::try_from(unread.as_millis()).unwrap_or(u64::MAX),
            head: clock.head.number,
            head_age_secs: still.as_secs(),
            tag_lag_secs: clock.tag_lag_secs(),
            within_budget: !self.sender.health().over_budget,
            endpoints_good: endpoints.iter().filter(|e| e.standing == Standing::Good).count(),
            endpoints: endpoints.len(),
        }
    }

    /// What a restart would cure: tasks that ended or hang.
    pub(crate) fn stalled(&self) -> Vec<String> {
        if self.stop.is_cancelled() {
            return Vec::new();
        }
        self.health.pulses.faults(Duration::from_secs(self.config.health.task_still_secs))
    }

    /// What keeps the start from being over.
    pub(crate) fn starting(&self) -> Vec<String> {
        let caught_up = self.health.caught_up.load(Ordering::Relaxed);
        let looked = self.health.vitals.borrow().looked.is_some();
        let still = |done: bool, what: &str| (!done).then(|| what.to_owned());
        [
            still(caught_up, "the escrow's events are still being read"),
            still(looked, "the first look at store and key is not over"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn process_problems(&self) -> Vec<String> {
        let mut problems = self.stalled();
        if self.stop.is_cancelled() {
            problems.push("it is stopping".to_owned());
        }
        problems.extend(self.starting());
        if self.health.vitals.borrow().writable == Some(false) {
            problems.push("its store cannot be written: check the disk".to_owned());
        }
        problems
    }

    fn chain_problems(&self) -> Vec<String> {
        let (health, clock) = (&self.config.health, *self.clock.borrow());
        let mut problems = Vec::new();
        let unread = clock.read.elapsed();
        if unread > Duration::from_secs(health.unread_secs) {
            let secs = unread.as_secs();
            problems.push(format!("the chain was last read {secs} s ago: check the endpoint"));
        }
        // On a local chain nothing moves while nobody sends.
        let local = self.config.block_tag == BlockTag::Latest;
        let still = clock.moved.elapsed();
        if !local && still > Duration::from_secs(health.head_still_secs) {
            let secs = still.as_secs();
            problems.push(format!("the newest block is {secs} s old: check the endpoint"));
        }
        let lag = clock.tag_lag_secs();
        if lag > health.tag_lag_secs {
            problems.push(format!("the block whose facts count is {lag} s behind the newest one"));
        }
        problems
    }

    fn sender_problems(&self) -> Vec<String> {
        let health = &self.config.health;
        let vitals = self.health.vitals.borrow().clone();
        let mut problems = Vec::new();
        let least = U256::from(health.least_balance_wei);
        if let Some((balance, address)) = vitals.balance.filter(|(balance, _)| *balance < least) {
            problems.push(format!("{address} owns {balance} wei, less than {least}: send it some"));
        }
        if vitals.waited_secs > health.stuck_secs {
            let secs = vitals.waited_secs;
            problems.push(format!("a transaction has waited {secs} s for a block: see tx bump"));
        }
        let round = self.sender.looked();
        if round > ROUND_WITHIN {
            let secs = round.as_secs();
            problems.push(format!("the sender's last good round was {secs} s ago: see the log"));
        }
        if self.sender.health().over_budget {
            let what = "the day's budget is used up: wait, or raise sending.budget_wei_per_day";
            problems.push(what.to_owned());
        }
        problems
    }

    /// Brings the numbers up to date that are read and not counted.
    pub(crate) fn measure(&self) {
        let (clock, metrics) = (*self.clock.borrow(), &self.metrics);
        metrics.head_block.set(whole(clock.head.number));
        metrics.head_age.set(clock.moved.elapsed().as_secs_f64());
        metrics.chain_read_age.set(clock.read.elapsed().as_secs_f64());
        metrics.tag_lag.set(whole(clock.tag_lag_secs()));
        metrics.round_age.set(self.sender.looked().as_secs_f64());
        metrics.case_oldest.set(self.oldest_case().as_secs_f64());
        metrics.day_spent.set(f64::from(U256::from(self.sender.health().spent_wei)));
        for endpoint in self.escrow.rpc.reports() {
            metrics.endpoint(endpoint.name, endpoint.standing == Standing::Good);
        }
        for (task, age) in self.health.pulses.ages() {
            metrics.task_age(task, age);
        }
        metrics.ready.set(i64::from(self.readiness().is_ready));
    }
}
