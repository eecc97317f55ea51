//! Verdicts that are ready together: one transaction, for which each juror signed once.
//!
//! ```text
//! all jurors sign                  one transaction pays everybody
//! one refuses, is late or lies     it is left out, the others carry the list
//! too few seats for one case       that case settles alone, the others together
//! too few seats for all            each settles alone
//! the escrow skips an item         it settles alone
//! killed before the jurors signed  they sign again, once more one transaction
//! the pool forgets it              it is handed out again
//! a reorganisation takes it back   everybody is paid again, once
//! the panel's time is almost over  nobody waits for company
//! ```

use std::time::Duration;

use alloy::primitives::B256;
use reqwest::StatusCode;
use surety_relayer::Handle;
use surety_relayer::wire::CaseState;
use surety_terms::TermSheet;
use surety_tests::{Orphans, actors};

use super::court::{Court, eventually};
use super::deliver_call;
use super::jurors::{Habit, Signing};

/// Every verdict waits for the others, however little there is to do.
const TOGETHER: &str = "[batch]\nleast_ms = 2500\nmost_ms = 2500\nanswer_ms = 1000\n";
const DEALS: u8 = 3;
/// What the seller gets of a milestone, in dollars.
const PAID: u64 = 55;

/// Three open deals of two milestones each.
async fn market() -> (Court, Vec<TermSheet>) {
    let mut court = Court::unopened().await;
    let mut sheets = Vec::new();
    for n in 1..=DEALS {
        court.sheet.salt = B256::with_last_byte(n);
        court.open().await;
        sheets.push(court.sheet.clone());
    }
    (court, sheets)
}

/// Delivers all milestones of all deals while no juror answers, then lets all of them vote.
async fn decided_together(court: &mut Court, relayer: &Handle, sheets: &[TermSheet]) -> Vec<B256> {
    court.everyone(Habit::Silent);
    let cases = delivered(court, relayer, sheets).await;
    court.everyone(Habit::Votes(0b11, 0));
    cases
}

async fn delivered(court: &mut Court, relayer: &Handle, sheets: &[TermSheet]) -> Vec<B256> {
    let work = court.work.clone();
    court.put(relayer, &work).await;
    let mut cases = Vec::new();
    for sheet in sheets {
        court.sheet = sheet.clone();
        for milestone in 0..2 {
            let delivery = court.delivery(milestone, &work);
            let (status, body) = court.post(relayer, "deliveries", &delivery).await;
            assert_eq!(status, StatusCode::ACCEPTED, "{body}");
            let case = court.case_id(milestone, &work);
            court.reaches(relayer, case, CaseState::Asked).await;
            cases.push(case);
        }
    }
    cases
}

/// All cases are final, and the seller has what their milestones pay.
async fn all_paid(court: &Court, relayer: &Handle, cases: &[B256], before: u64) {
    for case in cases {
        let view = court.over(relayer, *case).await;
        assert_eq!(view.state, CaseState::Final, "{view:?}");
    }
    let paid = PAID * u64::try_from(cases.len()).unwrap();
    assert_eq!(court.dollars(actors::seller().address()).await, before + paid);
}

#[tokio::test]
async fn verdicts_that_are_ready_together_settle_in_one_transaction() {
    let (mut court, sheets) = market().await;
    let before = court.dollars(actors::seller().address()).await;
    let relayer = court.start_configured(TOGETHER).await;
    let cases = decided_together(&mut court, &relayer, &sheets).await;
    all_paid(&court, &relayer, &cases, before).await;
    assert_eq!(court.relayed().await, 1);
    let lists = court.jurors[0].lists();
    assert_eq!(lists.len(), 1);
    assert_eq!(lists[0].len(), cases.len());
    let mut hashes = Vec::new();
    for case in &cases {
        hashes.push(court.case(&relayer, *case, 0).await.tx_hash.unwrap());
    }
    hashes.dedup();
    assert_eq!(hashes.len(), 1, "they name one transaction");
}

#[tokio::test]
async fn a_juror_that_refuses_is_late_or_lies_is_left_out_and_the_others_carry_the_list() {
    for signing in [Signing::Refuses, Signing::Late, Signing::Contradicts, Signing::Forges] {
        let (mut court, sheets) = market().await;
        court.jurors[2].sign(signing);
        let before = court.dollars(actors::seller().address()).await;
        let relayer = court.start_configured(TOGETHER).await;
        let cases = decided_together(&mut court, &relayer, &sheets).await;
        all_paid(&court, &relayer, &cases, before).await;
        assert_eq!(court.relayed().await, 1, "{signing:?}");
        assert_eq!(court.jurors[2].lists().len(), 1, "{signing:?}");
    }
}

#[tokio::test]
async fn without_enough_signatures_every_verdict_settles_alone_with_its_single_ballots() {
    let (mut court, sheets) = market().await;
    court.jurors[1].sign(Signing::Refuses);
    court.jurors[2].sign(Signing::Refuses);
    let before = court.dollars(actors::seller().address()).await;
    let relayer = court.start_configured(TOGETHER).await;
    let cases = decided_together(&mut court, &relayer, &sheets).await;
    all_paid(&court, &relayer, &cases, before).await;
    assert_eq!(court.relayed().await, 6);
}

#[tokio::test]
async fn a_case_that_the_signers_do_not_decide_settles_alone_and_the_others_together() {
    let (mut court, sheets) = market().await;
    let before = court.dollars(actors::seller().address()).await;
    let relayer = court.start_configured(TOGETHER).await;
    court.everyone(Habit::Silent);
    let cases = delivered(&mut court, &relayer, &sheets).await;
    court.jurors[2].sign(Signing::Refuses);
    court.jurors[4].be_absent(cases[3]);
    court.everyone(Habit::Votes(0b11, 0));
    all_paid(&court, &relayer, &cases, before).await;
    assert_eq!(court.relayed().await, 2);
    let lists = court.jurors[0].lists();
    assert_eq!(lists.iter().map(Vec::len).collect::<Vec<_>>(), [6, 5]);
    assert!(lists[0].contains(&cases[3]) && !lists[1].contains(&cases[3]));
}

#[tokio::test]
async fn an_item_that_the_escrow_skips_settles_alone() {
    let (mut court, sheets) = market().await;
    let before = court.dollars(actors::seller().address()).await;
    // Time to change the chain under a transaction that nobody holds.
    let slow = court.toml().replace("rebroadcast_ms = 20", "rebroadcast_ms = 3000");
    let relayer = court.start_of(&format!("{slow}{TOGETHER}")).await;
    court.node.set_automine(false);
    let cases = decided_together(&mut court, &relayer, &sheets).await;
    eventually("it waits", || async { !court.node.pending().is_empty() }).await;
    let batch = court.node.pending();
    assert_eq!(batch.len(), 1);
    assert!(court.node.drop_pending(batch[0]));
    // The seller puts on the chain what is judged already: the item names no state of its milestone.
    court.node.set_automine(true);
    court.send(deliver_call(&court, &court.work)).await;
    all_paid(&court, &relayer, &cases, before).await;
    assert_eq!(court.relayed().await, 2);
    let pinned = court.case_id(0, &court.work);
    let hash = court.case(&relayer, pinned, 0).await.tx_hash.unwrap();
    assert_ne!(hash, batch[0], "the last deal's first milestone went alone");
    let other = court.case(&relayer, cases[0], 0).await.tx_hash.unwrap();
    assert_eq!(other, batch[0]);
}

#[tokio::test]
async fn killed_between_proposal_and_settlement_it_proposes_again() {
    let (mut court, sheets) = market().await;
    let before = court.dollars(actors::seller().address()).await;
    for juror in &court.jurors[1..] {
        juror.sign(Signing::Late);
    }
    let patient = TOGETHER.replace("answer_ms = 1000", "answer_ms = 30000");
    let relayer = court.start_configured(&patient).await;
    let cases = decided_together(&mut court, &relayer, &sheets).await;
    eventually("the proposal", || async { !court.jurors[4].lists().is_empty() }).await;
    for case in &cases {
        assert_eq!(court.case(&relayer, *case, 0).await.state, CaseState::Decided);
    }
    relayer.abort().await;
    assert_eq!(court.relayed().await, 0);
    for juror in &court.jurors {
        juror.sign(Signing::Honest);
    }
    let relayer = court.start_configured(TOGETHER).await;
    all_paid(&court, &relayer, &cases, before).await;
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn a_batch_that_the_pool_forgets_is_handed_out_again_and_survives_a_crash() {
    let (mut court, sheets) = market().await;
    let before = court.dollars(actors::seller().address()).await;
    let relayer = court.start_configured(TOGETHER).await;
    court.node.set_automine(false);
    let cases = decided_together(&mut court, &relayer, &sheets).await;
    let waits = || async { !court.node.pending().is_empty() };
    eventually("it waits", waits).await;
    let first = court.node.pending();
    relayer.abort().await;
    assert!(court.node.drop_pending(first[0]));
    let relayer = court.start_configured(TOGETHER).await;
    eventually("it waits again", waits).await;
    assert_eq!(court.node.pending(), first, "the same bytes");
    court.node.mine();
    court.node.set_automine(true);
    all_paid(&court, &relayer, &cases, before).await;
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn a_batch_that_is_taken_back_pays_everybody_again_once() {
    for orphans in [Orphans::Forget, Orphans::Return, Orphans::Reinclude] {
        let (mut court, sheets) = market().await;
        let seller = actors::seller().address();
        let before = court.dollars(seller).await;
        let relayer = court.start_configured(TOGETHER).await;
        let cases = decided_together(&mut court, &relayer, &sheets).await;
        all_paid(&court, &relayer, &cases, before).await;
        court.node.reorg(1, orphans);
        court.node.mine();
        let all = before + PAID * 6;
        eventually("all are paid again", || async { court.dollars(seller).await == all }).await;
        court.node.mine();
        all_paid(&court, &relayer, &cases, before).await;
        assert_eq!(court.relayed().await, 1, "{orphans:?}");
    }
}

#[tokio::test]
async fn a_verdict_without_company_does_not_wait_for_signatures() {
    let court = Court::new().await;
    let relayer = court.start_configured("[batch]\nanswer_ms = 30000\n").await;
    let id = court.deliver(&relayer).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    assert!(court.jurors.iter().all(|juror| juror.lists().is_empty()));
    relayer.shutdown().await;
}

#[tokio::test]
async fn a_verdict_that_would_come_too_late_with_others_goes_alone() {
    let court = Court::new().await;
    // Committed in time, and not shown before the relayer was away.
    court.everyone(Habit::Withholds);
    let long = TOGETHER.replace("2500", "60000");
    let relayer = court.start_configured(&long).await;
    let id = court.deliver(&relayer).await;
    eventually("the panel has committed", || async {
        court.case(&relayer, id, 0).await.commitments.len() == 5
    })
    .await;
    relayer.shutdown().await;
    // More than a minute before the end, and less than the wait and a minute.
    let end = court.sheet.milestones[0].deliver_by + court.sheet.judge_within;
    court.node.advance(Duration::from_secs(end - 120 - court.node.now()));
    court.everyone(Habit::Votes(0b11, 0));
    let relayer = court.start_configured(&long).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    relayer.shutdown().await;
}

#[tokio::test]
async fn a_relayer_that_is_told_to_end_leaves_what_it_gathers_to_the_next_start() {
    let (mut court, sheets) = market().await;
    let before = court.dollars(actors::seller().address()).await;
    let long = TOGETHER.replace("2500", "60000");
    let relayer = court.start_configured(&long).await;
    let cases = decided_together(&mut court, &relayer, &sheets).await;
    for case in &cases {
        court.reaches(&relayer, *case, CaseState::Decided).await;
    }
    let stopped = tokio::time::timeout(Duration::from_secs(10), relayer.shutdown()).await;
    assert!(stopped.is_ok(), "it does not wait for the moment");
    let relayer = court.start_configured(TOGETHER).await;
    all_paid(&court, &relayer, &cases, before).await;
    assert_eq!(court.relayed().await, 1);
}
