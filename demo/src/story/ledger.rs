//! What happened, read from the chain's events and from nothing else.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, U256};
use alloy::providers::Provider as _;
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolEvent as _;
use surety_bindings::escrow::{DealEscrow, Terms};
use tokio::sync::watch;

use super::chain::{Addresses, LocalChain, failed};
use super::process::LOOK_EVERY;
use super::token::TestUSDC;
use crate::error::DemoError;

/// How a milestone ended; `Ending` of the contracts.
pub(super) const ENDINGS: [&str; 9] = [
    "open",
    "accepted",
    "rejected",
    "conceded",
    "reclaimed",
    "undetermined",
    "silent",
    "agreed",
    "cancelled",
];

/// A counted verdict.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) deliverable: B256,
    pub(super) seats: u16,
}

/// The end of a milestone.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) ending: u8,
    pub(super) to_seller: U256,
    pub(super) to_buyer: U256,
}

/// One deal.
#[derive(Debug, Clone)]
pub(super) struct Deal {
    pub(super) terms: Terms,
    /// Milestone to the end of the panel's window, for deliveries that were put on the chain.
    pub(super) delivered: BTreeMap<u8, u64>,
    pub(super) settled: BTreeMap<u8, Settled>,
    pub(super) ended: BTreeMap<u8, Ended>,
}

impl Deal {
    /// Whether nothing is left to happen.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.len() == self.terms.milestones.len()
    }
}

/// Every event of the escrow and of the token that touches it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    pub(super) deals: BTreeMap<B256, Deal>,
    pub(super) credited: BTreeMap<Address, U256>,
    pub(super) withdrawn: BTreeMap<Address, U256>,
    /// What the token moved into the escrow, and out of it.
    pub(super) money_in: U256,
    pub(super) money_out: U256,
}

impl Ledger {
    /// Whether this deal is on the chain and over.
    pub(super) fn has_ended(&self, deal: B256) -> bool {
        self.deals.get(&deal).is_some_and(Deal::has_ended)
    }

    fn read(&mut self, at: Addresses, log: &Log) {
        if log.address() == at.token {
            if let Ok(event) = TestUSDC::Transfer::decode_log(&log.inner) {
                if event.to == at.escrow {
                    self.money_in = self.money_in.saturating_add(event.value);
                }
                if event.from == at.escrow {
                    self.money_out = self.money_out.saturating_add(event.value);
                }
            }
        } else if let Ok(event) = DealEscrow::DealEscrowEvents::decode_raw(log) {
            self.apply(event);
        }
    }

    fn apply(&mut self, event: DealEscrow::DealEscrowEvents) {
        use DealEscrow::DealEscrowEvents as Event;
        match event {
            Event::DealOpened(event) => {
                let deal = Deal {
                    terms: event.terms,
                    delivered: BTreeMap::new(),
                    settled: BTreeMap::new(),
                    ended: BTreeMap::new(),
                };
                self.deals.insert(event.dealId, deal);
            }
            Event::MilestoneDelivered(event) => {
                if let Some(deal) = self.deals.get_mut(&event.dealId) {
                    deal.delivered.insert(event.milestone, event.state.until.to());
                }
            }
            Event::MilestoneSettled(event) => {
                if let Some(deal) = self.deals.get_mut(&event.dealId) {
                    let (deliverable, seats) = (event.deliverable, event.seats);
                    deal.settled.insert(event.milestone, Settled { deliverable, seats });
                }
            }
            Event::MilestoneEnded(event) => {
                if let Some(deal) = self.deals.get_mut(&event.dealId) {
                    let ended = Ended {
                        ending: event.ending,
                        to_seller: U256::from(event.toSeller),
                        to_buyer: U256::from(event.toBuyer),
                    };
                    deal.ended.insert(event.milestone, ended);
                }
            }
            Event::Credited(event) => add(&mut self.credited, event.owner, event.amount),
            Event::Withdrawn(event) => add(&mut self.withdrawn, event.owner, event.amount),
            // The story has no fees, appeals, batches or revoked terms.
            Event::ActFeePaid(_)
            | Event::AppealBondPaid(_)
            | Event::BatchItemSkipped(_)
            | Event::DealRevoked(_)
            | Event::FeesPaid(_)
            | Event::MilestoneMoved(_) => {}
        }
    }
}

fn add(sums: &mut BTreeMap<Address, U256>, owner: Address, amount: U256) {
    let sum = sums.entry(owner).or_default();
    *sum = sum.saturating_add(amount);
}

/// Decodes a log of the escrow.
trait DecodeRaw: Sized {
    fn decode_raw(log: &Log) -> Result<Self, alloy::sol_types::Error>;
}

impl DecodeRaw for DealEscrow::DealEscrowEvents {
    fn decode_raw(log: &Log) -> Result<Self, alloy::sol_types::Error> {
        use alloy::sol_types::SolEventInterface as _;
        Self::decode_log(&log.inner).map(|log| log.data)
    }
}

/// Follows the chain in the background and lets others wait for what they expect.
#[derive(Debug, Clone)]
pub(super) struct Follower {
    ledger: watch::Receiver<Ledger>,
}

impl Follower {
    /// Follows from block `from` until the runtime ends.
    pub(super) fn start(chain: LocalChain, at: Addresses, from: u64) -> Self {
        let (tell, ledger) = watch::channel(Ledger::default());
        tokio::spawn(async move {
            let mut next = from;
            while !tell.is_closed() {
                if let Err(error) = follow(&chain, at, &mut next, &tell).await {
                    tracing::warn!(%error, "the chain cannot be followed for the moment");
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self { ledger }
    }

    /// A copy of what is known now.
    pub(super) fn ledger(&self) -> Ledger {
        self.ledger.borrow().clone()
    }

    /// Waits until the ledger answers `ready`.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        within: Duration,
        ready: impl Fn(&Ledger) -> Option<T>,
    ) -> Result<T, DemoError> {
        let started = Instant::now();
        let mut ledger = self.ledger.clone();
        loop {
            if let Some(found) = ready(&ledger.borrow_and_update()) {
                return Ok(found);
            }
            let left = within.saturating_sub(started.elapsed());
            // An error says that time is over or that the follower is gone: both end the wait.
            if !matches!(tokio::time::timeout(left, ledger.changed()).await, Ok(Ok(()))) {
                let what = what.to_owned();
                return Err(DemoError::Timeout { what, seconds: within.as_secs() });
            }
        }
    }
}

async fn follow(
    chain: &LocalChain,
    at: Addresses,
    next: &mut u64,
    tell: &watch::Sender<Ledger>,
) -> Result<(), DemoError> {
    let head = chain.provider.get_block_number().await.map_err(failed("the head"))?;
    if head < *next {
        return Ok(());
    }
    let filter = Filter::new().address(vec![at.escrow, at.token]).from_block(*next).to_block(head);
    let logs = chain.provider.get_logs(&filter).await.map_err(failed("the logs"))?;
    *next = head.saturating_add(1);
    if !logs.is_empty() {
        tell.send_modify(|ledger| logs.iter().for_each(|log| ledger.read(at, log)));
    }
    Ok(())
}
