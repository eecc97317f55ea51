//! What a juror says when, within the window in which it judges.

use super::*;

#[tokio::test]
async fn missing_is_said_only_in_the_last_tenth_of_the_window() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.go_to(court.deliver_by() + DAY * 9 / 10 - 1);
    let status = court.status(&juror, taken.case_id, 1).await;
    assert_eq!(status.state, CaseState::AwaitingDeliverable);

    court.go_to(court.deliver_by() + DAY * 9 / 10);
    let ballot = court.ballot(&juror, taken.case_id).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0, 0b111, 1));
    assert!(court.provider.seen().is_empty());
}

#[tokio::test]
async fn pinning_moves_the_window_and_the_last_tenth_with_it() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.pin(WORK).await;
    let pinned_at = court.node.now();
    court.go_to(pinned_at + DAY * 9 / 10);
    assert_eq!(court.ballot(&juror, taken.case_id).await.reason, 1);
}

#[tokio::test]
async fn after_the_window_a_juror_stays_silent() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.go_to(court.deliver_by() + DAY);
    let status = court.status(&juror, taken.case_id, 30).await;
    assert_eq!((status.state, &status.ballot), (CaseState::Silent, &None));
    assert_eq!(status.problem.unwrap().slug(), "window-over");
    assert_eq!(court.refused(&juror, &court.request(b"other")).await.slug(), "window-over");
}

#[tokio::test]
async fn a_case_that_a_reorganisation_ended_is_taken_up_again() {
    let mut court = Court::kind().await;
    // The deal is opened on the node, so that a reorganisation can take it back.
    court.sheet.salt = B256::repeat_byte(5);
    court.open().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.node.reorg(1, Orphans::Return);
    let status = court.status(&juror, taken.case_id, 30).await;
    assert_eq!(status.state, CaseState::Silent);
    assert_eq!(status.problem.unwrap().slug(), "deal-not-open");
    let still = court.take(&juror, &court.request(WORK)).await;
    assert_eq!(still.state, CaseState::Silent);

    court.node.mine();
    let again = court.take(&juror, &court.request(WORK)).await;
    assert_eq!((again.case_id, again.state), (taken.case_id, CaseState::AwaitingDeliverable));
    court.push(&juror, WORK).await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}
