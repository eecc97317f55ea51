//! Getting the money out.

use alloy::primitives::{Address, B256};
use serde::Serialize;
use surety_agent::setup::Setup;
use surety_bindings::jury::Jury;
use surety_terms::Usdc;

use crate::{Pot, Seat, SeatError, Standing};

/// One payment to the juror's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The pot that was emptied; null for the stake.
    pub pot: Option<Pot>,
    /// What was paid, in base units.
    pub amount: Usdc,
    /// The transaction.
    pub tx_hash: B256,
}

/// What was paid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    /// The key that was paid.
    pub juror: Address,
    /// The payments, pots first.
    pub payments: Vec<Payment>,
}

impl Seat {
    /// Pays out every pot, then the stake if it is free.
    ///
    /// Each is a transaction of its own: after a failure, the same command goes on where it ended.
    /// The pots are looked for from `from_block` on.
    pub async fn claim(&self, from_block: u64, sender: &Setup) -> Result<Claimed, SeatError> {
        let (registered, now) = (self.registered().await?, self.now().await?);
        let standing = Standing::of(&registered, now);
        let mut pots = self.pots(from_block).await?;
        pots.retain(|pot| pot.fees > Usdc::ZERO);
        if pots.is_empty() && standing != Standing::Claimable {
            let stake = match standing {
                Standing::Serving => "its stake is bonded while it serves: unbond first".to_owned(),
                Standing::Leaving => {
                    format!("its stake is bonded until {} (Unix time)", registered.unbondsAt)
                }
                Standing::StruckOff => "its stake was taken when it was struck off".to_owned(),
                Standing::Unregistered | Standing::Claimable => "it has no stake".to_owned(),
            };
            return Err(SeatError::NothingDue { juror: self.juror, stake });
        }
        let mut payments = Vec::new();
        for pot in pots {
            let Pot { jury, round, seat, fees } = pot;
            let tx_hash = sender.send(&Jury::claimFeesCall { jury, round, seat }).await?;
            payments.push(Payment { pot: Some(pot), amount: fees, tx_hash });
        }
        if standing == Standing::Claimable {
            let tx_hash = sender.send(&Jury::claimCall { key: self.juror }).await?;
            payments.push(Payment { pot: None, amount: registered.stake.into(), tx_hash });
        }
        Ok(Claimed { juror: self.juror, payments })
    }
}
