//! Blocks, the transactions in them and what undoes them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use alloy::consensus::transaction::Recovered;
use alloy::consensus::{
    EMPTY_OMMER_ROOT_HASH, Eip658Value, Header, Receipt, ReceiptEnvelope, Transaction as _,
    TxEnvelope, proofs,
};
use alloy::eips::eip1559::BaseFeeParams;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, B256, Bloom, Bytes, Log, U256, keccak256, logs_bloom};
use revm::context::result::{ExecutionResult, InvalidTransaction};
use revm::context::{BlockEnv, TxEnv};

use super::Orphans;
use super::fault::Fault;
use super::pool::Pool;
use crate::evm::{Evm, State, Undo};

/// Gas per block; anvil's default.
const BLOCK_GAS_LIMIT: u64 = 30_000_000;

/// The first block's base fee; anvil's default.
const FIRST_BASE_FEE: u64 = 1_000_000_000;

/// A block, what happened in it, and how to take it back.
#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) txs: Vec<Executed>,
    undo: Vec<Undo>,
}

/// A transaction in a block.
#[derive(Clone, Debug)]
pub(crate) struct Executed {
    pub(crate) tx: Recovered<TxEnvelope>,
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) cumulative_gas_used: u64,
    pub(crate) first_log: u64,
    pub(crate) logs: Vec<Log>,
}

impl Executed {
    /// The receipt that the block's root commits to.
    pub(crate) fn receipt(&self) -> ReceiptEnvelope<Log> {
        let receipt = Receipt {
            status: Eip658Value::Eip658(self.success),
            cumulative_gas_used: self.cumulative_gas_used,
            logs: self.logs.clone(),
        };
        ReceiptEnvelope::from_typed(self.tx.tx_type(), receipt)
    }

    /// Where the contract is that it created.
    pub(crate) fn created(&self) -> Option<Address> {
        (self.success && self.tx.is_create()).then(|| self.tx.signer().create(self.tx.nonce()))
    }
}

/// The chain: blocks from 0, the state after the last, and the transactions that wait.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    evm: Evm,
    blocks: Vec<Arc<Mined>>,
    places: HashMap<B256, (u64, usize)>,
    pub(crate) pool: Pool,
    pub(crate) automine: bool,
    pub(crate) safe_lag: u64,
    pub(crate) finalized_lag: u64,
    /// Seconds between blocks when the clock is not moved.
    pub(crate) interval: u64,
    /// No block may be earlier.
    not_before: u64,
    /// Makes a block that replaces another one differ from it.
    fork: u64,
    snapshots: Vec<Self>,
}

impl Chain {
    /// A chain whose block 0 has this state and time.
    pub(crate) fn new(evm: Evm) -> Self {
        let header = Header {
            gas_limit: BLOCK_GAS_LIMIT,
            base_fee_per_gas: Some(FIRST_BASE_FEE),
            timestamp: evm.block().timestamp.saturating_to(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            ..Header::default()
        };
        let mut chain = Self {
            evm,
            blocks: Vec::new(),
            places: HashMap::new(),
            pool: Pool::default(),
            automine: true,
            safe_lag: 32,
            finalized_lag: 64,
            interval: 1,
            not_before: 0,
            fork: 0,
            snapshots: Vec::new(),
        };
        chain.seal(header, Vec::new(), Vec::new());
        chain
    }

    // ---- reading

    pub(crate) fn chain_id(&self) -> u64 {
        self.evm.chain_id()
    }

    /// The last block.
    pub(crate) fn head(&self) -> &Arc<Mined> {
        self.blocks.last().expect("block 0 is never removed")
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Arc<Mined>> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn block_by_hash(&self, hash: B256) -> Option<&Arc<Mined>> {
        self.blocks.iter().rev().find(|block| block.hash == hash)
    }

    /// A transaction in a block, and its place there.
    pub(crate) fn executed(&self, hash: B256) -> Option<(&Arc<Mined>, usize)> {
        let (number, index) = self.places.get(&hash)?;
        Some((self.block(*number)?, *index))
    }

    /// The number a tag stands for; None for pending.
    pub(crate) fn number(&self, tag: BlockNumberOrTag) -> Option<u64> {
        let head = self.head().header.number;
        match tag {
            BlockNumberOrTag::Latest => Some(head),
            BlockNumberOrTag::Safe => Some(head.saturating_sub(self.safe_lag)),
            BlockNumberOrTag::Finalized => Some(head.saturating_sub(self.finalized_lag)),
            BlockNumberOrTag::Earliest => Some(0),
            BlockNumberOrTag::Pending => None,
            BlockNumberOrTag::Number(number) => Some(number),
        }
    }

    /// The state after the last block.
    pub(crate) fn state(&self) -> &State {
        self.evm.state()
    }

    /// The EVM with the state after a block, and that block's environment; for pending, the last state
    /// in the block to come.
    pub(crate) fn at(&self, id: BlockId) -> Result<(Cow<'_, Evm>, BlockEnv), Fault> {
        let number = match id {
            BlockId::Hash(hash) => {
                let block = self.block_by_hash(hash.block_hash).ok_or(Fault::BlockUnknown)?;
                Some(block.header.number)
            }
            BlockId::Number(tag) => self.number(tag),
        };
        let Some(number) = number else {
            return Ok((Cow::Borrowed(&self.evm), environment(&self.next_header())));
        };
        let block = self.block(number).ok_or(Fault::BlockUnknown)?;
        let later = self.blocks.iter().rev().take_while(|later| later.header.number > number);
        let mut evm = Cow::Borrowed(&self.evm);
        for undo in later.flat_map(|later| later.undo.iter().rev()) {
            evm.to_mut().state_mut().undo(undo.clone());
        }
        Ok((evm, environment(&block.header)))
    }

    /// The header that the next block starts from.
    pub(crate) fn next_header(&self) -> Header {
        let parent = self.head();
        Header {
            parent_hash: parent.hash,
            number: parent.header.number + 1,
            timestamp: (parent.header.timestamp + self.interval).max(self.not_before),
            gas_limit: parent.header.gas_limit,
            base_fee_per_gas: parent.header.next_block_base_fee(BaseFeeParams::ethereum()),
            mix_hash: keccak256(parent.hash),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            extra_data: match self.fork {
                0 => Bytes::new(),
                fork => fork.to_be_bytes().into(),
            },
            ..Header::default()
        }
    }

    // ---- controls

    /// Moves the clock on from where the next block would be at the earliest.
    pub(crate) fn increase_time(&mut self, seconds: u64) {
        self.not_before = self.head().header.timestamp.max(self.not_before) + seconds;
    }

    /// Fixes the next block's time.
    pub(crate) fn set_time(&mut self, at: u64) -> Result<(), Fault> {
        let head = self.head().header.timestamp;
        if at < head {
            return Err(Fault::ParamsInvalid(format!(
                "timestamp {at} is before the head's, {head}"
            )));
        }
        self.not_before = at;
        Ok(())
    }

    /// Sets a balance as if the last block had left it so.
    pub(crate) fn set_balance(&mut self, account: Address, wei: U256) {
        let undo = self.evm.state_mut().set_balance(account, wei);
        let head = self.blocks.last_mut().expect("block 0 is never removed");
        Arc::make_mut(head).undo.push(undo);
    }

    /// Puts code at an address as if the last block had done so.
    pub(crate) fn set_code(&mut self, account: Address, code: Bytes) {
        let undo = self.evm.state_mut().set_code(account, code);
        let head = self.blocks.last_mut().expect("block 0 is never removed");
        Arc::make_mut(head).undo.push(undo);
    }

    /// Remembers everything; the snapshot's number is for [`Chain::revert`].
    pub(crate) fn snapshot(&mut self) -> u64 {
        let copy = Self { snapshots: Vec::new(), ..self.clone() };
        self.snapshots.push(copy);
        self.snapshots.len() as u64 - 1
    }

    /// Returns to a snapshot, once: it and all later ones are gone. False when there is none.
    pub(crate) fn revert(&mut self, snapshot: u64) -> bool {
        let Ok(at) = usize::try_from(snapshot) else { return false };
        if at >= self.snapshots.len() {
            return false;
        }
        let mut kept = std::mem::take(&mut self.snapshots);
        kept.truncate(at + 1);
        let Some(chain) = kept.pop() else { return false };
        *self = Self { snapshots: kept, ..chain };
        true
    }

    /// Takes a signed transaction into the pool and, with automine on, mines.
    pub(crate) fn submit(&mut self, tx: Recovered<TxEnvelope>) -> Result<B256, Fault> {
        let (hash, sender) = (*tx.tx_hash(), tx.signer());
        if tx.chain_id().is_some_and(|id| id != self.chain_id()) {
            return Err(InvalidTransaction::InvalidChainId.into());
        }
        let needed = self.state().nonce(sender);
        if tx.nonce() < needed {
            return Err(Fault::NonceTooLow { got: tx.nonce(), needed });
        }
        if tx.gas_limit() > self.head().header.gas_limit {
            return Err(InvalidTransaction::CallerGasLimitMoreThanBlock.into());
        }
        let balance = self.state().balance(sender);
        let cost = U256::from(tx.max_fee_per_gas()) * U256::from(tx.gas_limit()) + tx.value();
        if cost > balance {
            return Err(Fault::FundsTooLow { balance, cost });
        }
        self.refuse_impossible(&tx)?;
        self.pool.add(tx)?;
        if self.automine {
            self.mine();
        }
        Ok(hash)
    }

    /// What no block could ever take: wrong type, too little gas for its own bytes.
    fn refuse_impossible(&self, tx: &Recovered<TxEnvelope>) -> Result<(), Fault> {
        if tx.is_eip4844() {
            return Err(Fault::Refused("transaction type not supported".into()));
        }
        let mut trial = environment(&self.next_header());
        trial.basefee = 0;
        match self.evm.check(&envelope(tx), trial) {
            Ok(()) | Err(InvalidTransaction::NonceTooHigh { .. }) => Ok(()),
            Err(invalid) => Err(invalid.into()),
        }
    }

    /// Mines one block with everything that is ready.
    pub(crate) fn mine(&mut self) -> &Arc<Mined> {
        let mut block = self.begin();
        while let Some(tx) = self.pool.best(
            |sender| self.evm.state().nonce(sender),
            block.base_fee(),
            block.gas_left(),
        ) {
            if self.execute(&mut block, &tx) {
                self.pool.drop_below(tx.signer(), self.evm.state().nonce(tx.signer()));
            } else {
                self.pool.remove(*tx.tx_hash());
            }
        }
        self.seal(block.header, block.txs, block.undo)
    }

    /// Replaces the last `depth` blocks by as many others with the same times.
    pub(crate) fn reorg(&mut self, depth: usize, orphans: Orphans) {
        let keep = self.blocks.len().saturating_sub(depth).max(1);
        let removed = self.blocks.split_off(keep);
        for block in removed.iter().rev() {
            for undo in block.undo.iter().rev() {
                self.evm.state_mut().undo(undo.clone());
            }
            for tx in &block.txs {
                self.places.remove(tx.tx.tx_hash());
            }
        }
        self.fork += 1;
        let not_before = self.not_before;
        for block in removed {
            self.not_before = block.header.timestamp;
            let mut replacement = self.begin();
            if orphans == Orphans::Reinclude {
                for tx in &block.txs {
                    self.execute(&mut replacement, &tx.tx);
                }
            }
            self.seal(replacement.header, replacement.txs, replacement.undo);
            if orphans == Orphans::Return {
                for tx in &block.txs {
                    // A transaction that was replaced meanwhile stays out.
                    drop(self.pool.add(tx.tx.clone()));
                }
            }
        }
        self.not_before = not_before;
    }

    // ---- mining

    fn begin(&mut self) -> Building {
        let header = self.next_header();
        *self.evm.block_mut() = environment(&header);
        Building { header, txs: Vec::new(), undo: Vec::new() }
    }

    /// Executes a transaction in the block being built; false when it cannot be part of it.
    fn execute(&mut self, block: &mut Building, tx: &Recovered<TxEnvelope>) -> bool {
        let Ok((result, undo)) = self.evm.transact(envelope(tx)) else { return false };
        let first_log = block.txs.last().map_or(0, |last| last.first_log + last.logs.len() as u64);
        block.header.gas_used += result.tx_gas_used();
        block.undo.push(undo);
        block.txs.push(Executed {
            tx: tx.clone(),
            success: result.is_success(),
            gas_used: result.tx_gas_used(),
            cumulative_gas_used: block.header.gas_used,
            first_log,
            logs: if let ExecutionResult::Success { logs, .. } = result { logs } else { vec![] },
        });
        true
    }

    fn seal(&mut self, mut header: Header, txs: Vec<Executed>, undo: Vec<Undo>) -> &Arc<Mined> {
        let receipts: Vec<_> = txs.iter().map(Executed::receipt).collect();
        let envelopes: Vec<TxEnvelope> = txs.iter().map(|tx| tx.tx.inner().clone()).collect();
        header.receipts_root = proofs::calculate_receipt_root(&receipts);
        header.transactions_root = proofs::calculate_transaction_root(&envelopes);
        header.logs_bloom = txs.iter().fold(Bloom::ZERO, |bloom, tx| bloom | logs_bloom(&tx.logs));
        // No root of the state: nothing here proves state, and a trie would cost more than the rest.
        let hash = header.hash_slow();
        for (index, tx) in txs.iter().enumerate() {
            self.places.insert(*tx.tx.tx_hash(), (header.number, index));
        }
        self.evm.state_mut().set_block_hash(header.number, hash);
        self.blocks.push(Arc::new(Mined { header, hash, txs, undo }));
        self.head()
    }
}

/// A block that is being built.
#[derive(Debug)]
struct Building {
    header: Header,
    txs: Vec<Executed>,
    undo: Vec<Undo>,
}

impl Building {
    fn base_fee(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }

    fn gas_left(&self) -> u64 {
        self.header.gas_limit.saturating_sub(self.header.gas_used)
    }
}

/// What contracts see of a block.
fn environment(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        prevrandao: Some(header.mix_hash),
        ..BlockEnv::default()
    }
}

/// What the EVM needs of a signed transaction.
fn envelope(tx: &Recovered<TxEnvelope>) -> TxEnv {
    let mut environment = TxEnv {
        tx_type: tx.tx_type().into(),
        caller: tx.signer(),
        gas_limit: tx.gas_limit(),
        gas_price: tx.max_fee_per_gas(),
        gas_priority_fee: tx.max_priority_fee_per_gas(),
        kind: tx.kind(),
        value: tx.value(),
        data: tx.input().clone(),
        nonce: tx.nonce(),
        chain_id: tx.chain_id(),
        access_list: tx.access_list().cloned().unwrap_or_default(),
        ..TxEnv::default()
    };
    environment.set_signed_authorization(tx.authorization_list().unwrap_or_default().to_vec());
    environment
}
