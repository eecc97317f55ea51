//! Where a juror gets the bytes from that nobody pushes, and whose URI it believes.

use super::*;

#[tokio::test]
async fn bytes_are_fetched_from_the_uri_when_nobody_pushes_them() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let uri = serve(WORK).await;
    let taken = court.take(&juror, &court.request_for(&court.sheet, WORK, &uri)).await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}

#[tokio::test]
async fn a_pinned_unsigned_delivery_is_judged_with_the_chains_uri_whatever_the_request_says() {
    for signature in [Bytes::new(), forged()] {
        let court = Court::kind().await;
        let juror = court.start().await;
        court.pin_directly(&[(&court.sheet, WORK, &serve(WORK).await)]).await;
        let trap = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let lie = format!("http://{}/work", trap.local_addr().unwrap());
        let mut request = court.unsigned(&court.sheet, WORK, &lie);
        request.signature = signature;

        let taken = court.take(&juror, &request).await;
        let ballot = court.ballot(&juror, taken.case_id).await;

        assert_eq!((ballot.met, ballot.reason), (0b111, 0));
        let knocked = tokio::time::timeout(std::time::Duration::ZERO, trap.accept()).await;
        assert!(knocked.is_err(), "the request's URI was asked");
    }
}

#[tokio::test]
async fn a_restart_takes_the_chains_uri_of_an_unsigned_delivery_too() {
    let court = Court::kind().await;
    let mut patient = court.config();
    patient.fetch.grace_secs = 3_600;
    let juror = court.try_start(patient).await.unwrap();
    court.pin_directly(&[(&court.sheet, WORK, &serve(WORK).await)]).await;
    let mut request = court.unsigned(&court.sheet, WORK, "http://127.0.0.1:9/");
    request.signature = forged();
    let taken = court.take(&juror, &request).await;
    assert_eq!(taken.state, CaseState::AwaitingDeliverable);
    juror.shutdown().await;

    let juror = court.start().await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}

#[tokio::test]
async fn an_unsigned_delivery_that_is_not_pinned_is_refused_by_field() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let request = court.unsigned(&court.sheet, WORK, "");
    let problem = court.refused(&juror, &request).await;
    assert_eq!((problem.slug(), problem.status), ("signature-missing", 422));
    assert_eq!(problem.field.as_deref(), Some("signature"));
    assert!(problem.rule.unwrap().contains("unless the delivery stands on the chain"));

    court.pin_directly(&[(&court.sheet, b"other work", "")]).await;
    assert_eq!(court.refused(&juror, &request).await.slug(), "signature-missing");
}

#[tokio::test]
async fn another_deals_pin_of_the_same_bytes_in_the_same_second_does_not_lend_its_uri() {
    let mut court = Court::kind().await;
    let mut other = court.sheet.clone();
    other.salt = B256::repeat_byte(2);
    court.world.open(&other.terms()).unwrap();
    court.node = court.world.node();
    let juror = court.start().await;
    let uri = serve(WORK).await;
    court.pin_directly(&[(&other, WORK, "http://127.0.0.1:9/"), (&court.sheet, WORK, &uri)]).await;
    court.take(&juror, &court.unsigned(&other, WORK, "")).await;
    let taken = court.take(&juror, &court.unsigned(&court.sheet, WORK, "")).await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}

#[tokio::test]
async fn an_unsigned_case_falls_silent_when_a_reorganisation_takes_the_pin_back() {
    let court = Court::kind().await;
    let juror = court.start().await;
    court.pin_directly(&[(&court.sheet, WORK, "")]).await;
    let taken = court.take(&juror, &court.unsigned(&court.sheet, WORK, "")).await;
    court.node.reorg(1, Orphans::Forget);
    let status = court.status(&juror, taken.case_id, 30).await;
    assert_eq!(status.state, CaseState::Silent);
    assert_eq!(status.problem.unwrap().slug(), "signature-missing");

    // The seller's signature is as good as its pin.
    let again = court.take(&juror, &court.request(WORK)).await;
    assert_eq!((again.case_id, again.state), (taken.case_id, CaseState::AwaitingDeliverable));
    court.push(&juror, WORK).await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}

#[tokio::test]
async fn a_private_host_is_not_fetched_from_by_default() {
    let court = Court::kind().await;
    let mut config = court.config();
    config.fetch = FetchConfig { allow_private_hosts: false, ..config.fetch };
    let juror = court.try_start(config).await.unwrap();
    let uri = serve(WORK).await;
    let taken = court.take(&juror, &court.request_for(&court.sheet, WORK, &uri)).await;
    court.go_to(court.deliver_by() + DAY * 9 / 10);
    assert_eq!(court.ballot(&juror, taken.case_id).await.reason, 1);
}
