//! What the chain says about fees, computed from its blocks.

use alloy::consensus::Transaction as _;
use alloy::eips::BlockNumberOrTag;
use alloy::eips::eip1559::BaseFeeParams;
use alloy::rpc::types::FeeHistory;

use super::chain::{Chain, Mined};
use super::fault::Fault;

/// The tip to suggest while nobody paid any: one gwei, as anvil does.
const FIRST_TIP: u128 = 1_000_000_000;

/// How many blocks a suggestion looks back, and which of their lowest tips it takes, as geth does.
const LOOK_BACK: usize = 20;
const PERCENTILE: usize = 60;

/// The most blocks that one fee history covers.
const MOST_BLOCKS: u64 = 1024;

/// The tip that would have bought a place in most recent blocks.
pub(crate) fn suggested_tip(chain: &Chain) -> u128 {
    let head = chain.head().header.number;
    let recent = (0..=head).rev().take(LOOK_BACK).filter_map(|number| chain.block(number));
    let mut lowest: Vec<u128> = recent.filter_map(|block| tips(block).into_iter().min()).collect();
    lowest.sort_unstable();
    let at = lowest.len().saturating_sub(1) * PERCENTILE / 100;
    lowest.get(at).copied().unwrap_or(FIRST_TIP)
}

/// The next block's base fee and the suggested tip.
pub(crate) fn gas_price(chain: &Chain) -> u128 {
    let base_fee = chain.next_header().base_fee_per_gas.unwrap_or_default();
    u128::from(base_fee) + suggested_tip(chain)
}

/// `eth_feeHistory`: `count` blocks that end at `newest`, with the tips at these percentiles of gas.
pub(crate) fn history(
    chain: &Chain,
    count: u64,
    newest: BlockNumberOrTag,
    percentiles: &[f64],
) -> Result<FeeHistory, Fault> {
    let head = chain.head().header.number;
    let newest = chain.number(newest).unwrap_or(head);
    if newest > head {
        return Err(Fault::Refused(format!(
            "request beyond head block: requested {newest}, head {head}"
        )));
    }
    if !percentiles.is_sorted() || percentiles.iter().any(|p| !(0.0..=100.0).contains(p)) {
        return Err(Fault::ParamsInvalid("invalid reward percentile".into()));
    }
    let count = count.min(MOST_BLOCKS).min(newest + 1);
    let oldest = newest + 1 - count;
    let blocks: Vec<_> = (oldest..=newest).filter_map(|number| chain.block(number)).collect();
    let mut base_fees: Vec<u128> = blocks
        .iter()
        .map(|block| block.header.base_fee_per_gas.unwrap_or_default().into())
        .collect();
    if let Some(last) = blocks.last() {
        let next = last.header.next_block_base_fee(BaseFeeParams::ethereum());
        base_fees.push(next.unwrap_or_default().into());
    }
    let reward = blocks.iter().map(|block| rewards(block, percentiles)).collect();
    Ok(FeeHistory {
        gas_used_ratio: blocks.iter().map(|block| ratio(block)).collect(),
        base_fee_per_blob_gas: vec![1; base_fees.len()],
        blob_gas_used_ratio: vec![0.0; blocks.len()],
        base_fee_per_gas: base_fees,
        oldest_block: oldest,
        reward: (!percentiles.is_empty()).then_some(reward),
    })
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of two gas amounts below 2^53")]
fn ratio(block: &Mined) -> f64 {
    block.header.gas_used as f64 / block.header.gas_limit as f64
}

fn tips(block: &Mined) -> Vec<u128> {
    let base_fee = block.header.base_fee_per_gas.unwrap_or_default();
    block.txs.iter().filter_map(|tx| tx.tx.effective_tip_per_gas(base_fee)).collect()
}

/// The tips paid at each percentile of the block's gas.
#[expect(clippy::cast_precision_loss, reason = "gas amounts are below 2^53")]
fn rewards(block: &Mined, percentiles: &[f64]) -> Vec<u128> {
    let mut paid: Vec<(u128, u64)> =
        tips(block).into_iter().zip(block.txs.iter().map(|tx| tx.gas_used)).collect();
    paid.sort_unstable();
    let at = |percentile: &f64| {
        let threshold = block.header.gas_used as f64 * percentile / 100.0;
        let mut gas = 0;
        let reached = paid.iter().find(|(_, used)| {
            gas += used;
            gas as f64 >= threshold
        });
        reached.or(paid.last()).map_or(0, |(tip, _)| *tip)
    };
    percentiles.iter().map(at).collect()
}
