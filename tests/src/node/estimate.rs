//! `eth_estimateGas`: the least gas with which a message succeeds, found as geth finds it.

use alloy::eips::BlockId;
use alloy::primitives::U256;
use alloy::rpc::types::TransactionRequest;
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;

use super::chain::Chain;
use super::fault::Fault;
use super::rpc::message;

/// Base's and Osaka's cap on one transaction's gas.
const TX_GAS_CAP: u64 = 1 << 24;

/// The search ends when the answer is known to this part in a thousand.
const PRECISION_PER_MILLE: u64 = 15;

/// A least gas limit for `request` in the block `at`.
pub(crate) fn estimate(
    chain: &Chain,
    request: TransactionRequest,
    at: BlockId,
) -> Result<u64, Fault> {
    let (evm, block) = chain.at(at)?;
    let base = message(&request, block.gas_limit.min(TX_GAS_CAP));
    let most = affordable(&base, evm.state().balance(base.caller))?;
    let run = |gas: u64| evm.call_in(block.clone(), TxEnv { gas_limit: gas, ..base.clone() });

    let used = match run(most)? {
        ExecutionResult::Success { gas, .. } => gas,
        ExecutionResult::Revert { output, .. } => return Err(Fault::Reverted(output)),
        ExecutionResult::Halt { .. } => return Err(Fault::GasAllowance(most)),
    };
    let (mut low, mut high) = (used.tx_gas_used().saturating_sub(1), most);
    // Mostly enough: what was spent before refunds, and what calls hold back.
    let likely = (used.total_gas_spent() + 2_300) * 64 / 63;
    let mut next = if likely < high { likely } else { middle(low, high) };
    while low + 1 < high && (high - low) * 1_000 > high * PRECISION_PER_MILLE {
        if run(next).is_ok_and(|result| result.is_success()) {
            high = next
        } else {
            low = next
        }
        next = middle(low, high);
    }
    Ok(high)
}

/// Halfway, but not far above what failed: most messages need little more than they use.
fn middle(low: u64, high: u64) -> u64 {
    (low + (high - low) / 2).min(low.saturating_mul(2).max(low + 1))
}

/// The gas limit that the sender can pay for, at most what the message asks.
fn affordable(tx: &TxEnv, balance: U256) -> Result<u64, Fault> {
    if tx.gas_price == 0 {
        return Ok(tx.gas_limit);
    }
    let Some(left) = balance.checked_sub(tx.value) else {
        return Err(Fault::FundsTooLow { balance, cost: tx.value });
    };
    Ok((left / U256::from(tx.gas_price)).saturating_to::<u64>().min(tx.gas_limit))
}
