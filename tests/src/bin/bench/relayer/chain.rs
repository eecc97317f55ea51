//! A real anvil with the contracts, a jury, and deals that are open.

use alloy::primitives::{Address, Bytes, keccak256};
use alloy::providers::{DynProvider, Provider as _, ProviderBuilder};
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent as _;
use anyhow::{Context as _, ensure};
use surety_bindings::escrow::DealEscrow::{DealOpened, MilestoneEnded};
use surety_bindings::escrow::Delivery;
use surety_terms::TermSheet;
use surety_terms::wire::DeliveryRequest;
use surety_tests::anvil::{self, Anvil};
use surety_tests::world::GENESIS;
use surety_tests::{Contracts, World, actors, sign};

use super::super::juror;
use super::jurors::{Panel, SEATS};

/// The chain of one run.
pub(super) struct Chain {
    anvil: Anvil,
    provider: DynProvider,
    contracts: Contracts,
    sheets: Vec<TermSheet>,
}

impl Chain {
    /// Opens so many deals, of one milestone each.
    pub(super) async fn new(panel: &Panel, deals: usize) -> anyhow::Result<Self> {
        let (world, sheets) = world(panel, deals)?;
        let contracts = world.contracts().clone();
        panel.judge_for(contracts.clone());
        let genesis = GENESIS.to_string();
        let flags = ["--timestamp", &genesis, "--auto-impersonate", "--prune-history", "64"];
        let anvil = Anvil::start(&flags).context("no anvil is here: `cargo x setup` gets it")?;
        let provider = ProviderBuilder::new().connect_http(anvil.url().parse()?).erased();
        let chain = Self { anvil, provider, contracts, sheets };
        anvil::build(&chain.provider, world.sent()).await?;
        let opened = Filter::new().from_block(0).event_signature(DealOpened::SIGNATURE_HASH);
        let opened = chain.provider.get_logs(&opened).await?.len();
        ensure!(opened == deals, "{opened} of {deals} deals were opened");
        Ok(chain)
    }

    pub(super) fn url(&self) -> &str {
        self.anvil.url()
    }

    pub(super) const fn contracts(&self) -> &Contracts {
        &self.contracts
    }

    /// How many transactions of the relayer are in blocks.
    pub(super) async fn relayed(&self) -> anyhow::Result<u64> {
        Ok(self.provider.get_transaction_count(relayer()).await?)
    }

    /// How many milestones have ended.
    pub(super) async fn ended(&self) -> anyhow::Result<u64> {
        let ended = Filter::new().from_block(0).event_signature(MilestoneEnded::SIGNATURE_HASH);
        Ok(self.provider.get_logs(&ended).await?.len() as u64)
    }

    /// The delivery of a deal, signed by its seller.
    pub(super) fn delivery(&self, deal: usize) -> anyhow::Result<DeliveryRequest> {
        let term_sheet = self.sheets.get(deal).context("no such deal")?.clone();
        let delivery = Delivery {
            dealId: term_sheet.deal_id(),
            milestone: 0,
            deliverable: keccak256("work"),
            uri: String::new(),
        };
        let signature: Bytes = sign::delivery(&actors::seller(), &self.contracts, &delivery);
        Ok(DeliveryRequest { term_sheet, delivery, signature })
    }
}

fn relayer() -> Address {
    actors::relayer().address()
}

/// The same in this process, where the transactions come from.
fn world(panel: &Panel, deals: usize) -> anyhow::Result<(World, Vec<TermSheet>)> {
    let mut world = World::bare();
    for seat in 0..SEATS {
        let family = format!("rehearsal-family-{seat}");
        world.register(&actors::juror(seat), &family, &panel.url(seat));
    }
    let seats: Vec<Address> = (0..SEATS).map(|seat| actors::juror(seat).address()).collect();
    let jury = world.create_jury(&seats, &[]);
    let first = juror::sheet(&world, 0, 2);
    let mut sheets = Vec::with_capacity(deals);
    for deal in 0..deals {
        let salt = keccak256(deal.to_be_bytes());
        let sheet = TermSheet { jury, salt, ..first.clone() };
        let opened = world.open(&sheet.terms());
        ensure!(opened.is_ok(), "a deal cannot be opened: {opened:?}");
        sheets.push(sheet);
    }
    Ok((world, sheets))
}
