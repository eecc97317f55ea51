//! What time allows anybody to do, done by the relayer: by itself for its deals, for a fee for others.
//!
//! ```text
//! nobody judged or delivered       reclaimed once
//! the panel was silent             escalated, and expired when the appeal panel is silent as well
//! nobody appealed                  finalized
//! the chain halts across a window  what was missed stays missed, what is due is done once
//! a stranger's deal                done for a fee that covers the cost, refused for less or nothing
//! two pay for the same             the first is sent, the second refused
//! the disk is lost                 the chain still says which deals were opened here: they are reclaimed
//! ```
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use std::time::Duration;

use alloy::primitives::{Bytes, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use surety_bindings::escrow::DealEscrow;
use surety_relayer::Handle;
use surety_relayer::wire::{Act, ActRequest, CaseState, DealView};
use surety_terms::wire::{TransactionState, TransactionStatus};
use surety_terms::{TermSheet, Usdc};
use surety_tests::{actors, sign};

use super::court::{Court, eventually};
use super::jurors::Habit;
use super::rounds::{appealable, appeals, milestone, second_round};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// The numbers of the escrow's endings.
const REJECTED: u8 = 2;
const RECLAIMED: u8 = 4;
const SILENT: u8 = 6;

/// A relayer that does what time allows.
async fn acting(court: &Court) -> Handle {
    court.start_of(&court.toml().replace("perform = false", "perform = true")).await
}

/// One milestone without appeals.
pub(super) fn single(sheet: &mut TermSheet) {
    appealable(sheet);
    (sheet.appeal_within, sheet.appeal_bond) = (0, Usdc::ZERO);
}

/// Waits until the milestone has ended, and until nothing more is planned.
async fn ends(court: &Court, relayer: &Handle, ending: u8) {
    eventually("the end", || async {
        let path = format!("deals/{}", court.sheet.deal_id());
        let (status, body) = court.get(relayer, &path).await;
        // After a start, or of a milestone in which nothing has happened, nothing is known yet.
        if !status.is_success() {
            return false;
        }
        let deal: DealView = serde_json::from_value(body).unwrap();
        let end = deal.milestones.first().and_then(|milestone| milestone.end.as_ref());
        end.is_some_and(|end| end.ending == ending)
    })
    .await;
    eventually("nothing is due any more", || async { planned(court).await == 0 }).await;
    // Time for a second act, if there were one.
    court.node.advance(DAY);
    tokio::time::sleep(Duration::from_millis(200)).await;
}

async fn planned(court: &Court) -> i64 {
    let mut rows = court.rows().await;
    sqlx::query_scalar("SELECT COUNT(*) FROM timed_act").fetch_one(&mut rows).await.unwrap()
}

/// The seller puts its delivery on the chain and hands it in.
async fn deliver_on_chain(court: &Court, relayer: &Handle) {
    let request = court.delivery(0, &court.work);
    let call = DealEscrow::deliverCall {
        terms: court.sheet.terms(),
        milestone: 0,
        deliverable: request.delivery.deliverable,
        uri: request.delivery.uri.clone(),
        signature: request.signature.clone(),
        requested: vec![],
    };
    court.send(call.abi_encode().into()).await;
    court.put(relayer, &court.work).await;
    eventually("the delivery is taken", || async {
        // Refused as long as the chain's newest events are still being read.
        let answer = court.post(relayer, "deliveries", &request).await;
        answer.0 == StatusCode::ACCEPTED
    })
    .await;
}

/// Has the relayer open the court's deal, and waits until it has seen that.
async fn open_here(court: &Court, relayer: &Handle) {
    let (buyer, seller) = court.opening();
    let open = DealEscrow::openCall {
        terms: court.sheet.terms(),
        buyerAuthorization: buyer,
        sellerAuthorization: seller,
    };
    let body = json!({ "calldata": Bytes::from(open.abi_encode()) });
    let (status, answer) = court.post(relayer, "transactions", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    eventually("the act is planned", || async { planned(court).await == 1 }).await;
}

/// The call that reclaims the milestone, with something behind it.
fn reclaim(court: &Court, behind: &[u8]) -> Value {
    let terms = court.sheet.terms();
    let call = DealEscrow::reclaimCall { terms, milestone: 0, requested: vec![] };
    json!({ "calldata": Bytes::from([&call.abi_encode()[..], behind].concat()) })
}

#[tokio::test]
async fn what_nobody_judged_is_reclaimed_once() {
    let court = Court::with(single).await;
    court.everyone(Habit::Silent);
    let buyer = actors::buyer().address();
    let before = court.dollars(buyer).await;
    let relayer = acting(&court).await;
    let id = court.deliver(&relayer).await;
    court.reaches(&relayer, id, CaseState::Asked).await;
    eventually("the act is planned", || async { planned(&court).await == 1 }).await;
    let next = milestone(&court, &relayer).await.next.unwrap();
    let judge_end = court.sheet.milestones[0].deliver_by + court.sheet.judge_within;
    assert_eq!((next.act, next.due), (Act::Reclaim, judge_end));

    // Not a second too early.
    court.node.advance(Duration::from_secs(judge_end - 1 - court.node.now()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(court.relayed().await, 0);
    court.node.advance(Duration::from_secs(1));
    ends(&court, &relayer, RECLAIMED).await;
    assert_eq!((court.dollars(buyer).await, court.relayed().await), (before + 60, 1));
    assert!(court.over(&relayer, id).await.state.is_over());
}

#[tokio::test]
async fn what_was_opened_here_is_reclaimed_though_nothing_was_delivered() {
    let mut court = Court::unopened().await;
    single(&mut court.sheet);
    let relayer = acting(&court).await;
    open_here(&court, &relayer).await;
    let buyer = actors::buyer().address();
    let before = court.dollars(buyer).await;
    court.node.advance(DAY * 2);
    ends(&court, &relayer, RECLAIMED).await;
    assert_eq!((court.dollars(buyer).await, court.relayed().await), (before + 60, 2));
}

#[tokio::test]
async fn a_relayer_that_lost_its_disk_still_owes_what_it_opened_in_its_own_words() {
    let mut court = Court::unopened().await;
    single(&mut court.sheet);
    let relayer = court.start().await;
    open_here(&court, &relayer).await;
    relayer.shutdown().await;
    court.lose_disk().await;
    let relayer = court.start().await;
    court.node.advance(DAY * 2);
    // A second way to say the same would be a second transaction.
    let other = court.post(&relayer, "transactions", &reclaim(&court, &[0])).await;
    assert_eq!(Court::problem(other, "calldata").slug(), "not-canonical");
    eventually("the opening is read", || async {
        // Unavailable until then.
        court.post(&relayer, "transactions", &reclaim(&court, &[])).await.0 == StatusCode::ACCEPTED
    })
    .await;
    ends(&court, &relayer, RECLAIMED).await;
    assert_eq!(court.relayed().await, 2);
}

#[tokio::test]
async fn a_relayer_that_lost_its_disk_reclaims_by_itself_what_it_opened() {
    let mut court = Court::unopened().await;
    single(&mut court.sheet);
    let relayer = acting(&court).await;
    open_here(&court, &relayer).await;
    relayer.shutdown().await;
    court.lose_disk().await;
    let relayer = acting(&court).await;
    let buyer = actors::buyer().address();
    let before = court.dollars(buyer).await;
    court.node.advance(DAY * 2);
    ends(&court, &relayer, RECLAIMED).await;
    assert_eq!((court.dollars(buyer).await, court.relayed().await), (before + 60, 2));
}

#[tokio::test]
async fn silence_of_both_panels_is_escalated_and_then_expires() {
    let court = appeals().await;
    court.everyone(Habit::Silent);
    let (buyer, seller) = (actors::buyer().address(), actors::seller().address());
    let before = (court.dollars(buyer).await, court.dollars(seller).await);
    let relayer = acting(&court).await;
    deliver_on_chain(&court, &relayer).await;
    court.node.advance(DAY);
    let id = second_round(&court);
    eventually("the appeal panel's case", || async {
        court.get(&relayer, &format!("cases/{id}")).await.0.is_success()
    })
    .await;
    assert_eq!(court.relayed().await, 1);
    court.reaches(&relayer, id, CaseState::Asked).await;
    court.node.advance(DAY);
    ends(&court, &relayer, SILENT).await;
    // The seller's bond goes back, and the terms pay silence nothing.
    let after = (court.dollars(buyer).await, court.dollars(seller).await);
    assert_eq!(after, (before.0 + 50, before.1 + 10));
    assert_eq!(court.relayed().await, 2);
}

#[tokio::test]
async fn without_an_appeal_panel_a_silent_panel_lets_the_delivery_expire() {
    let court = Court::with(single).await;
    court.everyone(Habit::Silent);
    let relayer = acting(&court).await;
    deliver_on_chain(&court, &relayer).await;
    court.node.advance(DAY);
    ends(&court, &relayer, SILENT).await;
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn a_verdict_that_nobody_appeals_is_finalized_once() {
    let court = appeals().await;
    court.everyone(Habit::Votes(0b01, 0b10));
    let buyer = actors::buyer().address();
    let before = court.dollars(buyer).await;
    let relayer = acting(&court).await;
    court.over(&relayer, court.deliver(&relayer).await).await;
    let due = milestone(&court, &relayer).await.next.unwrap().due;
    court.node.advance(Duration::from_secs(due - court.node.now()));
    ends(&court, &relayer, REJECTED).await;
    // A settlement and the act.
    assert_eq!((court.dollars(buyer).await, court.relayed().await), (before + 60, 2));
}

#[tokio::test]
async fn a_halt_of_two_hours_across_the_window_ends_the_milestone_and_judges_nothing() {
    let court = Court::with(single).await;
    court.everyone(Habit::Silent);
    let buyer = actors::buyer().address();
    let before = court.dollars(buyer).await;
    let relayer = acting(&court).await;
    let id = court.deliver(&relayer).await;
    court.reaches(&relayer, id, CaseState::Asked).await;
    let judge_end = court.sheet.milestones[0].deliver_by + court.sheet.judge_within;
    court.node.advance(Duration::from_secs(judge_end - 3_600 - court.node.now()));
    assert_eq!(court.relayed().await, 0);
    // The jurors answer while the chain stands still; its first block is past the window.
    court.node.advance(HOUR * 2);
    court.everyone(Habit::Votes(0b11, 0));
    ends(&court, &relayer, RECLAIMED).await;
    assert_eq!((court.dollars(buyer).await, court.relayed().await), (before + 60, 1));
    assert!(court.over(&relayer, id).await.state.is_over());
}

#[tokio::test]
async fn relayers_that_race_for_an_act_pay_once() {
    let court = Court::with(single).await;
    court.everyone(Habit::Silent);
    let buyer = actors::buyer().address();
    let before = court.dollars(buyer).await;
    let relayer = acting(&court).await;
    let mut config = court.other_config();
    config.acts.perform = true;
    let gate = court.gate(super::gate::Rule::Open);
    let other = surety_relayer::start_on(config, gate.provider()).await.unwrap();
    court.deliver(&relayer).await;
    court.deliver(&other).await;
    court.node.advance(DAY * 2);
    ends(&court, &relayer, RECLAIMED).await;
    assert_eq!(court.dollars(buyer).await, before + 60);
    eventually("the other one sees it", || async {
        let seen = milestone(&court, &other).await;
        seen.next.is_none() && seen.end.is_some_and(|end| end.ending == RECLAIMED)
    })
    .await;
}

// ---- strangers' deals

/// A party's request to have the milestone reclaimed.
fn asked(court: &Court, by: &PrivateKeySigner, fee: Usdc) -> ActRequest {
    let mut asked = ActRequest {
        action: Act::Reclaim,
        deal_id: court.sheet.deal_id(),
        milestone: 0,
        round: 1,
        standing: 0,
        fee,
        valid_until: court.node.now() + 3_600,
        party: by.address(),
        signature: Bytes::new(),
        authorization: Bytes::new(),
    };
    asked.signature = sign::digest(by, asked.digest(&court.contracts.escrow_domain()));
    asked
}

/// A deal that nobody opened or served here can be reclaimed, and is not by itself.
async fn strange() -> (Court, Handle) {
    let court = Court::with(single).await;
    let relayer = acting(&court).await;
    eventually("the deal is seen", || async {
        let path = format!("deals/{}", court.sheet.deal_id());
        court.get(&relayer, &path).await.1["isOpen"] == json!(true)
    })
    .await;
    court.node.advance(DAY * 2);
    (court, relayer)
}

#[tokio::test]
async fn a_strangers_deal_is_reclaimed_for_a_fee_that_covers_it() {
    let (court, relayer) = strange().await;
    let (buyer, payee) = (actors::buyer(), actors::relayer().address());
    let before = (court.dollars(buyer.address()).await, court.dollars(payee).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((court.relayed().await, planned(&court).await), (0, 0));

    let asked = asked(&court, &buyer, Usdc::from_whole(5));
    let (status, body) = court.post(&relayer, "acts", &asked).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let queued: TransactionStatus = serde_json::from_value(body).unwrap();
    let (_, body) = court.get(&relayer, &format!("transactions/{}?waitSecs=30", queued.id)).await;
    let mined: TransactionStatus = serde_json::from_value(body).unwrap();
    assert_eq!((mined.state, mined.error), (TransactionState::Mined, None));
    let after = (court.dollars(buyer.address()).await, court.dollars(payee).await);
    assert_eq!(after, (before.0 + 55, before.1 + 5));

    eventually("the end is seen", || async {
        let answer = court.post(&relayer, "acts", &asked).await;
        answer.0 == StatusCode::CONFLICT
    })
    .await;
    let again = court.post(&relayer, "acts", &asked).await;
    assert_eq!(Court::problem(again, "milestone").slug(), "not-live");
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn a_strangers_act_is_not_done_for_nothing() {
    let (court, relayer) = strange().await;
    let answer = court.post(&relayer, "transactions", &reclaim(&court, &[])).await;
    let refused = Court::problem(answer, "calldata");
    assert_eq!((refused.slug(), refused.status), ("act-not-owed", 422));
    assert!(refused.detail.contains("/v1/acts"), "{refused:?}");
    assert_eq!((court.relayed().await, planned(&court).await), (0, 0));
}

#[tokio::test]
async fn of_two_requests_for_the_same_act_one_is_sent() {
    let (court, relayer) = strange().await;
    let buyer = actors::buyer();
    let [first, second] = [5, 6].map(|fee| asked(&court, &buyer, Usdc::from_whole(fee)));
    court.node.set_automine(false);
    let taken = court.post(&relayer, "acts", &first).await;
    assert_eq!(taken.0, StatusCode::ACCEPTED, "{}", taken.1);
    eventually("it waits", || async { !court.node.pending().is_empty() }).await;
    let refused = Court::problem(court.post(&relayer, "acts", &second).await, "action");
    assert_eq!((refused.slug(), refused.status), ("under-way", 409));
    let again = court.post(&relayer, "acts", &first).await;
    assert_eq!(again.0, StatusCode::ACCEPTED, "{}", again.1);
    court.node.mine();
    court.node.set_automine(true);
    ends(&court, &relayer, RECLAIMED).await;
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn the_command_asks_for_what_the_state_on_the_chain_allows() {
    let court = appeals().await;
    court.everyone(Habit::Votes(0b01, 0b10));
    let relayer = court.start().await;
    court.over(&relayer, court.deliver(&relayer).await).await;
    let due = milestone(&court, &relayer).await.next.unwrap().due;
    let gate = court.gate(super::gate::Rule::Open);
    let other = surety_relayer::start_on(court.other_config(), gate.provider()).await.unwrap();
    let deal = court.sheet.deal_id().to_string();
    eventually("the other one has read of the verdict", || async {
        let (_, shown) = court.get(&other, &format!("deals/{deal}")).await;
        shown["milestones"][0]["pinned"].is_string()
    })
    .await;
    court.node.advance(Duration::from_secs(due - court.node.now()));
    let buyer = actors::buyer();
    court.keep_key("buyer-key", &buyer);
    let before = court.dollars(buyer.address()).await;
    let (served, escrow) = (court.node.serve().await, court.contracts.escrow.to_string());
    let (rpc, key) = (served.url(), court.folder().join("buyer-key").display().to_string());
    let line = ["deal", "act", "ask", &deal, "--relayer", other.url(), "--key-file", &key];
    let place = ["--fee", "5000000", "--rpc", &rpc, "--escrow", &escrow];
    let asked = crate::cli::result(&[&line[..], &place[..]].concat()).await;
    assert_eq!((&asked["action"], &asked["milestone"]), (&json!("finalize"), &json!(0)));
    assert_eq!(asked["transaction"]["state"], "mined", "{asked}");
    // The milestone's money and the seller's bond, without the fee.
    assert_eq!(court.dollars(buyer.address()).await, before + 55);
}

#[tokio::test]
async fn a_fee_that_is_too_small_is_refused_with_the_least_one() {
    let (court, relayer) = strange().await;
    let buyer = actors::buyer();
    let small = asked(&court, &buyer, Usdc::new(1).unwrap());
    let refused = Court::problem(court.post(&relayer, "acts", &small).await, "fee");
    assert_eq!((refused.slug(), refused.status), ("fee-too-low", 422));
    let rule = refused.rule.unwrap();
    let digits: String = rule.chars().filter(char::is_ascii_digit).collect();
    let least: u128 = digits.parse().unwrap();
    assert!(least > 1 && least < 5_000_000, "{rule}");
    assert_eq!(court.relayed().await, 0);
    // A fee has more digits than 1, which cost gas.
    let enough = Usdc::new(least + least / 10).unwrap();
    let taken = court.post(&relayer, "acts", &asked(&court, &buyer, enough)).await;
    assert_eq!(taken.0, StatusCode::ACCEPTED, "{}", taken.1);
}

#[tokio::test]
async fn requests_that_do_not_fit_the_state_are_refused_by_name() {
    let (court, relayer) = strange().await;
    let buyer = actors::buyer();
    let fee = Usdc::from_whole(5);
    let good = asked(&court, &buyer, fee);
    let mut wrong = Vec::new();
    for (request, field, slug) in [
        (ActRequest { deal_id: keccak256("none"), ..good.clone() }, "milestone", "not-live"),
        (ActRequest { milestone: 1, ..good.clone() }, "milestone", "not-live"),
        (ActRequest { action: Act::Finalize, ..good.clone() }, "action", "act-not-possible"),
        (ActRequest { round: 2, ..good.clone() }, "round", "state-mismatch"),
        (ActRequest { standing: 1, ..good.clone() }, "standing", "state-mismatch"),
        (
            ActRequest { valid_until: court.node.now(), ..good.clone() },
            "validUntil",
            "consent-expired",
        ),
        (asked(&court, &actors::deployer(), fee), "party", "not-a-party"),
        (ActRequest { fee: Usdc::from_whole(4), ..good }, "signature", "signature-invalid"),
        // The seller gets nothing of what is reclaimed, has no credit and authorized nothing.
        (asked(&court, &actors::seller(), fee), "calldata", "revert:FeeUncovered"),
    ] {
        let shown = format!("{slug}: {request:?}");
        let (status, body) = court.post(&relayer, "acts", &request).await;
        let problem: surety_terms::Problem = serde_json::from_value(body).unwrap();
        if problem.slug() != slug || problem.field.as_deref() != Some(field) {
            wrong.push(format!("{shown}: got {status} {problem:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let broken: Value = json!({ "action": "deliver" });
    assert!(court.post(&relayer, "acts", &broken).await.0.is_client_error());
    assert_eq!(court.relayed().await, 0);
}

#[tokio::test]
async fn a_request_before_its_time_is_refused_with_the_moment() {
    let court = Court::with(single).await;
    let relayer = acting(&court).await;
    eventually("the deal is seen", || async {
        let path = format!("deals/{}", court.sheet.deal_id());
        court.get(&relayer, &path).await.1["isOpen"] == json!(true)
    })
    .await;
    let early = asked(&court, &actors::buyer(), Usdc::from_whole(5));
    let refused = Court::problem(court.post(&relayer, "acts", &early).await, "action");
    let judge_end = court.sheet.milestones[0].deliver_by + court.sheet.judge_within;
    assert_eq!(refused.slug(), "too-early");
    assert!(refused.rule.unwrap().contains(&judge_end.to_string()));
}
