//! Sending transactions with one key, so that nothing asked for is lost or done twice.
//!
//! A request waits in the store under the caller's idempotency key. The one task that owns the
//! key's nonces takes it up: it picks the nonce, signs, and writes nonce and signed bytes down
//! *before* the bytes leave the process. From then on that nonce belongs to that request for good:
//! whatever a node answers, the bytes are taken as sent, sent again until they are mined, and
//! replaced by better paid ones when they wait too long. A request is done when a receipt stands in
//! a canonical block at the configured tag; should that block be orphaned, the request is open
//! again and the same bytes go out.
//!
//! Invariant: two attempts of one request that could both take effect never exist: they share a
//! nonce, or the earlier nonce was used up without effect.
//!
//! Several instances may share a database and a key: one of them holds the key's lease, and only it
//! gives nonces away. When it falls silent another takes over, with the same bytes.
//!
//! Warning: a key has one database. If another program sends with the same key, requests are still
//! neither lost nor doubled, but they wait for each other.

mod cost;
mod engine;
mod fees;
mod keys;
mod observe;
mod orders;
mod rows;
mod sign;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy::network::TxSigner;
use alloy::primitives::{Address, B256, Bytes, Signature, keccak256};
use serde::Deserialize;
use sqlx::migrate::Migrator;
use surety_store::{Conn, Role, Store};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{BlockTag, ChainError, Rpc};

pub use cost::estimate;
pub use fees::FeeCaps;
pub use keys::Senders;
pub use orders::{AttemptView, Line, Order, Trace};

/// A part of the day's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// It is for requests of this rank and those after it, all of them together.
    pub from_rank: u8,
    /// How much of the budget they may use, in percent.
    pub percent: u8,
}

/// The longest pause after a round that went wrong: who waits for us hears soon that we are back.
const MOST_PAUSE: Duration = Duration::from_secs(5);

/// The tables of this module. Run them as owner `send` with [`Store::migrate`].
pub fn migrations() -> Migrator {
    sqlx::migrate!("migrations/send")
}

/// A signer of transactions: a local key or a remote one.
pub type DynSigner = Arc<dyn TxSigner<Signature> + Send + Sync>;

/// How to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SendConfig {
    /// A request is done when its block is not above this tag.
    pub block_tag: BlockTag,
    /// How often to look, in milliseconds.
    pub poll_ms: u64,
    /// How many signed transactions may wait for a block at once.
    pub max_in_flight: u32,
    /// A transaction that waits longer, in seconds of chain time, is replaced by a better paid one.
    pub replace_after_secs: u64,
    /// How often to hand out the bytes of a waiting transaction again, in milliseconds.
    pub rebroadcast_ms: u64,
    /// What is added to the estimated gas, in percent of it.
    pub gas_margin_percent: u64,
    /// For so many blocks mined requests are watched for reorganisations: half an hour at 200 ms.
    pub watch_blocks: u64,
    /// Limits on fees.
    pub fees: FeeCaps,
    /// What all keys of a store may cost together per UTC day of chain time, in wei. What would go
    /// beyond it waits for the next day. No limit unless it is given.
    pub budget_wei_per_day: Option<u64>,
    /// Who may have only a part of that budget. The others may have all of it.
    pub share: Option<Share>,
}

impl Default for SendConfig {
    fn default() -> Self {
        Self {
            block_tag: BlockTag::Safe,
            poll_ms: 500,
            max_in_flight: 16,
            replace_after_secs: 30,
            rebroadcast_ms: 5_000,
            gas_margin_percent: 25,
            watch_blocks: 9_000,
            fees: FeeCaps::default(),
            budget_wei_per_day: None,
            share: None,
        }
    }
}

impl SendConfig {
    /// The part of a day's budget that is for requests of this rank: from which rank on, and how
    /// much, in wei. None where they may have all.
    fn share_of(&self, rank: u8) -> Option<(u8, u64)> {
        let share = self.share.filter(|share| rank >= share.from_rank)?;
        let part = u128::from(self.budget_wei_per_day?) * u128::from(share.percent) / 100;
        Some((share.from_rank, u64::try_from(part).unwrap_or(u64::MAX)))
    }
}

/// A transaction that somebody wants sent. It carries no ether.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The caller's idempotency key: the same id is the same request.
    pub id: B256,
    /// The contract to call.
    pub to: Address,
    /// What to call it with.
    pub calldata: Bytes,
    /// Who goes first: the lowest, and of equals the oldest.
    pub rank: u8,
}

/// Where a request stands.
/// - Queued leaves to Sent or, when it would revert, to Failed.
/// - Sent leaves to Mined or Failed, and to Queued when a stranger used its nonce.
/// - Mined leaves to Sent, when its block is orphaned.
/// - Failed leaves to Sent likewise, and to Queued when it is asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendState {
    /// It waits for a nonce.
    Queued,
    /// Its bytes are signed, stored and handed out.
    Sent,
    /// It took effect, in a canonical block.
    Mined,
    /// It took no effect and will not.
    Failed,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendStatus {
    /// The request's id.
    pub id: B256,
    /// Where it stands.
    pub state: SendState,
    /// The transaction: the mined one, else the newest that was handed out.
    pub tx_hash: Option<B256>,
    /// The block that holds it, once done.
    pub block: Option<u64>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It would have reverted, so it was not sent, or it did revert; with the revert's bytes where
    /// the node gave them.
    Reverted(Bytes),
    /// It was signed and then given up before a block took it, since meanwhile it would have
    /// reverted or no node takes it. Its nonce was used up by an empty transaction.
    Withdrawn,
}

/// What a sender holds back, and what it may have spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendHealth {
    /// Something waits for the next day, since it would go beyond the budget.
    pub over_budget: bool,
    /// Something waits for cheaper blocks.
    pub above_fee_cap: bool,
    /// What all keys have spent or may still spend on the chain's day, in wei, as of the last look.
    pub spent_wei: u64,
    /// When a share of the budget that is used up opens again, in chain time; past while it is open.
    pub share_opens: u64,
}

/// A handle to the sender of one key. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Sender {
    address: Address,
    store: Store,
    wake: Arc<Notify>,
    changes: watch::Sender<u64>,
    /// When a round last went well.
    looked: watch::Sender<Instant>,
    /// Rounds, however they went.
    rounds: watch::Sender<u64>,
    health: Arc<Mutex<SendHealth>>,
    /// Held by all who wait for a request, and so counts them.
    waiting: Arc<()>,
}

/// The task behind a [`Sender`]. There must be one per key in each process.
pub struct SenderTask {
    rpc: Rpc,
    signer: DynSigner,
    chain_id: u64,
    config: SendConfig,
    handle: Sender,
    /// One instance owns the key's nonces; the others queue, and stand by.
    role: Role,
    memory: engine::Memory,
}

impl std::fmt::Debug for SenderTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SenderTask").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Sender {
    /// Prepares the tables and returns the handle and the task, which somebody must run.
    pub async fn new(
        store: Store,
        rpc: Rpc,
        signer: DynSigner,
        config: SendConfig,
    ) -> Result<(Self, SenderTask), ChainError> {
        store.migrate("send", migrations()).await?;
        let chain_id = rpc.chain_id().await?;
        let handle = Self {
            address: signer.address(),
            store,
            wake: Arc::new(Notify::new()),
            changes: watch::Sender::new(0),
            looked: watch::Sender::new(Instant::now()),
            rounds: watch::Sender::new(0),
            health: Arc::default(),
            waiting: Arc::default(),
        };
        let memory = engine::Memory::default();
        let role = Role::new(handle.store.clone(), "key", handle.address.as_slice());
        let task =
            SenderTask { rpc, signer, chain_id, config, handle: handle.clone(), role, memory };
        Ok((handle, task))
    }

    /// The key's address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Queues a request in the caller's own transaction, so that the request exists exactly when
    /// the caller's row says so. Call [`Sender::wake`] after the commit.
    ///
    /// An id that is queued, sent or mined stays as it is, unless its new rank lets it go earlier; one
    /// that failed is queued again.
    pub async fn queue(
        &self,
        conn: &mut Conn,
        request: &Request,
    ) -> Result<SendStatus, ChainError> {
        rows::queue(conn, self.address, request).await
    }

    /// How long ago a round of the task last went well.
    pub fn looked(&self) -> Duration {
        self.looked.borrow().elapsed()
    }

    /// Rings with every round of the task, however it went.
    pub fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.subscribe()
    }

    /// Tells the task that there is something to do.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// What became of a request; none when it was never asked for.
    pub async fn status(&self, id: B256) -> Result<Option<SendStatus>, ChainError> {
        rows::status(&mut *self.store.read().await?, id).await
    }

    /// Rings whenever any request changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits until a request is mined or failed, or for `patience`; then says where it stands.
    pub async fn wait(
        &self,
        id: B256,
        patience: Duration,
    ) -> Result<Option<SendStatus>, ChainError> {
        let mut changes = self.changes();
        let deadline = tokio::time::Instant::now() + patience;
        let _counted = Arc::clone(&self.waiting);
        loop {
            let status = self.status(id).await?;
            match status.as_ref().map(|s| s.state) {
                Some(SendState::Queued | SendState::Sent) => {}
                None | Some(SendState::Mined | SendState::Failed) => return Ok(status),
            }
            let rung = async {
                changes.changed().await?;
                tokio::time::sleep(self.pace()).await;
                Ok::<_, watch::error::RecvError>(())
            };
            match tokio::time::timeout_at(deadline, rung).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Ok(status),
            }
        }
    }

    /// How long to pause between two looks at a request, so that all who wait together make a
    /// thousand looks a second at most.
    pub fn pace(&self) -> Duration {
        Duration::from_millis(u64::try_from(Arc::strong_count(&self.waiting)).unwrap_or(u64::MAX))
    }

    /// Rings for what another instance may have changed.
    pub fn look_again(&self) {
        self.changed();
    }

    /// What is held back, and what the day has cost.
    pub fn health(&self) -> SendHealth {
        *self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, change: impl FnOnce(&mut SendHealth)) {
        change(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn changed(&self) {
        self.changes.send_modify(|n| *n = n.wrapping_add(1));
    }
}

impl SenderTask {
    /// The same task, which rings for its changes where `other` does.
    fn ringing(mut self, other: &Sender, sender: Sender) -> (Sender, Self) {
        self.handle = Sender { changes: other.changes.clone(), ..sender };
        (self.handle.clone(), self)
    }

    /// Rings with every round, however it went.
    pub fn rounds(&self) -> watch::Receiver<u64> {
        self.handle.rounds()
    }

    /// Works until `stop`. Errors are logged and the work is taken up again: everything that
    /// matters is in the store.
    pub async fn run(mut self, stop: CancellationToken) {
        // A round that is cut off is a crash, and crashes are safe.
        stop.run_until_cancelled_owned(async move {
            let mut trouble: u32 = 0;
            loop {
                trouble = self.round(trouble).await;
                self.handle.rounds.send_modify(|n| *n = n.wrapping_add(1));
            }
        })
        .await;
    }

    /// One round and the pause after it. Takes and returns how many rounds went wrong in a row.
    async fn round(&mut self, trouble: u32) -> u32 {
        let poll = Duration::from_millis(self.config.poll_ms.max(1));
        // What was handed out may be mined already: look again at once, but only once.
        let looked = match self.tick().await {
            Ok(true) => self.tick().await.map(drop),
            other => other.map(drop),
        };
        if let Err(error) = looked {
            self.role.doubt();
            let trouble = trouble.saturating_add(1).min(6);
            tracing::warn!(%error, "the sender will try again");
            // New work must not hurry us now: the node or the disk needs the pause.
            tokio::time::sleep((poll * 2_u32.pow(trouble)).min(MOST_PAUSE)).await;
            return trouble;
        }
        self.handle.looked.send_replace(Instant::now());
        // Whether it rang or the time is over, the next round looks.
        drop(tokio::time::timeout(poll, self.handle.wake.notified()).await);
        0
    }
}

/// The id of the request that fills a gap: nobody asked for it, so it needs a name of its own.
fn gap_id(sender: Address, nonce: u64) -> B256 {
    keccak256([b"surety/gap".as_slice(), sender.as_slice(), &nonce.to_be_bytes()].concat())
}
