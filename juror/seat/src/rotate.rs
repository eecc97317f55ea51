//! A new key beside the old one.

use alloy::primitives::{Address, B256};
use serde::Serialize;
use surety_agent::setup::{Claim, Setup};
use surety_bindings::jury::Jury;
use surety_chain::BlockTag;
use surety_keys::Key;
use surety_terms::Usdc;

use crate::{Seat, SeatError, status::amount};

mod token {
    //! What a stake is paid in.
    alloy::sol! {
        function balanceOf(address owner) external view returns (uint256);
    }
}

/// The key that follows, and what differs of its registration.
#[derive(Clone, Debug)]
pub struct Successor {
    /// The new key.
    pub key: Key,
    /// Where it answers; by default as the old one.
    pub url: Option<String>,
    /// What it stakes; by default what the old one staked.
    pub stake: Option<Usdc>,
}

/// A key that follows another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    /// The key that stays in its juries.
    pub from: Address,
    /// The key for new juries.
    pub to: Address,
    /// Their family.
    pub family: String,
    /// Their operator.
    pub operator: String,
    /// Where the new one answers.
    pub url: String,
    /// What the new one staked, in base units.
    pub stake: Usdc,
    /// The transaction.
    pub tx_hash: B256,
}

impl Seat {
    /// Registers a key that follows this juror's, under the same family and operator.
    ///
    /// The old key stays registered, and in its juries for ever: a jury is an immutable list.
    pub async fn rotate(&self, to: Successor, sender: &Setup) -> Result<Rotated, SeatError> {
        let old = self.serving_or_leaving().await?;
        let juror = to.key.address();
        if juror == self.juror {
            return Err(SeatError::SameKey { juror });
        }
        let known = self.read(&Jury::jurorCall { key: juror }).await?;
        if known.registrations > 0 {
            return Err(SeatError::KnownKey { juror });
        }
        let stake = to.stake.unwrap_or_else(|| old.stake.into());
        self.covers(juror, stake).await?;
        let claim = Claim {
            family: old.family,
            operator: old.operator,
            url: to.url.unwrap_or(old.url),
            stake,
        };
        let tx_hash = sender.register(&to.key, &claim).await?;
        let Claim { family, operator, url, stake } = claim;
        Ok(Rotated { from: self.juror, to: juror, family, operator, url, stake, tx_hash })
    }

    /// Refuses a key that does not hold its stake.
    async fn covers(&self, juror: Address, needed: Usdc) -> Result<(), SeatError> {
        if needed == Usdc::ZERO {
            return Ok(());
        }
        let token = self.read(&Jury::tokenCall {}).await?;
        let call = token::balanceOfCall { owner: juror };
        let got = amount(self.rpc.read(token, &call, BlockTag::Latest).await?, "balance")?;
        if got < needed { Err(SeatError::StakeUncovered { juror, got, needed }) } else { Ok(()) }
    }
}
