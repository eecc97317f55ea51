//! A chain in the test's own process, behind an alloy transport.
//!
//! Services run against it unchanged, on a clock that the test controls, with reorganisations and
//! dropped transactions as method calls. Every call, estimate and transaction is executed in revm under
//! the rules that the contracts run under; nothing is canned. `tests/it/anvil.rs` compares random
//! histories with a real anvil.
//!
//! [`Node::provider`] talks to it directly and [`Node::serve`] gives a URL; [`Node::advance`] mines a block
//! later, [`Node::reorg`] replaces blocks, [`Node::drop_pending`] loses a transaction.
//!
//! What it does not do: state overrides, filters and subscriptions, blobs, state proofs (the header's
//! state root is zero), and the system contracts of Prague.

mod chain;
mod estimate;
mod fault;
mod fees;
mod http;
mod pool;
mod rpc;
mod transport;
mod views;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::network::EthereumWallet;
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::{DynProvider, Provider as _, ProviderBuilder, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::signers::local::PrivateKeySigner;
use serde_json::Value;

use crate::evm::{Evm, State};
use crate::world::{CHAIN_ID, GENESIS};
use chain::Chain;
use fault::Fault;
use rpc::Params;

pub use http::Served;

/// How often alloy asks again when it waits for something; the answer is in memory.
const POLL: Duration = Duration::from_millis(5);

/// What becomes of the transactions in blocks that a reorganisation removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans {
    /// The new blocks hold them as the old ones did.
    Reinclude,
    /// They wait again, to be mined or dropped.
    Return,
    /// They are gone, as if they had never been sent.
    Forget,
}

/// A chain and its controls. Clones are handles to the same chain.
#[derive(Clone, Debug)]
pub struct Node {
    chain: Arc<Mutex<Chain>>,
}

impl Default for Node {
    fn default() -> Self {
        Self::empty()
    }
}

impl Node {
    /// A chain that begins with the state, the block time and the chain id of `evm`. See
    /// [`World::node`](crate::World::node).
    pub fn new(evm: Evm) -> Self {
        Self { chain: Arc::new(Mutex::new(Chain::new(evm))) }
    }

    /// A chain with nothing on it but the CREATE2 factory.
    pub fn empty() -> Self {
        let mut evm = Evm::new(CHAIN_ID, State::default());
        evm.block_mut().timestamp = U256::from(GENESIS);
        crate::contracts::put_factory(&mut evm);
        Self::new(evm)
    }

    /// A provider that talks to the node directly.
    pub fn provider(&self) -> RootProvider {
        RootProvider::new(self.client())
    }

    /// A provider that fills in and signs what it sends for `signer`.
    pub fn provider_for(&self, signer: PrivateKeySigner) -> DynProvider {
        let wallet = EthereumWallet::from(signer);
        ProviderBuilder::new().wallet(wallet).connect_client(self.client()).erased()
    }

    fn client(&self) -> RpcClient {
        RpcClient::new(self.clone(), true).with_poll_interval(POLL)
    }

    // ---- controls

    /// Mines every transaction at once (as it begins), or only when [`Node::mine`] is called.
    pub fn set_automine(&self, on: bool) {
        self.chain().automine = on;
    }

    /// How many blocks the tags `safe` and `finalized` are behind; 32 and 64 at first.
    pub fn set_lags(&self, safe: u64, finalized: u64) {
        let mut chain = self.chain();
        (chain.safe_lag, chain.finalized_lag) = (safe, finalized);
    }

    /// Seconds between a block and the next while the clock is not moved: 1 at first, 0 for blocks
    /// that share their second as Base's do.
    pub fn set_interval(&self, seconds: u64) {
        self.chain().interval = seconds;
    }

    /// Mines a block with everything that is ready, and returns its hash.
    pub fn mine(&self) -> B256 {
        self.chain().mine().hash
    }

    /// Moves the clock on and mines a block at that time, so that `latest` shows it.
    pub fn advance(&self, by: Duration) -> B256 {
        let mut chain = self.chain();
        chain.increase_time(by.as_secs());
        chain.mine().hash
    }

    /// The last block's number.
    pub fn height(&self) -> u64 {
        self.chain().head().header.number
    }

    /// The last block's time, in Unix seconds.
    pub fn now(&self) -> u64 {
        self.chain().head().header.timestamp
    }

    /// Replaces the last `depth` blocks by as many others at the same times.
    pub fn reorg(&self, depth: usize, orphans: Orphans) {
        self.chain().reorg(depth, orphans);
    }

    /// Forgets a waiting transaction, as a pool under pressure does; whether it was there.
    pub fn drop_pending(&self, hash: B256) -> bool {
        self.chain().pool.remove(hash)
    }

    /// The transactions that wait, in no particular order.
    pub fn pending(&self) -> Vec<B256> {
        self.chain().pool.hashes()
    }

    /// A chain of its own with the same blocks so far, for a client that will see another fork.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { chain: Arc::new(Mutex::new(self.chain().clone())) }
    }

    /// Puts code at an address.
    pub fn set_code(&self, account: Address, code: Bytes) {
        self.chain().set_code(account, code);
    }

    /// Gives an account ether.
    pub fn set_balance(&self, account: Address, wei: U256) {
        self.chain().set_balance(account, wei);
    }

    pub(crate) fn answer(&self, method: &str, params: Option<Value>) -> Result<Value, Fault> {
        rpc::answer(&mut self.chain(), method, &Params::new(params)?)
    }

    /// A panic while the chain was held is the test's failure already; other holders go on.
    fn chain(&self) -> MutexGuard<'_, Chain> {
        self.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
