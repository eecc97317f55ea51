//! What the escrow left out of a batch.

use alloy::primitives::U256;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use surety_bindings::escrow::DealEscrow::BatchItemSkipped;
use surety_chain::send::SendStatus;

use crate::RelayerError;
use crate::relayer::Relayer;
use crate::store::batches;
use crate::store::cases::CaseRow;

/// Whether a mined settlement is of several cases and the escrow says that it skipped this one.
pub(crate) async fn skips(
    relayer: &Relayer,
    row: &CaseRow,
    status: Option<&SendStatus>,
) -> Result<bool, RelayerError> {
    let mined = status.and_then(|status| Some((status.id, status.block?, status.tx_hash?)));
    let Some((id, block, tx_hash)) = mined else { return Ok(false) };
    if !batches::is_batch(&mut *relayer.store.read().await?, id).await? {
        return Ok(false);
    }
    let (deal, milestone) = row.place();
    let filter = Filter::new()
        .address(relayer.escrow.address)
        .event_signature(BatchItemSkipped::SIGNATURE_HASH)
        .topic1(deal)
        .topic2(U256::from(milestone))
        .from_block(block)
        .to_block(block);
    let logs = relayer.escrow.rpc.logs(&filter).await?;
    let Some(log) = logs.iter().find(|log| log.transaction_hash == Some(tx_hash)) else {
        return Ok(false);
    };
    let skipped = BatchItemSkipped::decode_log(&log.inner).ok();
    let reason = skipped.and_then(|skipped| surety_bindings::revert::decode(&skipped.data.reason));
    let reason = reason.map(|reason| reason.name);
    tracing::warn!(case = %row.id, ?reason, "the escrow skipped it in a batch; it settles alone");
    relayer.metrics.batch_verdict("skipped");
    Ok(true)
}
