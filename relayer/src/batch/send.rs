//! Queuing the settlement of a list and writing the state of all its cases, as one act.

use alloy::primitives::{B256, Bytes, keccak256};
use surety_batches::List;
use surety_chain::CallOutcome;
use surety_chain::send::Request;
use surety_jury::SignedBatch;

use crate::RelayerError;
use crate::relayer::{Relayer, VERDICTS};
use crate::store::batches;
use crate::store::cases;

/// Queues what the escrow would take. Returns the cases that are sent: all of the list, or none.
pub(super) async fn send(
    relayer: &Relayer,
    round: u8,
    (list, signed): (&List, &[SignedBatch]),
) -> Result<Vec<B256>, RelayerError> {
    let calldata = list
        .calldata(round, signed)
        .map_err(|_| RelayerError::Row { what: "batches that do not pack" })?;
    let (from, to) = (relayer.sender.address(), relayer.escrow.address);
    match relayer.escrow.rpc.estimate(from, to, &calldata).await? {
        CallOutcome::Returned(gas) if gas <= relayer.config.batch.gas_max => {
            queue(relayer, list.cases(), calldata).await
        }
        CallOutcome::Returned(gas) => {
            too_large(gas, list);
            relayer.metrics.batch("too-large");
            Ok(Vec::new())
        }
        CallOutcome::Reverted(data) => {
            refused(&data, list);
            relayer.metrics.batch("refused");
            Ok(Vec::new())
        }
    }
}

fn too_large(gas: u64, list: &List) {
    tracing::warn!(gas, verdicts = list.len(), "a batch needs more than batch.gas_max");
}

fn refused(data: &[u8], list: &List) {
    let revert = surety_bindings::revert::decode(data).map(|revert| revert.name);
    tracing::warn!(?revert, verdicts = list.len(), "the escrow would refuse a batch");
}

async fn queue(
    relayer: &Relayer,
    list: Vec<B256>,
    calldata: Bytes,
) -> Result<Vec<B256>, RelayerError> {
    let id = keccak256(&calldata);
    let request = Request { id, to: relayer.escrow.address, calldata, rank: VERDICTS };
    let mut tx = relayer.begin_all(&list).await?;
    for case in &list {
        // It went alone, ended or was given up meanwhile. What is dropped here was never written.
        if !cases::sent(&mut tx, *case, id).await? {
            return Ok(Vec::new());
        }
    }
    batches::sent(&mut tx, id, list.len()).await?;
    relayer.sender.queue(&mut tx, &request).await?;
    surety_failpoint::here("batch.sent.written");
    tx.commit().await?;
    surety_failpoint::here("batch.sent.stored");
    relayer.sender.wake();
    relayer.changed();
    relayer.metrics.batch("sent");
    tracing::info!(verdicts = list.len(), sending = %id, "verdicts settle together");
    Ok(list)
}
