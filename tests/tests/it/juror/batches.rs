//! A juror signs a list of cases: what its ballots say, once they may be seen, and nothing else.

use serde_json::{Value, json};
use surety_jury::wire::{BatchBody, BatchRequest};
use surety_jury::{Leaf, SignedBatch};

use super::*;

async fn propose(
    court: &Court,
    juror: &surety_juror::Handle,
    body: &impl serde::Serialize,
) -> reqwest::Response {
    let url = format!("{}/v1/batches", juror.url());
    court.http.post(url).json(body).send().await.unwrap()
}

async fn signed(court: &Court, juror: &surety_juror::Handle, cases: &[B256]) -> BatchBody {
    let answer = propose(court, juror, &BatchRequest { cases: cases.to_vec() }).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_list_is_signed_with_what_the_ballot_says_and_always_in_the_same_way() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.push(&juror, WORK).await;
    assert_eq!(court.committed(&juror, case).await.state, CaseState::Committed);
    let unknown = keccak256("another case");
    let list = [unknown, case];
    let sealed = propose(&court, &juror, &BatchRequest { cases: list.to_vec() }).await;
    assert_eq!(problem(sealed).await.slug(), "no-ballot", "a list does not open the seal");

    let ballot = court.ballot(&juror, case).await;
    let body = signed(&court, &juror, &list).await;
    let votes = [Leaf::Absent.bytes(), Leaf::of(&ballot.ballot()).unwrap().bytes()].concat();
    assert_eq!((&body.votes[..], body.juror), (&votes[..], ballot.juror));
    let contracts = court.world.contracts();
    let batch = SignedBatch { seat: 0, batch: body.batch(&list), signature: body.signature };
    batch.verify(contracts.chain_id, contracts.jury, body.juror).unwrap();
    assert_eq!(batch.answers(1), Some((0, ballot.met, ballot.failed)));

    assert_eq!(signed(&court, &juror, &list).await, body);
    juror.shutdown().await;
    let juror = court.start().await;
    assert_eq!(signed(&court, &juror, &list).await, body, "after a restart, too");
    let other = signed(&court, &juror, &[case]).await;
    assert_eq!(other.votes[..], votes[5..], "another list says the same");
}

#[tokio::test]
async fn ids_that_are_no_cases_do_not_use_up_the_lists_of_one() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.push(&juror, WORK).await;
    court.ballot(&juror, case).await;
    for n in 0..64_u8 {
        signed(&court, &juror, &[case, keccak256([n])]).await;
    }
    let list = BatchRequest { cases: vec![case, keccak256([64])] };
    let refused = problem(propose(&court, &juror, &list).await).await;
    assert_eq!((refused.slug(), refused.status), ("too-many-lists", 429));
    assert_eq!(signed(&court, &juror, &[case]).await.votes.len(), 5);
}

#[tokio::test]
async fn a_list_that_is_none_is_refused() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let many: Vec<B256> = (0..257_u16).map(|n| keccak256(n.to_be_bytes())).collect();
    let one = keccak256("case");
    let bodies: [(Value, &str); 5] = [
        (json!({ "cases": [] }), "malformed"),
        (json!({ "cases": many }), "malformed"),
        (json!({ "cases": [one, one] }), "malformed"),
        (json!({ "cases": [one] }), "no-ballot"),
        (json!({ "cases": [one], "met": 1 }), "invalid"),
    ];
    for (body, slug) in bodies {
        let refused = propose(&court, &juror, &body).await;
        assert!(refused.status().is_client_error(), "{body}");
        let refused = problem(refused).await;
        assert!(slug == "invalid" || refused.slug() == slug, "{body}: {refused:?}");
    }
}
