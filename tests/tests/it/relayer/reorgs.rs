//! The chain takes things back, stands still, or is seen differently by two relayers.

use std::time::Duration;

use alloy::primitives::Bytes;
use alloy::sol_types::SolCall as _;
use surety_bindings::escrow::DealEscrow;
use surety_relayer::Handle;
use surety_relayer::wire::CaseState;
use surety_tests::{Orphans, actors};

use super::court::{Court, eventually};
use super::gate::Rule;
use super::jurors::Habit;
use super::storm::is_deep;

const HOUR: Duration = Duration::from_hours(1);

/// What is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    Opening,
    Delivery,
    Settlement,
}

pub(crate) fn open_call(court: &Court) -> Bytes {
    let (buyer, seller) = court.opening();
    DealEscrow::openCall {
        terms: court.sheet.terms(),
        buyerAuthorization: buyer,
        sellerAuthorization: seller,
    }
    .abi_encode()
    .into()
}

async fn is_open(court: &Court) -> bool {
    let call = DealEscrow::dealCall { dealId: court.sheet.deal_id() };
    let rpc = surety_chain::Rpc::from(court.gate(Rule::Open).provider());
    let tag = surety_chain::BlockTag::Latest;
    rpc.read(court.contracts.escrow, &call, tag).await.unwrap().opened
}

/// A reorganisation of this depth, with the transition in its lowest block.
#[expect(clippy::cognitive_complexity, reason = "a test tells a story from start to end")]
async fn taken_back(around: Around, depth: usize, orphans: Orphans) {
    let case = format!("{around:?} {depth} {orphans:?}");
    let court = Court::unopened().await;
    let seller = actors::seller().address();
    // The opening takes the bond of 10 dollars; the end of one half pays 55.
    let before = court.dollars(seller).await;
    let relayer = court.start().await;
    court.send(open_call(&court)).await;
    if around == Around::Opening {
        fill(&court, depth);
        seen(&court, &relayer).await;
        court.node.reorg(depth, orphans);
    }
    if around == Around::Delivery {
        seen(&court, &relayer).await;
        court.send(super::deliver_call(&court, &court.work)).await;
        fill(&court, depth);
        pinned(&court, &relayer).await;
        court.node.reorg(depth, orphans);
    }
    // What was lost with the block, whoever sent it sends again.
    court.node.mine();
    if !is_open(&court).await {
        court.send(open_call(&court)).await;
    }
    let id = delivered(&court, &relayer).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final, "{case}");
    if around == Around::Settlement {
        fill(&court, depth);
        court.node.reorg(depth, orphans);
        court.node.mine();
    }
    eventually(&case, || async { court.dollars(seller).await == before + 45 }).await;
    eventually(&case, || async { court.case(&relayer, id, 0).await.state == CaseState::Final })
        .await;
    court.node.mine();
    assert_eq!(court.dollars(seller).await, before + 45, "{case}");
    relayer.abort().await;
}

fn fill(court: &Court, depth: usize) {
    for _ in 1..depth {
        court.node.mine();
    }
}

async fn seen(court: &Court, relayer: &Handle) {
    let path = format!("deals/{}", court.sheet.deal_id());
    eventually("the opening is seen", || async {
        court.get(relayer, &path).await.1["isOpen"] == serde_json::json!(true)
    })
    .await;
}

async fn pinned(court: &Court, relayer: &Handle) {
    let path = format!("deals/{}", court.sheet.deal_id());
    eventually("the pin is seen", || async {
        court.get(relayer, &path).await.1["milestones"][0]["pinned"].is_string()
    })
    .await;
}

/// Hands the delivery in until it is taken: the relayer may not have seen the deal yet.
async fn delivered(court: &Court, relayer: &Handle) -> alloy::primitives::B256 {
    court.put(relayer, &court.work).await;
    let request = court.delivery(0, &court.work);
    eventually("it is taken", || async {
        court.post(relayer, "deliveries", &request).await.0.is_success()
    })
    .await;
    court.case_id(0, &court.work)
}

#[tokio::test]
async fn a_reorganisation_around_any_transition_ends_in_one_payment() {
    let depths: Vec<usize> = if is_deep() { (1..=64).collect() } else { vec![1, 3, 64] };
    for around in [Around::Opening, Around::Delivery, Around::Settlement] {
        for depth in &depths {
            for orphans in [Orphans::Forget, Orphans::Return, Orphans::Reinclude] {
                taken_back(around, *depth, orphans).await;
            }
        }
    }
}

// ---- two relayers

#[tokio::test]
async fn two_relayers_with_different_ballots_race_and_the_seller_is_paid_once() {
    let court = Court::new().await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    court.node.set_automine(false);
    court.jurors[4].set(Habit::Silent);
    let first = court.start().await;
    let id = court.deliver(&first).await;
    eventually("the first has sent", || async { court.node.pending().len() == 1 }).await;

    court.jurors[4].set(Habit::Votes(0b11, 0));
    court.jurors[0].set(Habit::Silent);
    let chain = court.gate(Rule::Open).provider();
    let second = surety_relayer::start_on(court.other_config(), chain).await.unwrap();
    assert_eq!(court.deliver(&second).await, id);
    eventually("the second has sent", || async { court.node.pending().len() == 2 }).await;
    court.node.mine();
    for relayer in [&first, &second] {
        let view = court.over(relayer, id).await;
        assert_eq!(view.state, CaseState::Final);
        assert_eq!(view.ballots.iter().filter(|b| b.counted).count(), 4);
    }
    let masks = [court.case(&first, id, 0).await, court.case(&second, id, 0).await];
    let masks = masks.map(|view| view.verdict.unwrap().seats);
    assert_eq!(masks, [0b01111, 0b11110]);
    court.node.mine();
    assert_eq!(court.dollars(seller).await, before + 55);
}

// ---- a halt

/// A delivery is judged while the chain stands still; it goes on two hours later.
async fn halted(before_the_end: Duration) -> (Court, CaseState, u64) {
    let court = Court::new().await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    court.everyone(Habit::Withholds);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    let all = court.jurors.len();
    eventually("all have committed", || async {
        court.case(&relayer, id, 0).await.commitments.len() == all
    })
    .await;
    // The panel's time ends a day after the deadline, which is a day after the opening.
    court.node.advance((HOUR * 48).saturating_sub(before_the_end));
    court.node.set_automine(false);
    court.everyone(Habit::Votes(0b11, 0));
    eventually("it is sent", || async { !court.node.pending().is_empty() }).await;
    court.node.advance(HOUR * 2);
    court.node.set_automine(true);
    let view = court.over(&relayer, id).await;
    relayer.shutdown().await;
    let paid = court.dollars(seller).await - before;
    (court, view.state, paid)
}

#[tokio::test]
async fn a_halt_of_two_hours_across_the_windows_end_is_late_and_pays_nobody_wrongly() {
    let (court, state, paid) = halted(HOUR).await;
    assert_eq!((state, paid), (CaseState::GivenUp, 0));
    // It was sent in time and mined too late; it was not sent again.
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn a_halt_of_two_hours_within_the_window_costs_time_only() {
    let (court, state, paid) = halted(HOUR * 5).await;
    assert_eq!((state, paid), (CaseState::Final, 55));
    assert_eq!(court.relayed().await, 1);
}
