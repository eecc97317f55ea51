//! The harness itself: whole deals through the committed bytecode, money exact.

use std::time::Duration;

use alloy::primitives::aliases::U96;
use alloy::primitives::keccak256;
use surety_bindings::escrow::{DealEscrow, Terms};
use surety_bindings::jury::Jury;
use surety_bindings::pacts::PactRegistry;
use surety_bindings::registry::ReputationRegistry;
use surety_tests::sign::{self, Vote};
use surety_tests::{World, usd};

const DAY: Duration = Duration::from_hours(24);

#[test]
fn five_ballots_pay_the_seller_its_milestone_and_bond() {
    let mut world = World::new();
    let terms = Terms { bond: usd(10), ..world.terms() };
    let (buyer, seller) = (world.buyer().address(), world.seller().address());
    let before = (world.balance(buyer), world.balance(seller));

    world.open(&terms).unwrap();
    assert_eq!(world.balance(world.contracts().escrow), usd(110));
    assert_eq!(world.balance(seller), before.1 - usd(10));
    world.settle(&terms, 0, keccak256("work"), &world.unanimous(0b11, 0)).unwrap();

    assert_eq!(world.balance(world.contracts().escrow), U96::ZERO);
    assert_eq!(
        (world.balance(buyer), world.balance(seller)),
        (before.0 - usd(100), before.1 + usd(100))
    );
}

/// EIP-170 allows 24,576 bytes; the rest is room for what a review asks for (ADR 11).
#[test]
fn the_code_of_each_contract_is_below_23_000_bytes() {
    let mut world = World::new();
    let contracts = world.contracts();
    let addresses = [contracts.jury, contracts.registry, contracts.escrow];
    for address in addresses {
        let size = world.evm().state().code(address).len();
        assert!(size != 0 && size < 23_000, "{address}: {size}");
    }
    // Longer than what it leaves on the chain.
    let pacts = PactRegistry::BYTECODE.len();
    assert!(pacts != 0 && pacts < 23_000, "pacts: {pacts}");
}

#[test]
fn a_rejection_refunds_the_buyer_and_slashes_the_bond() {
    let mut world = World::new();
    let terms = Terms { bond: usd(10), ..world.terms() };
    let (buyer, seller) = (world.buyer().address(), world.seller().address());
    let before = (world.balance(buyer), world.balance(seller));

    world.open(&terms).unwrap();
    world.settle(&terms, 0, keccak256("junk"), &world.unanimous(0b01, 0b10)).unwrap();

    assert_eq!(
        (world.balance(buyer), world.balance(seller)),
        (before.0 + usd(10), before.1 - usd(10))
    );
}

#[test]
fn three_of_five_ballots_decide_nothing() {
    let mut world = World::new();
    let terms = world.terms();
    world.open(&terms).unwrap();
    let votes: Vec<Vote> = world.unanimous(0b11, 0).into_iter().take(3).collect();

    let refused = world.settle(&terms, 0, keccak256("work"), &votes).unwrap_err();

    let error = refused.decode::<DealEscrow::NoVerdict>().unwrap();
    assert_eq!(error.seats, 0b111);
}

#[test]
fn a_settled_deal_leaves_a_fact_for_both_parties() {
    let mut world = World::new();
    let terms = world.terms();
    world.open(&terms).unwrap();
    world.settle(&terms, 0, keccak256("work"), &world.unanimous(0b11, 0)).unwrap();

    let (recorder, registry) = (world.contracts().escrow, world.contracts().registry);
    for (wallet, role) in [(terms.buyer, 0), (terms.seller, 1)] {
        let standing = ReputationRegistry::standingCall { recorder, wallet, role };
        let standing = world.view(registry, &standing).unwrap();
        assert_eq!(standing.goodCount.to::<u64>(), 1);
        assert_eq!(u64::from(standing.last), world.now());
    }
}

#[test]
fn time_gives_the_buyer_its_money_back_only_when_the_panel_can_no_longer_judge() {
    let mut world = World::new();
    let terms = world.terms();
    world.open(&terms).unwrap();
    let reclaim = DealEscrow::reclaimCall { terms: terms.clone(), milestone: 0, requested: vec![] };
    let (relayer, escrow) = (world.relayer().address(), world.contracts().escrow);
    let opens_at = world.now() + 2 * DAY.as_secs();

    world.set_time(opens_at - 1);
    let early = world.call(relayer, escrow, &reclaim).unwrap_err();
    assert!(early.is::<DealEscrow::TooEarly>(), "{early:?}");
    world.advance(Duration::from_secs(1));
    let before = world.balance(terms.buyer);
    world.call(relayer, escrow, &reclaim).unwrap();

    assert_eq!(world.balance(terms.buyer), before + usd(100));
}

#[test]
fn the_contracts_compute_the_digests_that_the_harness_signs() {
    let mut world = World::new();
    let terms = world.terms();
    let opened = world.open(&terms).unwrap();
    assert_eq!(opened.output, sign::deal_id(world.contracts(), &terms));

    let jury = world.contracts().jury;
    let case = sign::case(world.contracts(), opened.output, 0, keccak256("work"));
    let on_chain = world.view(jury, &Jury::caseIdCall { c: case.clone() }).unwrap();
    assert_eq!(on_chain, surety_terms::digest::case_id(&case));
}

#[test]
fn a_snapshot_brings_back_money_and_time() {
    let mut world = World::new();
    let terms = world.terms();
    let (before, now) = (world.balance(terms.buyer), world.now());
    let snapshot = world.snapshot();

    world.open(&terms).unwrap();
    world.advance(DAY);
    world.restore(&snapshot);

    assert_eq!((world.balance(terms.buyer), world.now()), (before, now));
    world.open(&terms).unwrap();
}

#[test]
fn juries_of_three_to_fifteen_judge() {
    for seats in [3, 15] {
        let mut world = World::with_seats(seats);
        let terms = world.terms();
        world.open(&terms).unwrap();
        world.settle(&terms, 0, keccak256("work"), &world.unanimous(0b11, 0)).unwrap();
        assert_eq!(world.balance(world.contracts().escrow), U96::ZERO);
    }
}
