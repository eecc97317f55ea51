//! How a seat stands.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::Filter,
    sol_types::SolEvent as _,
};
use serde::Serialize;
use surety_bindings::jury::{Juror, Jury};
use surety_chain::BlockTag;
use surety_terms::Usdc;

use crate::{Seat, SeatError, logs};

/// Whether a juror serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The key is not registered, or has left.
    Unregistered,
    /// New juries may name it.
    Serving,
    /// No new jury may name it; its stake is bonded still.
    Leaving,
    /// Its stake may be claimed.
    Claimable,
    /// It signed two answers: it never serves again.
    StruckOff,
}

/// The fees of one seat in one panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pot {
    /// The jury.
    pub jury: B256,
    /// 1 for its panel, 2 for its appeal panel.
    pub round: u8,
    /// The seat.
    pub seat: u8,
    /// What may be claimed, in base units.
    pub fees: Usdc,
}

/// How a juror stands on the chain.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Its key.
    pub juror: Address,
    /// Whether it serves.
    pub standing: Standing,
    /// Who trained its model, by its claim.
    pub family: String,
    /// Who runs it, by its claim.
    pub operator: String,
    /// Where it answers.
    pub url: String,
    /// What it staked, in base units.
    pub stake: Usdc,
    /// When its stake is free, in Unix seconds; null while it serves.
    pub unbonds_at: Option<u64>,
    /// How often the key registered.
    pub registrations: u32,
    /// Its seats, with their fees.
    pub pots: Vec<Pot>,
    /// The fees of all pots, in base units.
    pub fees: Usdc,
}

impl Seat {
    /// How the juror stands. Its seats are looked for from `from_block` on.
    pub async fn status(&self, from_block: u64) -> Result<Status, SeatError> {
        let registered = self.registered().await?;
        let now = self.now().await?;
        let pots = self.pots(from_block).await?;
        let fees = pots.iter().try_fold(Usdc::ZERO, |sum, pot| sum.checked_add(pot.fees));
        let Juror { stake, registrations, unbondsAt, family, operator, url, .. } =
            registered.clone();
        let unbonds_at = unbondsAt.to::<u64>();
        Ok(Status {
            juror: self.juror,
            standing: Standing::of(&registered, now),
            family,
            operator,
            url,
            stake: stake.into(),
            unbonds_at: (unbonds_at != 0).then_some(unbonds_at),
            registrations,
            pots,
            fees: fees.ok_or(SeatError::NoAmount { what: "fees" })?,
        })
    }

    /// The seats that this key has in any panel, with their fees.
    pub(crate) async fn pots(&self, from_block: u64) -> Result<Vec<Pot>, SeatError> {
        let mut pots = Vec::new();
        for (jury, round, seat) in self.seats(from_block).await? {
            let fees = self.read(&Jury::feesCall { jury, round, seat }).await?;
            pots.push(Pot { jury, round, seat, fees: amount(fees, "fees")? });
        }
        Ok(pots)
    }

    /// Every jury, round and seat of this key, from the events of the contract.
    pub(crate) async fn seats(&self, from_block: u64) -> Result<Vec<(B256, u8, u8)>, SeatError> {
        let head = self.rpc.head(BlockTag::Latest).await?.number;
        let filter =
            Filter::new().address(self.jury).event_signature(Jury::JuryCreated::SIGNATURE_HASH);
        let mut seats = BTreeMap::new();
        logs::each(&self.rpc, &filter, (from_block, head), |log| {
            let Ok(created) = Jury::JuryCreated::decode_log(&log.inner) else { return };
            let panels = [(1, &created.panel), (2, &created.appealPanel)];
            for (round, panel) in panels {
                let seat = panel.iter().position(|key| *key == self.juror);
                if let Some(seat) = seat.and_then(|seat| u8::try_from(seat).ok()) {
                    seats.insert((created.jury, round), seat);
                }
            }
        })
        .await?;
        Ok(seats.into_iter().map(|((jury, round), seat)| (jury, round, seat)).collect())
    }
}

impl Standing {
    pub(crate) fn of(juror: &Juror, now: u64) -> Self {
        let unbonds_at = juror.unbondsAt.to::<u64>();
        if juror.slashed {
            Self::StruckOff
        } else if !juror.registered {
            Self::Unregistered
        } else if unbonds_at == 0 {
            Self::Serving
        } else if now < unbonds_at {
            Self::Leaving
        } else {
            Self::Claimable
        }
    }
}

/// An amount of the token, as a contract of ours gives it.
pub(crate) fn amount(got: U256, what: &'static str) -> Result<Usdc, SeatError> {
    let got = u128::try_from(got).ok().and_then(Usdc::new);
    got.ok_or(SeatError::NoAmount { what })
}
