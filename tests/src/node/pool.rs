//! Transactions that wait for a block: per sender in the order of their nonces, gaps allowed.

use std::collections::BTreeMap;

use alloy::consensus::transaction::Recovered;
use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy::primitives::{Address, B256};

use super::fault::Fault;

/// By how much, in percent, a replacement must raise both fees.
const PRICE_BUMP: u128 = 10;

/// The transactions that are not in a block yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pool {
    by_sender: BTreeMap<Address, BTreeMap<u64, Waiting>>,
    arrivals: u64,
}

#[derive(Clone, Debug)]
struct Waiting {
    tx: Recovered<TxEnvelope>,
    arrival: u64,
}

impl Pool {
    /// Adds a transaction, or replaces the one with its sender and nonce if it pays enough more.
    pub(crate) fn add(&mut self, tx: Recovered<TxEnvelope>) -> Result<(), Fault> {
        let nonces = self.by_sender.entry(tx.signer()).or_default();
        if let Some(present) = nonces.get(&tx.nonce()) {
            if present.tx.tx_hash() == tx.tx_hash() {
                return Err(Fault::AlreadyKnown);
            }
            let enough = |new: u128, old: u128| new * 100 >= old * (100 + PRICE_BUMP);
            if !enough(tx.max_fee_per_gas(), present.tx.max_fee_per_gas())
                || !enough(tx.priority_fee_or_price(), present.tx.priority_fee_or_price())
            {
                return Err(Fault::Underpriced);
            }
        }
        self.arrivals += 1;
        nonces.insert(tx.nonce(), Waiting { tx, arrival: self.arrivals });
        Ok(())
    }

    /// The waiting transaction with this hash.
    pub(crate) fn get(&self, hash: B256) -> Option<&Recovered<TxEnvelope>> {
        let waiting = self.by_sender.values().flat_map(BTreeMap::values);
        waiting.map(|waiting| &waiting.tx).find(|tx| *tx.tx_hash() == hash)
    }

    /// The hashes of everything that waits.
    pub(crate) fn hashes(&self) -> Vec<B256> {
        let waiting = self.by_sender.values().flat_map(BTreeMap::values);
        waiting.map(|waiting| *waiting.tx.tx_hash()).collect()
    }

    /// Forgets a transaction; whether it was there.
    pub(crate) fn remove(&mut self, hash: B256) -> bool {
        let Some(tx) = self.get(hash) else { return false };
        let (sender, nonce) = (tx.signer(), tx.nonce());
        let removed = self.by_sender.get_mut(&sender).and_then(|nonces| nonces.remove(&nonce));
        removed.is_some()
    }

    /// Forgets what a sender can no longer send, because its next nonce is `next`.
    pub(crate) fn drop_below(&mut self, sender: Address, next: u64) {
        if let Some(nonces) = self.by_sender.get_mut(&sender) {
            *nonces = nonces.split_off(&next);
        }
    }

    /// The sender's next nonce once everything waiting without a gap is mined.
    pub(crate) fn next_nonce(&self, sender: Address, next: u64) -> u64 {
        let Some(nonces) = self.by_sender.get(&sender) else { return next };
        (next..).find(|nonce| !nonces.contains_key(nonce)).unwrap_or(next)
    }

    /// The transaction a block takes next: of each sender's next one, if it pays the base fee and fits
    /// into `gas`, the best tip, then the earliest.
    pub(crate) fn best(
        &self,
        next_nonce: impl Fn(Address) -> u64,
        base_fee: u64,
        gas: u64,
    ) -> Option<Recovered<TxEnvelope>> {
        let ready = self.by_sender.iter().filter_map(|(sender, nonces)| {
            let waiting = nonces.get(&next_nonce(*sender))?;
            let tip = waiting.tx.effective_tip_per_gas(base_fee)?;
            (waiting.tx.gas_limit() <= gas).then_some((tip, waiting))
        });
        let best =
            ready.max_by(|(a_tip, a), (b_tip, b)| a_tip.cmp(b_tip).then(b.arrival.cmp(&a.arrival)));
        best.map(|(_, waiting)| waiting.tx.clone())
    }
}
