//! What a provider that is down costs, and what it costs when there is no money.

use super::*;
use crate::{Budget, BudgetConfig};

/// A judge whose provider rests after so many outages.
fn resting(double: &Double, breaker_outages: u32) -> Judge {
    let config = ProviderConfig { breaker_outages, ..config(double) };
    judge_of(&config)
}

#[tokio::test]
async fn after_outages_in_a_row_nobody_asks_and_one_question_is_tried() {
    let double = Double::captured(|_, _| Act::Raw(500, "")).await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b"), llm("c")]);
    let judge = Judge { questions: 1, ..resting(&double, 4) };
    let session = desk.session(&judge, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 4, "the rest is spared");
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 4, "it rests");
    tokio::time::sleep(Duration::from_secs(2)).await;
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
    let judge = Judge { questions: 1, ..resting(&double, 1) };
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
async fn an_error_costs_nothing_and_an_answer_that_never_came_all_that_it_can() {
    for (act, is_free) in [(Act::Raw(503, ""), true), (Act::Hang, false)] {
        let double = Double::captured(move |_, _| act.clone()).await;
        let desk = Desk::new().await;
        let milestone = milestone(vec![llm("a")]);
        let budget = Some(purse(desk.folder.path(), 1_000_000).await);
        let judge = Judge { budget, ..judge(&double) };
        let session = desk.session(&judge, &milestone).await;
        assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
        let bytes: usize = double.seen().iter().map(|(_, body)| body.len() + 2 * 500).sum();
        let wanted = if is_free { 0 } else { u64::try_from(bytes).unwrap() };
        assert_eq!(spent(desk.folder.path()).await, wanted);
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
