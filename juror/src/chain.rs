//! This juror's own view of the chain: what it reads, at which block, and what time it is there.
//!
//! Facts (is the deal open, who sits in the panel) are read at the configured tag. The time is that
//! of the newest block: a tag that lags would take late deliveries for timely ones.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::{DynProvider, Provider},
    rpc::{
        json_rpc::ErrorPayload,
        types::{Filter, Log, TransactionRequest},
    },
    sol_types::{SolCall, SolEvent, SolValue},
};
use surety_bindings::{
    escrow::{
        DealEscrow,
        DealEscrow::{MilestoneDelivered, MilestoneMoved},
        SlowState,
    },
    jury::{Juror, Jury},
};
use surety_terms::limits;

use crate::{JurorError, config::Config};

/// How many blocks one search for an event spans; halved when an endpoint refuses.
const LOG_SPAN: u64 = 5_000;
/// The smallest span worth trying.
const LOG_SPAN_LEAST: u64 = 50;
/// How many announced states are remembered.
const REMEMBERED: usize = 1_024;
/// Gas that a contract wallet gets to check a signature: the escrow's own allowance and the call.
const WALLET_GAS: u64 = 600_000;

/// The chain as one juror sees it.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    provider: DynProvider,
    id: u64,
    pub(crate) jury: Address,
    pub(crate) consumers: Arc<[Address]>,
    tag: BlockNumberOrTag,
    /// Announced states by place and digest: a search is made once. The digest fixes the state for
    /// ever and not the URI, so the place belongs to the key: another deal may pin the same digest in
    /// the same second, with a URI that leads nowhere.
    announced: Arc<Mutex<HashMap<(Place, B256), Announced>>>,
}

/// A block: what is read together is read there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    /// Blocks that replace each other may be alike in all else.
    pub(crate) hash: B256,
}

/// What time it is, and what counts as settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The newest block: the time.
    pub(crate) head: Block,
    /// The newest block whose facts count.
    pub(crate) settled: Block,
}

/// One milestone of one deal in one escrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) consumer: Address,
    pub(crate) deal_id: B256,
    pub(crate) milestone: u8,
}

/// What the escrow says of one milestone at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MilestoneView {
    pub(crate) opened: bool,
    pub(crate) revoked: bool,
    pub(crate) ended: bool,
    /// The digest of the slow-path state; zero when nothing happened on-chain.
    pub(crate) state_digest: B256,
}

/// What the escrow announced of a milestone's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) state: SlowState,
    /// Where the seller says that the bytes are; empty when it says nothing, or too much, and of
    /// every state but the one in which a delivery was pinned.
    pub(crate) uri: String,
}

impl Chain {
    pub(crate) fn new(provider: DynProvider, config: &Config) -> Self {
        Self {
            provider,
            id: config.chain_id,
            jury: config.jury,
            consumers: config.consumers.clone().into(),
            tag: config.block_tag.into(),
            announced: Arc::default(),
        }
    }

    /// The chain's id.
    pub(crate) const fn id(&self) -> u64 {
        self.id
    }

    /// Checks that the endpoint serves the configured chain and contracts, and reads how this key
    /// is registered.
    pub(crate) async fn preflight(&self, juror: Address) -> Result<Juror, JurorError> {
        let got = self.provider.get_chain_id().await.map_err(|_| asked("for its chain id"))?;
        if got != self.id {
            return Err(JurorError::ChainMismatch { got, needed: self.id });
        }
        self.need_code("jury", self.jury).await?;
        let at = self.block(self.tag).await?;
        for consumer in self.consumers.iter().copied() {
            self.need_code("consumer", consumer).await?;
            let got = self
                .call(at, consumer, &DealEscrow::juryCall {})
                .await?
                .ok_or(JurorError::NotConsumer { consumer })?;
            if got != self.jury {
                return Err(JurorError::ForeignConsumer { consumer, got, needed: self.jury });
            }
        }
        let registered = self
            .call(at, self.jury, &Jury::jurorCall { key: juror })
            .await?
            .filter(|juror| juror.registered);
        registered.ok_or(JurorError::NotRegistered { juror, jury: self.jury })
    }

    async fn need_code(&self, field: &'static str, address: Address) -> Result<(), JurorError> {
        let code = self
            .provider
            .get_code_at(address)
            .block_id(self.tag.into())
            .await
            .map_err(|_| asked("for a contract's code"))?;
        if code.is_empty() { Err(JurorError::NoCode { field, address }) } else { Ok(()) }
    }

    /// The newest block and the newest settled one.
    pub(crate) async fn moment(&self) -> Result<Moment, JurorError> {
        let head = self.block(BlockNumberOrTag::Latest).await?;
        let latest = self.tag == BlockNumberOrTag::Latest;
        let settled = if latest { head } else { self.block(self.tag).await? };
        Ok(Moment { head, settled })
    }

    pub(crate) async fn block(&self, tag: BlockNumberOrTag) -> Result<Block, JurorError> {
        let block = self.provider.get_block_by_number(tag).await.ok().flatten();
        let header = block.ok_or(asked("for a block"))?.header;
        Ok(Block { number: header.number, timestamp: header.timestamp, hash: header.hash })
    }

    /// The deals that the escrows named in their events after one block and up to another.
    pub(crate) async fn named(
        &self,
        after: Block,
        upto: Block,
    ) -> Result<HashSet<B256>, JurorError> {
        let filter = Filter::new()
            .address(self.consumers.to_vec())
            .from_block(after.number.saturating_add(1))
            .to_block(upto.number);
        let logs = self.provider.get_logs(&filter).await;
        let logs = logs.map_err(|_| asked("for the escrows' events"))?;
        // In every event about a deal the deal stands first.
        Ok(logs.iter().filter_map(|log| log.topics().get(1).copied()).collect())
    }

    /// Calls a view; `None` when it reverts or answers something else.
    async fn call<C: SolCall>(
        &self,
        at: Block,
        to: Address,
        call: &C,
    ) -> Result<Option<C::Return>, JurorError> {
        let request = TransactionRequest::default().to(to).input(call.abi_encode().into());
        let answer = self.eth_call(at, request).await?;
        Ok(answer.and_then(|bytes| C::abi_decode_returns(&bytes).ok()))
    }

    /// `None` when the call reverts; an error when the endpoint does not answer.
    async fn eth_call(
        &self,
        at: Block,
        request: TransactionRequest,
    ) -> Result<Option<Bytes>, JurorError> {
        match self.provider.call(request).block(BlockId::number(at.number)).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(err) if err.as_error_resp().is_some_and(is_execution_fault) => Ok(None),
            Err(_) => Err(asked("a call")),
        }
    }

    /// The deal's word and the milestone's state.
    pub(crate) async fn milestone(
        &self,
        at: Block,
        place: Place,
    ) -> Result<MilestoneView, JurorError> {
        let Place { consumer, deal_id, milestone } = place;
        let deal = self
            .call(at, consumer, &DealEscrow::dealCall { dealId: deal_id })
            .await?
            .ok_or(asked("for a deal"))?;
        let state_digest = self
            .call(at, consumer, &DealEscrow::stateDigestCall { dealId: deal_id, milestone })
            .await?
            .ok_or(asked("for a milestone's state"))?;
        let bit = 1_u16.checked_shl(milestone.into()).unwrap_or_default();
        Ok(MilestoneView {
            opened: deal.opened,
            revoked: deal.revoked,
            ended: deal.ended & bit != 0,
            state_digest,
        })
    }

    /// The keys of a jury's panel, in seat order; `None` when there is no such panel.
    pub(crate) async fn panel(
        &self,
        at: Block,
        jury: B256,
        round: u8,
    ) -> Result<Option<Vec<Address>>, JurorError> {
        self.call(at, self.jury, &Jury::panelCall { jury, round }).await
    }

    /// Whether the wallet at `owner` calls this signature its own (ERC-1271).
    pub(crate) async fn wallet_accepts(
        &self,
        at: Block,
        owner: Address,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, JurorError> {
        alloy::sol!(
            function isValidSignature(bytes32 hash, bytes signature) external view returns (bytes4);
        );
        let call = isValidSignatureCall { hash: digest, signature: signature.clone() };
        let request = TransactionRequest::default()
            .to(owner)
            .gas_limit(WALLET_GAS)
            .input(call.abi_encode().into());
        let answer = self.eth_call(at, request).await?;
        let magic = B256::right_padding_from(&isValidSignatureCall::SELECTOR);
        Ok(answer.is_some_and(|bytes| bytes.get(..32) == Some(magic.as_slice())))
    }

    /// The state whose digest the escrow holds, from the event that announced it.
    ///
    /// Searches from the newest block back to `since`: an older state's window is over.
    pub(crate) async fn announced(
        &self,
        at: Block,
        place: Place,
        state_digest: B256,
        since: u64,
    ) -> Result<Option<Announced>, JurorError> {
        let remembered = || self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (place, state_digest);
        let known = remembered().get(&key).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let is_it = |found: &Announced| keccak256(found.state.abi_encode()) == state_digest;
        let found = self.search(at, place, since, is_it).await?;
        if let Some(announced) = &found {
            let mut remembered = remembered();
            if remembered.len() >= REMEMBERED {
                remembered.clear();
            }
            remembered.insert(key, announced.clone());
        }
        Ok(found)
    }

    /// What the escrow announced of a milestone and `is_it`, from the newest block back to `since`.
    pub(crate) async fn search(
        &self,
        at: Block,
        place: Place,
        since: u64,
        is_it: impl Fn(&Announced) -> bool,
    ) -> Result<Option<Announced>, JurorError> {
        let mut to = at.number;
        let mut span = LOG_SPAN;
        loop {
            let from = to.saturating_sub(span);
            let filter = Filter::new()
                .address(place.consumer)
                .event_signature(vec![
                    MilestoneDelivered::SIGNATURE_HASH,
                    MilestoneMoved::SIGNATURE_HASH,
                ])
                .topic1(place.deal_id)
                .topic2(U256::from(place.milestone))
                .from_block(from)
                .to_block(to);
            let Ok(logs) = self.provider.get_logs(&filter).await else {
                span /= 2;
                if span < LOG_SPAN_LEAST {
                    return Err(asked("for a milestone's events"));
                }
                continue;
            };
            let found = logs.iter().filter_map(Announced::of).find(&is_it);
            if found.is_some() || from == 0 {
                return Ok(found);
            }
            if self.block(from.into()).await?.timestamp < since {
                return Ok(None);
            }
            to = from;
        }
    }
}

impl Announced {
    /// What one event says.
    fn of(log: &Log) -> Option<Self> {
        if let Ok(event) = MilestoneDelivered::decode_log(&log.inner) {
            return Some(Self::pinned(event.data));
        }
        let event = MilestoneMoved::decode_log(&log.inner).ok()?;
        Some(Self { state: event.data.state, uri: String::new() })
    }

    /// A pinned delivery. A URI that no signed delivery may have is none.
    fn pinned(event: MilestoneDelivered) -> Self {
        let MilestoneDelivered { state, uri, .. } = event;
        let fits = uri.chars().count() <= limits::URI_CHARS;
        Self { state, uri: if fits { uri } else { String::new() } }
    }
}

/// Whether the called code failed, and not the endpoint: the code of a revert, or what nodes say of
/// code that did not end well.
fn is_execution_fault(resp: &ErrorPayload) -> bool {
    const SAID: [&str; 7] =
        ["revert", "out of gas", "outofgas", "opcode", "invalid jump", "stack", "evm error"];
    let message = resp.message.to_lowercase();
    resp.code == 3 || SAID.iter().any(|said| message.contains(said))
}

fn asked(asked: &'static str) -> JurorError {
    JurorError::Chain { asked }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_uri_that_no_signed_delivery_may_have_is_none() {
        for (chars, kept) in [(0, true), (limits::URI_CHARS, true), (limits::URI_CHARS + 1, false)]
        {
            let uri = "é".repeat(chars);
            let event = MilestoneDelivered {
                dealId: B256::ZERO,
                milestone: 0,
                state: SlowState::default(),
                uri: uri.clone(),
            };
            assert_eq!(Announced::pinned(event).uri == uri, kept, "{chars}");
        }
    }
}
