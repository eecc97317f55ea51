//! Starting to leave.

use alloy::primitives::{Address, B256, Bytes, aliases::U40};
use serde::Serialize;
use surety_agent::setup::Setup;
use surety_bindings::jury::{Jury, Unbonding};
use surety_keys::Key;
use surety_terms::digest;

use crate::{Seat, SeatError};

/// How long the juror's signature is good.
const SIGNED_WITHIN_SECS: u64 = 3_600;

/// A juror that began to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unbound {
    /// Its key.
    pub juror: Address,
    /// When its stake may be claimed, in Unix seconds.
    pub unbonds_at: u64,
    /// The transaction.
    pub tx_hash: B256,
}

impl Seat {
    /// Refuses unless the juror serves.
    pub async fn may_unbond(&self) -> Result<(), SeatError> {
        let unbonds_at = self.serving_or_leaving().await?.unbondsAt.to::<u64>();
        if unbonds_at == 0 {
            return Ok(());
        }
        Err(SeatError::Leaving { juror: self.juror, unbonds_at })
    }

    /// Has the juror's key sign that it leaves, and the sender submit it.
    pub async fn unbond(&self, key: &Key, sender: &Setup) -> Result<Unbound, SeatError> {
        self.may_unbond().await?;
        let nonce = self.registered().await?.registrations;
        let valid_until = self.now().await?.saturating_add(SIGNED_WITHIN_SECS);
        let unbonding =
            Unbonding { juror: self.juror, nonce, validUntil: U40::saturating_from(valid_until) };
        let digest = digest::unbonding_digest(&unbonding, self.chain_id, self.jury);
        let signature = Bytes::from(key.sign(&digest).await?.as_bytes());
        let tx_hash = sender.send(&Jury::unbondCall { u: unbonding, signature }).await?;
        let unbonds_at = self.registered().await?.unbondsAt.to::<u64>();
        Ok(Unbound { juror: self.juror, unbonds_at, tx_hash })
    }
}
