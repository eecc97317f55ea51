//! The real relayer against a real chain in this process, with jurors that answer over HTTP.
//!
//! ```text
//! a delivery is judged and paid
//! a delivery is refused            malformed, oversized, another chain, deal, seller or digest
//! a juror misbehaves               nobody else notices
//! the relayer is killed            in every state, after any number of calls: paid once
//! the chain takes a payment back   it is paid again, once
//! the pool forgets a transaction   it is handed out again
//! verdicts are ready together      see `batches`
//! an agent has a call submitted    once, simulated first, refusals with name and remedy
//! strangers hand in too much       see `queue`
//! the relayer cannot work          it does not start
//! relayers share a database        see `fleet`
//! jurors are silent                in nobody else's way, see `fair`
//! a verdict is appealed, time ends it   see `rounds`, `timed`
//! endpoints lie, blocks go         see `storm`, `reorgs`, `ledger`, `sending`
//! ```

mod batches;
pub(crate) mod court;
mod desk;
mod fair;
mod fleet;
mod gate;
pub(crate) mod jurors;
mod ledger;
mod queue;
mod reorgs;
mod rounds;
mod sending;
mod socket;
mod storm;
mod timed;

use std::time::Duration;

use alloy::primitives::{Bytes, keccak256};
use alloy::sol_types::SolCall as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use surety_bindings::escrow::DealEscrow;
use surety_jury::{Outcome, Source};
use surety_relayer::wire::{CaseState, DealView};
use surety_terms::wire::{TransactionState, TransactionStatus};
use surety_terms::{Problem, TermSheet};
use surety_tests::Orphans;
use surety_tests::{actors, sign};

use court::{Court, eventually};
use gate::Rule;
use jurors::Habit;

const DAY: Duration = Duration::from_hours(24);

// ---- judged and paid

#[tokio::test]
async fn a_delivery_is_judged_and_paid() {
    let court = Court::new().await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    let view = court.over(&relayer, id).await;

    assert_eq!(view.state, CaseState::Final);
    let verdict = view.verdict.unwrap();
    assert_eq!((verdict.outcome, verdict.source), (Outcome::Accepted, Source::Rehearsal));
    assert_eq!(view.ballots.len(), 5);
    assert!(view.ballots.iter().all(|b| b.counted && b.source == Source::Rehearsal));
    assert!(view.tx_hash.is_some() && view.verdict_to_paid_ms.is_some());
    // Half of the money and half of the bond.
    assert_eq!(court.dollars(seller).await, before + 55);
    assert_eq!(court.relayed().await, 1);

    let path = format!("deals/{}", court.sheet.deal_id());
    eventually("the end is seen", || async {
        let (_, body) = court.get(&relayer, &path).await;
        let deal: DealView = serde_json::from_value(body).unwrap();
        let end = deal.milestones[0].end.clone();
        deal.is_open && end.is_some_and(|e| (e.ending, e.to_seller.as_str()) == (1, "55000000"))
    })
    .await;
    relayer.shutdown().await;
}

#[tokio::test]
async fn a_rejection_pays_the_buyer() {
    let court = Court::new().await;
    court.everyone(Habit::Votes(0b01, 0b10));
    let buyer = actors::buyer().address();
    let before = court.dollars(buyer).await;
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    let view = court.over(&relayer, id).await;
    assert_eq!(view.verdict.unwrap().outcome, Outcome::Rejected);
    assert_eq!(court.dollars(buyer).await, before + 55);
}

#[tokio::test]
async fn two_silent_jurors_of_five_are_no_verdict_and_nothing_is_sent() {
    let court = Court::new().await;
    court.jurors[1].set(Habit::Silent);
    court.jurors[4].set(Habit::Refuses);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    eventually("three commitments", || async {
        court.case(&relayer, id, 0).await.commitments.len() == 3
    })
    .await;
    let view = court.case(&relayer, id, 0).await;
    assert_eq!((view.state, view.ballots), (CaseState::Asked, vec![]));
    court.node.advance(DAY * 2);
    let view = court.over(&relayer, id).await;
    assert_eq!(view.state, CaseState::GivenUp);
    assert_eq!(view.reason.unwrap(), "no verdict: 0 of 4 needed ballots when the time was over");
    assert_eq!(court.relayed().await, 0);
    // These jurors never show a ballot of less than a quorum, not even at half time.
    eventually("the silence is on record", || async {
        court.record(&relayer, 0).await.silent == 1
    })
    .await;
    let absent = court.record(&relayer, 1).await;
    assert_eq!((absent.asked, absent.committed, absent.silent), (1, 0, 0));
}

#[tokio::test]
async fn bytes_that_come_after_the_delivery_reach_the_jurors() {
    let court = Court::new().await;
    let relayer = court.start().await;
    let request = court.delivery(0, &court.work);
    court.post(&relayer, "deliveries", &request).await;
    let id = court.case_id(0, &court.work);
    court.reaches(&relayer, id, CaseState::Asked).await;
    court.put(&relayer, &court.work).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    let url = format!("{}/v1/deliverables/{}", relayer.url(), keccak256(&court.work));
    let answer = court.http.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.bytes().await.unwrap(), court.work.0);
}

#[tokio::test]
async fn a_milestone_that_the_buyer_accepts_needs_no_jury() {
    let court = Court::new().await;
    court.everyone(Habit::Silent);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    court.reaches(&relayer, id, CaseState::Asked).await;
    let act = surety_bindings::escrow::Accept {
        dealId: court.sheet.deal_id(),
        milestone: 0,
        round: 1,
        standing: 0,
        fee: alloy::primitives::aliases::U96::ZERO,
        validUntil: alloy::primitives::aliases::U40::from(court.node.now() + 1_000),
    };
    let accept = DealEscrow::acceptCall {
        terms: court.sheet.terms(),
        milestone: 0,
        state: Vec::new(),
        buyer: surety_bindings::escrow::Consent {
            fee: act.fee,
            authorization: Bytes::new(),
            validUntil: act.validUntil,
            signature: sign::accept(&actors::buyer(), &court.contracts, &act),
        },
    };
    court.send(accept.abi_encode().into()).await;
    let view = court.over(&relayer, id).await;
    assert_eq!((view.state, view.verdict), (CaseState::Final, None));
    assert_eq!(court.relayed().await, 0);
}

// ---- pinned deliveries

fn deliver_call(court: &Court, work: &[u8]) -> Bytes {
    let request = court.delivery(0, work);
    DealEscrow::deliverCall {
        terms: court.sheet.terms(),
        milestone: 0,
        deliverable: request.delivery.deliverable,
        uri: request.delivery.uri,
        signature: request.signature,
        requested: vec![],
    }
    .abi_encode()
    .into()
}

#[tokio::test]
async fn a_pinned_delivery_is_judged_once_its_term_sheet_is_known() {
    let court = Court::new().await;
    let relayer = court.start().await;
    court.send(deliver_call(&court, &court.work)).await;
    let path = format!("deals/{}", court.sheet.deal_id());
    eventually("the pin is seen", || async {
        let (_, body) = court.get(&relayer, &path).await;
        body["milestones"][0]["pinned"] == json!(keccak256(&court.work))
    })
    .await;
    // The sheet arrives with another milestone's delivery; that one is not judged yet.
    court.put(&relayer, &court.work).await;
    let second = court.delivery(1, b"more work");
    let (status, body) = court.post(&relayer, "deliveries", &second).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    let id = court.case_id(0, &court.work);
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
}

#[tokio::test]
async fn another_digest_is_a_conflict_unless_the_seller_pinned_it() {
    let court = Court::new().await;
    court.everyone(Habit::Silent);
    let relayer = court.start().await;
    court.deliver(&relayer).await;
    let other = court.delivery(0, b"better work");
    let answer = court.post(&relayer, "deliveries", &other).await;
    assert_eq!(answer.0, StatusCode::CONFLICT);
    let problem = Court::problem(answer, "delivery.deliverable");
    assert_eq!(problem.slug(), "delivery-conflict");
    court.send(deliver_call(&court, b"better work")).await;
    eventually("it is taken", || async {
        court.post(&relayer, "deliveries", &other).await.0 == StatusCode::ACCEPTED
    })
    .await;
    court.everyone(Habit::Votes(0b11, 0));
    court.put(&relayer, b"better work").await;
    let id = court.case_id(0, b"better work");
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
}

// ---- refused deliveries

#[tokio::test]
async fn the_same_delivery_many_times_is_one_case() {
    let court = Court::new().await;
    let relayer = court.start().await;
    court.put(&relayer, &court.work).await;
    let request = court.delivery(0, &court.work);
    let posts = (0..8).map(|_| court.post(&relayer, "deliveries", &request));
    for (status, body) in futures::future::join_all(posts).await {
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    }
    let id = court.case_id(0, &court.work);
    court.over(&relayer, id).await;
    let (status, body) = court.post(&relayer, "deliveries", &request).await;
    assert_eq!((status, &body["state"]), (StatusCode::ACCEPTED, &json!("final")));
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn wrong_deliveries_are_refused_with_the_field_and_nothing_is_stored() {
    let court = Court::new().await;
    let relayer = court.start().await;
    let good = serde_json::to_value(court.delivery(0, &court.work)).unwrap();
    let with = |path: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        serde_json::to_vec(&body).unwrap()
    };
    let resigned = |change: &dyn Fn(&mut TermSheet)| {
        let mut other = court.delivery(0, &court.work);
        change(&mut other.term_sheet);
        other.delivery.dealId = other.term_sheet.deal_id();
        let contracts = surety_tests::Contracts {
            chain_id: other.term_sheet.chain_id,
            escrow: other.term_sheet.escrow,
            ..court.contracts.clone()
        };
        other.signature = sign::delivery(&actors::seller(), &contracts, &other.delivery);
        serde_json::to_vec(&other).unwrap()
    };
    let mut unknown = good.clone();
    unknown["colour"] = json!("red");
    let text = String::from_utf8(serde_json::to_vec(&good).unwrap()).unwrap();
    let twice = text.replacen('{', "{\"signature\":\"0x\",", 1);
    let zero = json!(alloy::primitives::B256::ZERO);
    let mut wrong = Vec::new();
    for (body, status, field) in [
        (b"no json".to_vec(), 400, "(document)"),
        (vec![b' '; 600_000], 413, "(document)"),
        (serde_json::to_vec(&unknown).unwrap(), 422, "colour"),
        (twice.into_bytes(), 400, "signature"),
        (with("/delivery/milestone", json!(2)), 422, "delivery.milestone"),
        (with("/delivery/dealId", zero), 422, "delivery.dealId"),
        (with("/termSheet/title", json!("Other work")), 422, "delivery.dealId"),
        (with("/delivery/deliverable", json!(keccak256(b"x"))), 422, "signature"),
        (with("/delivery/uri", json!("https://elsewhere.example")), 422, "signature"),
        (resigned(&|s| s.chain_id += 1), 422, "termSheet.chainId"),
        (resigned(&|s| s.escrow.0.0[0] ^= 1), 422, "termSheet.escrow"),
        (resigned(&|s| s.salt.0[0] ^= 1), 409, "delivery.dealId"),
    ] {
        let shown = String::from_utf8_lossy(&body).chars().take(200).collect::<String>();
        let (got, answer) = court.post_bytes(&relayer, "deliveries", body).await;
        let problem: Problem = serde_json::from_value(answer).unwrap();
        if problem.field.as_deref() != Some(field) || got.as_u16() != status {
            wrong.push(format!("{shown}: needed {status} {field}, got {problem:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let url = format!("{}/v1/deliverables/{}", relayer.url(), keccak256(b"other"));
    let answer = court.http.put(url).body("work").send().await.unwrap();
    let answer = (answer.status(), answer.json().await.unwrap());
    assert_eq!(Court::problem(answer, "digest").slug(), "digest-mismatch");
    let id = court.case_id(0, &court.work);
    assert_eq!(court.get(&relayer, &format!("cases/{id}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(court.get(&relayer, "cases/0x12").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(court.get(&relayer, "nothing").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_delivery_after_its_deadline_is_refused() {
    let court = Court::new().await;
    let relayer = court.start().await;
    court.node.advance(DAY);
    let answer = court.post(&relayer, "deliveries", &court.delivery(0, &court.work)).await;
    let problem = Court::problem(answer, "delivery");
    assert_eq!((problem.slug(), problem.status), ("deadline-passed", 409));
}

// ---- jurors

#[tokio::test]
async fn one_juror_that_misbehaves_harms_nobody_else() {
    harms_nobody(&[
        Habit::Garbage,
        Habit::Huge,
        Habit::StrangeKey,
        Habit::OtherJuror,
        Habit::OtherCase,
        Habit::Silent,
        Habit::Refuses,
        Habit::Broken,
    ])
    .await;
}

#[tokio::test]
async fn one_juror_whose_commitment_is_worth_nothing_harms_nobody_else() {
    harms_nobody(&[Habit::Forges, Habit::Copies, Habit::Elsewhere, Habit::Withholds]).await;
}

async fn harms_nobody(habits: &[Habit]) {
    for habit in habits.iter().copied() {
        let court = Court::new().await;
        court.jurors[2].set(habit);
        let relayer = court.start().await;
        let id = court.deliver(&relayer).await;
        let view = court.over(&relayer, id).await;
        assert_eq!(view.state, CaseState::Final, "{habit:?}");
        let verdict = view.verdict.unwrap();
        assert_eq!((verdict.outcome, verdict.seats), (Outcome::Accepted, 0b11011), "{habit:?}");
        assert_eq!(view.ballots.len(), 4, "{habit:?}");
    }
}

#[tokio::test]
async fn commitments_that_do_not_hold_make_no_quorum() {
    let court = Court::new().await;
    for (seat, habit) in [(1, Habit::Forges), (2, Habit::Copies), (3, Habit::Elsewhere)] {
        court.jurors[seat].set(habit);
    }
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    eventually("two commitments", || async {
        court.case(&relayer, id, 0).await.commitments.len() == 2
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let view = court.case(&relayer, id, 0).await;
    let bound: Vec<_> = view.commitments.iter().map(|it| it.juror).collect();
    assert_eq!(bound, [0, 4].map(|seat| actors::juror(seat).address()));
    assert_eq!((view.state, view.ballots), (CaseState::Asked, vec![]));
}

#[tokio::test]
async fn a_ballot_that_is_not_the_one_committed_to_is_refused_and_on_record() {
    for habit in [Habit::Contradicts, Habit::Saltless] {
        let court = Court::new().await;
        // Without this seat there is no verdict: its ballot would be counted if it were taken.
        court.jurors[1].set(Habit::Withholds);
        court.jurors[2].set(habit);
        let relayer = court.start().await;
        let id = court.deliver(&relayer).await;
        eventually("it is on record", || async { court.record(&relayer, 2).await.mismatched == 1 })
            .await;
        eventually("the others are counted", || async {
            court.case(&relayer, id, 0).await.ballots.len() == 3
        })
        .await;
        let view = court.case(&relayer, id, 0).await;
        assert_eq!(view.state, CaseState::Asked, "{habit:?}");
        assert!(view.ballots.iter().all(|ballot| ballot.seat != 2), "{habit:?}");
        relayer.shutdown().await;

        // A new start does not ask the seat again, and still has the evidence.
        let relayer = court.start().await;
        court.jurors[1].set(Habit::Votes(0b11, 0));
        assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
        let record = court.record(&relayer, 2).await;
        assert_eq!((record.asked, record.committed, record.mismatched), (1, 1, 1));
        assert_eq!((record.revealed, record.silent, record.unsealed), (0, 0, 0));
        let evidence = court.evidence().await;
        assert_eq!(evidence, [(id, actors::juror(2).address())], "{habit:?}");
    }
}

#[tokio::test]
async fn a_juror_that_commits_and_never_reveals_is_silent_once_the_time_is_over() {
    let court = Court::new().await;
    court.jurors[3].set(Habit::Withholds);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(court.record(&relayer, 3).await.silent, 0, "its time is not over");
    court.node.advance(DAY * 2);
    eventually("it is on record", || async { court.record(&relayer, 3).await.silent == 1 }).await;
    let honest = court.record(&relayer, 0).await;
    let counts = (honest.asked, honest.committed, honest.revealed, honest.silent);
    assert_eq!(counts, (1, 1, 1, 0));
    let nobody = actors::actor("nobody").address();
    let answer = court.get(&relayer, &format!("jurors/{nobody}")).await;
    assert_eq!(answer.0, StatusCode::NOT_FOUND);
    assert_eq!(court.get(&relayer, "jurors/0x12").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_juror_that_was_not_told_in_time_is_asked_once_more_before_it_is_called_silent() {
    let court = Court::new().await;
    court.jurors[3].set(Habit::Withholds);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    court.over(&relayer, id).await;
    court.jurors[3].set(Habit::Votes(0b11, 0));
    court.jurors[3].bind(id);
    court.node.advance(DAY * 2);
    eventually("it is on record", || async { court.record(&relayer, 3).await.revealed == 1 }).await;
    assert_eq!(court.record(&relayer, 3).await.silent, 0);
}

#[tokio::test]
async fn ballots_of_jurors_that_do_not_seal_are_on_record_and_count_for_nothing() {
    let court = Court::new().await;
    court.everyone(Habit::Unsealed(0b11, 0));
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    eventually("five ballots", || async { court.case(&relayer, id, 0).await.ballots.len() == 5 })
        .await;
    let view = court.case(&relayer, id, 0).await;
    assert_eq!((view.state, view.commitments), (CaseState::Asked, vec![]));
    assert!(view.ballots.iter().all(|ballot| !ballot.counted));
    let record = court.record(&relayer, 0).await;
    assert_eq!((record.committed, record.revealed, record.unsealed), (0, 0, 1));
    court.node.advance(DAY * 2);
    let view = court.over(&relayer, id).await;
    assert_eq!(view.reason.unwrap(), "no verdict: 0 of 4 needed ballots when the time was over");
    assert_eq!(court.relayed().await, 0);
}

#[tokio::test]
async fn a_seat_that_commits_after_ballots_were_asked_for_is_not_counted() {
    let court = Court::new().await;
    court.jurors[1].set(Habit::Withholds);
    court.jurors[4].set(Habit::Silent);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    let counted = || async {
        let ballots = court.case(&relayer, id, 0).await.ballots;
        ballots.iter().filter(|ballot| ballot.counted).map(|ballot| ballot.seat).collect::<Vec<_>>()
    };
    eventually("three ballots", || async { counted().await == [0, 2, 3] }).await;
    // It could read what three others say. Its ballot would be the fourth.
    court.jurors[4].set(Habit::Votes(0b11, 0));
    eventually("it is on record", || async { court.record(&relayer, 4).await.unsealed == 1 }).await;
    assert_eq!(court.record(&relayer, 4).await.committed, 0);
    relayer.abort().await;
    let relayer = court.start().await;
    let view = court.case(&relayer, id, 0).await;
    assert_eq!((view.state, view.commitments.len(), view.ballots.len()), (CaseState::Asked, 4, 4));
    court.jurors[1].set(Habit::Votes(0b11, 0));
    let view = court.over(&relayer, id).await;
    assert_eq!((view.state, view.verdict.unwrap().seats), (CaseState::Final, 0b01111));
}

#[tokio::test]
async fn no_ballot_is_asked_for_while_the_others_may_still_commit() {
    let court = Court::new().await;
    court.jurors[4].set(Habit::Silent);
    let config = court.toml().replace("commit_ms = 500", "commit_ms = 600000");
    let relayer = court.start_of(&config).await;
    let id = court.deliver(&relayer).await;
    eventually("four commitments", || async {
        court.case(&relayer, id, 0).await.commitments.len() == 4
    })
    .await;
    // Somebody else opens the seals: what the jurors show is not looked at yet.
    for juror in &court.jurors {
        juror.bind(id);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let view = court.case(&relayer, id, 0).await;
    assert_eq!((view.state, view.ballots), (CaseState::Asked, vec![]));
    court.jurors[4].set(Habit::Votes(0b11, 0));
    let view = court.over(&relayer, id).await;
    assert_eq!((view.state, view.verdict.unwrap().seats), (CaseState::Final, 0b11111));
}

#[tokio::test]
async fn a_relayer_that_comes_when_ballots_are_shown_takes_commitments_first() {
    let mut court = Court::new().await;
    court.jurors[1].set(Habit::Withholds);
    court.jurors[4].set(Habit::Withholds);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    eventually("three ballots", || async { court.case(&relayer, id, 0).await.ballots.len() == 3 })
        .await;
    relayer.abort().await;
    court.lose_disk().await;
    let relayer = court.start().await;
    court.everyone(Habit::Votes(0b11, 0));
    assert_eq!(court.deliver(&relayer).await, id);
    let view = court.over(&relayer, id).await;
    assert_eq!((view.state, view.ballots.len()), (CaseState::Final, 5));
    for seat in 0..5 {
        assert_eq!(court.record(&relayer, seat).await.revealed, 1);
    }
}

#[tokio::test]
async fn a_juror_that_recovers_is_asked_again() {
    let court = Court::new().await;
    court.everyone(Habit::Broken);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    court.reaches(&relayer, id, CaseState::Asked).await;
    court.everyone(Habit::Votes(0b11, 0));
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
}

// ---- killed

/// Kills the relayer in a state, and the connection with it; the next one must end the case.
async fn killed(state: CaseState, rule: Rule, habit: Habit) {
    let court = Court::new().await;
    court.everyone(habit);
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    let gate = court.gate(rule);
    let relayer = court.start_behind(&gate).await;
    let id = court.deliver(&relayer).await;
    court.reaches(&relayer, id, state).await;
    // What the state announced has its chance to happen before the end.
    tokio::time::sleep(Duration::from_millis(30)).await;
    relayer.abort().await;

    court.everyone(Habit::Votes(0b11, 0));
    let relayer = court.start().await;
    let view = court.over(&relayer, id).await;
    assert_eq!(view.state, CaseState::Final, "{state:?} {rule:?}");
    assert_eq!(court.dollars(seller).await, before + 55, "{state:?} {rule:?}");
    assert_eq!(court.relayed().await, 1, "{state:?} {rule:?}");
}

#[tokio::test]
async fn killed_while_it_asks_it_asks_again() {
    killed(CaseState::Asked, Rule::Open, Habit::Silent).await;
}

#[tokio::test]
async fn killed_before_it_submits_it_submits() {
    let settle = alloy::hex::encode(DealEscrow::settleCall::SELECTOR);
    let rule = Rule::Lose("eth_call", Box::leak(settle.into_boxed_str()));
    killed(CaseState::Decided, rule, Habit::Votes(0b11, 0)).await;
}

#[tokio::test]
async fn killed_before_it_signs_it_signs() {
    killed(CaseState::Sent, Rule::Lose("eth_feeHistory", ""), Habit::Votes(0b11, 0)).await;
}

#[tokio::test]
async fn killed_with_signed_bytes_that_nobody_saw_it_hands_them_out() {
    let rule = Rule::Lose("eth_sendRawTransaction", "");
    killed(CaseState::Sent, rule, Habit::Votes(0b11, 0)).await;
}

#[tokio::test]
async fn killed_without_knowing_whether_its_bytes_arrived_it_finds_out() {
    let rule = Rule::LoseAnswer("eth_sendRawTransaction");
    killed(CaseState::Final, rule, Habit::Votes(0b11, 0)).await;
}

#[tokio::test]
async fn killed_without_its_receipt_it_believes_the_escrow() {
    let rule = Rule::Lose("eth_getTransactionReceipt", "");
    killed(CaseState::Final, rule, Habit::Votes(0b11, 0)).await;
}

#[tokio::test]
async fn killed_after_any_number_of_calls_it_pays_once() {
    for calls in (6..60).step_by(4) {
        let court = Court::new().await;
        let seller = actors::seller().address();
        let before = court.dollars(seller).await;
        let gate = court.gate(Rule::Open);
        let relayer = court.start_behind(&gate).await;
        court.put(&relayer, &court.work).await;
        gate.set(Rule::After(calls));
        let request = court.delivery(0, &court.work);
        court.post(&relayer, "deliveries", &request).await;
        let id = court.case_id(0, &court.work);
        // Until the connection is used up, or the case is over before.
        eventually("the node is gone", || async {
            gate.is_used_up()
                || court.get(&relayer, &format!("cases/{id}")).await.1["state"] == "final"
        })
        .await;
        relayer.abort().await;
        let relayer = court.start().await;
        court.deliver(&relayer).await;
        assert_eq!(court.over(&relayer, id).await.state, CaseState::Final, "{calls}");
        assert_eq!(court.dollars(seller).await, before + 55, "{calls}");
        assert_eq!(court.relayed().await, 1, "{calls}");
        relayer.abort().await;
    }
}

/// What is lost: term sheet, delivery, bytes, commitments, and the database that held them.
#[tokio::test]
async fn a_relayer_that_lost_its_disk_goes_on_with_the_chain_the_jurors_and_the_seller() {
    let mut court = Court::new().await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    court.jurors[1].set(Habit::Silent);
    court.jurors[4].set(Habit::Silent);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    eventually("three commitments", || async {
        court.case(&relayer, id, 0).await.commitments.len() == 3
    })
    .await;
    relayer.abort().await;
    court.lose_disk().await;

    // The deadline passes meanwhile; the jurors' time goes on.
    court.node.advance(DAY);
    let relayer = court.start().await;
    let path = format!("deals/{}", court.sheet.deal_id());
    eventually("the deal is known again", || async {
        court.get(&relayer, &path).await.1["isOpen"] == json!(true)
    })
    .await;
    assert_eq!(court.get(&relayer, &format!("cases/{id}")).await.0, StatusCode::NOT_FOUND);
    let late = court.post(&relayer, "deliveries", &court.delivery(1, &court.work)).await;
    assert_eq!(Court::problem(late, "delivery").slug(), "deadline-passed");

    assert_eq!(court.deliver(&relayer).await, id);
    court.everyone(Habit::Votes(0b11, 0));
    let view = court.over(&relayer, id).await;
    assert_eq!((view.state, view.ballots.len()), (CaseState::Final, 5));
    assert_eq!((court.dollars(seller).await, court.relayed().await), (before + 55, 1));
}

// ---- the chain moves

#[tokio::test]
async fn a_settlement_that_is_taken_back_is_sent_again() {
    for orphans in [Orphans::Forget, Orphans::Return, Orphans::Reinclude] {
        let court = Court::new().await;
        let seller = actors::seller().address();
        let before = court.dollars(seller).await;
        let relayer = court.start().await;
        let id = court.deliver(&relayer).await;
        court.over(&relayer, id).await;
        court.node.reorg(1, orphans);
        court.node.mine();
        eventually("it is paid again", || async { court.dollars(seller).await == before + 55 })
            .await;
        court.node.mine();
        assert_eq!(court.over(&relayer, id).await.state, CaseState::Final, "{orphans:?}");
        assert_eq!(court.relayed().await, 1, "{orphans:?}");
    }
}

#[tokio::test]
async fn a_settlement_that_the_pool_forgets_is_handed_out_again() {
    let court = Court::new().await;
    court.node.set_automine(false);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    let waits = || async { !court.node.pending().is_empty() };
    eventually("it waits", waits).await;
    let first = court.node.pending();
    assert!(court.node.drop_pending(first[0]));
    eventually("it waits again", waits).await;
    assert_eq!(court.node.pending(), first);
    court.node.mine();
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    assert_eq!(court.relayed().await, 1);
}

// ---- other people's calls

#[tokio::test]
async fn an_agent_without_ether_has_its_deal_opened_once() {
    let court = Court::unopened().await;
    let relayer = court.start().await;
    let (buyer, seller) = court.opening();
    let open = DealEscrow::openCall {
        terms: court.sheet.terms(),
        buyerAuthorization: buyer,
        sellerAuthorization: seller,
    };
    let body = json!({ "calldata": Bytes::from(open.abi_encode()) });
    let (status, answer) = court.post(&relayer, "transactions", &body).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
    let sent: TransactionStatus = serde_json::from_value(answer).unwrap();
    let path = format!("transactions/{}?waitSecs=30", sent.id);
    let (_, answer) = court.get(&relayer, &path).await;
    let mined: TransactionStatus = serde_json::from_value(answer).unwrap();
    assert_eq!(mined.state, TransactionState::Mined);
    let (_, again) = court.post(&relayer, "transactions", &body).await;
    assert_eq!(serde_json::from_value::<TransactionStatus>(again).unwrap(), mined);
    assert_eq!(court.relayed().await, 1);

    // The same deal under other bytes is another call, and the escrow refuses it.
    let other = DealEscrow::openCall { sellerAuthorization: Bytes::from_static(b"x"), ..open };
    let body = json!({ "calldata": Bytes::from(other.abi_encode()) });
    let answer = court.post(&relayer, "transactions", &body).await;
    let problem = Court::problem(answer, "calldata");
    assert_eq!((problem.slug(), problem.status), ("revert:DealExists", 422));
    assert!(problem.detail.contains("another salt"), "{problem:?}");
}

#[tokio::test]
async fn a_withdrawal_is_sent_again_when_there_is_credit_again() {
    let court = Court::with(|sheet| sheet.pay_as_credit = true).await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    let relayer = court.start().await;
    let withdraw = DealEscrow::withdrawCall { token_: court.contracts.token, owner: seller };
    let body = json!({ "calldata": Bytes::from(withdraw.abi_encode()) });
    let answer = court.post(&relayer, "transactions", &body).await;
    assert_eq!(Court::problem(answer, "calldata").slug(), "revert:CreditEmpty");

    for milestone in 0..2 {
        let (status, body_of) =
            court.post(&relayer, "deliveries", &court.delivery(milestone, &court.work)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body_of}");
        court.put(&relayer, &court.work).await;
        court.over(&relayer, court.case_id(milestone, &court.work)).await;
        // Twice, since an agent that hears nothing asks again.
        for _ in 0..2 {
            let (_, answer) = court.post(&relayer, "transactions", &body).await;
            let sent: TransactionStatus = serde_json::from_value(answer).unwrap();
            let path = format!("transactions/{}?waitSecs=30", sent.id);
            let (_, answer) = court.get(&relayer, &path).await;
            let mined: TransactionStatus = serde_json::from_value(answer).unwrap();
            assert_eq!((mined.id, mined.state), (sent.id, TransactionState::Mined));
        }
        assert_eq!(court.relayed().await, 2 * (u64::from(milestone) + 1));
    }
    assert_eq!(court.dollars(seller).await, before + 110);
}

#[tokio::test]
async fn calls_that_no_agent_needs_are_not_submitted() {
    let court = Court::new().await;
    let relayer = court.start().await;
    for calldata in ["0x", "0x12", "0xa9059cbb", "0x00000000"] {
        let body = json!({ "calldata": calldata });
        let answer = court.post(&relayer, "transactions", &body).await;
        assert_eq!(Court::problem(answer, "calldata").slug(), "not-allowed", "{calldata}");
    }
    let cut = Bytes::copy_from_slice(&DealEscrow::openCall::SELECTOR);
    let answer = court.post(&relayer, "transactions", &json!({ "calldata": cut })).await;
    assert_eq!(Court::problem(answer, "calldata").slug(), "not-canonical");
    assert_eq!(court.relayed().await, 0);
}

// ---- does not start

#[tokio::test]
async fn a_relayer_that_cannot_work_does_not_start() {
    let court = Court::new().await;
    let gate = court.gate(Rule::Open);
    let escrow = court.contracts.escrow.to_string();
    let nobody = "0x00000000000000000000000000000000000000aa";
    for (from, to, needed) in [
        ("chain_id = ", "chain_id = 9", "chain id"),
        ("/key\"", "/nokey\"", "there is no such file"),
        (escrow.as_str(), nobody, "no code at"),
    ] {
        let config = court.toml().replace(from, to).parse().unwrap();
        let error = surety_relayer::start_on(config, gate.provider()).await.unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains(needed) && !shown.contains('\n'), "{shown}");
    }
    let error = surety_relayer::start(court.config()).await.unwrap_err().to_string();
    assert!(error.contains("cannot be reached") && !error.contains("127.0.0.1"), "{error}");
    let relayer = court.start().await;
    let second = surety_relayer::start_on(court.config(), gate.provider()).await;
    // A database is shared, a file is not.
    if court.database.is_some() {
        second.unwrap().shutdown().await;
    } else {
        let error = second.unwrap_err();
        assert!(error.to_string().contains("another process uses this store"), "{error}");
    }
    relayer.shutdown().await;
    court.start().await.shutdown().await;
}

#[tokio::test]
async fn nothing_that_is_shown_names_the_node() {
    let court = Court::new().await;
    let gate = court.gate(Rule::Open);
    let relayer = court.start_behind(&gate).await;
    gate.set(Rule::After(0));
    let request = court.delivery(0, &court.work);
    let (status, body) = court.post(&relayer, "deliveries", &request).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!body.to_string().contains("secret"), "{body}");
}
