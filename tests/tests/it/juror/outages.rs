//! A provider that fails, for a while or for good, or answers with garbage.

use super::*;

#[tokio::test]
async fn an_outage_on_one_question_is_an_abstention_on_it_but_not_before_the_last_tenth() {
    let court = Court::new(
        Double::start(|_, question| match question.criterion.text.as_str() {
            "The deliverable is complete." => Act::Vote("MET"),
            _ => Act::Raw(503, "down"),
        })
        .await,
    );
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.push(&juror, WORK).await;
    let status = court.status(&juror, taken.case_id, 3).await;
    assert_eq!(status.state, CaseState::Judging);
    assert_eq!(court.provider.seen().len(), 4, "one answer, three attempts, and now it waits");

    court.go_to(court.deliver_by() + DAY * 9 / 10);
    let ballot = court.ballot(&juror, taken.case_id).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b011, 0, 0));
}

#[tokio::test]
async fn a_provider_that_answers_nothing_makes_the_whole_seat_void() {
    let court = Court::new(Double::captured(|_, _| Act::Raw(503, "down")).await);
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.push(&juror, WORK).await;
    court.go_to(court.deliver_by() + DAY * 9 / 10);
    let ballot = court.ballot(&juror, taken.case_id).await;
    assert_eq!(
        (ballot.met, ballot.failed, ballot.reason),
        (0, 0, 4),
        "checks alone decide nothing"
    );
}

#[tokio::test]
async fn a_provider_that_comes_back_is_asked_again() {
    let court = Court::new(
        Double::start(|number, _| if number < 6 { Act::Raw(500, "") } else { Act::Vote("MET") })
            .await,
    );
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.push(&juror, WORK).await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}

#[tokio::test]
async fn garbage_is_never_met() {
    for text in ["MET", "", "{\"verdict\":\"MET\"}", "null"] {
        let court = Court::new(Double::start(move |_, _| Act::Text(text)).await);
        let juror = court.start().await;
        let taken = court.take(&juror, &court.request(WORK)).await;
        court.push(&juror, WORK).await;
        let ballot = court.ballot(&juror, taken.case_id).await;
        // The check's own bit, and an abstention on every question.
        assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b001, 0, 0), "{text:?}");
    }
}
