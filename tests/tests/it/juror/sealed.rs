//! A juror shows its ballot after a quorum has committed, or after half of the time, and not before.

use super::*;

/// A case to which the juror has committed.
async fn committed(court: &Court, juror: &surety_juror::Handle) -> B256 {
    let case = court.take(juror, &court.request(WORK)).await.case_id;
    court.push(juror, WORK).await;
    let status = court.committed(juror, case).await;
    assert_eq!(status.state, CaseState::Committed, "{status:?}");
    case
}

/// Asks for a case in every way there is, and finds the commitment and nothing of the ballot.
async fn is_sealed(court: &Court, juror: &surety_juror::Handle, case: B256) {
    let place = format!("{}/v1/cases/{case}", juror.url());
    for query in ["", "?waitSecs=1", "?waitSecs=1&waitFor=commitment", "?waitFor=ballot"] {
        let answer = court.http.get(format!("{place}{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let shown: serde_json::Value = answer.json().await.unwrap();
        let mut fields: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["caseId", "commitment", "state"], "{query}: {shown}");
    }
    let again = court.take(juror, &court.request(WORK)).await;
    assert_eq!((again.state, again.ballot), (CaseState::Committed, None));
}

#[tokio::test]
async fn nobody_reads_a_ballot_before_a_quorum_has_committed() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = committed(&court, &juror).await;
    let bound = court.committed(&juror, case).await.commitment.unwrap();
    let contracts = court.world.contracts();
    let panel: Vec<Address> = (0..5).map(|seat| court.world.juror(seat).address()).collect();
    let place = (contracts.chain_id, contracts.jury);
    assert_eq!(bound.seat(case, &panel, place), Ok(0), "the commitment verifies");
    is_sealed(&court, &juror, case).await;

    // Its own and two others are three of four, one by one or together, again and again.
    for commitments in [vec![1], vec![2], vec![1, 2], vec![2, 2]] {
        let commitments: Vec<_> =
            commitments.into_iter().map(|seat| court.commitment(seat, case)).collect();
        assert_eq!(court.bind(&juror, case, &commitments).await.status(), 204);
    }
    // Its own comes back to it from the relayer.
    assert_eq!(court.bind(&juror, case, &[bound]).await.status(), 204);
    is_sealed(&court, &juror, case).await;

    let last = court.commitment(4, case);
    assert_eq!(court.bind(&juror, case, &[last]).await.status(), 204);
    let status = court.status(&juror, case, 30).await;
    assert_eq!(status.commitment, Some(bound));
    let ballot = status.ballot.unwrap();
    assert_eq!(ballot.met, 0b111);
    assert!(ballot.opens(bound.digest, place.0, place.1));
    assert_eq!(court.bind(&juror, case, &[last]).await.status(), 204, "it needs none any more");
}

#[tokio::test]
async fn commitments_count_before_the_juror_has_committed_too() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    let others = [1, 2, 3].map(|seat| court.commitment(seat, case));
    assert_eq!(court.bind(&juror, case, &others).await.status(), 204);
    court.push(&juror, WORK).await;
    assert_eq!(court.status(&juror, case, 30).await.state, CaseState::Ballot);
}

#[tokio::test]
async fn forged_foreign_and_other_commitments_count_for_nothing() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = committed(&court, &juror).await;
    let good = [1, 2].map(|seat| court.commitment(seat, case));
    court.bind(&juror, case, &good).await;

    let mut forged = court.commitment(3, case);
    forged.signature.0[7] ^= 1;
    let taken = surety_jury::SignedCommitment {
        juror: court.world.juror(3).address(),
        ..court.commitment(2, case)
    };
    let other = court.commitment(3, keccak256(case));
    let moved = surety_jury::SignedCommitment { case_id: case, ..other };
    let foreign = court.commitment_of(&actors::actor("stranger"), case);
    let second = surety_jury::SignedCommitment { digest: B256::ZERO, ..court.commitment(3, case) };
    for bad in [forged, taken, other, moved, foreign, second] {
        // A good one beside it does not count either: all or none.
        let refused = court.bind(&juror, case, &[court.commitment(4, case), bad]).await;
        let refused = problem(refused).await;
        assert_eq!(refused.slug(), "commitment-invalid", "{bad:?}");
        assert_eq!(refused.field.as_deref(), Some("commitments[1]"), "{bad:?}");
    }
    is_sealed(&court, &juror, case).await;

    let unknown = court.bind(&juror, B256::ZERO, &good).await;
    assert_eq!(problem(unknown).await.slug(), "unknown-case");
    let url = format!("{}/v1/cases/{case}/commitments", juror.url());
    for body in [r#"{"commitments":"#, r#"{"commitments":[{}]}"#, "[]"] {
        let refused = court.http.post(&url).body(body).send().await.unwrap();
        assert!(refused.status().is_client_error(), "{body}");
    }
    let large = vec![b' '; 9 << 10];
    assert_eq!(court.http.post(&url).body(large).send().await.unwrap().status(), 413);
}

#[tokio::test]
async fn without_a_quorum_the_ballot_is_shown_when_half_of_the_time_has_passed() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = committed(&court, &juror).await;
    court.bind(&juror, case, &[1, 2].map(|seat| court.commitment(seat, case))).await;
    court.go_to(court.deliver_by() + DAY / 2 - 1);
    is_sealed(&court, &juror, case).await;
    court.go_to(court.deliver_by() + DAY / 2);
    assert_eq!(court.status(&juror, case, 30).await.ballot.unwrap().met, 0b111);
}

#[tokio::test]
async fn half_of_the_time_counts_from_the_pin_when_the_delivery_is_pinned() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = committed(&court, &juror).await;
    court.pin(WORK).await;
    let pinned_at = court.node.now();
    court.go_to(pinned_at + DAY / 2 - 1);
    is_sealed(&court, &juror, case).await;
    court.go_to(pinned_at + DAY / 2);
    assert_eq!(court.status(&juror, case, 30).await.state, CaseState::Ballot);
}

#[tokio::test]
async fn a_restart_before_the_reveal_shows_the_same_commitment_and_the_same_ballot() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = committed(&court, &juror).await;
    court.bind(&juror, case, &[1, 2].map(|seat| court.commitment(seat, case))).await;
    let before = court.committed(&juror, case).await;
    juror.shutdown().await;
    let mut store = sqlite(&court).await;
    let row = sqlx::query("SELECT salt FROM seals").fetch_one(&mut store).await.unwrap();
    let salt: Vec<u8> = sqlx::Row::get(&row, 0);
    store.close().await.unwrap();

    let juror = court.start().await;
    assert_eq!(court.committed(&juror, case).await, before);
    is_sealed(&court, &juror, case).await;
    court.bind(&juror, case, &[court.commitment(3, case)]).await;
    let shown = court.status(&juror, case, 30).await;
    assert_eq!(shown.commitment, before.commitment);
    let ballot = shown.ballot.unwrap();
    assert_eq!(ballot.salt, Some(B256::from_slice(&salt)));
    assert_eq!(court.provider.seen().len(), 2, "nobody was asked again");
    juror.shutdown().await;
    let juror = court.start().await;
    let shown = court.status(&juror, case, 0).await;
    assert_eq!(shown.ballot, Some(ballot), "an opened seal stays open");
}

#[tokio::test]
async fn a_sealed_case_leaves_its_place_to_others() {
    let mut court = Court::kind().await;
    let mut second = court.sheet.clone();
    second.salt = B256::repeat_byte(2);
    court.world.open(&second.terms()).unwrap();
    court.node = court.world.node();
    let mut config = court.config();
    config.limits = Limits { open_cases: 1, ..Limits::default() };
    let juror = court.try_start(config).await.unwrap();
    committed(&court, &juror).await;
    court.take(&juror, &court.request_for(&second, WORK, "")).await;
}

#[tokio::test]
async fn a_sealed_ballot_moves_with_what_opens_it_and_is_shown_at_once() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = committed(&court, &juror).await;
    let bound = court.committed(&juror, case).await.commitment.unwrap();
    juror.shutdown().await;
    let old = court.config();
    let key = old.key.open().await.unwrap();
    let document = surety_juror::export(&old, &key).await.unwrap();
    let mut new = court.config();
    new.store = court.folder.path().join("elsewhere");
    surety_juror::import(&new, &key, &document, &std::collections::BTreeSet::new()).await.unwrap();
    let juror = court.try_start(new).await.unwrap();
    let shown = court.status(&juror, case, 0).await;
    let contracts = court.world.contracts();
    let place = (contracts.chain_id, contracts.jury);
    assert!(shown.ballot.unwrap().opens(bound.digest, place.0, place.1));
    // A relayer that had no commitment yet counts the ballot by this one.
    let again = shown.commitment.unwrap();
    assert_eq!(again.digest, bound.digest);
    assert_eq!(again.seat(case, &[juror.juror()], place), Ok(0));
}
