//! What all of the relayer's tasks share.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use alloy::primitives::B256;
use surety_bindings::jury::Case;
use surety_chain::Header;
use surety_chain::send::Senders;
use surety_chain::store::Store;
use surety_terms::digest;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::escrow::Escrow;
use crate::jurors::Jurors;
use crate::shelf::Shelf;
use surety_events::audit::AuditReport;

/// The round that every case is of, until appeals come.
pub(crate) const ROUND: u8 = 1;

/// The relayer's means. Everything it must not forget is in the store.
#[derive(Debug)]
pub(crate) struct Relayer {
    pub(crate) config: Config,
    pub(crate) escrow: Escrow,
    pub(crate) store: Store,
    pub(crate) sender: Senders,
    pub(crate) shelf: Shelf,
    pub(crate) jurors: Jurors,
    /// How many cases may be asked about at once.
    pub(crate) asking: Semaphore,
    /// The newest block, as last seen by the watcher.
    pub(crate) clock: watch::Sender<Clock>,
    /// Rings when a node tells of a new block. Nothing may depend on it.
    pub(crate) heads: watch::Sender<u64>,
    /// What the last audit found.
    pub(crate) audited: watch::Sender<AuditReport>,
    /// Rings whenever a row that somebody may wait for changed.
    changes: watch::Sender<u64>,
    /// Rings when there may be a case without a task.
    pub(crate) cases: Notify,
    /// When verdicts were found and how much later their milestones had ended. Lost by a restart.
    verdicts: Mutex<HashMap<B256, (Instant, Option<Duration>)>>,
    /// Rings when the relayer is to end; nobody should wait for anything then.
    pub(crate) stop: CancellationToken,
}

/// The newest block, and when it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) head: Header,
    pub(crate) read: Instant,
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
    pub(crate) stop: CancellationToken,
}

impl Relayer {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { config, escrow, store, sender, shelf, jurors, head, stop } = parts;
        Self {
            asking: Semaphore::new(config.limits.asking),
            config,
            escrow,
            store,
            sender,
            shelf,
            jurors,
            clock: watch::Sender::new(Clock { head, read: Instant::now() }),
            heads: watch::Sender::new(0),
            audited: watch::Sender::default(),
            changes: watch::Sender::new(0),
            cases: Notify::new(),
            verdicts: Mutex::new(HashMap::new()),
            stop,
        }
    }

    /// The chain's time, as of the newest block that was seen.
    pub(crate) fn now(&self) -> u64 {
        self.clock.borrow().head.timestamp
    }

    /// How often things that nobody announces are looked at again.
    pub(crate) const fn poll(&self) -> Duration {
        Duration::from_millis(self.config.poll_ms)
    }

    /// The id of the case about a deliverable.
    pub(crate) fn case_id(&self, (deal, milestone): (B256, u8), deliverable: B256) -> B256 {
        digest::case_id(&Case {
            chainId: alloy::primitives::U256::from(self.escrow.chain_id),
            jury: self.escrow.jury,
            consumer: self.escrow.address,
            dealId: deal,
            milestone,
            round: ROUND,
            deliverable,
        })
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

    pub(crate) fn forget_verdict(&self, case: B256) {
        if let Ok(mut verdicts) = self.verdicts.lock() {
            verdicts.remove(&case);
        }
    }
}
