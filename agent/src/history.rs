//! What happened to a deal, read from the escrow's events.

use alloy::{
    primitives::{Address, B256},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use surety_bindings::escrow::{DealEscrow, SlowState, Terms};

use crate::{Chain, Error};

/// `IDealEscrow.Status.Delivered`: the ABI knows an enum only as a number.
pub(crate) const DELIVERED: u8 = 1;
/// `IDealEscrow.Status.Judged`.
pub(crate) const JUDGED: u8 = 2;
/// `IDealEscrow.Status.Round2`.
pub(crate) const ROUND2: u8 = 3;
/// How many blocks one log query spans; public endpoints refuse more.
const SPAN: u64 = 9_000;

/// A deal's events, in order.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The opening, if it lies in the blocks that were read.
    pub opened: Option<Opened>,
    /// The states that milestones were in: deliveries that were put on the chain, and what a
    /// verdict or an appeal made of them.
    pub states: Vec<Stood>,
    /// Verdicts.
    pub settled: Vec<Settled>,
    /// Endings.
    pub ended: Vec<Ended>,
}

/// `DealOpened`.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The terms, word for word.
    pub terms: Terms,
    /// The transaction.
    pub tx_hash: B256,
    /// Its block.
    pub block: u64,
}

/// `MilestoneDelivered` or `MilestoneMoved`.
#[derive(Clone, Debug)]
pub struct Stood {
    /// Which milestone.
    pub milestone: u8,
    /// The state that later calls hand back.
    pub state: SlowState,
    /// The transaction.
    pub tx_hash: B256,
}

/// `MilestoneSettled`.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Which milestone.
    pub milestone: u8,
    /// What was judged.
    pub deliverable: B256,
    /// 1 for the panel, 2 for the appeal panel.
    pub round: u8,
    /// An `IJury.Outcome`.
    pub outcome: u8,
    /// The seats that were counted.
    pub seats: u16,
    /// Criteria that a quorum calls met.
    pub met: u16,
    /// Criteria that a quorum calls failed.
    pub failed: u16,
    /// Who handed the ballots in.
    pub submitter: Address,
    /// The transaction.
    pub tx_hash: B256,
}

/// `MilestoneEnded`.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Which milestone.
    pub milestone: u8,
    /// An `Ending`.
    pub ending: u8,
    /// What the seller got of amount and bond share, in base units.
    pub to_seller: u128,
    /// What the buyer got of both, in base units.
    pub to_buyer: u128,
    /// The transaction.
    pub tx_hash: B256,
    /// Its block.
    pub block: u64,
}

impl History {
    /// Reads a deal's events from a block on, up to the head.
    pub async fn read(chain: &Chain, deal_id: B256, from_block: u64) -> Result<Self, Error> {
        let head = chain.head().await?.number;
        let mut history = Self::default();
        let mut from = from_block.min(head);
        loop {
            let to = head.min(from.saturating_add(SPAN));
            let filter =
                Filter::new().address(chain.escrow).topic1(deal_id).from_block(from).to_block(to);
            for log in &chain.rpc.logs(&filter).await? {
                history.add(log);
            }
            if to == head {
                return Ok(history);
            }
            from = to.saturating_add(1);
        }
    }

    /// The state that a milestone's next call hands in: one if its deliverable is on the chain, or a
    /// verdict stands.
    pub fn state(&self, milestone: u8) -> Vec<SlowState> {
        let last = self.states.iter().rev().find(|event| event.milestone == milestone);
        last.map(|event| event.state.clone()).into_iter().collect()
    }

    /// How a milestone ended.
    pub fn ended(&self, milestone: u8) -> Option<&Ended> {
        self.ended.iter().find(|event| event.milestone == milestone)
    }

    /// The last verdict on a milestone.
    pub fn settled(&self, milestone: u8) -> Option<&Settled> {
        self.settled.iter().rev().find(|event| event.milestone == milestone)
    }

    /// Adds one event. What does not decode is not one of the escrow's and is left out.
    fn add(&mut self, log: &Log) {
        if log.removed {
            return;
        }
        let tx_hash = log.transaction_hash.unwrap_or_default();
        let block = log.block_number.unwrap_or_default();
        let topic = log.topic0().copied().unwrap_or_default();
        match topic {
            DealEscrow::DealOpened::SIGNATURE_HASH => {
                if let Ok(event) = log.log_decode::<DealEscrow::DealOpened>() {
                    let terms = event.inner.data.terms;
                    self.opened = Some(Opened { terms, tx_hash, block });
                }
            }
            DealEscrow::MilestoneDelivered::SIGNATURE_HASH => {
                if let Ok(event) = log.log_decode::<DealEscrow::MilestoneDelivered>() {
                    let DealEscrow::MilestoneDelivered { milestone, state, .. } = event.inner.data;
                    self.states.push(Stood { milestone, state, tx_hash });
                }
            }
            DealEscrow::MilestoneMoved::SIGNATURE_HASH => {
                if let Ok(event) = log.log_decode::<DealEscrow::MilestoneMoved>() {
                    let DealEscrow::MilestoneMoved { milestone, state, .. } = event.inner.data;
                    self.states.push(Stood { milestone, state, tx_hash });
                }
            }
            DealEscrow::MilestoneSettled::SIGNATURE_HASH => {
                if let Ok(event) = log.log_decode::<DealEscrow::MilestoneSettled>() {
                    self.settled.push(settled(&event.inner.data, tx_hash));
                }
            }
            DealEscrow::MilestoneEnded::SIGNATURE_HASH => {
                if let Ok(event) = log.log_decode::<DealEscrow::MilestoneEnded>() {
                    self.ended.push(ended(&event.inner.data, tx_hash, block));
                }
            }
            _ => {}
        }
    }
}

/// Keeps a verdict's fields.
fn settled(event: &DealEscrow::MilestoneSettled, tx_hash: B256) -> Settled {
    let DealEscrow::MilestoneSettled { milestone, deliverable, round, outcome, .. } = *event;
    let DealEscrow::MilestoneSettled { seats, met, failed, submitter, .. } = *event;
    Settled { milestone, deliverable, round, outcome, seats, met, failed, submitter, tx_hash }
}

/// Keeps an ending's fields.
fn ended(event: &DealEscrow::MilestoneEnded, tx_hash: B256, block: u64) -> Ended {
    Ended {
        milestone: event.milestone,
        ending: event.ending,
        to_seller: event.toSeller,
        to_buyer: event.toBuyer,
        tx_hash,
        block,
    }
}
