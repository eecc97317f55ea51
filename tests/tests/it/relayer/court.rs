//! A chain with an open deal, five jurors that answer over HTTP, and a relayer's configuration.
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::Provider as _;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall as _;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use sqlx::{Connection as _, Row as _};
use surety_bindings::escrow::{DealEscrow, Delivery};
use surety_relayer::wire::{CaseState, CaseView, DeliveryAnswer, JurorRecord};
use surety_relayer::{Config, Handle};
use surety_store::scratch::Schema;
use surety_terms::wire::DeliveryRequest;
use surety_terms::{
    Bps, Criterion, Kind, MilestoneSheet, Problem, TermSheet, Usdc, Version, digest,
};
use surety_tests::{Contracts, Node, World, actors, sign};

use super::gate::{Gate, Rule};
use super::jurors::{Habit, TestJuror};

alloy::sol! {
    function balanceOf(address account) external view returns (uint256);
    function transfer(address to, uint256 amount) external returns (bool);
}

/// Set where the relayers of these tests keep their rows on PostgreSQL.
const ON_POSTGRES: &str = "SURETY_RELAYER_ON_POSTGRES";

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A relayer that answers somewhere, in this process or in one of its own.
pub(crate) trait At {
    fn url(&self) -> &str;
}

impl At for Handle {
    fn url(&self) -> &str {
        Self::url(self)
    }
}

pub(crate) struct Court {
    pub(crate) node: Node,
    pub(crate) contracts: Contracts,
    pub(crate) jurors: Vec<TestJuror>,
    pub(crate) sheet: TermSheet,
    pub(crate) work: Bytes,
    pub(crate) http: Client,
    pub(crate) dir: tempfile::TempDir,
    /// On PostgreSQL, where the suite is told to run there.
    pub(crate) database: Option<Schema>,
    /// The relayer's transactions before this test.
    relayed_before: u64,
}

impl Court {
    /// A deal of two milestones of 50 dollars each is open and nothing is delivered.
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// The same with other terms.
    pub(crate) async fn with(change: impl FnOnce(&mut TermSheet)) -> Self {
        let mut court = Self::unopened().await;
        change(&mut court.sheet);
        court.open().await;
        court
    }

    /// Opens the deal of the sheet.
    pub(crate) async fn open(&self) {
        let (buyer, seller) = self.opening();
        let open = DealEscrow::openCall {
            terms: self.sheet.terms(),
            buyerAuthorization: buyer,
            sellerAuthorization: seller,
        };
        self.send(open.abi_encode().into()).await;
    }

    /// The same for relayers that share a database. None where no PostgreSQL server is.
    pub(crate) async fn shared() -> Option<Self> {
        let mut court = Self::new().await;
        if court.database.is_none() {
            court.database = Some(Schema::new().await?);
        }
        Some(court)
    }

    /// The same before the deal is opened.
    pub(crate) async fn unopened() -> Self {
        Self::seated(5, 0).await
    }

    /// The same with so many jurors on the panel, and the next ones on the appeal panel.
    pub(crate) async fn seated(panel: usize, appeal: usize) -> Self {
        let mut jurors = Vec::new();
        for i in 0..panel + appeal {
            jurors.push(TestJuror::start(i).await);
        }
        let urls: Vec<String> = jurors.iter().map(|juror| juror.url.clone()).collect();
        let mut court = Self::unopened_on(&urls, panel).await;
        for juror in &jurors {
            juror.serve_chain(&court.contracts);
        }
        court.jurors = jurors;
        court
    }

    /// The same with jurors that answer at these places.
    pub(crate) async fn unopened_at(urls: &[String]) -> Self {
        Self::unopened_on(urls, urls.len()).await
    }

    /// The same with so many of them on the panel, and the others on the appeal panel.
    pub(crate) async fn unopened_on(urls: &[String], panel: usize) -> Self {
        let mut world = World::bare();
        for (i, url) in urls.iter().enumerate() {
            world.register(&actors::juror(i), &format!("rehearsal-family-{i}"), url);
        }
        let keys: Vec<Address> = (0..urls.len()).map(|i| actors::juror(i).address()).collect();
        let (panel, appeal) = keys.split_at(panel);
        let jury = world.create_jury(panel, appeal);
        let sheet = sheet(&world, jury);
        let contracts = world.contracts().clone();
        let dir = tempfile::tempdir().unwrap();
        let key = world.relayer();
        let node = world.node();
        node.set_balance(key.address(), U256::from(10).pow(U256::from(18)));
        let work = Bytes::from_static(b"the work");
        let http = Client::new();
        let database = if std::env::var_os(ON_POSTGRES).is_some() {
            Some(Schema::new().await.unwrap())
        } else {
            None
        };
        let (jurors, relayed_before) = (Vec::new(), 0);
        let mut court =
            Self { node, contracts, jurors, sheet, work, http, dir, database, relayed_before };
        court.keep_key("key", &key);
        court.relayed_before = court.relayed().await;
        court
    }

    /// The signatures that open the deal.
    pub(crate) fn opening(&self) -> (Bytes, Bytes) {
        let (buyer, seller) = (surety_tests::actors::buyer(), surety_tests::actors::seller());
        sign::opening(&self.contracts, &self.sheet.terms(), &buyer, &seller)
    }

    pub(crate) fn toml(&self) -> String {
        let database = self.database.as_ref();
        let database = database.map(|d| format!("database = \"{}\"\n", d.url()));
        format!(
            "{}chain_rpc = \"http://127.0.0.1:1\"\nchain_id = {}\nescrow = \"{}\"\n\
             block_tag = \"latest\"\nlisten = \"127.0.0.1:0\"\nstore = \"{}\"\nkey_file = \"{}\"\n\
             poll_ms = 10\n[acts]\nperform = false\n[sending]\nrebroadcast_ms = 20\n\
             [leases]\nttl_ms = 2000\nrenew_ms = 400\n\
             [jurors]\nallow_private_hosts = true\nretry_ms = 10\nretry_most_ms = 50\n\
             wait_secs = 0\ncommit_ms = 500\ngrace_ms = 500\n",
            database.unwrap_or_default(),
            self.contracts.chain_id,
            self.contracts.escrow,
            self.dir.path().join("store").display(),
            self.dir.path().join("key").display(),
        )
    }

    pub(crate) fn config(&self) -> Config {
        self.toml().parse().unwrap()
    }

    /// A second relayer's configuration: another store and another key.
    pub(crate) fn other_config(&self) -> Config {
        let key = surety_tests::actors::deployer();
        self.node.set_balance(key.address(), U256::from(10).pow(U256::from(18)));
        self.keep_key("other-key", &key);
        self.toml()
            .replace("/store\"", "/other-store\"")
            .replace("/key\"", "/other-key\"")
            .parse()
            .unwrap()
    }

    /// Writes a key file into the test's folder.
    pub(crate) fn keep_key(&self, name: &str, key: &PrivateKeySigner) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, format!("{:#x}\n", key.to_bytes())).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Where the test's files are.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// Who sent what waits for a block.
    pub(crate) async fn senders_waiting(&self) -> std::collections::BTreeSet<Address> {
        let mut senders = std::collections::BTreeSet::new();
        for hash in self.node.pending() {
            let tx = self.node.provider().get_transaction_by_hash(hash).await.unwrap().unwrap();
            senders.insert(tx.inner.signer());
        }
        senders
    }

    pub(crate) async fn start(&self) -> Handle {
        self.start_behind(&self.gate(Rule::Open)).await
    }

    /// With more configuration.
    pub(crate) async fn start_configured(&self, more: &str) -> Handle {
        self.start_of(&format!("{}{more}", self.toml())).await
    }

    pub(crate) async fn start_of(&self, toml: &str) -> Handle {
        let gate = self.gate(Rule::Open);
        surety_relayer::start_on(toml.parse().unwrap(), gate.provider()).await.unwrap()
    }

    pub(crate) fn store(&self) -> std::path::PathBuf {
        self.dir.path().join("store")
    }

    pub(crate) async fn start_behind(&self, gate: &Gate) -> Handle {
        surety_relayer::start_on(self.config(), gate.provider()).await.unwrap()
    }

    /// Loses all that a relayer has stored.
    pub(crate) async fn lose_disk(&mut self) {
        std::fs::remove_dir_all(self.dir.path().join("store")).unwrap();
        if self.database.is_some() {
            self.database = Schema::new().await;
        }
    }

    pub(crate) fn gate(&self, rule: Rule) -> Gate {
        Gate::new(&self.node, rule)
    }

    pub(crate) fn everyone(&self, habit: Habit) {
        for juror in &self.jurors {
            juror.set(habit);
        }
    }

    // ---- deliveries

    pub(crate) fn delivery(&self, milestone: u8, work: &[u8]) -> DeliveryRequest {
        let delivery = Delivery {
            dealId: self.sheet.deal_id(),
            milestone,
            deliverable: keccak256(work),
            uri: "https://seller.example/work".to_owned(),
        };
        let seller = surety_tests::actors::seller();
        let signature = sign::delivery(&seller, &self.contracts, &delivery);
        DeliveryRequest { term_sheet: self.sheet.clone(), delivery, signature }
    }

    pub(crate) fn case_id(&self, milestone: u8, work: &[u8]) -> B256 {
        let deal = self.sheet.deal_id();
        digest::case_id(&sign::case(&self.contracts, deal, milestone, keccak256(work)))
    }

    /// Hands in the bytes and the delivery of the first milestone.
    pub(crate) async fn deliver(&self, relayer: &impl At) -> B256 {
        self.put(relayer, &self.work).await;
        let (status, body) = self.post(relayer, "deliveries", &self.delivery(0, &self.work)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
        let answer: DeliveryAnswer = serde_json::from_value(body).unwrap();
        assert_eq!(answer.case_id, self.case_id(0, &self.work));
        answer.case_id
    }

    pub(crate) async fn put(&self, relayer: &impl At, work: &[u8]) {
        let url = format!("{}/v1/deliverables/{}", relayer.url(), keccak256(work));
        let answer = self.http.put(url).body(work.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }

    // ---- HTTP

    pub(crate) async fn post(
        &self,
        relayer: &impl At,
        path: &str,
        body: &impl serde::Serialize,
    ) -> (StatusCode, Value) {
        self.post_bytes(relayer, path, serde_json::to_vec(body).unwrap()).await
    }

    pub(crate) async fn post_bytes(
        &self,
        relayer: &impl At,
        path: &str,
        body: Vec<u8>,
    ) -> (StatusCode, Value) {
        let url = format!("{}/v1/{path}", relayer.url());
        let answer = self.http.post(url).body(body).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    pub(crate) async fn get(&self, relayer: &impl At, path: &str) -> (StatusCode, Value) {
        let url = format!("{}/v1/{path}", relayer.url());
        let answer = self.http.get(url).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    /// A refusal, which must be a problem document about this field.
    pub(crate) fn problem((status, body): (StatusCode, Value), field: &str) -> Problem {
        let problem: Problem = serde_json::from_value(body).unwrap();
        assert_eq!(problem.status, status.as_u16());
        assert_eq!(problem.field.as_deref(), Some(field), "{problem:?}");
        problem
    }

    pub(crate) async fn case(&self, relayer: &impl At, id: B256, wait_secs: u64) -> CaseView {
        let (_, body) = self.get(relayer, &format!("cases/{id}?waitSecs={wait_secs}")).await;
        serde_json::from_value(body).unwrap()
    }

    /// What the relayer says of the juror on a seat; nothing while it was not asked.
    pub(crate) async fn record(&self, relayer: &impl At, seat: usize) -> JurorRecord {
        let key = actors::juror(seat).address();
        let (status, body) = self.get(relayer, &format!("jurors/{key}")).await;
        if status == StatusCode::NOT_FOUND {
            return JurorRecord::default();
        }
        serde_json::from_value(body).unwrap()
    }

    /// The relayer's rows, past the relayer.
    pub(crate) async fn rows(&self) -> sqlx::AnyConnection {
        sqlx::any::install_default_drivers();
        let file = self.dir.path().join("store/relayer.sqlite");
        let url = match &self.database {
            Some(schema) => schema.url().to_string(),
            None => format!("sqlite://{}", file.display()),
        };
        sqlx::AnyConnection::connect(&url).await.unwrap()
    }

    /// The mismatches in the store, by case and juror.
    pub(crate) async fn evidence(&self) -> Vec<(B256, Address)> {
        let mut store = self.rows().await;
        let rows = sqlx::query("SELECT case_id, juror FROM mismatch").fetch_all(&mut store).await;
        let read = |row: &surety_store::DbRow| {
            let (case, juror): (Vec<u8>, Vec<u8>) = (row.get(0), row.get(1));
            (B256::from_slice(&case), Address::from_slice(&juror))
        };
        rows.unwrap().iter().map(read).collect()
    }

    /// The case once it is over.
    pub(crate) async fn over(&self, relayer: &impl At, id: B256) -> CaseView {
        let view = self.case(relayer, id, 30).await;
        assert!(view.state.is_over(), "{view:?}");
        view
    }

    pub(crate) async fn reaches(&self, relayer: &impl At, id: B256, state: CaseState) {
        eventually(&format!("{state:?}"), || async {
            self.case(relayer, id, 0).await.state == state
        })
        .await;
    }

    // ---- the chain

    /// Has the token emit an event and move nothing.
    pub(crate) async fn transfer_nothing(&self) {
        let call = transferCall { to: self.contracts.escrow, amount: U256::ZERO };
        self.send_to(self.contracts.token, call.abi_encode().into()).await;
    }

    /// Sends calldata to the escrow past the relayer, from an account of its own.
    pub(crate) async fn send(&self, calldata: Bytes) {
        self.send_to(self.contracts.escrow, calldata).await;
    }

    /// The same to another contract.
    pub(crate) async fn send_to(&self, to: Address, calldata: Bytes) {
        let sender = surety_tests::actors::deployer();
        self.node.set_balance(sender.address(), U256::from(10).pow(U256::from(18)));
        let provider = self.node.provider_for(sender);
        let tx = alloy::rpc::types::TransactionRequest::default().to(to).input(calldata.into());
        let receipt = provider.send_transaction(tx).await.unwrap().get_receipt().await.unwrap();
        assert!(receipt.status());
    }

    pub(crate) async fn dollars(&self, account: Address) -> u64 {
        let call = balanceOfCall { account }.abi_encode();
        let tx = alloy::rpc::types::TransactionRequest::default()
            .to(self.contracts.token)
            .input(call.into());
        let bytes = self.node.provider().call(tx).await.unwrap();
        let units = balanceOfCall::abi_decode_returns(&bytes).unwrap();
        (units / U256::from(1_000_000)).to()
    }

    /// How many transactions of the relayer the chain has taken in this test.
    pub(crate) async fn relayed(&self) -> u64 {
        let relayer = surety_tests::actors::relayer().address();
        let count = self.node.provider().get_transaction_count(relayer).await.unwrap();
        count - self.relayed_before
    }
}

pub(crate) fn sheet(world: &World, jury: B256) -> TermSheet {
    let now = world.now();
    let milestone = |title: &str| MilestoneSheet {
        title: title.to_owned(),
        description: String::new(),
        amount: Usdc::from_whole(50),
        deliver_by: now + 86_400,
        pass_bps: Bps::new(10_000),
        pro_rata: false,
        criteria: ["exists", "is-good"].map(criterion).into(),
    };
    TermSheet {
        version: Version::V1,
        chain_id: world.contracts().chain_id,
        escrow: world.contracts().escrow,
        title: "Work".to_owned(),
        summary: String::new(),
        buyer: world.buyer().address(),
        seller: world.seller().address(),
        buyer_agent: None,
        seller_agent: None,
        seller_families: vec![],
        recipients: None,
        token: world.contracts().token,
        total: Usdc::from_whole(100),
        bond: Usdc::from_whole(10),
        jury,
        template: None,
        jury_fee: Usdc::ZERO,
        relay_fee: Usdc::ZERO,
        open_fee: Usdc::ZERO,
        fee_bps: Bps::new(0),
        fee_receiver: Address::ZERO,
        pay_as_credit: false,
        open_by: now + 3_600,
        judge_within: 86_400,
        appeal_within: 0,
        appeal_bond: Usdc::ZERO,
        silent_seller_bps: Bps::new(0),
        split_seller_bps: Bps::new(5_000),
        sequential: false,
        salt: B256::with_last_byte(1),
        milestones: vec![milestone("First half"), milestone("Second half")],
    }
}

fn criterion(id: &str) -> Criterion {
    Criterion {
        id: id.to_owned(),
        text: format!("The work {id}."),
        weight_bps: Bps::new(5_000),
        mandatory: false,
        evidence_required: false,
        kind: Kind::Llm,
    }
}

/// Waits for a condition that nobody announces.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "waited for: {what}");
}
