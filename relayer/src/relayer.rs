//! What all of the relayer's tasks share.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::{B256, Bytes};
use surety_bindings::jury::Case;
use surety_chain::Header;
use surety_chain::send::Senders;
use surety_jurors::{Asking, Jurors};
use surety_store::{Lease, Role, Store, StoreError, Tx};
use surety_terms::digest;
use tokio::sync::{Mutex as Lock, Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use surety_relayer_metrics::Metrics;

use crate::RelayerError;
use crate::batch::Pool;
use crate::config::Config;
use crate::escrow::Escrow;
use crate::shelf::Shelf;
use crate::store::cases::CaseState;
use crate::store::private;
use crate::vitals::Health;

/// The round that deliveries are judged in first. The appeal panel's is 2.
pub(crate) const ROUND: u8 = 1;

/// Whose transactions go first: verdicts, then what time allows with this relayer's deals, then what
/// others ask for.
pub(crate) const VERDICTS: u8 = 0;
pub(crate) const OWN_ACTS: u8 = 1;
pub(crate) const STRANGERS: u8 = 2;

/// The kind of leases on cases.
pub(crate) const CASE: &str = "case";

/// The relayer's means. Everything it must not forget is in the store.
#[derive(Debug)]
pub(crate) struct Relayer {
    pub(crate) config: Config,
    pub(crate) escrow: Escrow,
    pub(crate) store: Store,
    pub(crate) sender: Senders,
    pub(crate) shelf: Shelf,
    pub(crate) jurors: Jurors,
    /// The cases that are asked about.
    pub(crate) asking: Asking,
    /// How many questions may be held open at once.
    pub(crate) polls: Semaphore,
    /// The newest block, as last seen by the watcher.
    pub(crate) clock: watch::Sender<Clock>,
    /// The right to write what the chain said. The watcher has it for a step and the audit for a
    /// repair, so that neither writes what the other has just made old.
    pub(crate) following: Lock<Role>,
    /// Rings when a node tells of a new block. Nothing may depend on it.
    pub(crate) heads: watch::Sender<u64>,
    /// Rings whenever a row that somebody may wait for changed.
    changes: watch::Sender<u64>,
    /// Rings when there may be a case without a task.
    pub(crate) cases: Notify,
    /// The cases that this instance works on.
    pub(crate) held: Mutex<HashMap<B256, Lease>>,
    /// Whether there is no room for an open case that nobody works on.
    pub(crate) crowded: AtomicBool,
    /// The verdicts that wait for others. Lost by a restart: their cases are decided then, still.
    pub(crate) pool: Pool,
    /// When verdicts were found and how much later their milestones had ended. Lost by a restart.
    verdicts: Mutex<HashMap<B256, (Instant, Option<Duration>)>>,
    /// When this process took each of its open cases up, and for which request.
    taken: Mutex<HashMap<B256, (Instant, String)>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Health,
    /// Rings when the relayer is to end; nobody should wait for anything then.
    pub(crate) stop: CancellationToken,
}

/// The newest block, and when it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) head: Header,
    pub(crate) read: Instant,
    /// When another block than this one was the newest for the last time.
    pub(crate) moved: Instant,
    /// The time of the block whose facts count.
    pub(crate) tagged_at: u64,
}

impl Clock {
    /// Chain time between the newest block and the one whose facts count.
    pub(crate) const fn tag_lag_secs(self) -> u64 {
        self.head.timestamp.saturating_sub(self.tagged_at)
    }

    /// The clock after a look at the chain.
    pub(crate) fn looked(self, head: Header, tagged: Header) -> Self {
        let now = Instant::now();
        let moved = if head.hash == self.head.hash { self.moved } else { now };
        Self { head, read: now, moved, tagged_at: tagged.timestamp }
    }
}

/// What a relayer is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) escrow: Escrow,
    pub(crate) store: Store,
    pub(crate) sender: Senders,
    pub(crate) shelf: Shelf,
    pub(crate) jurors: Jurors,
    pub(crate) head: Header,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
}

impl Relayer {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { config, escrow, store, sender, shelf, jurors, head, metrics, stop } = parts;
        let now = Instant::now();
        let following = Role::new(store.clone(), "chain", escrow.address.as_slice());
        Self {
            following: Lock::new(following),
            asking: Asking::new(config.limits.asking, Duration::from_secs(config.jurors.turn_secs)),
            polls: Semaphore::new((config.http.requests / 2).min(Semaphore::MAX_PERMITS)),
            config,
            escrow,
            store,
            sender,
            shelf,
            jurors,
            clock: watch::Sender::new(Clock {
                head,
                read: now,
                moved: now,
                tagged_at: head.timestamp,
            }),
            heads: watch::Sender::new(0),
            changes: watch::Sender::new(0),
            cases: Notify::new(),
            held: Mutex::new(HashMap::new()),
            crowded: AtomicBool::new(false),
            pool: Pool::default(),
            verdicts: Mutex::new(HashMap::new()),
            taken: Mutex::default(),
            metrics,
            health: Health::new(),
            stop,
        }
    }

    /// The chain's time, as of the newest block that was seen.
    pub(crate) fn now(&self) -> u64 {
        self.clock.borrow().head.timestamp
    }

    /// Begins a write about a case, which commits only while this instance holds the case.
    pub(crate) async fn begin(&self, case: B256) -> Result<Tx, StoreError> {
        let held = self.held.lock().ok().and_then(|held| held.get(&case).cloned());
        self.store.begin_under(&held.ok_or(StoreError::LeaseLost { kind: CASE })?).await
    }

    /// The same about several cases at once.
    pub(crate) async fn begin_all(&self, cases: &[B256]) -> Result<Tx, StoreError> {
        let leases: Option<Vec<Lease>> = self
            .held
            .lock()
            .ok()
            .and_then(|held| cases.iter().map(|case| held.get(case).cloned()).collect());
        self.store.begin_under_all(&leases.ok_or(StoreError::LeaseLost { kind: CASE })?).await
    }

    /// Rings for everything that another instance may have changed, where there may be one.
    pub(crate) fn look_again(&self) {
        if self.store.is_shared() {
            self.changed();
            self.sender.look_again();
        }
    }

    /// How often things that nobody announces are looked at again.
    pub(crate) const fn poll(&self) -> Duration {
        Duration::from_millis(self.config.poll_ms)
    }

    /// The id of the case about a deliverable in round 1.
    pub(crate) fn case_id(&self, place: (B256, u8), deliverable: B256) -> B256 {
        self.case_in(ROUND, place, deliverable)
    }

    /// The id of the case about a deliverable in a round.
    pub(crate) fn case_in(
        &self,
        round: u8,
        (deal, milestone): (B256, u8),
        deliverable: B256,
    ) -> B256 {
        digest::case_id(&Case {
            chainId: alloy::primitives::U256::from(self.escrow.chain_id),
            jury: self.escrow.jury,
            consumer: self.escrow.address,
            dealId: deal,
            milestone,
            round,
            deliverable,
        })
    }

    /// The digest under which a deliverable lies on the shelf: of a private deal, its age file's.
    pub(crate) async fn name_of(&self, place: (B256, B256)) -> Result<B256, RelayerError> {
        let file = private::upload(&mut *self.store.read().await?, place).await?;
        Ok(file.unwrap_or(place.1))
    }

    /// A deliverable's bytes as they are here: of a private deal, the age file that holds them.
    pub(crate) async fn deliverable(
        &self,
        place: (B256, B256),
    ) -> Result<Option<Bytes>, RelayerError> {
        self.shelf.get(self.name_of(place).await?).await
    }

    /// Rings whenever a case, deal or deliverable changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Notes the moment of a verdict, once.
    pub(crate) fn verdict_found(&self, case: B256) {
        if let Ok(mut verdicts) = self.verdicts.lock() {
            verdicts.entry(case).or_insert_with(|| (Instant::now(), None));
        }
    }

    /// Notes that a case's milestone was just seen ended, once, and says how long after the
    /// verdict that was, if this process found the verdict.
    pub(crate) fn paid_after(&self, case: B256) -> Option<Duration> {
        let mut verdicts = self.verdicts.lock().ok()?;
        let (at, paid) = verdicts.get_mut(&case)?;
        Some(*paid.get_or_insert(at.elapsed()))
    }

    /// Notes for which request a case was opened; its jurors are asked in that request's name.
    pub(crate) fn opened_for(&self, case: B256, request: String) {
        self.taken().entry(case).or_insert_with(|| (Instant::now(), request));
    }

    /// Notes that work on a case begins. Returns the request that it is for.
    pub(crate) fn take_up(&self, case: B256) -> String {
        let named = || (Instant::now(), surety_service::request_id::fresh());
        self.taken().entry(case).or_insert_with(named).1.clone()
    }

    /// Counts a case that ended.
    pub(crate) fn count_end(&self, case: B256, state: CaseState) {
        let took = self.taken().remove(&case).map(|(since, _)| since.elapsed());
        self.metrics.case_ended(state.as_str(), took);
    }

    /// Forgets a case that this process works on no more.
    pub(crate) fn let_go(&self, case: B256) {
        self.taken().remove(&case);
        self.forget_verdict(case);
    }

    /// How long this process has worked on its oldest open case.
    pub(crate) fn oldest_case(&self) -> Duration {
        let taken = self.taken();
        taken.values().map(|(since, _)| since.elapsed()).max().unwrap_or_default()
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashMap<B256, (Instant, String)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn forget_verdict(&self, case: B256) {
        if let Ok(mut verdicts) = self.verdicts.lock() {
            verdicts.remove(&case);
        }
    }
}
