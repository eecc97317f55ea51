//! From a request to signed bytes.

use alloy::consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718;
use alloy::eips::eip2930::AccessList;
use alloy::primitives::{Bytes, TxKind, U256};

use super::fees::Fees;
use super::rows::{Attempt, Kind, Signed};
use super::{DynSigner, rows};
use crate::ChainError;

/// Gas for an empty transfer to ourselves, with room for chains that count a little more.
pub(super) const BLANK_GAS: u64 = 60_000;

/// Signs one attempt for a request that holds its nonce.
pub(super) async fn attempt(
    signer: &DynSigner,
    chain_id: u64,
    request: &Signed,
    kind: Kind,
    fees: Fees,
) -> Result<Attempt, ChainError> {
    let (to, input, gas_limit) = match kind {
        Kind::Call => (request.to, request.calldata.clone(), request.gas),
        Kind::Blank => (signer.address(), Bytes::new(), BLANK_GAS),
    };
    let mut tx = TxEip1559 {
        chain_id,
        nonce: request.nonce,
        gas_limit,
        max_fee_per_gas: fees.max.into(),
        max_priority_fee_per_gas: fees.priority.into(),
        to: TxKind::Call(to),
        value: U256::ZERO,
        access_list: AccessList::default(),
        input,
    };
    let signature = signer.sign_transaction(&mut tx).await.map_err(|_| ChainError::Signer)?;
    let envelope = TxEnvelope::from(tx.into_signed(signature));
    let raw = Bytes::from(envelope.encoded_2718());
    Ok(rows::Attempt { hash: *envelope.tx_hash(), kind, raw, fees })
}
