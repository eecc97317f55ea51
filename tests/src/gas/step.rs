//! One deal in a world of its own, step by step.

use std::time::Duration;

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::sol_types::SolCall;
use surety_bindings::escrow::{Appeal, Consent, DealEscrow, Delivery, Requested, SlowState, Terms};
use surety_bindings::jury::Case;
use surety_terms::digest;

use super::Cost;
use crate::World;
use crate::sign::{self, Vote};
use crate::world::Receipt;

pub(super) const WORK: &str = "work";
pub(super) const DAY: Duration = Duration::from_hours(24);

/// A party's consent without a fee.
pub(super) fn consent(until: U40, signature: Bytes) -> Consent {
    Consent { validUntil: until, signature, ..Consent::default() }
}

/// A deal in a world of its own, and the last state that the chain told of it.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) world: World,
    pub(super) terms: Terms,
    state: Option<SlowState>,
}

impl Step {
    pub(super) fn new(world: &World, edit: impl Fn(Terms) -> Terms) -> Self {
        let mut world = world.clone();
        let terms = edit(world.terms());
        Self { world, terms, state: None }
    }

    pub(super) fn id(&self) -> B256 {
        sign::deal_id(self.world.contracts(), &self.terms)
    }

    pub(super) fn state(&self) -> Vec<SlowState> {
        self.state.iter().cloned().collect()
    }

    fn relayer(&self) -> Address {
        self.world.relayer().address()
    }

    pub(super) fn open(&mut self) -> Cost {
        let terms = self.terms.clone();
        Cost::of(&self.world.open(&terms).expect("opened"))
    }

    pub(super) fn call<C: SolCall>(&mut self, call: &C) -> Cost {
        let (relayer, escrow) = (self.relayer(), self.world.contracts().escrow);
        let receipt = self.world.call(relayer, escrow, call).expect("performed");
        self.remember(&receipt);
        Cost::of(&receipt)
    }

    fn remember<T>(&mut self, receipt: &Receipt<T>) {
        let delivered = receipt.events::<DealEscrow::MilestoneDelivered>().pop();
        let moved = receipt.events::<DealEscrow::MilestoneMoved>().pop();
        let state = moved.map(|event| event.state).or(delivered.map(|event| event.state));
        self.state = state.or(self.state.take());
    }

    pub(super) fn settle(&mut self, milestone: u8, ballots: usize) -> Cost {
        let votes: Vec<Vote> = self.world.unanimous(0b11, 0).into_iter().take(ballots).collect();
        let delivered = (keccak256(WORK), self.state());
        let settle = self.world.settle_call(&self.terms, milestone, delivered, &votes);
        self.call(&settle)
    }

    pub(super) fn settle_round_2(&mut self) -> Cost {
        let case = sign::case(self.world.contracts(), self.id(), 0, keccak256(WORK));
        let case = Case { round: 2, ..case };
        let votes = self.world.unanimous(0, 0b11);
        let jurors = self.world.appeal_jurors();
        let ballots = sign::ballots(jurors, self.world.contracts(), &case, &votes);
        self.call(&DealEscrow::settleCall {
            terms: self.terms.clone(),
            milestone: 0,
            state: self.state(),
            deliverable: case.deliverable,
            ballots,
        })
    }

    pub(super) fn deliver(&mut self, requested: Vec<Requested>) -> Cost {
        let delivery = Delivery {
            dealId: self.id(),
            milestone: 0,
            deliverable: keccak256(WORK),
            uri: "https://seller.example/work".to_owned(),
        };
        let seller = self.world.seller();
        let signature = sign::delivery(&seller, self.world.contracts(), &delivery);
        self.call(&DealEscrow::deliverCall {
            terms: self.terms.clone(),
            milestone: 0,
            deliverable: delivery.deliverable,
            uri: delivery.uri,
            signature,
            requested,
        })
    }

    /// The buyer appeals the acceptance, and pays whoever submits it that fee.
    pub(super) fn appeal(&mut self, fee: U96) -> Cost {
        let standing = self.state.as_ref().map_or(0, |state| state.standing);
        let until = U40::from(self.world.now() + 600);
        let act = Appeal { dealId: self.id(), milestone: 0, standing, fee, validUntil: until };
        let nonce = digest::appeal_digest(&act, &self.world.contracts().escrow_domain());
        let buyer = self.world.buyer();
        let contracts = self.world.contracts();
        let amount = self.terms.appealBond + fee;
        let signature = sign::funding(&buyer, contracts, amount, until.to(), nonce);
        self.call(&DealEscrow::appealCall {
            terms: self.terms.clone(),
            milestone: 0,
            state: self.state(),
            fee: act.fee,
            validUntil: until,
            authorization: signature,
        })
    }
}
