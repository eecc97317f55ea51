//! What the panel leaves to the appeal panel, and how little either has to say.
//!
//! ```text
//! a verdict is appealed            judged by the appeal panel, paid by its verdict
//! the panel does not agree         the appeal panel is asked by itself
//! the last seat cannot matter      nobody waits for it
//! the last seat moves the split    everybody waits for it
//! ```
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{B256, keccak256};
use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::{SolCall as _, SolEvent as _};
use surety_bindings::escrow::{Appeal, DealEscrow, SlowState};
use surety_bindings::jury::Case;
use surety_jury::Outcome;
use surety_relayer::Handle;
use surety_relayer::wire::{Act, CaseState, DealView, MilestoneView};
use surety_terms::{Bps, TermSheet, Usdc, digest};
use surety_tests::{actors, sign};

use super::court::{Court, eventually};
use super::jurors::Habit;

/// One milestone of 50 dollars with a bond of 10, which can be appealed within an hour for 10.
pub(super) fn appealable(sheet: &mut TermSheet) {
    sheet.milestones.truncate(1);
    sheet.total = Usdc::from_whole(50);
    (sheet.appeal_within, sheet.appeal_bond) = (3_600, Usdc::from_whole(10));
}

/// A deal with an appeal panel of five is open.
pub(super) async fn appeals() -> Court {
    let mut court = Court::seated(5, 5).await;
    appealable(&mut court.sheet);
    court.open().await;
    court
}

/// The id of the appeal panel's case.
pub(super) fn second_round(court: &Court) -> B256 {
    let case = sign::case(&court.contracts, court.sheet.deal_id(), 0, keccak256(&court.work));
    digest::case_id(&Case { round: 2, ..case })
}

/// What the relayer knows of the milestone.
pub(super) async fn milestone(court: &Court, relayer: &Handle) -> MilestoneView {
    let path = format!("deals/{}", court.sheet.deal_id());
    let deal: DealView = serde_json::from_value(court.get(relayer, &path).await.1).unwrap();
    deal.milestones.into_iter().next().unwrap()
}

/// The last state that the chain told of.
async fn state(court: &Court) -> SlowState {
    let moved = DealEscrow::MilestoneMoved::SIGNATURE_HASH;
    let filter = Filter::new().address(court.contracts.escrow).event_signature(moved).from_block(0);
    let logs = court.node.provider().get_logs(&filter).await.unwrap();
    let last = logs.last().unwrap();
    DealEscrow::MilestoneMoved::decode_log(&last.inner).unwrap().data.state
}

/// The loser of a rejection asks for round 2.
async fn appeal(court: &Court) {
    let valid_until = court.node.now() + 3_000;
    let state = state(court).await;
    let act = Appeal {
        dealId: court.sheet.deal_id(),
        milestone: 0,
        standing: state.standing,
        fee: U96::ZERO,
        validUntil: U40::from(valid_until),
    };
    let nonce = digest::appeal_digest(&act, &court.contracts.escrow_domain());
    let bond: U96 = court.sheet.appeal_bond.into();
    let seller = actors::seller();
    let call = DealEscrow::appealCall {
        terms: court.sheet.terms(),
        milestone: 0,
        state: vec![state],
        fee: U96::ZERO,
        validUntil: act.validUntil,
        authorization: sign::funding(&seller, &court.contracts, bond, valid_until, nonce),
    };
    court.send(call.abi_encode().into()).await;
}

fn panel_votes(court: &Court, habit: Habit) {
    for juror in &court.jurors[..5] {
        juror.set(habit);
    }
}

#[tokio::test]
async fn an_appeal_is_judged_by_the_appeal_panel_and_paid() {
    let court = appeals().await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    panel_votes(&court, Habit::Votes(0b01, 0b10));
    let relayer = court.start().await;
    let first = court.over(&relayer, court.deliver(&relayer).await).await;
    assert_eq!((first.state, first.round), (CaseState::Final, 1));
    assert_eq!(first.verdict.unwrap().outcome, Outcome::Rejected);
    let judged = milestone(&court, &relayer).await;
    assert_eq!((judged.end, judged.next.unwrap().act), (None, Act::Finalize));

    appeal(&court).await;
    assert_eq!(court.dollars(seller).await, before - 10);
    let id = second_round(&court);
    eventually("the appeal panel's case", || async {
        court.get(&relayer, &format!("cases/{id}")).await.0.is_success()
    })
    .await;
    let second = court.over(&relayer, id).await;
    assert_eq!((second.state, second.round), (CaseState::Final, 2));
    assert_eq!(second.verdict.unwrap().outcome, Outcome::Accepted);
    let keys: Vec<_> = (5..10).map(|i| actors::juror(i).address()).collect();
    let asked: Vec<_> = second.ballots.iter().map(|ballot| ballot.juror).collect();
    assert_eq!(asked, keys);
    // The money, both bonds, and two settlements.
    assert_eq!(court.dollars(seller).await, before + 60);
    assert_eq!(court.relayed().await, 2);
    let ended = milestone(&court, &relayer).await;
    assert_eq!((ended.end.unwrap().ending, ended.next), (1, None));
}

#[tokio::test]
async fn what_the_panel_does_not_agree_on_goes_to_the_appeal_panel() {
    let court = appeals().await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    for juror in &court.jurors[..2] {
        juror.set(Habit::Votes(0, 0b11));
    }
    let relayer = court.start().await;
    let first = court.over(&relayer, court.deliver(&relayer).await).await;
    assert_eq!(first.verdict.unwrap().outcome, Outcome::Undetermined);
    let id = second_round(&court);
    eventually("the appeal panel's case", || async {
        court.get(&relayer, &format!("cases/{id}")).await.0.is_success()
    })
    .await;
    let second = court.over(&relayer, id).await;
    assert_eq!(second.verdict.unwrap().outcome, Outcome::Accepted);
    assert_eq!(court.dollars(seller).await, before + 60);
}

/// Four ballots agree on the first criterion, which is enough to pass, and not on the second.
async fn four_of_five(pro_rata: bool) -> (Court, Handle, B256) {
    let court = Court::with(|sheet| {
        sheet.milestones[0].pass_bps = Bps::new(5_000);
        sheet.milestones[0].pro_rata = pro_rata;
    })
    .await;
    court.jurors[3].set(Habit::Votes(0b01, 0b10));
    court.jurors[4].set(Habit::Withholds);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    (court, relayer, id)
}

#[tokio::test]
async fn nobody_waits_for_a_seat_that_cannot_change_the_outcome() {
    let (court, relayer, id) = four_of_five(false).await;
    let view = court.over(&relayer, id).await;
    assert_eq!((view.state, view.ballots.len()), (CaseState::Final, 4));
    assert_eq!(view.verdict.unwrap().outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_seat_that_can_still_move_the_money_is_waited_for() {
    let (court, relayer, id) = four_of_five(true).await;
    eventually("four ballots", || async { court.case(&relayer, id, 0).await.ballots.len() == 4 })
        .await;
    assert_eq!(court.case(&relayer, id, 0).await.state, CaseState::Asked);
    court.jurors[4].set(Habit::Votes(0b11, 0));
    let view = court.over(&relayer, id).await;
    let verdict = view.verdict.unwrap();
    assert_eq!((verdict.outcome, verdict.met), (Outcome::Accepted, 0b11));
    assert_eq!(view.ballots.len(), 5);
}
