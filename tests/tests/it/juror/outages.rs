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

#[tokio::test]
async fn readiness_and_the_numbers_name_what_is_wrong_with_the_provider() {
    let court = Court::new(Double::captured(|_, _| Act::Raw(401, "")).await);
    let mut config = court.config();
    // What was told is not forgotten while this test runs.
    (config.provider.breaker_outages, config.provider.breaker_secs) = (2, 600);
    config.limits.questions = 1;
    let juror = court.try_start(config).await.unwrap();
    let get =
        async |path: &str| court.http.get(format!("{}{path}", juror.url())).send().await.unwrap();
    assert_eq!(get("/readyz").await.status(), 204, "nobody has asked it yet");
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.push(&juror, WORK).await;
    let problem = loop {
        let ready = get("/readyz").await;
        if ready.status() == 503 {
            let problem = problem(ready).await;
            if problem.detail.contains("breaker-open") {
                break problem;
            }
        }
        tokio::task::yield_now().await;
    };
    assert!(problem.detail.contains("the provider is key-refused"), "{}", problem.detail);
    let numbers = get("/metrics").await.text().await.unwrap();
    for line in [
        "provider_answers_total{outcome=\"answered\"} 0\n",
        "provider_answers_total{outcome=\"unauthorized\"} 2\n",
        "provider_trouble{why=\"breaker-open\"} 1\n",
        "provider_trouble{why=\"key-refused\"} 1\n",
        "provider_trouble{why=\"day-spent\"} 0\n",
        "cases_void_total 0\n",
    ] {
        assert!(numbers.contains(&format!("\nsurety_juror_{line}")), "{line}: {numbers}");
    }
    court.go_to(court.deliver_by() + DAY * 9 / 10);
    assert_eq!(court.ballot(&juror, taken.case_id).await.reason, 4);
    let numbers = get("/metrics").await.text().await.unwrap();
    assert!(numbers.contains("\nsurety_juror_cases_void_total 1\n"), "{numbers}");
    juror.shutdown().await;
}

#[tokio::test]
async fn a_day_whose_budget_is_used_up_is_no_day_on_which_a_juror_is_ready() {
    let court = Court::kind().await;
    let mut config = court.config();
    // An answer of 500 tokens costs 500, and a question more than the rest.
    config.budget = Some(BudgetConfig { case_micro_usd: 499, day_micro_usd: 499, ..BUDGET });
    let juror = court.try_start(config).await.unwrap();
    let ready = court.http.get(format!("{}/readyz", juror.url())).send().await.unwrap();
    let problem = problem(ready).await;
    assert!(problem.detail.contains("the provider is day-spent"), "{}", problem.detail);
    juror.shutdown().await;
}
