//! What the chain's blocks, transactions, receipts and logs look like over JSON-RPC.

use alloy::consensus::Transaction as _;
use alloy::primitives::B256;
use alloy::rpc::types::{
    Block, BlockTransactions, Filter, FilterBlockOption, Header, Log, Transaction,
    TransactionReceipt,
};

use super::chain::{Chain, Executed, Mined};
use super::fault::Fault;

/// A block, with whole transactions or their hashes.
pub(crate) fn block(mined: &Mined, whole: bool) -> Block {
    let transactions = if whole {
        let all = mined.txs.iter().enumerate();
        BlockTransactions::Full(all.map(|(index, tx)| transaction(mined, index, tx)).collect())
    } else {
        BlockTransactions::Hashes(mined.txs.iter().map(|tx| *tx.tx.tx_hash()).collect())
    };
    let header = Header {
        hash: mined.hash,
        inner: mined.header.clone(),
        total_difficulty: None,
        size: None,
    };
    Block { header, uncles: Vec::new(), transactions, withdrawals: None }
}

/// A transaction in a block.
pub(crate) fn transaction(mined: &Mined, index: usize, executed: &Executed) -> Transaction {
    Transaction {
        inner: executed.tx.clone(),
        block_hash: Some(mined.hash),
        block_number: Some(mined.header.number),
        transaction_index: Some(index as u64),
        effective_gas_price: Some(executed.tx.effective_gas_price(mined.header.base_fee_per_gas)),
        block_timestamp: Some(mined.header.timestamp),
    }
}

/// A transaction that waits.
pub(crate) fn waiting(chain: &Chain, hash: B256) -> Option<Transaction> {
    let tx = chain.pool.get(hash)?;
    Some(Transaction {
        inner: tx.clone(),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: None,
        block_timestamp: None,
    })
}

/// A transaction's receipt.
pub(crate) fn receipt(mined: &Mined, index: usize, executed: &Executed) -> TransactionReceipt {
    let mut at = executed.first_log;
    let inner = executed.receipt().map_logs(|log| {
        let view = log_view(mined, index, executed, (at, log));
        at += 1;
        view
    });
    TransactionReceipt {
        inner,
        transaction_hash: *executed.tx.tx_hash(),
        transaction_index: Some(index as u64),
        block_hash: Some(mined.hash),
        block_number: Some(mined.header.number),
        gas_used: executed.gas_used,
        effective_gas_price: executed.tx.effective_gas_price(mined.header.base_fee_per_gas),
        blob_gas_used: None,
        blob_gas_price: None,
        from: executed.tx.signer(),
        to: executed.tx.to(),
        contract_address: executed.created(),
    }
}

/// Every receipt of a block.
pub(crate) fn receipts(mined: &Mined) -> Vec<TransactionReceipt> {
    mined.txs.iter().enumerate().map(|(index, tx)| receipt(mined, index, tx)).collect()
}

fn log_view(
    mined: &Mined,
    index: usize,
    executed: &Executed,
    (log_index, log): (u64, alloy::primitives::Log),
) -> Log {
    Log {
        inner: log,
        block_hash: Some(mined.hash),
        block_number: Some(mined.header.number),
        block_timestamp: Some(mined.header.timestamp),
        transaction_hash: Some(*executed.tx.tx_hash()),
        transaction_index: Some(index as u64),
        log_index: Some(log_index),
        removed: false,
    }
}

/// The logs that a filter selects, in the order of the chain.
pub(crate) fn logs(chain: &Chain, filter: &Filter) -> Result<Vec<Log>, Fault> {
    let head = chain.head().header.number;
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = chain.block_by_hash(hash).ok_or(Fault::LogBlockUnknown)?;
            (block.header.number, block.header.number)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let number = |tag| chain.number(tag).unwrap_or(head);
            (from_block.map_or(head, number), to_block.map_or(head, number))
        }
    };
    if from > to {
        return Err(Fault::ParamsInvalid("invalid block range params".into()));
    }
    let mut found = Vec::new();
    for mined in (from..=to.min(head)).filter_map(|number| chain.block(number)) {
        if !filter.matches_bloom(mined.header.logs_bloom) {
            continue;
        }
        for (index, executed) in mined.txs.iter().enumerate() {
            let numbered = (executed.first_log..).zip(&executed.logs);
            let matching = numbered.filter(|(_, log)| filter.matches(log));
            found.extend(
                matching.map(|(at, log)| log_view(mined, index, executed, (at, log.clone()))),
            );
        }
    }
    Ok(found)
}
