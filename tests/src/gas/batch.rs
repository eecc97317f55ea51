//! Fifty verdicts in one transaction, per verdict.

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{B256, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use surety_bindings::escrow::{DealEscrow, Terms};
use surety_jury::ballot::{Leaf, Reason, ballot_batch, pack_batch};
use surety_terms::batch::{BatchItem, pack_items};
use surety_terms::digest;

use super::{Cases, Cost, one_milestone, plain, with_fees};
use crate::{World, actors, sign, usd};

const VERDICTS: u64 = 50;
const SELLERS: usize = 16;

pub(super) fn measure(world: &World) -> Cases {
    vec![
        ("batch50_transfer_per_verdict", batch(world, SELLERS, plain)),
        ("batch50_netted_per_verdict", batch(world, 1, plain)),
        ("batch50_credit_per_verdict", batch(world, SELLERS, credited)),
        ("batch50_netted_fees_per_verdict", batch(world, 1, |terms| with_fees(world, terms))),
    ]
}

fn credited(terms: Terms) -> Terms {
    Terms { payAsCredit: true, ..terms }
}

/// Fifty deals of one buyer with `sellers`, each of whom settled and was paid before.
fn batch(world: &World, sellers: usize, edit: impl Fn(Terms) -> Terms) -> Cost {
    let mut world = world.clone();
    let keys: Vec<_> = (0..sellers).map(|i| actors::actor(&format!("seller {i}"))).collect();
    for key in &keys {
        for credit in [false, true] {
            let terms = Terms { payAsCredit: credit, ..terms(&mut world, key, 1) };
            world.open_by(&terms, key).expect("opened");
            let votes = world.unanimous(0b11, 0);
            world.settle(&terms, 0, keccak256("work"), &votes).expect("settled");
        }
    }
    world.advance(std::time::Duration::from_secs(123_457));
    let deals: Vec<Terms> = (0..VERDICTS)
        .map(|i| {
            let at = usize::try_from(i).unwrap_or_default() % sellers;
            let key = keys.get(at).expect("a seller");
            let terms = edit(terms(&mut world, key, i));
            world.open_by(&terms, key).expect("opened");
            terms
        })
        .collect();
    settle(&mut world, &deals).each(VERDICTS)
}

/// A deal with a seller; salt, document, amount and deadline are its own, as between strangers.
fn terms(world: &mut World, seller: &PrivateKeySigner, i: u64) -> Terms {
    let amount = usd(100) + U96::from(i);
    let terms = world.terms();
    Terms {
        seller: seller.address(),
        total: amount,
        milestones: one_milestone(world, amount),
        document: keccak256(i.to_be_bytes()),
        salt: keccak256(terms.salt),
        openBy: terms.openBy + U40::from(i),
        ..terms
    }
}

fn settle(world: &mut World, deals: &[Terms]) -> Cost {
    let template = deals.first().expect("fifty deals").clone();
    let work = |i: usize| keccak256(U256::from(i).to_be_bytes::<32>());
    let items: Vec<_> = deals
        .iter()
        .enumerate()
        .map(|(i, terms)| BatchItem {
            template: 0,
            terms,
            milestone: 0,
            deliverable: work(i),
            state: None,
        })
        .collect();
    let templates = vec![template];
    let items = pack_items(&templates, &items).expect("one template");
    let contracts = world.contracts().clone();
    let answer = Leaf::Answer { met: 0b11, failed: 0, reason: Reason::Judged };
    let leaves: Vec<_> = deals
        .iter()
        .enumerate()
        .map(|(i, terms)| {
            let deal = sign::deal_id(&contracts, terms);
            (digest::case_id(&sign::case(&contracts, deal, 0, work(i))), answer)
        })
        .collect();
    let signed: Vec<_> = (0u8..)
        .zip(world.jurors())
        .map(|(seat, juror)| {
            let batch = ballot_batch(&leaves, B256::repeat_byte(seat)).expect("fits");
            sign::ballot_batch(juror, &contracts, seat, batch)
        })
        .collect();
    let ballots = pack_batch(&signed).expect("fits");
    let call = DealEscrow::settleBatchCall { round: 1, templates, items, ballots };
    let receipt = world.call(world.relayer().address(), contracts.escrow, &call).expect("settled");
    let ended = receipt.events::<DealEscrow::MilestoneEnded>().len();
    assert_eq!(ended, deals.len(), "every item ended");
    Cost::of(&receipt)
}
