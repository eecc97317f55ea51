//! What fees add: those of the terms, and a dollar that a party signs away to whoever submits its act.

use std::time::Duration;

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{B256, FixedBytes};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall as _;
use surety_bindings::escrow::{Accept, Agree, Consent, DealEscrow, Request, Requested, Terms};
use surety_terms::digest;

use super::step::{DAY, Step, consent};
use super::{Cases, Cost, appealable, plain, with_fees};
use crate::{World, sign, usd};

pub(super) fn measure(world: &World) -> Cases {
    let mut cases = vec![
        ("accept_fee", accept(world)),
        ("agree_fee", agree(world)),
        ("deliver_fee", deliver(world)),
        ("reclaim_fee", reclaim(world)),
    ];
    cases.extend(rounds(world));
    cases
}

/// The buyer gets nothing by accepting: its fee is pulled by an authorization.
fn accept(world: &World) -> Cost {
    let mut step = Step::new(world, plain);
    step.open();
    let act = Accept {
        dealId: step.id(),
        milestone: 0,
        round: 1,
        standing: 0,
        fee: usd(1),
        validUntil: until(world),
    };
    let digest = digest::accept_digest(&act, &world.contracts().escrow_domain());
    let buyer = pulled(world, &world.buyer(), digest);
    let terms = step.terms.clone();
    step.call(&DealEscrow::acceptCall { terms, milestone: 0, state: vec![], buyer })
}

/// The seller's fee comes out of its part.
fn agree(world: &World) -> Cost {
    let mut step = Step::new(world, plain);
    step.open();
    let until = until(world);
    let act = |fee: U96| Agree {
        dealId: step.id(),
        milestone: 0,
        round: 1,
        standing: 0,
        sellerAmount: 40_000_000,
        asCredit: false,
        fee,
        validUntil: until,
    };
    let (free, paid) = (act(U96::ZERO), act(usd(1)));
    let buyer = consent(until, sign::agree(&world.buyer(), world.contracts(), &free));
    let seller = consent(until, sign::agree(&world.seller(), world.contracts(), &paid));
    step.call(&DealEscrow::agreeCall {
        terms: step.terms.clone(),
        milestone: 0,
        state: vec![],
        sellerAmount: free.sellerAmount,
        asCredit: false,
        buyer,
        seller: Consent { fee: paid.fee, ..seller },
    })
}

/// A delivery pays nobody: the seller's fee is pulled by an authorization.
fn deliver(world: &World) -> Cost {
    let mut step = Step::new(world, plain);
    step.open();
    let digest = request(&step, DealEscrow::deliverCall::SELECTOR, until(world));
    let seller = world.seller();
    let consent = pulled(world, &seller, digest);
    step.deliver(vec![Requested { party: seller.address(), consent }])
}

/// The buyer's fee comes out of what it gets back.
fn reclaim(world: &World) -> Cost {
    let mut step = Step::new(world, plain);
    step.open();
    let until = until(world);
    let digest = request(&step, DealEscrow::reclaimCall::SELECTOR, until);
    let buyer = world.buyer();
    let consent = Consent { fee: usd(1), ..consent(until, sign::digest(&buyer, digest)) };
    step.world.advance(2 * DAY);
    step.call(&DealEscrow::reclaimCall {
        terms: step.terms.clone(),
        milestone: 0,
        requested: vec![Requested { party: buyer.address(), consent }],
    })
}

/// What two counted rounds are owed is paid when the milestone ends, by time or by round 2.
fn rounds(world: &World) -> Cases {
    let terms = |terms: Terms| appealable(with_fees(world, terms));
    // One such deal before, which fills the appeal panel's pots.
    let mut step = Step::new(world, terms);
    step.open();
    step.settle(0, 5);
    step.appeal(usd(1));
    step.settle_round_2();
    let mut world = step.world;
    world.advance(Duration::from_secs(123_457));

    let mut step = Step::new(&world, terms);
    step.open();
    step.settle(0, 5);
    let mut appealed = step.clone();
    step.world.advance(DAY);
    let finalize = step.call(&DealEscrow::finalizeCall {
        terms: step.terms.clone(),
        milestone: 0,
        state: step.state(),
        requested: vec![],
    });
    let appeal = appealed.appeal(usd(1));
    let overturned = appealed.settle_round_2();
    vec![("finalize_fees", finalize), ("appeal_fee", appeal), ("settle_round_2_fees", overturned)]
}

fn until(world: &World) -> U40 {
    U40::from(world.now() + 10_000_000)
}

/// What a party signs to have a Pending milestone's act performed for a dollar.
fn request(step: &Step, action: [u8; 4], until: U40) -> B256 {
    let request = Request {
        action: FixedBytes::from(action),
        dealId: step.id(),
        milestone: 0,
        round: 1,
        standing: 0,
        fee: usd(1),
        validUntil: until,
    };
    digest::request_digest(&request, &step.world.contracts().escrow_domain())
}

/// A consent with a dollar that its authorization pulls.
fn pulled(world: &World, party: &PrivateKeySigner, digest: B256) -> Consent {
    let until = until(world);
    let authorization = sign::funding(party, world.contracts(), usd(1), until.to(), digest);
    let consent = consent(until, sign::digest(party, digest));
    Consent { fee: usd(1), authorization, ..consent }
}
