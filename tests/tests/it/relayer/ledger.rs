//! What the relayer keeps of the chain: rows that are marked and never deleted, and an audit that
//! finds and repairs what differs; and several keys, and a day's budget.

use alloy::primitives::U256;
use sqlx::Row as _;
use surety_relayer::wire::{CaseState, Readiness};
use surety_tests::{Chaos, Orphans, Weather, actors};

use super::court::{Court, eventually};
use super::gate::Rule;

/// A row of two numbers.
async fn numbers(court: &Court, query: &'static str) -> (i64, i64) {
    let row = sqlx::query(query).fetch_one(&mut court.rows().await).await.unwrap();
    (row.get(0), row.get(1))
}

/// The rows of events, and how many of them are marked.
async fn counts(court: &Court) -> (i64, i64) {
    let query = "SELECT COUNT(*), CAST(COALESCE(SUM(orphaned), 0) AS BIGINT) FROM escrow_event";
    numbers(court, query).await
}

/// How many deals the next audit compares.
async fn to_audit(court: &Court) -> i64 {
    numbers(court, "SELECT COUNT(*), COUNT(*) FROM deal_to_audit").await.0
}

/// How far the relayer has followed the chain.
async fn reached(court: &Court) -> i64 {
    let query = "SELECT COUNT(*), COALESCE(MAX(number), 0) FROM follow_mark WHERE name = 'escrow'";
    numbers(court, query).await.1
}

#[tokio::test]
async fn what_orphaned_blocks_said_is_marked_and_kept() {
    let court = Court::new().await;
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    court.over(&relayer, id).await;
    eventually("three rows", || async { counts(&court).await == (3, 0) }).await;
    court.node.reorg(1, Orphans::Forget);
    court.node.mine();
    // Settled again: two new rows stand, the two old ones stay.
    eventually("five rows", || async { counts(&court).await == (5, 2) }).await;
    court.over(&relayer, id).await;
    relayer.shutdown().await;
}

#[tokio::test]
async fn an_audit_finds_what_a_single_endpoint_left_out_and_the_case_goes_on() {
    let court = Court::unopened().await;
    court.node.set_lags(0, 0);
    let chaos = Chaos::over(&court.node, 1);
    // The only endpoint hides the opening when its block is new.
    chaos.set(Weather { empty_logs: Weather::ALWAYS, ..Weather::default() });
    let config = court.toml().replacen("poll_ms", "audit_secs = 1\npoll_ms", 1).parse().unwrap();
    let relayer = surety_relayer::start_on(config, chaos.provider()).await.unwrap();
    court.send(super::reorgs::open_call(&court)).await;
    court.node.mine();
    let path = format!("deals/{}", court.sheet.deal_id());
    let height = i64::try_from(court.node.height()).unwrap();
    eventually("the block is passed", || async { reached(&court).await >= height }).await;
    assert_eq!(counts(&court).await, (0, 0));
    chaos.set(Weather::default());
    eventually("the audit finds it", || async {
        court.get(&relayer, &path).await.1["isOpen"] == serde_json::json!(true)
    })
    .await;
    let id = court.deliver(&relayer).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    relayer.shutdown().await;
}

#[tokio::test]
async fn an_audit_by_hand_repairs_a_store_that_was_tampered_with() {
    let court = Court::new().await;
    court.node.set_lags(0, 0);
    let relayer = court.start().await;
    let id = court.deliver(&relayer).await;
    court.over(&relayer, id).await;
    eventually("three rows", || async { counts(&court).await == (3, 0) }).await;
    relayer.shutdown().await;

    let served = court.node.serve().await;
    let config = || court.toml().replace("http://127.0.0.1:1", &served.url()).parse().unwrap();
    let clean = surety_relayer::audit(config()).await.unwrap();
    assert!(clean.is_clean(), "{clean:?}");
    assert_eq!((clean.deals, clean.until), (1, court.node.height()));

    let mut rows = court.rows().await;
    for statement in [
        "DELETE FROM escrow_event WHERE block = (SELECT MAX(block) FROM escrow_event)",
        "UPDATE milestone SET ending = NULL, ended_block = NULL",
    ] {
        sqlx::query(statement).execute(&mut rows).await.unwrap();
    }
    let found = surety_relayer::audit(config()).await.unwrap();
    assert_eq!((found.missing, found.extra, found.remade), (2, 0, 0), "{found:?}");
    assert!(found.contradictions.is_empty(), "{found:?}");
    assert!(surety_relayer::audit(config()).await.unwrap().is_clean());

    let tampered = "UPDATE milestone SET ending = NULL";
    sqlx::query(tampered).execute(&mut rows).await.unwrap();
    let found = surety_relayer::audit(config()).await.unwrap();
    assert_eq!((found.missing, found.extra, found.remade), (0, 0, 1), "{found:?}");
    let relayer = court.start().await;
    let path = format!("deals/{}", court.sheet.deal_id());
    let (_, deal) = court.get(&relayer, &path).await;
    assert!(deal["milestones"][0]["end"].is_object(), "{deal}");
}

#[tokio::test]
async fn a_deal_that_is_over_is_audited_no_more_except_by_hand() {
    let court = Court::with(super::timed::single).await;
    court.node.set_lags(0, 0);
    let config = court.toml().replacen("poll_ms", "audit_secs = 1\npoll_ms", 1).parse().unwrap();
    let gate = court.gate(Rule::Open);
    let relayer = surety_relayer::start_on(config, gate.provider()).await.unwrap();
    eventually("it is known", || async { to_audit(&court).await == 1 }).await;
    let id = court.deliver(&relayer).await;
    court.over(&relayer, id).await;
    eventually("it was compared for good", || async { to_audit(&court).await == 0 }).await;
    relayer.shutdown().await;

    let tampered = "UPDATE milestone SET ending = NULL";
    sqlx::query(tampered).execute(&mut court.rows().await).await.unwrap();
    let served = court.node.serve().await;
    let config = court.toml().replace("http://127.0.0.1:1", &served.url()).parse().unwrap();
    let found = surety_relayer::audit(config).await.unwrap();
    assert_eq!((found.deals, found.remade), (1, 1), "{found:?}");
}

// ---- sending

#[tokio::test]
async fn several_keys_share_the_cases_and_each_keeps_its_own_nonces() {
    let court = Court::new().await;
    let keys = [actors::deployer(), actors::buyer()];
    let mut list = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        court.node.set_balance(key.address(), U256::from(10).pow(U256::from(18)));
        court.keep_key(&format!("key-{at}"), key);
        list.push(format!("\"{}/key-{at}\"", court.folder().display()));
    }
    let list = list.join(",");
    let text = court.toml().replacen("poll_ms", &format!("more_keys = [{list}]\npoll_ms"), 1);
    let text = text.replace("[leases]", "[batch]\nverdicts = 1\n[leases]");
    court.node.set_automine(false);
    let chain = || court.gate(Rule::Open).provider();
    let relayer = surety_relayer::start_on(text.parse().unwrap(), chain()).await.unwrap();
    for milestone in 0..2 {
        let request = court.delivery(milestone, &court.work);
        assert!(court.post(&relayer, "deliveries", &request).await.0.is_success());
    }
    court.put(&relayer, &court.work).await;
    // Both wait at once, with different keys: the one that has the least to do takes the next.
    eventually("both are sent", || async { court.node.pending().len() == 2 }).await;
    assert_eq!(court.senders_waiting().await.len(), 2);
    court.node.mine();
    for milestone in 0..2 {
        let id = court.case_id(milestone, &court.work);
        assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    }
    relayer.shutdown().await;

    let twice = text.replace("/key-1\"", "/key-0\"").parse().unwrap();
    let error = surety_relayer::start_on(twice, chain()).await.unwrap_err().to_string();
    assert!(error.contains("is given twice"), "{error}");
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_told_and_the_verdict_waits() {
    let court = Court::new().await;
    let text = court.toml().replace("[sending]", "[sending]\nbudget_wei_per_day = 1");
    let chain = || court.gate(Rule::Open).provider();
    let relayer = surety_relayer::start_on(text.parse().unwrap(), chain()).await.unwrap();
    let ready = async |relayer: &surety_relayer::Handle| {
        let answer = court.http.get(format!("{}/readyz", relayer.url())).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Readiness>().await.unwrap().within_budget)
    };
    eventually("it is ready", async || ready(&relayer).await == (200, true)).await;
    let id = court.deliver(&relayer).await;
    court.reaches(&relayer, id, CaseState::Sent).await;
    eventually("it is told", async || ready(&relayer).await == (503, false)).await;
    assert_eq!(court.relayed().await, 0);
    relayer.shutdown().await;
    // The operator allows more: nothing was lost.
    let relayer = court.start().await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    assert_eq!(court.relayed().await, 1);
}
