//! What transactions cost, and a day's budget for it.
//!
//! The most that a nonce can cost is written down in the transaction that signs for it, and replaced
//! by what it did cost when its receipt is final. A new transaction that would go beyond the budget
//! waits for the next day; one that is out already may still be replaced, up to the fee caps.
//! Requests from some rank on may have only a share of it, so that they keep nothing else waiting.

use alloy::primitives::{Address, Bytes, U256, address};
use alloy::sol_types::SolCall as _;
use surety_store::Conn;

use super::{SendConfig, fees};
use crate::{BlockTag, CallOutcome, ChainError, Header, Rpc};

alloy::sol! {
    /// The OP stack's predeploy that knows what a transaction's bytes cost on the parent chain.
    interface GasPriceOracle {
        function getL1FeeUpperBound(uint256 unsignedTxSize) external view returns (uint256);
        function getL1Fee(bytes data) external view returns (uint256);
    }
}

/// Where it is on every chain that has it.
const ORACLE: Address = address!("420000000000000000000000000000000000000F");

/// What a transaction has besides its calldata, in bytes, at most.
const ENVELOPE: usize = 160;

const DAY: u64 = 86_400;
const GWEI: u64 = 1_000_000_000;

/// What the parent chain's bytes cost at most for this calldata, in wei. None on chains without
/// such a fee.
pub(super) async fn l1_fee(rpc: &Rpc, calldata: &Bytes) -> Result<Option<u64>, ChainError> {
    let size = U256::from(calldata.len().saturating_add(ENVELOPE));
    let bound = GasPriceOracle::getL1FeeUpperBoundCall { unsignedTxSize: size }.abi_encode();
    // Older versions know only the fee of given bytes.
    let mut data = calldata.to_vec();
    data.resize(calldata.len().saturating_add(ENVELOPE), u8::MAX);
    let exact = GasPriceOracle::getL1FeeCall { data: data.into() }.abi_encode();
    for call in [bound, exact] {
        match rpc.call(None, ORACLE, &call.into(), BlockTag::Latest).await? {
            CallOutcome::Returned(bytes) if bytes.is_empty() => return Ok(None),
            CallOutcome::Returned(bytes) => {
                return Ok(U256::try_from_be_slice(&bytes).map(|fee| fee.saturating_to()));
            }
            CallOutcome::Reverted(_) => {}
        }
    }
    Ok(None)
}

/// What a call would cost now in wei, data fee included, as far as it can be foreseen; or its revert.
/// None while blocks cost more than the cap.
pub async fn estimate(
    rpc: &Rpc,
    config: &SendConfig,
    (from, to, calldata): (Address, Address, &Bytes),
) -> Result<Option<CallOutcome<u64>>, ChainError> {
    let gas = match rpc.estimate(from, to, calldata).await? {
        CallOutcome::Returned(gas) => gas,
        CallOutcome::Reverted(data) => return Ok(Some(CallOutcome::Reverted(data))),
    };
    let history = rpc.fee_history(fees::BLOCKS, fees::PERCENTILE).await?;
    let Some(quote) = fees::quote(&history, &config.fees) else { return Ok(None) };
    // Half-way between both is what the next block takes: its base fee and the tip.
    let price = quote.max.midpoint(quote.priority);
    let data_fee = l1_fee(rpc, calldata).await?.unwrap_or(0);
    Ok(Some(CallOutcome::Returned(gas.saturating_mul(price).saturating_add(data_fee))))
}

/// The most that a transaction can cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    pub(super) gas: u64,
    pub(super) max_fee: u64,
    pub(super) l1_fee: u64,
}

impl Most {
    pub(super) const fn wei(self) -> u64 {
        self.gas.saturating_mul(self.max_fee).saturating_add(self.l1_fee)
    }
}

/// What all keys of this store have spent or may still spend on a block's day for requests from a
/// rank on, in wei.
pub(super) async fn spent(conn: &mut Conn, at: Header, rank: u8) -> Result<u64, ChainError> {
    let gwei: i64 = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(gwei), 0) AS BIGINT) FROM send_cost
         WHERE day = $1 AND rank >= $2",
    )
    .bind(day(at))
    .bind(i64::from(rank))
    .fetch_one(conn)
    .await?;
    Ok(u64::try_from(gwei).unwrap_or(u64::MAX).saturating_mul(GWEI))
}

/// Makes other keys wait until this transaction ends, so that no two of them fill the same room in a
/// day's budget. A write, since that locks a row in every database.
pub(super) async fn lock(conn: &mut Conn, at: Header) -> Result<(), ChainError> {
    sqlx::query(
        "INSERT INTO send_day (day) VALUES ($1)
         ON CONFLICT (day) DO UPDATE SET day = excluded.day",
    )
    .bind(day(at))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what a nonce may cost, or may cost more by now, for a request of a rank.
pub(super) async fn reserve(
    conn: &mut Conn,
    (sender, nonce): (Address, u64),
    at: Header,
    (rank, most): (u8, Most),
) -> Result<(), ChainError> {
    sqlx::query(
        "INSERT INTO send_cost (sender, nonce, day, gwei, rank) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (sender, nonce) DO UPDATE SET
           rank = excluded.rank,
           gwei = CASE WHEN excluded.gwei > send_cost.gwei THEN excluded.gwei
                  ELSE send_cost.gwei END",
    )
    .bind(sender.as_slice())
    .bind(kept(nonce))
    .bind(day(at))
    .bind(kept(most.wei().div_ceil(GWEI)))
    .bind(i64::from(rank))
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what a nonce did cost, if the node says so.
pub(super) async fn paid(
    conn: &mut Conn,
    (sender, nonce): (Address, u64),
    wei: Option<u64>,
) -> Result<(), ChainError> {
    let Some(wei) = wei else { return Ok(()) };
    sqlx::query("UPDATE send_cost SET gwei = $3 WHERE sender = $1 AND nonce = $2")
        .bind(sender.as_slice())
        .bind(kept(nonce))
        .bind(kept(wei.div_ceil(GWEI)))
        .execute(conn)
        .await?;
    Ok(())
}

/// When the day after a block's begins, in chain time.
pub(super) const fn tomorrow(at: Header) -> u64 {
    (at.timestamp / DAY).saturating_add(1).saturating_mul(DAY)
}

fn day(at: Header) -> i64 {
    kept(at.timestamp / DAY)
}

fn kept(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
