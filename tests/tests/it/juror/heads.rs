//! Jurors whose nodes are not equally far: each goes by its own head.

use surety_tests::{Chaos, Weather};

use super::court::{Court, WORK};

#[tokio::test]
async fn a_juror_whose_head_is_before_the_deadline_ballots_and_one_beyond_it_does_not() {
    let court = Court::kind().await;
    court.go_to(court.deliver_by() - 2);
    let behind = Chaos::over(&court.node, 1);
    behind.set(Weather { still_at: Some(court.node.height()), ..Weather::default() });
    court.go_to(court.deliver_by());

    let juror = surety_juror::start_on(court.config(), behind.provider()).await.unwrap();
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.push(&juror, WORK).await;
    court.ballot(&juror, case).await;
    juror.shutdown().await;

    let mut config = court.config();
    config.store = court.folder.path().join("other-store");
    let juror = surety_juror::start_on(config, Chaos::over(&court.node, 2).provider()).await;
    let juror = juror.unwrap();
    let problem = court.refused(&juror, &court.request(WORK)).await;
    assert_eq!(problem.slug(), "late-delivery", "{problem:?}");
    juror.shutdown().await;
}

#[tokio::test]
async fn a_juror_catches_up_with_a_chain_that_went_on_without_it() {
    let court = Court::kind().await;
    let behind = Chaos::over(&court.node, 1);
    behind.set(Weather { still_at: Some(court.node.height()), ..Weather::default() });
    // What the others see is pinned already; this one does not know it yet, and judges no less.
    court.pin(WORK).await;
    let juror = surety_juror::start_on(court.config(), behind.provider()).await.unwrap();
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    behind.set(Weather::default());
    court.push(&juror, WORK).await;
    court.ballot(&juror, case).await;
    juror.shutdown().await;
}
