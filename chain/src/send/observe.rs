//! Finding out what became of what was sent.

use alloy::primitives::{B256, Bytes};

use super::rows::{self, Attempt, Kind, Signed};
use super::{Failure, SenderTask, cost, gap_id};
use crate::{BlockTag, CallOutcome, ChainError, Header, Receipt};

/// How many looks in a row must agree before a node's silence is believed: nodes behind one URL
/// lag behind each other.
const LOOKS: u32 = 3;

impl SenderTask {
    /// Opens requests again whose block is no longer canonical.
    ///
    /// Blocks are checked from the highest down: below a canonical one all are.
    pub(super) async fn recheck(&mut self, latest: Header) -> Result<(), ChainError> {
        if self.memory.checked == latest.hash && self.memory.short == 0 {
            return Ok(());
        }
        let from = latest.number.saturating_sub(self.config.watch_blocks);
        let sender = self.handle.address;
        let blocks = rows::done_blocks(&mut *self.handle.store.read().await?, sender, from).await?;
        let too_high = blocks.iter().any(|(block, _)| *block > latest.number);
        self.memory.short = if too_high { self.memory.short.saturating_add(1) } else { 0 };
        if too_high && self.memory.short < LOOKS {
            return Ok(());
        }
        for (block, hash) in blocks {
            if self.rpc.header(block).await?.is_some_and(|h| h.hash == hash) {
                break;
            }
            self.reopen(block, hash).await?;
        }
        self.memory.checked = latest.hash;
        self.memory.short = 0;
        Ok(())
    }

    async fn reopen(&self, block: u64, hash: B256) -> Result<(), ChainError> {
        let mut tx = self.role.begin().await?;
        let reopened = rows::reopen(&mut tx, self.handle.address, hash).await?;
        surety_failpoint::here("send.reopened.written");
        tx.commit().await?;
        surety_failpoint::here("send.reopened.stored");
        tracing::warn!(block, reopened, "a block with our transactions was orphaned");
        self.handle.changed();
        Ok(())
    }

    /// Finishes requests whose nonce the chain has used, by the receipt of any of their attempts
    /// in a canonical block not above `top`.
    pub(super) async fn reconcile(&mut self, count: u64, top: Header) -> Result<(), ChainError> {
        let sender = self.handle.address;
        let signed = rows::signed(&mut *self.handle.store.read().await?, sender).await?;
        for request in signed.into_iter().filter(|r| r.nonce < count) {
            let known = self.memory.included.get(&request.id);
            if known.is_some_and(|block| *block > top.number) {
                continue;
            }
            match self.find(&request).await? {
                Some((_, receipt)) if receipt.block > top.number => {
                    self.memory.included.insert(request.id, receipt.block);
                }
                Some((attempt, receipt)) => {
                    let header = self.rpc.header(receipt.block).await?;
                    if header.is_some_and(|h| h.hash == receipt.block_hash) {
                        self.finish(&request, &attempt, &receipt).await?;
                    }
                }
                None => self.unexplained(&request).await?,
            }
        }
        Ok(())
    }

    async fn find(&self, request: &Signed) -> Result<Option<(Attempt, Receipt)>, ChainError> {
        let sender = self.handle.address;
        let attempts = {
            let mut conn = self.handle.store.read().await?;
            rows::attempts(&mut conn, sender, request.nonce, Some(request.id)).await?
        };
        for attempt in attempts.into_iter().rev() {
            if let Some(receipt) = self.rpc.receipt(attempt.hash).await? {
                return Ok(Some((attempt, receipt)));
            }
        }
        Ok(None)
    }

    async fn finish(
        &mut self,
        request: &Signed,
        attempt: &Attempt,
        receipt: &Receipt,
    ) -> Result<(), ChainError> {
        let fills_gap = request.id == gap_id(self.handle.address, request.nonce);
        let failure = match attempt.kind {
            Kind::Blank if fills_gap => None,
            Kind::Blank => Some(Failure::Withdrawn),
            Kind::Call if receipt.succeeded => None,
            Kind::Call => Some(Failure::Reverted(self.why(request, receipt).await)),
        };
        let mut tx = self.role.begin().await?;
        rows::done(&mut tx, request.id, Some(receipt), failure.as_ref()).await?;
        cost::paid(&mut tx, (self.handle.address, request.nonce), receipt.cost_wei).await?;
        surety_failpoint::here("send.done.written");
        tx.commit().await?;
        surety_failpoint::here("send.done.stored");
        self.rpc.meter().mined(receipt.gas_used, receipt.cost_wei.unwrap_or_default());
        is_done(request, receipt, failure.as_ref());
        self.memory.forget(request.id);
        self.handle.changed();
        Ok(())
    }

    /// The revert's bytes, by running the call again on top of its block: receipts hold none, and
    /// what made it revert is usually still so. Empty when the node cannot say.
    async fn why(&self, request: &Signed, receipt: &Receipt) -> Bytes {
        let from = Some(self.handle.address);
        let Ok(Some(block)) = self.rpc.header(receipt.block).await else { return Bytes::new() };
        match self.rpc.call_at(from, request.to, &request.calldata, &block).await {
            Ok(CallOutcome::Reverted(data)) => data,
            Ok(CallOutcome::Returned(_)) | Err(_) => Bytes::new(),
        }
    }

    /// The nonce is used and no receipt is ours. After several looks, and only once the tag has
    /// passed it, somebody else must have used it: the request waits for another nonce.
    async fn unexplained(&mut self, request: &Signed) -> Result<(), ChainError> {
        let tag = self.config.block_tag;
        let sender = self.handle.address;
        if tag != BlockTag::Latest && self.rpc.nonce(sender, tag).await? <= request.nonce {
            return Ok(());
        }
        let looks = self.memory.unexplained.entry(request.id).or_default();
        *looks = looks.saturating_add(1);
        if *looks < LOOKS {
            return Ok(());
        }
        tracing::error!(
            id = %request.id, nonce = request.nonce,
            "another program sends with this key; the request gets another nonce"
        );
        let mut tx = self.role.begin().await?;
        if request.id == gap_id(sender, request.nonce) {
            rows::done(&mut tx, request.id, None, Some(&Failure::Withdrawn)).await?;
        } else {
            rows::requeue(&mut tx, request.id).await?;
        }
        surety_failpoint::here("send.requeued.written");
        tx.commit().await?;
        surety_failpoint::here("send.requeued.stored");
        self.memory.forget(request.id);
        self.handle.changed();
        Ok(())
    }
}

fn is_done(request: &Signed, receipt: &Receipt, failure: Option<&Failure>) {
    tracing::info!(
        id = %request.id, tx = %receipt.tx_hash, block = receipt.block, nonce = request.nonce,
        gas = receipt.gas_used, ?failure, "a transaction is done"
    );
}
