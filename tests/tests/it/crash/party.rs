//! What the parties of a run's deal do, and strangers.

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{Bytes, keccak256};
use alloy::sol_types::SolCall as _;
use anyhow::{Result, ensure};
use reqwest::StatusCode;
use serde_json::{Value, json};
use surety_bindings::escrow::{Accept, Consent, DealEscrow, Delivery};
use surety_relayer::wire::{Act, ActRequest};
use surety_terms::Usdc;
use surety_terms::wire::DeliveryRequest;
use surety_tests::{actors, sign};

use super::run::Run;

/// A price that none of ours outbids.
const OUTBID_WEI: &str = "0x174876e800";

impl Run<'_> {
    pub(super) fn opening(&self) -> Bytes {
        let (buyer, seller) = (actors::buyer(), actors::seller());
        let terms = self.sheet.terms();
        let (buyer, seller) = sign::opening(&self.place.contracts, &terms, &buyer, &seller);
        let open =
            DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
        open.abi_encode().into()
    }

    pub(super) async fn open(&self) -> Result<bool> {
        let url = format!("{}/v1/transactions", self.place.url);
        let body = json!({ "calldata": self.opening() });
        let answer: Value = self.place.http.post(url).json(&body).send().await?.json().await?;
        Ok(answer["state"] == "mined")
    }

    /// What the seller says of a milestone, and its signature of that.
    fn delivery(&self, milestone: u8) -> (Delivery, Bytes) {
        let delivery = Delivery {
            dealId: self.sheet.deal_id(),
            milestone,
            deliverable: keccak256(&self.work),
            uri: String::new(),
        };
        let signature = sign::delivery(&actors::seller(), &self.place.contracts, &delivery);
        (delivery, signature)
    }

    pub(super) async fn deliver(&self) -> Result<bool> {
        let (http, url) = (&self.place.http, &self.place.url);
        let put = format!("{url}/v1/deliverables/{}", keccak256(&self.work));
        let put = http.put(put).body(self.work.to_vec()).send().await?;
        ensure!(put.status() == StatusCode::NO_CONTENT, "{}", put.text().await?);
        for milestone in 0..self.sheet.milestones.len() {
            let (delivery, signature) = self.delivery(u8::try_from(milestone)?);
            let request = DeliveryRequest { term_sheet: self.sheet.clone(), delivery, signature };
            let answer = http.post(format!("{url}/v1/deliveries")).json(&request).send().await?;
            ensure!(answer.status() == StatusCode::ACCEPTED, "{}", answer.text().await?);
        }
        Ok(true)
    }

    pub(super) async fn pin(&self) -> Result<()> {
        let (Delivery { milestone, deliverable, uri, .. }, signature) = self.delivery(0);
        let (terms, requested) = (self.sheet.terms(), Vec::new());
        let pin =
            DealEscrow::deliverCall { terms, milestone, deliverable, uri, signature, requested };
        let (deployer, escrow) = (actors::deployer().address(), self.place.contracts.escrow);
        self.place.send(deployer, escrow, pin.abi_encode().into()).await
    }

    /// The same request each time. Refused once it is done, and before the relayer knows the deal.
    pub(super) async fn ask(&mut self) -> Result<bool> {
        let place = self.place;
        if self.asked.is_none() {
            self.asked = Some(self.request(place.now().await?));
        }
        let answer = place.http.post(format!("{}/v1/acts", place.url)).json(&self.asked);
        let is_taken = answer.send().await?.status() == StatusCode::ACCEPTED;
        Ok(is_taken || place.ends(self.sheet.deal_id()).await? > 0)
    }

    /// The buyer's request for the reclaim, for five dollars.
    fn request(&self, now: u64) -> ActRequest {
        let buyer = actors::buyer();
        let from = (buyer.address(), Usdc::from_whole(5), now + 1_000);
        let place = (self.sheet.deal_id(), 0);
        let mut asked = ActRequest::unsigned(Act::Reclaim, place, None, from);
        let digest = asked.digest(&self.place.contracts.escrow_domain());
        asked.signature = sign::digest(&buyer, digest);
        asked
    }

    pub(super) async fn accept(&self) -> Result<()> {
        let place = self.place;
        let act = Accept {
            dealId: self.sheet.deal_id(),
            milestone: 0,
            round: 1,
            standing: 0,
            fee: U96::ZERO,
            validUntil: U40::from(place.now().await? + 1_000),
        };
        let signature = sign::accept(&actors::buyer(), &place.contracts, &act);
        let (authorization, valid_until) = (Bytes::new(), act.validUntil);
        let buyer = Consent { fee: act.fee, authorization, validUntil: valid_until, signature };
        let terms = self.sheet.terms();
        let accept = DealEscrow::acceptCall { terms, milestone: 0, state: Vec::new(), buyer };
        let (deployer, escrow) = (actors::deployer().address(), place.contracts.escrow);
        place.send(deployer, escrow, accept.abi_encode().into()).await
    }

    /// The buyer's money comes back by time, past the relayer.
    pub(super) async fn take_back(&self) -> Result<()> {
        let (terms, requested) = (self.sheet.terms(), Vec::new());
        let reclaim = DealEscrow::reclaimCall { terms, milestone: 0, requested };
        let (deployer, escrow) = (actors::deployer().address(), self.place.contracts.escrow);
        self.place.send(deployer, escrow, reclaim.abi_encode().into()).await
    }

    /// The nonce that the relayer uses or is about to use is gone.
    pub(super) async fn stranger(&self) -> Result<()> {
        let place = self.place;
        let (relayer, nonce) = (actors::relayer().address(), place.relayed().await?);
        place.rpc("anvil_dropAllTransactions", json!([])).await?;
        let request = json!([{
            "from": relayer, "to": relayer, "gas": "0x5208", "nonce": format!("{nonce:#x}"),
            "maxFeePerGas": OUTBID_WEI, "maxPriorityFeePerGas": OUTBID_WEI,
        }]);
        let hash = place.rpc("eth_sendTransaction", request).await?;
        place.mine().await?;
        place.receipt(serde_json::from_value(hash)?).await
    }
}
