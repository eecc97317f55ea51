//! What a provider that is down costs, and what it costs when there is no money.

use super::*;
use crate::{Budget, BudgetConfig, Trouble};

/// A judge whose provider rests after so many outages, and the clock by which it does.
fn resting(double: &Double, breaker_outages: u32) -> (Judge, Clock) {
    let config = ProviderConfig { breaker_outages, ..config(double) };
    told(judge_of(&config))
}

#[tokio::test]
async fn after_outages_in_a_row_nobody_asks_and_one_question_is_tried() {
    let double = Double::captured(|_, _| Act::Raw(500, "")).await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b"), llm("c")]);
    let (judge, clock) = resting(&double, 4);
    let session = desk.session(&judge, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 4, "the rest is spared");
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 4, "it rests");
    clock.pass(Duration::from_secs(2));
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 5, "one question is tried");
}

#[tokio::test]
async fn the_last_round_spares_no_provider() {
    let double = Double::start(|number, _| match number {
        0..3 => Act::Raw(500, ""),
        _ => Act::Vote("MET"),
    })
    .await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let (judge, _) = resting(&double, 1);
    let session = desk.session(&judge, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    let opinion = session.last_round(soon()).await.unwrap();
    assert_eq!(opinion, Opinion { met: 0b11, failed: 0, reason: Reason::Judged });
}

/// A budget for one case, in the store of `folder`.
async fn purse(folder: &Path, case_micro_usd: u64) -> Budget {
    let config = BudgetConfig {
        input_micro_usd: 1_000_000,
        output_micro_usd: 2_000_000,
        case_micro_usd,
        day_micro_usd: u64::MAX,
    };
    Budget::new(config, pool(folder).await)
}

/// What the store says was spent or set aside.
async fn spent(folder: &Path) -> u64 {
    let row: (i64,) = sqlx::query_as("SELECT coalesce(sum(micro_usd), 0) FROM spending")
        .fetch_one(&pool(folder).await)
        .await
        .unwrap();
    row.0.try_into().unwrap()
}

#[tokio::test]
async fn an_answer_costs_what_the_provider_counted() {
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a")]);
    let budget = Some(purse(desk.folder.path(), 1_000_000).await);
    let judge = Judge { budget, ..judge(&double) };
    let session = desk.session(&judge, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), opinion(1, 0, Reason::Judged));
    // Three answers of 100 and 20 tokens.
    assert_eq!(spent(desk.folder.path()).await, 3 * (100 + 2 * 20));
}

#[tokio::test]
async fn what_nobody_says_is_free_costs_all_that_it_can() {
    for (act, is_free) in [
        // Documented to be free, for whoever speaks OpenAI's format.
        (Act::Raw(401, ""), true),
        (Act::Limit("0"), true),
        // Nobody says, so each may have cost as much as an answer.
        (Act::Raw(400, ""), false),
        (Act::Raw(403, ""), false),
        (Act::Raw(408, ""), false),
        (Act::Raw(500, ""), false),
        (Act::Raw(503, ""), false),
        (Act::Redirect("http://127.0.0.1:1/met".to_owned()), false),
        (Act::Raw(200, "{}"), false),
        (Act::Hang, false),
    ] {
        let shown = format!("{act:?}");
        let clock = Clock::told();
        let double = Double::captured(acting(act, clock.clone())).await;
        let desk = Desk::new().await;
        let milestone = milestone(vec![llm("a")]);
        let budget = Some(purse(desk.folder.path(), 1_000_000).await);
        let judge = Judge { budget, ..by(judge(&double), &clock) };
        let session = desk.session(&judge, &milestone).await;
        session.round(soon()).await.unwrap();
        let bytes: usize = double.seen().iter().map(|(_, body)| body.len() + 2 * 500).sum();
        let wanted = if is_free { 0 } else { u64::try_from(bytes).unwrap() };
        assert_eq!(spent(desk.folder.path()).await, wanted, "{shown}");
    }
}

#[tokio::test]
async fn without_money_a_question_is_not_asked_and_not_met_after_a_restart_neither() {
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b"), llm("c")]);
    for _ in 0..2 {
        // Room for one question's worst and a little, so that two are answered and the third is too
        // much.
        let budget = Some(purse(desk.folder.path(), 4_500).await);
        let judge = Judge { budget, questions: 1, ..judge(&double) };
        let session = desk.session(&judge, &milestone).await;
        assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
        let opinion = session.last_round(soon()).await.unwrap();
        assert_eq!((opinion.met, opinion.failed), (0, 0));
        assert!(spent(desk.folder.path()).await <= 4_500);
    }
}

#[tokio::test]
async fn a_provider_that_was_never_reached_costs_nothing() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut double = Double::start(|_, _| Act::Vote("MET")).await;
    double.url = format!("http://{}/v1", nobody.local_addr().unwrap());
    drop(nobody);
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let milestone = milestone(vec![llm("a")]);
    let records = open(folder.path(), &case).await;
    let budget = Some(purse(folder.path(), 1_000_000).await);
    let judge = Judge { budget, ..judge(&double) };
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(spent(folder.path()).await, 0);
}

#[tokio::test]
async fn who_counts_more_than_a_question_can_cost_is_paid_that_and_asked_no_more_that_day() {
    const COUNTED: u32 = 900_000;
    let double = Double::start(|_, _| Act::Counted(COUNTED)).await;
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let other = Case { case_id: B256::repeat_byte(2), ..case };
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let records = open(folder.path(), &case).await;
    drop(open(folder.path(), &other).await);
    // The caps have room for it, and for all the other questions.
    let judge = || async {
        let budget = Some(purse(folder.path(), 100_000_000).await);
        Judge { budget, questions: 1, ..judge(&double) }
    };
    let tomorrow = Until { day: soon().day + 1, ..soon() };
    for (case, until, asked) in [(case, soon(), 1), (other, soon(), 1), (case, tomorrow, 1)] {
        // Each time another process over the same database.
        let judge = judge().await;
        let mut session = judge.session(&records, case, &milestone).await.unwrap();
        session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
        assert_eq!(session.round(until).await.unwrap(), Judged::Outage);
        let opinion = session.last_round(until).await.unwrap();
        assert!(opinion.met.count_ones() <= 1, "the question that was answered, at most");
        assert_eq!(double.seen().len(), asked, "case {} on day {}", case.case_id, until.day);
    }
    let budget = judge().await.budget.unwrap();
    assert_eq!(budget.overcounts(soon().day).await.unwrap(), 1);
    assert_eq!(budget.overcounts(tomorrow.day).await.unwrap(), 0);
    let paid = u64::from(COUNTED) + 2 * 20;
    assert!(spent(folder.path()).await >= paid, "what was counted is booked");

    let judge = judge().await;
    let mut session = judge.session(&records, other, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    assert_eq!(session.round(tomorrow).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 2, "the next day another case is asked about, once");
}

/// What a round comes to when the first answer is 429 with this header, how long it took, and how
/// often the question was asked.
async fn after(
    header: &'static str,
    until: impl Fn(Instant) -> Until,
) -> (Judged, Duration, usize) {
    let double = Double::start(move |number, _| match number {
        0 => Act::Limit(header),
        _ => Act::Vote("MET"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let milestone = milestone(vec![llm("a")]);
    let records = open(folder.path(), &case).await;
    let clock = Clock::told();
    let begun = clock.now();
    let judge = judge(&double);
    let judge = Judge { provider: judge.provider.by(clock.clone()), questions: 1, ..judge };
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    let judged = session.round(until(begun)).await.unwrap();
    (judged, clock.now() - begun, double.seen().len())
}

#[tokio::test]
async fn a_round_waits_as_the_provider_asks_or_gives_up_at_once() {
    let met = opinion(1, 0, Reason::Judged);
    let in_a_minute =
        |begun: Instant| Until { deadline: begun + Duration::from_mins(1), day: 20_000 };
    for (header, millis) in [
        ("0", 0),
        ("7", 7_000),
        ("20", 20_000),
        // No wait can be read in these, so they are ours.
        ("-1", 500),
        ("soon", 500),
        ("", 500),
    ] {
        let waited = Duration::from_millis(millis);
        assert_eq!(after(header, in_a_minute).await, (met, waited, 2), "{header:?}");
    }
    // Longer than a round waits, and longer than the case has.
    for header in ["21", "60", "3600", "99999999999999999999999"] {
        let given_up = (Judged::Outage, Duration::ZERO, 1);
        assert_eq!(after(header, in_a_minute).await, given_up, "{header:?}");
    }
    let in_a_moment =
        |begun: Instant| Until { deadline: begun + Duration::from_secs(7), day: 20_000 };
    assert_eq!(after("7", in_a_moment).await, (Judged::Outage, Duration::ZERO, 1));
    assert_eq!(after("6", in_a_moment).await, (met, Duration::from_secs(6), 2));
}

/// What a judge says of its provider, and how often each thing became of a request that did.
async fn told_of(judge: &Judge, day: u64) -> (Vec<Trouble>, Vec<(&'static str, u64)>) {
    let answers = judge.answers().into_iter().filter(|(_, count)| *count > 0).collect();
    (judge.troubles(day).await.unwrap(), answers)
}

#[tokio::test]
async fn what_became_of_requests_is_counted_and_what_is_wrong_is_named_until_a_rest_is_over() {
    let (down, refused, open) = (Trouble::Down, Trouble::KeyRefused, Trouble::BreakerOpen);
    for (act, breaker_outages, troubles, word, count) in [
        (Act::Vote("MET"), 1, vec![], "answered", 3),
        (Act::Raw(503, ""), 3, vec![down, open], "unavailable", 3),
        (Act::Raw(401, ""), 9, vec![refused], "unauthorized", 3),
        (Act::Raw(401, ""), 3, vec![refused, open], "unauthorized", 3),
        // Whoever declines is there.
        (Act::Refusal, 1, vec![], "refused", 3),
    ] {
        let shown = format!("{act:?} {breaker_outages}");
        let is_honest = matches!(act, Act::Vote(_));
        let script = move |_: usize, _: &Question| act.clone();
        let double =
            if is_honest { Double::start(script).await } else { Double::captured(script).await };
        let desk = Desk::new().await;
        let (judge, clock) = resting(&double, breaker_outages);
        let session = desk.session(&judge, &milestone(vec![llm("a")])).await;
        session.round(soon()).await.unwrap();
        assert_eq!(told_of(&judge, 20_000).await, (troubles, vec![(word, count)]), "{shown}");
        clock.pass(Duration::from_mins(1));
        assert_eq!(judge.troubles(20_000).await.unwrap(), [], "{shown}");
    }
}

#[tokio::test]
async fn a_day_whose_budget_leaves_no_answer_is_spent_and_the_next_is_not() {
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let desk = Desk::new().await;
    let pool = pool(desk.folder.path()).await;
    let config = BudgetConfig {
        input_micro_usd: 1_000_000,
        output_micro_usd: 2_000_000,
        case_micro_usd: 2_000,
        day_micro_usd: 2_000,
    };
    // An answer of 500 tokens costs 1,000.
    let judge = Judge { budget: Some(Budget::new(config, pool.clone())), ..judge(&double) };
    let budget = judge.budget.as_ref().unwrap();
    let reserved = budget.reserve(desk.case.case_id, 20_000, 1_000).await.unwrap();
    assert_eq!(told_of(&judge, 20_000).await.0, []);
    budget.settle(reserved.unwrap(), 1_001).await.unwrap();
    let troubles = [Trouble::DaySpent, Trouble::Overcounted];
    assert_eq!(judge.troubles(20_000).await.unwrap(), troubles);
    assert_eq!(judge.spent(20_000).await.unwrap(), 1_001);
    assert_eq!(
        (judge.troubles(20_001).await.unwrap(), judge.spent(20_001).await.unwrap()),
        (vec![], 0)
    );
}

#[tokio::test]
async fn a_look_asks_which_models_there_are_and_no_question() {
    use axum::{
        Router,
        http::{HeaderMap, StatusCode},
        routing::get,
    };
    async fn models(headers: HeaderMap) -> StatusCode {
        let shown = headers["authorization"] == format!("Bearer {SECRET}").as_str();
        if shown { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/v1/models", get(models));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let look = async |base_url: String, key: &str| {
        let config = ProviderConfig { base_url: base_url.parse().unwrap(), ..config(&double) };
        let provider = Provider::new(&config, Some(key.to_owned().into())).unwrap();
        provider.look().await.map_err(|err| err.to_string())
    };
    assert_eq!(look(format!("{host}/v1"), SECRET).await, Ok(true));
    let refused = "the provider refuses the key (status 401)".to_owned();
    assert_eq!(look(format!("{host}/v1"), "another").await, Err(refused));
    assert_eq!(look(host, SECRET).await, Ok(false), "nobody lists models there");
    let gone = "the provider cannot be reached".to_owned();
    assert_eq!(look("http://127.0.0.1:1".to_owned(), SECRET).await, Err(gone));
    assert!(double.seen().is_empty());
}
