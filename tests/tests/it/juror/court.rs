//! What a juror's tests stand on: a deal on an in-process chain, a provider, and a juror on seat 0.

use std::path::PathBuf;
use std::time::Duration;

use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use reqwest::{Client, Response, StatusCode};
use surety_bindings::escrow::{DealEscrow, Delivery};
use surety_juror::{Config, Handle, JurorError};
use surety_jury::SignedCommitment;
use surety_jury::wire::{BallotBody, CaseRequest, CaseState, CaseStatus, Commitments};
use surety_terms::{
    Bps, Check, Criterion, Expect, Kind, MilestoneSheet, Problem, TermSheet, Usdc, Version,
};
use surety_tests::{Node, World, sealed, seat, sign};
use tempfile::TempDir;

use super::provider::{Act, Double};

/// A deliverable that passes the sheet's check.
pub(crate) const WORK: &[u8] = b"The quarterly report covers three markets.\nRevenue grew.\n";
/// A milestone's windows.
pub(crate) const DAY: u64 = 86_400;

/// An open deal, a provider, and a place for a juror.
pub(crate) struct Court {
    pub(crate) world: World,
    pub(crate) node: Node,
    pub(crate) sheet: TermSheet,
    pub(crate) provider: Double,
    pub(crate) folder: TempDir,
    pub(crate) http: Client,
}

impl Court {
    /// A provider that calls every criterion met.
    pub(crate) async fn kind() -> Self {
        Self::new(Double::start(|_, _| Act::Vote("MET")).await)
    }

    /// An open deal whose milestone has one check and two questions.
    pub(crate) fn new(provider: Double) -> Self {
        Self::of(World::new(), provider, |_| ())
    }

    /// The same in this world, with a sheet that is changed before anybody signs it.
    pub(crate) fn of(
        mut world: World,
        provider: Double,
        change: impl FnOnce(&mut TermSheet),
    ) -> Self {
        let mut sheet = sheet(&world);
        change(&mut sheet);
        world.open(&sheet.terms()).unwrap();
        let node = world.node();
        let folder = tempfile::tempdir().unwrap();
        Self { world, node, sheet, provider, folder, http: Client::new() }
    }

    /// The configuration of seat 0. It asks for a deliverable at once, and reads no large one.
    pub(crate) fn config(&self) -> Config {
        let key = seat::key_file(&self.folder.path().join("key"), &self.world.juror(0));
        let mut config =
            seat::config(self.world.contracts(), self.store(), key, &self.provider.url);
        config.fetch.deliverable_max_bytes = 1 << 16;
        config.fetch.grace_secs = 0;
        config
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) async fn start(&self) -> Handle {
        self.try_start(self.config()).await.unwrap()
    }

    pub(crate) async fn try_start(&self, config: Config) -> Result<Handle, JurorError> {
        surety_juror::start_on(config, self.node.provider().erased()).await
    }

    /// The request of an honest relayer for milestone 0.
    pub(crate) fn request(&self, deliverable: &[u8]) -> CaseRequest {
        self.request_for(&self.sheet, deliverable, "")
    }

    pub(crate) fn request_for(&self, sheet: &TermSheet, work: &[u8], uri: &str) -> CaseRequest {
        let delivery = Delivery {
            dealId: sheet.deal_id(),
            milestone: 0,
            deliverable: keccak256(work),
            uri: uri.to_owned(),
        };
        let signature = sign::delivery(&self.world.seller(), self.world.contracts(), &delivery);
        CaseRequest { term_sheet: sheet.clone(), delivery, signature, round: 1 }
    }

    pub(crate) async fn post(&self, juror: &Handle, request: &CaseRequest) -> Response {
        let url = format!("{}/v1/cases", juror.url());
        self.http.post(url).json(request).send().await.unwrap()
    }

    /// Hands in a case that has to be taken.
    pub(crate) async fn take(&self, juror: &Handle, request: &CaseRequest) -> CaseStatus {
        let answer = self.post(juror, request).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Hands in a case that has to be refused.
    pub(crate) async fn refused(&self, juror: &Handle, request: &CaseRequest) -> Problem {
        problem(self.post(juror, request).await).await
    }

    pub(crate) async fn push(&self, juror: &Handle, bytes: &[u8]) -> Response {
        let url = format!("{}/v1/deliverables/{}", juror.url(), keccak256(bytes));
        self.http.put(url).body(bytes.to_vec()).send().await.unwrap()
    }

    /// How far a case is, after waiting at most so long for its end.
    pub(crate) async fn status(&self, juror: &Handle, case: B256, wait_secs: u64) -> CaseStatus {
        let url = format!("{}/v1/cases/{case}?waitSecs={wait_secs}", juror.url());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The ballot of a case, once a quorum has committed. Its signature has to hold, and it has to
    /// be the one that the juror has committed to, if it has.
    pub(crate) async fn ballot(&self, juror: &Handle, case: B256) -> BallotBody {
        let others = [1, 2, 3].map(|seat| self.commitment(seat, case));
        assert_eq!(self.bind(juror, case, &others).await.status(), 204);
        let status = self.status(juror, case, 30).await;
        assert_eq!(status.state, CaseState::Ballot, "{status:?}");
        let ballot = status.ballot.unwrap();
        let contracts = self.world.contracts();
        ballot.verify(contracts.chain_id, contracts.jury).unwrap();
        if let Some(commitment) = status.commitment {
            assert!(ballot.opens(commitment.digest, contracts.chain_id, contracts.jury));
        }
        assert_eq!((ballot.juror, ballot.case_id), (self.world.juror(0).address(), case));
        ballot
    }

    /// The commitment of another seat to something.
    pub(crate) fn commitment(&self, seat: usize, case: B256) -> SignedCommitment {
        self.commitment_of(&self.world.juror(seat), case)
    }

    pub(crate) fn commitment_of(&self, key: &PrivateKeySigner, case: B256) -> SignedCommitment {
        sealed::commitment(self.world.contracts(), key, case)
    }

    pub(crate) async fn bind(
        &self,
        juror: &Handle,
        case: B256,
        commitments: &[SignedCommitment],
    ) -> Response {
        let url = format!("{}/v1/cases/{case}/commitments", juror.url());
        let body = Commitments { commitments: commitments.to_vec() };
        self.http.post(url).json(&body).send().await.unwrap()
    }

    /// How far a case is, once its juror has committed.
    pub(crate) async fn committed(&self, juror: &Handle, case: B256) -> CaseStatus {
        let url = format!("{}/v1/cases/{case}?waitSecs=30&waitFor=commitment", juror.url());
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Sends a transaction to the escrow.
    pub(crate) async fn send(&self, call: &impl SolCall) {
        let request = TransactionRequest::default()
            .with_to(self.world.contracts().escrow)
            .with_input(call.abi_encode());
        let relayer = self.node.provider_for(self.world.relayer());
        let sent = relayer.send_transaction(request).await.unwrap();
        assert!(sent.get_receipt().await.unwrap().status());
    }

    /// Opens the deal of the sheet as it is now.
    pub(crate) async fn open(&self) {
        let (buyer, seller) = (self.world.buyer(), self.world.seller());
        let terms = self.sheet.terms();
        let (buyer, seller) = sign::opening(self.world.contracts(), &terms, &buyer, &seller);
        self.send(&DealEscrow::openCall {
            terms,
            buyerAuthorization: buyer,
            sellerAuthorization: seller,
        })
        .await;
    }

    /// Pins a deliverable on the chain, with the seller's signature.
    pub(crate) async fn pin(&self, deliverable: &[u8]) {
        let request = self.request(deliverable);
        self.send(&DealEscrow::deliverCall {
            terms: self.sheet.terms(),
            milestone: 0,
            deliverable: request.delivery.deliverable,
            uri: request.delivery.uri,
            signature: request.signature,
            requested: vec![],
        })
        .await;
    }

    /// The request of a relayer that has no signature of the seller.
    pub(crate) fn unsigned(&self, sheet: &TermSheet, work: &[u8], uri: &str) -> CaseRequest {
        CaseRequest { signature: Bytes::new(), ..self.request_for(sheet, work, uri) }
    }

    /// The seller pins deliveries on the chain by itself, all in one block: the deal, the
    /// deliverable, and where it says that the bytes are.
    pub(crate) async fn pin_directly(&self, deliveries: &[(&TermSheet, &[u8], &str)]) {
        let seller = self.world.seller();
        self.node.set_balance(seller.address(), U256::from(1_000_000_000_000_000_000_u64));
        let seller = self.node.provider_for(seller);
        self.node.set_automine(false);
        let mut sent = Vec::new();
        for (sheet, work, uri) in deliveries {
            let call = DealEscrow::deliverCall {
                terms: sheet.terms(),
                milestone: 0,
                deliverable: keccak256(work),
                uri: (*uri).to_owned(),
                signature: Bytes::new(),
                requested: vec![],
            };
            let request = TransactionRequest::default()
                .with_to(self.world.contracts().escrow)
                .with_input(call.abi_encode())
                .with_gas_limit(500_000);
            sent.push(*seller.send_transaction(request).await.unwrap().tx_hash());
        }
        self.node.mine();
        self.node.set_automine(true);
        for hash in sent {
            let receipt = seller.get_transaction_receipt(hash).await.unwrap().unwrap();
            assert!(receipt.status());
        }
    }

    /// Moves the chain to a moment.
    pub(crate) fn go_to(&self, moment: u64) {
        self.node.advance(Duration::from_secs(moment - self.node.now()));
        assert_eq!(self.node.now(), moment);
    }

    /// When milestone 0 has to be delivered.
    pub(crate) fn deliver_by(&self) -> u64 {
        self.sheet.milestones[0].deliver_by
    }
}

/// A problem, with the form that RFC 9457 asks for.
pub(crate) async fn problem(answer: Response) -> Problem {
    assert!(!answer.status().is_success());
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let status = answer.status().as_u16();
    let problem: Problem = answer.json().await.unwrap();
    assert_eq!(problem.status, status);
    problem
}

/// A file with a key of its own name.
pub(crate) fn key_file_of(court: &Court, key: &PrivateKeySigner) -> PathBuf {
    seat::key_file(&court.folder.path().join(key.address().to_string()), key)
}

/// One milestone of 100 dollars: a check that every honest deliverable passes and two questions.
fn sheet(world: &World) -> TermSheet {
    let terms = world.clone().terms();
    let amount = Usdc::from_whole(100);
    let criterion = |id: &str, weight, kind| Criterion {
        id: id.to_owned(),
        text: format!("The deliverable is {id}."),
        weight_bps: Bps::new(weight),
        mandatory: false,
        evidence_required: true,
        kind,
    };
    let found = Check::Regex { pattern: "quarterly".to_owned(), expect: Expect::Match };
    TermSheet {
        version: Version::V1,
        chain_id: world.contracts().chain_id,
        escrow: world.contracts().escrow,
        title: "A report".to_owned(),
        summary: String::new(),
        buyer: terms.buyer,
        seller: terms.seller,
        buyer_agent: None,
        seller_agent: None,
        seller_families: vec![],
        recipients: None,
        token: terms.token,
        total: amount,
        bond: Usdc::ZERO,
        jury: terms.jury,
        template: None,
        jury_fee: Usdc::ZERO,
        relay_fee: Usdc::ZERO,
        open_fee: Usdc::ZERO,
        fee_bps: Bps::ZERO,
        fee_receiver: Address::ZERO,
        pay_as_credit: false,
        open_by: world.now() + 3_600,
        judge_within: DAY,
        appeal_within: 0,
        appeal_bond: Usdc::ZERO,
        silent_seller_bps: Bps::ZERO,
        split_seller_bps: Bps::ZERO,
        sequential: false,
        salt: B256::repeat_byte(1),
        milestones: vec![MilestoneSheet {
            title: "The report".to_owned(),
            description: "Of the last quarter.".to_owned(),
            amount,
            deliver_by: world.now() + DAY,
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria: vec![
                criterion("quarterly", 2_000, Kind::Check(found)),
                criterion("complete", 4_000, Kind::Llm),
                criterion("correct", 4_000, Kind::Llm),
            ],
        }],
    }
}

/// Bytes that nobody signed.
pub(crate) fn forged() -> Bytes {
    Bytes::from(vec![0x1b; 65])
}
