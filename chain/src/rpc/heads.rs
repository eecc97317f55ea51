//! How far the chain is, when nodes differ about it.
//!
//! The newest block is the newest that a quorum has: no node alone can pull it ahead, none can hold
//! it back. An account's nonce is found alike.

use alloy::primitives::{Address, U64};
use surety_endpoints::Why;

use super::link::{Link, refused};
use super::types::{BlockTag, Header};
use super::{Rpc, told};
use crate::{ChainError, Refusal};

/// A node whose newest block is this much older than the others' is stale, in seconds of chain
/// time. Blocks may come five times a second or every two seconds.
const STALE_SECS: u64 = 20;

impl Rpc {
    /// The newest block at a tag.
    pub async fn head(&self, tag: BlockTag) -> Result<Header, ChainError> {
        let method = "eth_getBlockByNumber";
        let ask = |link: Link| link.head(tag);
        if self.is_alone() {
            return self.endpoints.first(ask).await.map_err(|t| told(method, t));
        }
        let mut heads = self.endpoints.gather(ask).await.map_err(|t| told(method, t))?;
        heads.sort_by_key(|(_, head)| std::cmp::Reverse(head.number));
        let Some((_, reached)) = heads.get(self.quorum().saturating_sub(1)).copied() else {
            return Err(ChainError::Unreachable { method });
        };
        let alike = heads.iter().filter(|(_, head)| *head == reached).count();
        let head = if alike >= self.quorum() {
            reached
        } else {
            // Some are ahead of it; a quorum must have this block below them.
            let unknown = refused(method, 0, Refusal::BlockUnknown);
            self.header(reached.number).await?.ok_or(unknown)?
        };
        if tag == BlockTag::Latest {
            self.compare(&heads, head);
        }
        Ok(head)
    }

    /// Benches nodes that stand still, and takes those back that no longer do.
    fn compare(&self, heads: &[(usize, Header)], head: Header) {
        for (at, seen) in heads {
            if seen.timestamp.saturating_add(STALE_SECS) < head.timestamp {
                self.endpoints.bench(*at, Why::Stale);
            } else if seen.number != head.number || seen.hash == head.hash {
                self.endpoints.clear(*at);
            }
        }
    }

    /// How many transactions of `address` a tag's block has seen: its next nonce there. Of several
    /// nodes, as many as a quorum has seen.
    pub async fn nonce(&self, address: Address, tag: BlockTag) -> Result<u64, ChainError> {
        let method = "eth_getTransactionCount";
        let ask = |link: Link| link.ask::<_, U64>(method, (address, tag.param()));
        let counts = self.endpoints.gather(ask).await.map_err(|t| told(method, t))?;
        let mut counts: Vec<u64> = counts.into_iter().map(|(_, count)| count.to()).collect();
        counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        let reached = counts.get(self.quorum().saturating_sub(1)).copied();
        reached.ok_or(ChainError::Unreachable { method })
    }
}
