//! What the chain says about this agent's live deals, kept up to date from the escrow's events.

use std::collections::{HashMap, HashSet};

use alloy::{
    primitives::{Address, B256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent as _,
};
use surety_bindings::escrow::{
    DealEscrow::{
        Credited, DealOpened, MilestoneDelivered, MilestoneEnded, MilestoneMoved, MilestoneSettled,
    },
    SlowState,
};
use surety_chain::Header;
use tokio::time::{Duration, Instant};

use crate::{Chain, Deal, Error, History, Word};

/// Blocks that are read again with every new head, so that a shallow reorganisation changes
/// nothing that is not seen.
const OVERLAP: u64 = 4;
/// The widest gap that is read by events; behind a wider one every deal is read anew.
const GAP: u64 = 2_000;
/// After this long every live deal is read anew, whatever the events said.
const READ_ANEW: Duration = Duration::from_mins(1);

/// A live deal on the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Its word.
    pub(crate) word: Word,
    /// The state of each milestone whose deliverable is on the chain.
    pub(crate) states: HashMap<u8, SlowState>,
    /// Whether its jury has an appeal panel; not asked before a deliverable is on the chain.
    pub(crate) has_appeal_panel: bool,
}

/// The chain's side of the agent's book.
#[derive(Debug)]
pub(crate) struct Watch {
    chain: Chain,
    owner: Address,
    head: Option<Header>,
    read_anew_at: Instant,
    seen: HashMap<B256, Seen>,
    /// Whether the owner has money in the escrow, as far as is known.
    pub(crate) has_credit: bool,
}

impl Watch {
    /// Knows nothing yet.
    pub(crate) fn new(chain: Chain, owner: Address) -> Self {
        let (head, seen) = (None, HashMap::new());
        Self { chain, owner, head, read_anew_at: Instant::now(), seen, has_credit: false }
    }

    /// A live deal, as of the last head.
    pub(crate) fn seen(&self, deal_id: B256) -> Option<&Seen> {
        self.seen.get(&deal_id)
    }

    /// Reads a new head and what it changed for `live` deals. On an error what was known stays.
    pub(crate) async fn refresh(&mut self, live: &HashMap<B256, Deal>) -> Result<Header, Error> {
        let head = self.chain.head().await?;
        self.seen.retain(|deal_id, _| live.contains_key(deal_id));
        let same = self.head.is_some_and(|last| last.hash == head.hash);
        let next = self.head.filter(|last| {
            head.number > last.number && head.number.saturating_sub(last.number) <= GAP
        });
        let now = Instant::now();
        let mut stale: HashSet<B256> =
            live.keys().filter(|id| !self.seen.contains_key(*id)).copied().collect();
        let mut credit = false;
        match next {
            _ if now >= self.read_anew_at => {
                stale.extend(live.keys());
                credit = true;
            }
            _ if same => {}
            Some(last) => credit = self.changes(last, head, live, &mut stale).await?,
            None => {
                stale.extend(live.keys());
                credit = true;
            }
        }
        for deal_id in stale {
            if let Some(deal) = live.get(&deal_id) {
                let seen = self.read(deal).await?;
                self.seen.insert(deal_id, seen);
            }
        }
        if credit {
            self.read_credit().await?;
        }
        if now >= self.read_anew_at {
            self.read_anew_at = now + READ_ANEW;
        }
        self.head = Some(head);
        Ok(head)
    }

    /// Asks the chain for the owner's credit.
    pub(crate) async fn read_credit(&mut self) -> Result<(), Error> {
        self.has_credit = !self.chain.credit(self.owner).await?.is_zero();
        Ok(())
    }

    /// Collects the live deals that the events since `last` name; tells whether money was credited.
    async fn changes(
        &self,
        last: Header,
        head: Header,
        live: &HashMap<B256, Deal>,
        stale: &mut HashSet<B256>,
    ) -> Result<bool, Error> {
        let from = last.number.saturating_sub(OVERLAP);
        let filter =
            Filter::new().address(self.chain.escrow).from_block(from).to_block(head.number);
        let logs = self.chain.rpc.logs(&filter).await?;
        let deals = logs.iter().filter_map(deal_of);
        stale.extend(deals.filter(|deal_id| live.contains_key(deal_id)));
        let owner = self.owner.into_word();
        Ok(logs.iter().any(|log| {
            log.topic0() == Some(&Credited::SIGNATURE_HASH) && log.topics().get(2) == Some(&owner)
        }))
    }

    /// Reads a deal's word, and its events if a milestone is delivered on the chain. The last state
    /// of a milestone is the one that it is in.
    async fn read(&self, deal: &Deal) -> Result<Seen, Error> {
        let word = self.chain.word(deal.id).await?;
        let mut seen = Seen { word, ..Seen::default() };
        if (0..deal.milestones()).any(|milestone| word.is_delivered(milestone)) {
            let history = History::read(&self.chain, deal.id, deal.from_block).await?;
            seen.states
                .extend(history.states.into_iter().map(|event| (event.milestone, event.state)));
            seen.has_appeal_panel = self.chain.has_appeal_panel(deal.terms.jury).await?;
        }
        Ok(seen)
    }
}

/// The deal that one of the escrow's events is about.
fn deal_of(log: &Log) -> Option<B256> {
    let about_deals = [
        DealOpened::SIGNATURE_HASH,
        MilestoneDelivered::SIGNATURE_HASH,
        MilestoneMoved::SIGNATURE_HASH,
        MilestoneSettled::SIGNATURE_HASH,
        MilestoneEnded::SIGNATURE_HASH,
    ];
    let topic = log.topic0()?;
    if about_deals.contains(topic) { log.topics().get(1).copied() } else { None }
}
