//! Several keys that send in parallel, each with one owner of its nonces.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::{Address, B256};
use surety_store::Conn;
use tokio::sync::watch;

use super::{
    DynSigner, Order, Request, SendConfig, SendHealth, SendState, SendStatus, Sender, SenderTask,
    Trace, rows,
};
use crate::store::Store;
use crate::{ChainError, Rpc};

/// The handles of all sending keys. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Senders {
    /// Never empty.
    all: Arc<[Sender]>,
    first: Sender,
}

impl Senders {
    /// Prepares the tables and returns the handles and one task per key, all of which somebody must
    /// run. Two keys with one address would be two owners of its nonces: that is refused.
    pub async fn new(
        store: Store,
        rpc: Rpc,
        (first, others): (DynSigner, Vec<DynSigner>),
        config: SendConfig,
    ) -> Result<(Self, Vec<SenderTask>), ChainError> {
        let (first, task) = Sender::new(store.clone(), rpc.clone(), first, config).await?;
        let (mut all, mut tasks) = (vec![first.clone()], vec![task]);
        for signer in others {
            let (sender, task) = Sender::new(store.clone(), rpc.clone(), signer, config).await?;
            if all.iter().any(|known| known.address() == sender.address()) {
                return Err(ChainError::KeyTwice { address: sender.address() });
            }
            let (sender, task) = task.ringing(&first, sender);
            all.push(sender);
            tasks.push(task);
        }
        let mut conn = store.read().await?;
        for (address, count) in rows::load(&mut conn).await? {
            if all.iter().all(|sender| sender.address() != address) {
                foreign(address, count);
            }
        }
        Ok((Self { all: all.into(), first }, tasks))
    }

    /// The first key's address, for simulations.
    pub const fn address(&self) -> Address {
        self.first.address
    }

    /// Every key's address.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.all.iter().map(Sender::address)
    }

    /// Every key's own handle.
    pub fn each(&self) -> impl Iterator<Item = &Sender> {
        self.all.iter()
    }

    /// How many requests of all keys there are in each state, by the state's word.
    pub async fn totals(&self) -> Result<Vec<(String, u64)>, ChainError> {
        self.first.totals().await
    }

    /// How many requests of all keys wait for a nonce, by rank.
    pub async fn queued(&self) -> Result<Vec<(u8, u64)>, ChainError> {
        self.first.queued().await
    }

    /// How many requests of all keys wait for a block.
    pub async fn waiting(&self) -> Result<u64, ChainError> {
        let load = rows::load(&mut *self.first.store.read().await?).await?;
        Ok(load.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count)))
    }

    /// Everything about a request; none when it was never asked for.
    pub async fn trace(&self, id: B256) -> Result<Option<Trace>, ChainError> {
        self.first.trace(id).await
    }

    /// Takes an order about a request of any key; see [`Sender::order`].
    pub async fn order(&self, id: B256, order: Order) -> Result<Option<SendState>, ChainError> {
        let found = self.first.order(id, order).await?;
        self.wake();
        Ok(found)
    }

    /// How long ago a round last went well, of the key that has waited longest for one.
    pub fn looked(&self) -> Duration {
        self.all.iter().map(Sender::looked).max().unwrap_or_default()
    }

    /// Rings for what another instance may have changed.
    pub fn look_again(&self) {
        self.first.look_again();
    }

    /// Queues a request with the key that has the least to do; see [`Sender::queue`]. A request that
    /// a key has keeps it.
    pub async fn queue(
        &self,
        conn: &mut Conn,
        request: &Request,
    ) -> Result<SendStatus, ChainError> {
        let load = rows::load(conn).await?;
        let count = |sender: &Sender| {
            load.iter().find(|(a, _)| *a == sender.address).map_or(0, |(_, count)| *count)
        };
        // Equals share by the request's id, so that they share at all while nothing waits.
        let turn = usize::from(request.id[31]);
        let rotated = (0..self.all.len()).map(|i| (i + turn) % self.all.len());
        let least = rotated.filter_map(|at| self.all.get(at)).min_by_key(|sender| count(sender));
        least.unwrap_or(&self.first).queue(conn, request).await
    }

    /// Tells every key's task that there is something to do.
    pub fn wake(&self) {
        self.all.iter().for_each(Sender::wake);
    }

    /// What became of a request, with whichever key.
    pub async fn status(&self, id: B256) -> Result<Option<SendStatus>, ChainError> {
        self.first.status(id).await
    }

    /// Rings whenever any request of any key changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.first.changes()
    }

    /// Waits as [`Sender::wait`] does.
    pub async fn wait(
        &self,
        id: B256,
        patience: Duration,
    ) -> Result<Option<SendStatus>, ChainError> {
        self.first.wait(id, patience).await
    }

    /// How long to pause between two looks at a request; see [`Sender::pace`].
    pub fn pace(&self) -> Duration {
        self.first.pace()
    }

    /// Whether any key holds something back, and what the day has cost.
    pub fn health(&self) -> SendHealth {
        let all = self.all.iter().map(Sender::health);
        all.fold(SendHealth::default(), |a, b| SendHealth {
            over_budget: a.over_budget || b.over_budget,
            above_fee_cap: a.above_fee_cap || b.above_fee_cap,
            spent_wei: a.spent_wei.max(b.spent_wei),
            share_opens: a.share_opens.max(b.share_opens),
        })
    }
}

fn foreign(address: Address, count: u64) {
    tracing::warn!(
        %address, count,
        "the store holds transactions of a key that is not configured; another process must own it"
    );
}
