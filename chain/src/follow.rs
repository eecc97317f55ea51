//! Following the logs of a few contracts, in order, without gaps, across reorganisations.
//!
//! The consumer owns the database. For every [`Step`] it opens a transaction, writes the rows that
//! the step causes, calls [`Step::save`] in that same transaction and commits. A crash at any point
//! repeats the step; it neither skips nor doubles one.
//!
//! What is saved is a trail of (block number, block hash). When the chain no longer holds the
//! newest of them, the follower walks back to one that it does hold and says
//! [`Step::Orphaned`]: the consumer must undo what blocks from there on caused. A chain that only
//! became shorter (a node that lags behind) is waited for.

mod range;
#[cfg(test)]
mod tests;
mod trail;

use alloy::primitives::{Address, B256};
use surety_store::Conn;

use crate::{BlockTag, ChainError, Header, Refusal, Rpc};

pub use trail::{Mark, migrations};

/// What to follow, and how deep.
#[derive(Debug, Clone)]
pub struct FollowConfig {
    /// Names this trail among others in the same store.
    pub name: &'static str,
    /// The contracts.
    pub addresses: Vec<Address>,
    /// Blocks above this tag do not exist yet.
    pub tag: BlockTag,
    /// The first block that can hold a log, for example the contract's deployment.
    pub start_block: u64,
    /// The widest range to ask for at once. It is halved when the node finds that too much, and
    /// grows by half after each answer.
    pub max_range: u64,
}

/// One log, with its place on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedLog {
    /// Address, topics and data.
    pub log: alloy::primitives::Log,
    /// Its block's number.
    pub block: u64,
    /// Its block's hash.
    pub block_hash: B256,
    /// Its block's timestamp.
    pub timestamp: u64,
    /// Its transaction.
    pub tx_hash: B256,
    /// Its index in the block.
    pub index: u64,
}

/// What happened since the last saved step.
#[derive(Debug, Clone)]
pub enum Step {
    /// More of the chain, with the logs that it holds (often none).
    Batch(Batch),
    /// Blocks from `from_block` on are no longer what was delivered. Undo what they caused.
    Orphaned {
        /// The lowest block that must be undone.
        from_block: u64,
    },
    /// Nothing new.
    CaughtUp {
        /// The newest block at the tag.
        head: Header,
    },
}

/// A range of blocks and its logs.
#[derive(Debug, Clone)]
pub struct Batch {
    /// In the order of the chain.
    pub logs: Vec<FollowedLog>,
    /// The first block of the range.
    pub from: u64,
    /// The last block of the range.
    pub to: Header,
    /// The newest block at the tag.
    pub head: Header,
    marks: Vec<Mark>,
}

impl Step {
    /// Remembers the step in the consumer's transaction. Without this the step comes again.
    pub async fn save(&self, conn: &mut Conn, config: &FollowConfig) -> Result<(), ChainError> {
        match self {
            Self::Batch(batch) => trail::extend(conn, config.name, &batch.marks).await,
            Self::Orphaned { from_block } => trail::rewind(conn, config.name, *from_block).await,
            Self::CaughtUp { .. } => Ok(()),
        }
    }
}

/// Reads the chain step by step. It keeps no position of its own: the saved trail is the only one.
#[derive(Debug)]
pub struct Follower {
    rpc: Rpc,
    config: FollowConfig,
    range: range::Range,
}

impl Follower {
    /// A follower of `config.addresses` through `rpc`.
    pub fn new(rpc: Rpc, config: FollowConfig) -> Self {
        let range = range::Range::new(config.max_range);
        Self { rpc, config, range }
    }

    /// What is being followed.
    pub const fn config(&self) -> &FollowConfig {
        &self.config
    }

    /// How far the saved trail goes.
    pub async fn reached(conn: &mut Conn, name: &str) -> Result<Option<u64>, ChainError> {
        Ok(trail::newest(conn, name).await?.map(|mark| mark.number))
    }

    /// The next step after the saved trail, which is read through `conn`.
    ///
    /// Fails when the node fails or lies; the same step can be asked for again.
    pub async fn next(&mut self, conn: &mut Conn) -> Result<Step, ChainError> {
        let head = self.rpc.head(self.config.tag).await?;
        let from = match trail::newest(conn, self.config.name).await? {
            None => self.config.start_block,
            Some(mark) => match self.stands(mark, head).await? {
                Standing::Canonical => mark.number.saturating_add(1),
                Standing::TooHigh if self.root(conn, head).await? => {
                    return Ok(Step::CaughtUp { head });
                }
                Standing::TooHigh | Standing::Orphaned => return self.walk_back(conn, head).await,
            },
        };
        if from > head.number {
            return Ok(Step::CaughtUp { head });
        }
        self.batch(from, head).await
    }

    async fn stands(&self, mark: Mark, head: Header) -> Result<Standing, ChainError> {
        if mark.number > head.number {
            return Ok(Standing::TooHigh);
        }
        let hash = if mark.number == head.number {
            Some(head.hash)
        } else {
            self.rpc.header(mark.number).await?.map(|h| h.hash)
        };
        Ok(match hash {
            Some(hash) if hash == mark.hash => Standing::Canonical,
            Some(_) => Standing::Orphaned,
            None => Standing::TooHigh,
        })
    }

    /// Whether a chain that ends below our newest mark is a prefix of what we know. Then it lags,
    /// and we wait; else it is another chain, and waiting would keep orphaned rows alive.
    async fn root(&self, conn: &mut Conn, head: Header) -> Result<bool, ChainError> {
        let below = head.number.saturating_add(1);
        Ok(match trail::below(conn, self.config.name, below).await? {
            None => true,
            Some(mark) => self.stands(mark, head).await? == Standing::Canonical,
        })
    }

    async fn walk_back(&self, conn: &mut Conn, head: Header) -> Result<Step, ChainError> {
        let mut below = head.number.saturating_add(1);
        while let Some(mark) = trail::below(conn, self.config.name, below).await? {
            if self.stands(mark, head).await? == Standing::Canonical {
                return Ok(Step::Orphaned { from_block: mark.number.saturating_add(1) });
            }
            below = mark.number;
        }
        Ok(Step::Orphaned { from_block: self.config.start_block })
    }

    async fn batch(&mut self, from: u64, head: Header) -> Result<Step, ChainError> {
        loop {
            let to = self.range.end(from, head.number);
            // The end is named before the logs are read and looked at again afterwards: so they are
            // the logs of one chain, also when the node changes its mind in between.
            let end = if to == head.number { Some(head) } else { self.rpc.header(to).await? };
            let end = end.ok_or(malformed("the chain changed while its logs were read"))?;
            match self.rpc.logs_until(&self.config.addresses, from, &end).await {
                Ok(logs) => {
                    self.range.widen();
                    return self.checked(logs, from, end, head).await;
                }
                Err(e) if e.refusal() == Some(Refusal::TooMuch) && to > from => {
                    self.range.narrow(to - from + 1);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Accepts an answer only if its blocks are those of the chain that ends in `end`, as far as
    /// the node can be asked.
    async fn checked(
        &self,
        logs: Vec<alloy::rpc::types::Log>,
        from: u64,
        end: Header,
        head: Header,
    ) -> Result<Step, ChainError> {
        let mut found = range::check(logs, &self.config.addresses, from, &end)?;
        let mut marks: Vec<Mark> = Vec::new();
        for log in &found {
            if marks.last().is_none_or(|m| m.number != log.block) {
                marks.push(Mark { number: log.block, hash: log.block_hash });
            }
        }
        self.stamp(&mut found, &end).await?;
        if marks.last().is_none_or(|m| m.number != end.number) {
            marks.push(Mark { number: end.number, hash: end.hash });
        }
        Ok(Step::Batch(Batch { logs: found, from, to: end, head, marks }))
    }

    /// Fills in the timestamps that the node did not send along, one block at a time.
    async fn stamp(&self, found: &mut [FollowedLog], end: &Header) -> Result<(), ChainError> {
        let mut known = (end.number, end.timestamp);
        for log in found.iter_mut().filter(|log| log.timestamp == 0) {
            if known.0 != log.block {
                let hash = log.block_hash;
                let header = self.rpc.header(log.block).await?.filter(|h| h.hash == hash);
                let header = header.ok_or(malformed("a log of a block that is not canonical"))?;
                known = (header.number, header.timestamp);
            }
            log.timestamp = known.1;
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Standing {
    Canonical,
    Orphaned,
    TooHigh,
}

const fn malformed(what: &'static str) -> ChainError {
    ChainError::Malformed { method: "eth_getLogs", what }
}
