#![doc = include_str!("../README.md")]

mod ballots;
mod claim;
mod earnings;
mod error;
mod logs;
mod rotate;
mod status;
mod unbond;

use alloy::{primitives::Address, sol_types::SolCall};
use surety_bindings::jury::{Juror, Jury};
use surety_chain::{BlockTag, Rpc};

pub use claim::{Claimed, Payment};
pub use earnings::{Cost, Day, Earnings, Income, Payers, Sums, Transaction};
pub use error::SeatError;
pub use rotate::{Rotated, Successor};
pub use status::{Pot, Standing, Status};
pub use unbond::Unbound;

/// One juror's seat as the chain knows it.
#[derive(Clone, Debug)]
pub struct Seat {
    rpc: Rpc,
    chain_id: u64,
    jury: Address,
    juror: Address,
}

impl Seat {
    /// Checks the chain and the contract.
    pub async fn connect(
        rpc: Rpc,
        chain_id: u64,
        jury: Address,
        juror: Address,
    ) -> Result<Self, SeatError> {
        rpc.expect_chain(chain_id).await?;
        rpc.expect_code(jury).await?;
        Ok(Self { rpc, chain_id, jury, juror })
    }

    /// The key as registered; all zero when it never was.
    async fn registered(&self) -> Result<Juror, SeatError> {
        self.read(&Jury::jurorCall { key: self.juror }).await
    }

    /// The registration of a key that is registered and not struck off.
    async fn serving_or_leaving(&self) -> Result<Juror, SeatError> {
        let (juror, jury) = (self.juror, self.jury);
        let registered = self.registered().await?;
        if registered.slashed {
            return Err(SeatError::StruckOff { juror });
        }
        if registered.registered {
            Ok(registered)
        } else {
            Err(SeatError::Unregistered { juror, jury })
        }
    }

    async fn read<C: SolCall>(&self, call: &C) -> Result<C::Return, SeatError> {
        Ok(self.rpc.read(self.jury, call, BlockTag::Latest).await?)
    }

    /// The family under which the key is registered, if it is.
    pub async fn family(&self) -> Result<Option<String>, SeatError> {
        let registered = self.registered().await?;
        Ok(registered.registered.then_some(registered.family))
    }

    /// The chain's time.
    pub async fn now(&self) -> Result<u64, SeatError> {
        Ok(self.rpc.head(BlockTag::Latest).await?.timestamp)
    }
}
