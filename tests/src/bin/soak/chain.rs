//! A real anvil with the contracts, the jurors and their juries, and a block a second.

use std::collections::BTreeMap;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256};
use alloy::providers::{DynProvider, Provider as _, ProviderBuilder};
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::{SolEvent as _, SolEventInterface as _};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use surety_bindings::escrow::DealEscrow::DealEscrowEvents as Event;
use surety_bindings::jury::Jury::JuryCreated;
use surety_tests::anvil::{self, Anvil};
use surety_tests::world::GENESIS;
use surety_tests::{Contracts, World, actors};

use super::cast::Seat;
use super::deals::Juries;

/// Seats of the appeal panel, in which nobody sits: see `deals`.
const APPEAL_SEATS: usize = 3;
/// States that anvil keeps. An audit reads the state of a block that was final when it began.
const STATES: &str = "256";
/// Seconds between blocks.
const BLOCK_SECS: u64 = 1;
/// Blocks whose logs are asked for at once.
const RANGE: u64 = 500;

/// The chain of a run.
pub(super) struct Chain {
    anvil: Anvil,
    provider: DynProvider,
    pub(super) contracts: Contracts,
    pub(super) juries: Juries,
}

/// What the chain says of a milestone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Verdicts that were applied.
    pub(super) settled: u64,
    /// How it ended, as often as it did.
    pub(super) endings: Vec<u8>,
}

/// Everything that the escrow told.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) opened: u64,
    pub(super) milestones: BTreeMap<(B256, u8), Told>,
    /// Verdicts that a batch left out.
    pub(super) skipped: u64,
    /// The block of the last event.
    pub(super) last: u64,
}

impl Chain {
    /// Deploys, registers these jurors, and goes on with a block a second.
    pub(super) async fn start(seats: &[Seat]) -> anyhow::Result<Self> {
        let (world, juries) = world(seats);
        let contracts = world.contracts().clone();
        let genesis = GENESIS.to_string();
        // With one slot in an epoch a block is final two blocks later.
        let flags = [
            "--timestamp",
            &genesis,
            "--auto-impersonate",
            "--slots-in-an-epoch",
            "1",
            "--prune-history",
            STATES,
        ];
        let anvil = Anvil::start(&flags).context("no anvil is here: `cargo x setup` gets it")?;
        let provider = ProviderBuilder::new().connect_http(anvil.url().parse()?).erased();
        let chain = Self { anvil, provider, contracts, juries };
        anvil::build(&chain.provider, world.sent()).await?;
        let created = Filter::new().from_block(0).event_signature(JuryCreated::SIGNATURE_HASH);
        let created = chain.provider.get_logs(&created).await?.len();
        ensure!(created == 2, "{created} of 2 juries were created");
        chain.control("evm_setIntervalMining", &[BLOCK_SECS]).await?;
        Ok(chain)
    }

    pub(super) fn url(&self) -> &str {
        self.anvil.url()
    }

    /// The newest block's time.
    pub(super) async fn now(&self) -> anyhow::Result<u64> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Latest).await?;
        Ok(block.context("a chain without a block")?.header.timestamp)
    }

    /// The newest block's number.
    pub(super) async fn head(&self) -> anyhow::Result<u64> {
        Ok(self.provider.get_block_number().await?)
    }

    /// Lets chain time pass at once.
    pub(super) async fn jump(&self, seconds: u64) -> anyhow::Result<()> {
        self.control("evm_increaseTime", &[seconds]).await?;
        self.control("evm_mine", &[]).await
    }

    /// Blocks come no more.
    pub(super) async fn stop(&self) -> anyhow::Result<()> {
        self.control("evm_setIntervalMining", &[0]).await
    }

    async fn control(&self, method: &'static str, params: &[u64]) -> anyhow::Result<()> {
        let answer = self.provider.raw_request::<_, Value>(method.into(), params.to_vec()).await;
        answer.map(drop).with_context(|| format!("the chain refuses {method}"))
    }

    /// How many transactions of the relayer are in blocks.
    pub(super) async fn relayed(&self) -> anyhow::Result<u64> {
        Ok(self.provider.get_transaction_count(actors::relayer().address()).await?)
    }

    /// What the escrow told from the first block to the newest.
    pub(super) async fn ledger(&self) -> anyhow::Result<Ledger> {
        let (mut ledger, mut from, head) = (Ledger::default(), 0, self.head().await?);
        while from <= head {
            let to = head.min(from + RANGE - 1);
            let escrow = self.contracts.escrow;
            let filter = Filter::new().address(escrow).from_block(from).to_block(to);
            self.provider.get_logs(&filter).await?.iter().for_each(|log| ledger.read(log));
            from = to + 1;
        }
        Ok(ledger)
    }
}

impl Ledger {
    fn read(&mut self, log: &Log) {
        let Ok(event) = Event::decode_log(&log.inner) else { return };
        self.last = self.last.max(log.block_number.unwrap_or_default());
        match event.data {
            Event::DealOpened(_) => self.opened += 1,
            Event::MilestoneSettled(event) => {
                self.milestones.entry((event.dealId, event.milestone)).or_default().settled += 1;
            }
            Event::MilestoneEnded(event) => {
                let told = self.milestones.entry((event.dealId, event.milestone)).or_default();
                told.endings.push(event.ending);
            }
            Event::BatchItemSkipped(_) => self.skipped += 1,
            Event::ActFeePaid(_)
            | Event::AppealBondPaid(_)
            | Event::Credited(_)
            | Event::DealRevoked(_)
            | Event::FeesPaid(_)
            | Event::MilestoneDelivered(_)
            | Event::MilestoneMoved(_)
            | Event::Withdrawn(_) => {}
        }
    }
}

/// The same in this process, where the transactions come from.
fn world(seats: &[Seat]) -> (World, Juries) {
    let mut world = World::bare();
    let mut keys = Vec::new();
    for (number, seat) in seats.iter().enumerate() {
        world.register(&actors::juror(number), seat.family, &seat.url);
        keys.push(actors::juror(number).address());
    }
    let mut appeal: Vec<Address> = Vec::new();
    for number in seats.len()..seats.len() + APPEAL_SEATS {
        let family = format!("rehearsal-appeal-{number}");
        world.register(&actors::juror(number), &family, "http://127.0.0.1:9");
        appeal.push(actors::juror(number).address());
    }
    let juries =
        Juries { plain: world.create_jury(&keys, &[]), appeal: world.create_jury(&keys, &appeal) };
    (world, juries)
}
