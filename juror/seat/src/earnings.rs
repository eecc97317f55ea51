//! What a seat earned and cost: fees from the chain's events, the provider's cost from the juror's
//! own ledger, and the gas of the transactions about its key.

mod reader;

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::{Address, B256, U128, U256},
    providers::Provider as _,
    rpc::types::Filter,
    sol_types::SolEvent as _,
};
use serde::{Deserialize, Serialize, Serializer};
use surety_bindings::{
    escrow::DealEscrow::{Credited, DealOpened, MilestoneEnded, MilestoneSettled},
    jury::Jury,
};
use surety_chain::BlockTag;
use surety_terms::Usdc;
use time::Date;

use crate::{Seat, SeatError, logs};
use reader::{Fee, Found, Reader};

/// Seconds of a day.
const DAY_SECS: u64 = 86_400;
/// The Julian day of the first of January 1970.
const EPOCH: i32 = 2_440_588;

/// What the provider cost one case on one day of the chain's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The case.
    pub case_id: B256,
    /// Days since 1970.
    pub day: u64,
    /// Millionths of a US dollar: what was counted, and what was set aside and never settled.
    pub micro_usd: u64,
}

/// Whose transactions count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Payers {
    /// Everybody's that are about this key.
    #[default]
    All,
    /// These.
    Only(BTreeSet<Address>),
}

/// Money of one day, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    /// Fees that came in, in base units of the token.
    pub fees: Usdc,
    /// Fees that were paid out of the pots.
    pub claimed: Usdc,
    /// What the provider cost, in millionths of a US dollar.
    pub provider_micro_usd: u64,
    /// What the gas cost, in wei.
    #[serde(serialize_with = "decimal")]
    pub gas_wei: U256,
}

/// One day of the chain's time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Day {
    /// Its date, such as `2026-11-30`.
    pub day: String,
    /// Its money.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Fees that came in at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Income {
    /// The day, such as `2026-11-30`.
    pub day: String,
    /// The fee.
    #[serde(flatten)]
    pub fee: Fee,
    /// What the provider cost for the same case; null where the ledger does not know the case.
    pub provider_micro_usd: Option<u64>,
}

/// A transaction about this key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// The day, such as `2026-11-30`.
    pub day: String,
    /// The transaction.
    pub tx_hash: B256,
    /// What it did: register, unbond, claim, claimFees.
    pub does: BTreeSet<&'static str>,
    /// Who paid it.
    pub from: Address,
    /// Its price in wei, what a rollup charges for its data included.
    #[serde(serialize_with = "decimal")]
    pub gas_wei: U256,
    /// Whether it is in the sums.
    pub counts: bool,
}

/// What came in and what it cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Earnings {
    /// The key.
    pub juror: Address,
    /// The first block that was read.
    pub from_block: u64,
    /// The last one.
    pub to_block: u64,
    /// All days together.
    pub sum: Sums,
    /// The days on which something came in or was spent, oldest first.
    pub days: Vec<Day>,
    /// Every fee, oldest first.
    pub fees: Vec<Income>,
    /// Every transaction about the key, oldest first.
    pub transactions: Vec<Transaction>,
}

/// What we need of a receipt.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    from: Address,
    gas_used: U128,
    effective_gas_price: U128,
    /// What a rollup charges for the transaction's data.
    l1_fee: Option<U256>,
}

impl Seat {
    /// What this juror earned and cost from `from_block` on.
    pub async fn earnings(
        &self,
        consumers: &[Address],
        from_block: u64,
        payers: &Payers,
        costs: &[Cost],
    ) -> Result<Earnings, SeatError> {
        let found = self.found(consumers, from_block).await?;
        let mut book = Book { sums: BTreeMap::new(), days: BTreeMap::new() };
        let mut fees = Vec::with_capacity(found.fees.len());
        for (block, fee) in &found.fees {
            let day = book.day(self, *block).await?;
            book.add(day, |sums| add(&mut sums.fees, fee.amount))?;
            let of_case = costs.iter().filter(|cost| fee.case_id == Some(cost.case_id));
            let of_case: Vec<u64> = of_case.map(|cost| cost.micro_usd).collect();
            let sum = of_case.iter().fold(0_u64, |sum, cost| sum.saturating_add(*cost));
            let provider_micro_usd = (!of_case.is_empty()).then_some(sum);
            fees.push(Income { day: date(day), fee: fee.clone(), provider_micro_usd });
        }
        for (block, amount) in &found.claimed {
            let day = book.day(self, *block).await?;
            book.add(day, |sums| add(&mut sums.claimed, *amount))?;
        }
        for cost in costs {
            let more = |sums: &mut Sums| {
                sums.provider_micro_usd = sums.provider_micro_usd.saturating_add(cost.micro_usd);
                Ok(())
            };
            book.add(cost.day, more)?;
        }
        let transactions = self.transactions(&found, payers, &mut book).await?;
        let day = |(day, sums): (&u64, &Sums)| Day { day: date(*day), sums: *sums };
        Ok(Earnings {
            juror: self.juror,
            from_block,
            to_block: found.to_block,
            sum: book.sum()?,
            days: book.sums.iter().map(day).collect(),
            fees,
            transactions,
        })
    }

    /// Everything that the chain's events tell of this key.
    async fn found(&self, consumers: &[Address], from_block: u64) -> Result<Found, SeatError> {
        let to_block = self.rpc.head(BlockTag::Latest).await?.number;
        let addresses = [consumers, &[self.jury]].concat();
        let filter = Filter::new().address(addresses).event_signature(vec![
            DealOpened::SIGNATURE_HASH,
            MilestoneSettled::SIGNATURE_HASH,
            MilestoneEnded::SIGNATURE_HASH,
            Credited::SIGNATURE_HASH,
            Jury::FeesFunded::SIGNATURE_HASH,
            Jury::FeesClaimed::SIGNATURE_HASH,
            Jury::JurorRegistered::SIGNATURE_HASH,
            Jury::JurorUnbonding::SIGNATURE_HASH,
            Jury::JurorLeft::SIGNATURE_HASH,
        ]);
        let mut reader = Reader::new(self, self.seats(from_block).await?);
        logs::each(&self.rpc, &filter, (from_block, to_block), |log| reader.read(log)).await?;
        reader.found(to_block)
    }

    /// The transactions about this key, with the gas of those that count in the book.
    async fn transactions(
        &self,
        found: &Found,
        payers: &Payers,
        book: &mut Book,
    ) -> Result<Vec<Transaction>, SeatError> {
        let mut transactions = Vec::with_capacity(found.transactions.len());
        for (block, tx_hash, does) in &found.transactions {
            let receipt = self.receipt(*tx_hash).await?;
            let gas = U256::from(receipt.gas_used)
                .checked_mul(U256::from(receipt.effective_gas_price))
                .and_then(|gas| gas.checked_add(receipt.l1_fee.unwrap_or_default()));
            let gas_wei = gas.ok_or(SeatError::NoReceipt { tx_hash: *tx_hash })?;
            let counts = match payers {
                Payers::All => true,
                Payers::Only(payers) => payers.contains(&receipt.from),
            };
            let day = book.day(self, *block).await?;
            if counts {
                let more = |sums: &mut Sums| {
                    sums.gas_wei = sums.gas_wei.saturating_add(gas_wei);
                    Ok(())
                };
                book.add(day, more)?;
            }
            let (day, does, from) = (date(day), does.clone(), receipt.from);
            transactions.push(Transaction { day, tx_hash: *tx_hash, does, from, gas_wei, counts });
        }
        Ok(transactions)
    }

    /// A receipt, with what [`surety_chain::Rpc`] does not read of it.
    async fn receipt(&self, tx_hash: B256) -> Result<Receipt, SeatError> {
        let client = self.rpc.provider().client();
        let answer: Result<Option<Receipt>, _> =
            client.request("eth_getTransactionReceipt", (tx_hash,)).await;
        // The endpoint's own words may hold its URL.
        answer.ok().flatten().ok_or(SeatError::NoReceipt { tx_hash })
    }
}

/// Sums by day, and the day of each block that was asked for.
struct Book {
    sums: BTreeMap<u64, Sums>,
    days: BTreeMap<u64, u64>,
}

impl Book {
    /// The day of a block.
    async fn day(&mut self, seat: &Seat, block: u64) -> Result<u64, SeatError> {
        if let Some(day) = self.days.get(&block) {
            return Ok(*day);
        }
        let header = seat.rpc.header(block).await?.ok_or(SeatError::NoBlock { block })?;
        let day = header.timestamp / DAY_SECS;
        self.days.insert(block, day);
        Ok(day)
    }

    fn add(
        &mut self,
        day: u64,
        add: impl FnOnce(&mut Sums) -> Result<(), SeatError>,
    ) -> Result<(), SeatError> {
        add(self.sums.entry(day).or_default())
    }

    fn sum(&self) -> Result<Sums, SeatError> {
        let mut all = Sums::default();
        for sums in self.sums.values() {
            add(&mut all.fees, sums.fees)?;
            add(&mut all.claimed, sums.claimed)?;
            all.provider_micro_usd = all.provider_micro_usd.saturating_add(sums.provider_micro_usd);
            all.gas_wei = all.gas_wei.saturating_add(sums.gas_wei);
        }
        Ok(all)
    }
}

fn add(sum: &mut Usdc, more: Usdc) -> Result<(), SeatError> {
    *sum = sum.checked_add(more).ok_or(SeatError::NoAmount { what: "fees" })?;
    Ok(())
}

/// A day's date; the number itself where no calendar reaches.
fn date(day: u64) -> String {
    let julian = i32::try_from(day).ok().and_then(|day| day.checked_add(EPOCH));
    let date = julian.and_then(|julian| Date::from_julian_day(julian).ok());
    date.map_or_else(|| day.to_string(), |date| date.to_string())
}

/// Wei are too many for a number in JSON.
fn decimal<S: Serializer>(wei: &U256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(wei)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(1_795_000_000 / DAY_SECS), "2026-11-18");
        assert_eq!(date(u64::MAX), u64::MAX.to_string());
    }
}
