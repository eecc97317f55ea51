//! Single operations of a deal's life.

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::keccak256;
use surety_bindings::escrow::{Accept, Agree, DealEscrow, Terms};
use surety_bindings::jury::{Case, Jury};

use super::step::{DAY, Step, WORK, consent};
use super::{Cases, Cost, appealable, plain, three, with_fees};
use crate::{World, sign, usd};

pub(super) fn measure(world: &World) -> Cases {
    let (open, settle) = life(world, plain, 5);
    let (open_bonded, _) = life(world, |terms| Terms { bond: usd(10), ..terms }, 5);
    let (_, settle_credit) = life(world, |terms| Terms { payAsCredit: true, ..terms }, 5);
    let (_, settle_four) = life(world, plain, 4);
    let (open_fees, settle_fees) = life(world, |terms| with_fees(world, terms), 5);
    let mut cases = vec![
        ("open", open.clone()),
        ("open_bonded", open_bonded),
        ("open_fees", open_fees),
        ("settle_transfer", settle.clone()),
        ("settle_credit", settle_credit),
        ("settle_four_ballots", settle_four),
        ("settle_fees", settle_fees),
        ("life_one_milestone", open.plus(settle)),
    ];
    cases.extend(three_milestones(world));
    cases.extend(acts(world));
    cases.extend(slow_path(world));
    cases.push(("withdraw", withdraw(world)));
    cases.push(("tally_only", tally_only(world)));
    cases
}

/// The costs of opening and of settling one deal of one milestone.
fn life(world: &World, edit: impl Fn(Terms) -> Terms, ballots: usize) -> (Cost, Cost) {
    let mut step = Step::new(world, edit);
    let opened = step.open();
    (opened, step.settle(0, ballots))
}

fn three_milestones(world: &World) -> Cases {
    let mut step = Step::new(world, three);
    let open = step.open();
    let settled = (0..3).map(|milestone| step.settle(milestone, 5)).fold(open.clone(), Cost::plus);
    vec![("open_three_milestones", open), ("life_three_milestones", settled)]
}

/// What parties do for a release, a split and a refund, signed and submitted by the relayer.
fn acts(world: &World) -> Cases {
    let until = U40::from(world.now() + 10_000_000);
    let mut step = Step::new(world, plain);
    step.open();
    let act = Accept {
        dealId: step.id(),
        milestone: 0,
        round: 1,
        standing: 0,
        fee: U96::ZERO,
        validUntil: until,
    };
    let buyer = consent(until, sign::accept(&world.buyer(), world.contracts(), &act));
    let terms = step.terms.clone();
    let accept = step.call(&DealEscrow::acceptCall { terms, milestone: 0, state: vec![], buyer });

    let mut step = Step::new(world, plain);
    step.open();
    let act = Agree {
        dealId: step.id(),
        milestone: 0,
        round: 1,
        standing: 0,
        sellerAmount: 40_000_000,
        asCredit: false,
        fee: U96::ZERO,
        validUntil: until,
    };
    let agree = step.call(&DealEscrow::agreeCall {
        terms: step.terms.clone(),
        milestone: 0,
        state: vec![],
        sellerAmount: act.sellerAmount,
        asCredit: false,
        buyer: consent(until, sign::agree(&world.buyer(), world.contracts(), &act)),
        seller: consent(until, sign::agree(&world.seller(), world.contracts(), &act)),
    });

    let mut step = Step::new(world, plain);
    step.open();
    step.world.advance(2 * DAY);
    let terms = step.terms.clone();
    let reclaim = step.call(&DealEscrow::reclaimCall { terms, milestone: 0, requested: vec![] });
    vec![("accept", accept), ("agree", agree), ("reclaim", reclaim)]
}

/// A pinned delivery whose panels are silent, and a verdict that is appealed or becomes final.
fn slow_path(world: &World) -> Cases {
    let mut step = Step::new(world, plain);
    step.open();
    let deliver = step.deliver(vec![]);
    step.world.advance(2 * DAY);
    let escalate = step.call(&DealEscrow::escalateCall {
        terms: step.terms.clone(),
        milestone: 0,
        state: step.state(),
        requested: vec![],
    });
    step.world.advance(2 * DAY);
    let expire = step.call(&DealEscrow::expireCall {
        terms: step.terms.clone(),
        milestone: 0,
        state: step.state(),
        requested: vec![],
    });

    let mut step = Step::new(world, appealable);
    step.open();
    let judged = step.settle(0, 5);
    let mut appealed = step.clone();
    step.world.advance(DAY);
    let finalize = step.call(&DealEscrow::finalizeCall {
        terms: step.terms.clone(),
        milestone: 0,
        state: step.state(),
        requested: vec![],
    });
    let appeal = appealed.appeal(U96::ZERO);
    let overturned = appealed.settle_round_2();
    vec![
        ("deliver", deliver),
        ("escalate", escalate),
        ("expire", expire),
        ("settle_judged", judged),
        ("finalize", finalize),
        ("appeal", appeal),
        ("settle_round_2", overturned),
    ]
}

/// What a seller that was credited needs besides.
fn withdraw(world: &World) -> Cost {
    let mut step = Step::new(world, |terms| Terms { payAsCredit: true, ..terms });
    step.open();
    step.settle(0, 5);
    let (token, owner) = (world.contracts().token, world.seller().address());
    step.call(&DealEscrow::withdrawCall { token_: token, owner })
}

/// The jury's part alone: verifying and counting five ballots.
fn tally_only(world: &World) -> Cost {
    let mut step = Step::new(world, plain);
    let case = Case {
        consumer: world.relayer().address(),
        ..sign::case(world.contracts(), step.id(), 0, keccak256(WORK))
    };
    let votes = world.unanimous(0b11, 0);
    let judge = Jury::judgeCall {
        jury: world.jury(),
        round: 1,
        dealId: case.dealId,
        milestone: 0,
        deliverable: case.deliverable,
        rule: step.terms.milestones.first().expect("one milestone").rule,
        ballots: sign::ballots(world.jurors(), world.contracts(), &case, &votes),
    };
    let to = world.contracts().jury;
    let receipt = step.world.call(world.relayer().address(), to, &judge).expect("judged");
    Cost::of(&receipt)
}
