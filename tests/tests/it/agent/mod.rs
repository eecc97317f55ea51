//! Agents against the contracts and a real relayer: operations, processes, and hostile others.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failure here is a test's failure"
)]

mod hostile;
mod operations;
mod process;

use std::path::PathBuf;
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::Provider as _;
use alloy::signers::local::PrivateKeySigner;
use surety_agent::{Chain, Deal, Session, ops, relayer::Client};
use surety_chain::Rpc;
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, TermSheet, Usdc, Version};
use surety_tests::node::Node;
use surety_tests::{World, actors, seat};
use tempfile::TempDir;

/// Contracts, a chain, and a relayer that pays for the gas. The parties own no ETH.
pub(crate) struct Market {
    pub(crate) world: World,
    pub(crate) node: Node,
    pub(crate) relayer: surety_relayer::Handle,
    pub(crate) folder: TempDir,
}

impl Market {
    pub(crate) async fn open() -> Self {
        Self::of(World::new()).await
    }

    pub(crate) async fn of(world: World) -> Self {
        let node = world.node();
        let folder = tempfile::tempdir().unwrap();
        let key = key_file(&folder, "relayer", &world.relayer());
        let text = format!(
            "chain_rpc = 'http://127.0.0.1:1'\nchain_id = {}\nescrow = '{}'\nblock_tag = 'latest'\n\
             listen = '127.0.0.1:0'\nstore = '{}'\nkey_file = '{}'\npoll_ms = 10\n\
             [acts]\nperform = false\n\
             [jurors]\nallow_private_hosts = true\nretry_ms = 10\nretry_most_ms = 200\ncommit_ms = 500",
            world.contracts().chain_id,
            world.contracts().escrow,
            folder.path().join("relayer").display(),
            key.display(),
        );
        let config: surety_relayer::Config = text.parse().unwrap();
        let relayer = surety_relayer::start_on(config, node.provider().erased()).await.unwrap();
        Self { world, node, relayer, folder }
    }

    pub(crate) fn rpc(&self) -> Rpc {
        Rpc::new(self.node.provider().erased())
    }

    pub(crate) async fn chain(&self) -> Chain {
        let contracts = self.world.contracts();
        Chain::connect(self.rpc(), contracts.chain_id, contracts.escrow).await.unwrap()
    }

    pub(crate) async fn session(&self, owner: PrivateKeySigner) -> Session {
        let relayer = Client::new(&self.relayer.url().parse().unwrap()).unwrap();
        Session::new(owner, self.chain().await, relayer)
            .with_pace(Duration::from_millis(10), Duration::from_secs(20))
    }

    /// A sheet of 100 dollars per milestone, open within an hour, delivered within a day, judged
    /// within a day.
    pub(crate) fn sheet(&self, milestones: u32, bond: u32) -> TermSheet {
        let contracts = self.world.contracts();
        let now = self.node.now();
        let part = |index: u32| MilestoneSheet {
            title: format!("Part {index}"),
            description: String::new(),
            amount: Usdc::from_whole(100),
            deliver_by: now + 86_400,
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria: vec![Criterion {
                id: "whole".to_owned(),
                text: "The deliverable is whole.".to_owned(),
                weight_bps: Bps::WHOLE,
                mandatory: true,
                evidence_required: false,
                kind: Kind::Llm,
            }],
        };
        TermSheet {
            version: Version::V1,
            chain_id: contracts.chain_id,
            escrow: contracts.escrow,
            title: "A summary".to_owned(),
            summary: String::new(),
            buyer: self.world.buyer().address(),
            seller: self.world.seller().address(),
            buyer_agent: None,
            seller_agent: None,
            seller_families: vec![],
            recipients: None,
            token: contracts.token,
            total: Usdc::from_whole(100 * milestones),
            bond: Usdc::from_whole(bond),
            jury: self.world.jury(),
            template: None,
            jury_fee: Usdc::ZERO,
            relay_fee: Usdc::ZERO,
            open_fee: Usdc::ZERO,
            fee_bps: Bps::ZERO,
            fee_receiver: Address::ZERO,
            pay_as_credit: false,
            open_by: now + 3_600,
            judge_within: 86_400,
            appeal_within: 0,
            appeal_bond: Usdc::ZERO,
            silent_seller_bps: Bps::new(4_000),
            split_seller_bps: Bps::ZERO,
            sequential: false,
            salt: B256::random(),
            milestones: (0..milestones).map(part).collect(),
        }
    }

    /// An open deal of one milestone with a bond of 10, and both parties' sessions.
    pub(crate) async fn open_deal(&self) -> (Deal, Session, Session) {
        let deal = Deal::new(self.sheet(1, 10), 0);
        let buyer = self.session(self.world.buyer()).await;
        let seller = self.session(self.world.seller()).await;
        let (paid, bonded) = signatures(&deal, &buyer, &seller);
        ops::open::submit(&buyer, &deal, paid, bonded).await.unwrap();
        (deal, buyer, seller)
    }

    pub(crate) async fn balance(&self, owner: Address) -> u64 {
        self.chain().await.balance(owner).await.unwrap().to()
    }

    pub(crate) async fn assert_no_ether(&self) {
        for party in [self.world.buyer(), self.world.seller()] {
            let ether = self.node.provider().get_balance(party.address()).await.unwrap();
            assert_eq!(ether, U256::ZERO);
            let sent = self.node.provider().get_transaction_count(party.address()).await.unwrap();
            assert_eq!(sent, 0);
        }
    }

    /// Calls the token as its admin.
    pub(crate) async fn token_admin(&self, calldata: Bytes) {
        use alloy::network::TransactionBuilder as _;
        let request = alloy::rpc::types::TransactionRequest::default()
            .with_to(self.world.contracts().token)
            .with_input(calldata);
        let provider = self.node.provider_for(actors::deployer());
        let sent = provider.send_transaction(request).await.unwrap();
        assert!(sent.get_receipt().await.unwrap().status());
    }
}

/// Dollars in base units.
pub(crate) const fn usd(dollars: u64) -> u64 {
    dollars * 1_000_000
}

/// Both parties' signatures on a deal.
pub(crate) fn signatures(deal: &Deal, buyer: &Session, seller: &Session) -> (Bytes, Bytes) {
    (ops::open::sign(buyer, deal).unwrap(), ops::open::sign(seller, deal).unwrap())
}

pub(crate) fn key_file(folder: &TempDir, name: &str, key: &PrivateKeySigner) -> PathBuf {
    seat::key_file(&folder.path().join(format!("{name}.key")), key)
}
