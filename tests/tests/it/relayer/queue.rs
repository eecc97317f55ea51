//! What strangers hand in, and what it may keep waiting.
//!
//! ```text
//! their share of the day is spent   they wait, and then are refused; a verdict is paid
//! their queue is full               refused until there is room; what waits is known
//! the same call in other bytes      refused
//! ```
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use alloy::primitives::Bytes;
use alloy::sol_types::SolCall as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use surety_bindings::escrow::DealEscrow;
use surety_relayer::Handle;
use surety_relayer::wire::CaseState;
use surety_terms::Problem;

use super::court::{Court, eventually};
use super::socket::page;

/// A relayer of which strangers get as much as these lines of its section `[sending]` say.
async fn sending(court: &Court, lines: &str) -> Handle {
    court.start_of(&court.toml().replace("[sending]", &format!("[sending]\n{lines}"))).await
}

/// A call that would work: the second milestone's delivery, put on the chain.
fn deliver(court: &Court, work: &[u8]) -> Bytes {
    let request = court.delivery(1, work);
    let call = DealEscrow::deliverCall {
        terms: court.sheet.terms(),
        milestone: 1,
        deliverable: request.delivery.deliverable,
        uri: request.delivery.uri,
        signature: request.signature,
        requested: vec![],
    };
    call.abi_encode().into()
}

async fn hand_in(court: &Court, relayer: &Handle, calldata: &Bytes) -> (StatusCode, Value) {
    court.post(relayer, "transactions", &json!({ "calldata": calldata })).await
}

/// Why it was refused for now.
fn refused((status, body): (StatusCode, Value)) -> String {
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    serde_json::from_value::<Problem>(body).unwrap().slug().to_owned()
}

#[tokio::test]
async fn strangers_that_spend_their_share_keep_no_verdict_waiting() {
    let court = Court::new().await;
    let share = "budget_wei_per_day = 100000000000000000\nstrangers_percent = 0";
    let relayer = sending(&court, share).await;
    let first = deliver(&court, b"first");
    let taken = hand_in(&court, &relayer, &first).await;
    assert_eq!(taken.0, StatusCode::ACCEPTED, "{}", taken.1);
    // What was taken before the sender has looked waits as well.
    let (mut number, at) = (0_u32, (&court, &relayer));
    eventually("their share is spent", || {
        number += 1;
        let next = deliver(at.0, &number.to_be_bytes());
        async move { hand_in(at.0, at.1, &next).await.0 == StatusCode::SERVICE_UNAVAILABLE }
    })
    .await;
    let last = hand_in(&court, &relayer, &deliver(&court, b"last")).await;
    assert_eq!(refused(last), "share-spent");

    let id = court.deliver(&relayer).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    assert_eq!(court.relayed().await, 1);
    eventually("it is ready, since the budget itself is not used up", async || {
        let answer = court.http.get(format!("{}/readyz", relayer.url())).send().await;
        answer.unwrap().status() == StatusCode::OK
    })
    .await;

    // What waited is sent once strangers may cost something, after a restart too.
    relayer.shutdown().await;
    let relayer = sending(&court, "budget_wei_per_day = 100000000000000000").await;
    eventually("it is sent", async || {
        hand_in(&court, &relayer, &first).await.1["state"] == json!("mined")
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_takes_nothing_more_of_strangers_and_knows_what_it_has() {
    let court = Court::new().await;
    // Blocks cost more than is paid, so nothing is sent.
    let fees = "[fees]\nmax_fee_wei = 1\n[sending]\nstrangers_queued = 1";
    let relayer = court.start_of(&court.toml().replace("[sending]", fees)).await;
    let first = deliver(&court, b"first");
    for _ in 0..2 {
        let taken = hand_in(&court, &relayer, &first).await;
        assert_eq!((taken.0, &taken.1["state"]), (StatusCode::ACCEPTED, &json!("queued")));
    }
    let second = hand_in(&court, &relayer, &deliver(&court, b"second")).await;
    assert_eq!(refused(second), "queue-full");
    eventually("the metric says so", async || {
        page(&court, &relayer).await.contains("surety_relayer_queue{whose=\"strangers\"} 1\n")
    })
    .await;
}

#[tokio::test]
async fn the_same_call_in_other_bytes_is_no_second_transaction() {
    let court = Court::new().await;
    let relayer = court.start().await;
    let call = deliver(&court, b"first");
    for behind in [&[0][..], &[0; 32][..], &[7; 1_000][..]] {
        let other = Bytes::from([&call[..], behind].concat());
        let refused = Court::problem(hand_in(&court, &relayer, &other).await, "calldata");
        assert_eq!((refused.slug(), refused.status), ("not-canonical", 422));
    }
    assert_eq!(court.relayed().await, 0);
}
