//! What we need of a node's answers, and no more.

use alloy::primitives::{Address, B256, Bytes, U64, U128};
use serde::{Deserialize, Serialize};

/// How deep in the chain a service acts. Deeper is later and safer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockTag {
    /// The newest block; for local chains, where nothing is reorganised.
    Latest,
    /// A block that the data layer already holds; the default where money is real.
    #[default]
    Safe,
    /// A block that the data layer has finalised.
    Finalized,
}

impl BlockTag {
    pub(super) const fn param(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Safe => "safe",
            Self::Finalized => "finalized",
        }
    }
}

/// What we need of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "RawHeader")]
pub struct Header {
    /// The block's number.
    pub number: u64,
    /// The block's hash.
    pub hash: B256,
    /// The hash of the block before it.
    pub parent_hash: B256,
    /// Seconds since 1970, as the chain counts them.
    pub timestamp: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHeader {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
}

impl From<RawHeader> for Header {
    fn from(raw: RawHeader) -> Self {
        Self {
            number: raw.number.to(),
            hash: raw.hash,
            parent_hash: raw.parent_hash,
            timestamp: raw.timestamp.to(),
        }
    }
}

/// What we need of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "RawReceipt")]
pub struct Receipt {
    /// The transaction.
    pub tx_hash: B256,
    /// The block that holds it.
    pub block: u64,
    /// That block's hash, as the node knew it then.
    pub block_hash: B256,
    /// Whether it did what it was sent for; a reverted transaction costs gas and does nothing.
    pub succeeded: bool,
    /// What it cost, in gas.
    pub gas_used: u64,
    /// What it cost, in wei, with the data fee of a rollup; none where the node does not say.
    pub cost_wei: Option<u64>,
}

impl Receipt {
    /// Whether both say the same of a transaction. Not every node says what it cost.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        Self { cost_wei: None, ..*self } == Self { cost_wei: None, ..*other }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawReceipt {
    transaction_hash: B256,
    block_number: U64,
    block_hash: B256,
    status: U64,
    gas_used: U64,
    #[serde(default)]
    effective_gas_price: Option<U128>,
    /// Rollups of the OP stack charge for the bytes that they put on their parent chain.
    #[serde(default)]
    l1_fee: Option<U128>,
}

impl From<RawReceipt> for Receipt {
    fn from(raw: RawReceipt) -> Self {
        let gas_used: u64 = raw.gas_used.to();
        let cost = raw.effective_gas_price.map(|price| {
            let l1_fee: u64 = raw.l1_fee.unwrap_or_default().saturating_to();
            price.saturating_to::<u64>().saturating_mul(gas_used).saturating_add(l1_fee)
        });
        Self {
            tx_hash: raw.transaction_hash,
            block: raw.block_number.to(),
            block_hash: raw.block_hash,
            succeeded: raw.status == U64::from(1),
            gas_used,
            cost_wei: cost,
        }
    }
}

/// What we need of `eth_feeHistory`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeHistory {
    /// Base fees, oldest first; the last one is the next block's.
    pub base_fee_per_gas: Vec<U128>,
    /// Per block, the asked percentiles of what was paid on top.
    #[serde(default)]
    pub reward: Option<Vec<Vec<U128>>>,
}

/// What we need of a transaction by hash.
#[derive(Debug, Clone, Deserialize)]
pub struct SentTransaction {
    /// Who sent it.
    pub from: Address,
    /// Who was called; none for a deployment.
    pub to: Option<Address>,
    /// The calldata.
    pub input: Bytes,
}

/// How a simulated call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome<T = Bytes> {
    /// It returned.
    Returned(T),
    /// It reverted, with these bytes (empty when the node hands none out).
    Reverted(Bytes),
}
