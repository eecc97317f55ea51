//! How many blocks to ask for at once, and whether the answer is one.

use alloy::primitives::Address;
use alloy::rpc::types::Log;

use super::{FollowedLog, malformed};
use crate::{ChainError, Header};

/// The first query is not wider, so that it has a chance with any node.
const FIRST: u64 = 2_000;

/// The width of the next query: halved when a node finds it too much, half as wide again after
/// each success.
#[derive(Debug)]
pub(super) struct Range {
    width: u64,
    most: u64,
}

impl Range {
    pub(super) fn new(most: u64) -> Self {
        let most = most.max(1);
        Self { width: most.min(FIRST), most }
    }

    /// The last block of a query that begins at `from`.
    pub(super) fn end(&self, from: u64, head: u64) -> u64 {
        from.saturating_add(self.width - 1).min(head)
    }

    /// The node refused `asked` blocks.
    pub(super) fn narrow(&mut self, asked: u64) {
        self.width = (asked / 2).max(1);
    }

    pub(super) fn widen(&mut self) {
        self.width = self.width.saturating_add(self.width.div_ceil(2)).min(self.most);
    }
}

/// Sorts the logs and refuses what no honest node answers: logs of other contracts or blocks, the
/// same place twice, two hashes for one block.
pub(super) fn check(
    logs: Vec<Log>,
    addresses: &[Address],
    from: u64,
    end: &Header,
) -> Result<Vec<FollowedLog>, ChainError> {
    let mut found = logs.into_iter().map(place).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|log| (log.block, log.index));
    for log in &found {
        if !addresses.contains(&log.log.address) {
            return Err(malformed("a log of a contract that was not asked for"));
        }
        if log.block < from || log.block > end.number {
            return Err(malformed("a log outside the asked blocks"));
        }
        if log.block == end.number && log.block_hash != end.hash {
            return Err(malformed("a log of a block that is not canonical"));
        }
    }
    for (a, b) in found.iter().zip(found.iter().skip(1)) {
        if a.block == b.block && a.index == b.index {
            return Err(malformed("the same log twice"));
        }
        if a.block == b.block && a.block_hash != b.block_hash {
            return Err(malformed("two hashes for one block"));
        }
    }
    Ok(found)
}

fn place(log: Log) -> Result<FollowedLog, ChainError> {
    if log.removed {
        return Err(malformed("a removed log"));
    }
    let (Some(block), Some(block_hash), Some(tx_hash), Some(index)) =
        (log.block_number, log.block_hash, log.transaction_hash, log.log_index)
    else {
        return Err(malformed("a log without its place on the chain"));
    };
    let timestamp = log.block_timestamp.unwrap_or_default();
    Ok(FollowedLog { log: log.inner, block, block_hash, timestamp, tx_hash, index })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_cover_every_block_exactly_once(
            most in 1_u64..5_000, start in 0_u64..1_000, blocks in 1_u64..20_000,
            limit in 1_u64..3_000,
        ) {
            let head = start + blocks - 1;
            let mut range = Range::new(most);
            let mut next = start;
            let mut queries = 0;
            while next <= head {
                let to = range.end(next, head);
                prop_assert!(to >= next && to <= head);
                let asked = to - next + 1;
                prop_assert!(asked <= most);
                queries += 1;
                prop_assert!(queries < 100_000);
                if asked > limit {
                    range.narrow(asked);
                } else {
                    range.widen();
                    next = to + 1;
                }
            }
            prop_assert_eq!(next, head + 1);
        }
    }

    fn log(block: u64, index: u64) -> Log {
        Log {
            block_number: Some(block),
            block_hash: Some(B256::with_last_byte(u8::try_from(block).unwrap())),
            transaction_hash: Some(B256::ZERO),
            log_index: Some(index),
            ..Log::default()
        }
    }

    #[test]
    fn answers_that_no_honest_node_gives_are_errors() {
        let hash = B256::with_last_byte(9);
        let end = Header { number: 9, hash, parent_hash: B256::ZERO, timestamp: 1 };
        let ask = |logs: Vec<Log>| check(logs, &[Address::ZERO], 3, &end);
        assert_eq!(ask(vec![log(9, 1), log(3, 0), log(9, 0)]).unwrap().len(), 3);
        let mut foreign = log(4, 0);
        foreign.inner.address = Address::with_last_byte(1);
        let mut placeless = log(4, 0);
        placeless.block_hash = None;
        let mut forked = log(9, 0);
        forked.block_hash = Some(B256::ZERO);
        let mut torn = log(4, 1);
        torn.block_hash = Some(B256::ZERO);
        let mut removed = log(4, 0);
        removed.removed = true;
        for bad in [
            vec![log(2, 0)],
            vec![log(10, 0)],
            vec![log(4, 0), log(4, 0)],
            vec![log(4, 0), torn],
            vec![foreign],
            vec![placeless],
            vec![forked],
            vec![removed],
        ] {
            assert!(matches!(ask(bad), Err(ChainError::Malformed { .. })));
        }
    }
}
