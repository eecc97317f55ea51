//! The relayer as its operator sees it: health, numbers, request ids and orders.
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use std::time::Duration;

use alloy::primitives::{B256, U256};
use reqwest::StatusCode;
use serde_json::{Value, json};
use surety_orders::{Client, Order, OrdersError};
use surety_relayer::Handle;
use surety_relayer::wire::{CaseState, Readiness, Vitality};
use surety_tests::actors;

use super::court::{Court, eventually};
use super::gate::Rule;
use super::jurors::Habit;
use super::socket::page;

async fn readiness(court: &Court, relayer: &Handle) -> Readiness {
    let answer = court.http.get(format!("{}/readyz", relayer.url())).send().await.unwrap();
    let status = answer.status();
    let readiness: Readiness = answer.json().await.unwrap();
    let needed = if readiness.is_ready { 200 } else { 503 };
    assert_eq!(status.as_u16(), needed, "{readiness:?}");
    readiness
}

/// Waits until the relayer is ready, or says this of what keeps it from it.
async fn becomes(court: &Court, relayer: &Handle, problem: Option<&str>) {
    eventually(&format!("{problem:?}"), || async {
        let readiness = readiness(court, relayer).await;
        match problem {
            None => readiness.is_ready,
            Some(part) => readiness.problems.iter().any(|p| p.contains(part)),
        }
    })
    .await;
}

#[tokio::test]
async fn readiness_tells_the_truth_both_ways() {
    let court = Court::new().await;
    let gate = court.gate(Rule::Open);
    let toml = format!("{}[health]\nunread_secs = 1\n", court.toml());
    let config = toml.parse().unwrap();
    let relayer = surety_relayer::start_on(config, gate.provider()).await.unwrap();
    eventually("it has started", || async {
        let url = format!("{}/startupz", relayer.url());
        let answer = court.http.get(url).send().await.unwrap();
        answer.json::<Vitality>().await.unwrap().good
    })
    .await;
    becomes(&court, &relayer, None).await;
    gate.set(Rule::After(0));
    becomes(&court, &relayer, Some("the chain was last read")).await;
    let alive = court.http.get(format!("{}/livez", relayer.url())).send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK, "a restart would not bring the endpoint back");
    gate.set(Rule::Open);
    becomes(&court, &relayer, None).await;

    let (key, ether) = (actors::relayer().address(), U256::from(10).pow(U256::from(18)));
    court.node.set_balance(key, U256::from(7));
    becomes(&court, &relayer, Some("owns 7 wei")).await;
    court.node.set_balance(key, ether);
    becomes(&court, &relayer, None).await;
    let page = page(&court, &relayer).await;
    assert!(page.contains("surety_relayer_ready 1\n"), "{page}");
    let balance = format!("surety_relayer_balance_wei{{key=\"{key}\"}} 1000000000000000000");
    assert!(page.contains(&balance), "{page}");
    assert!(page.contains("rpc_requests_total{endpoint=\"rpc\",outcome=\"ok\"}"), "{page}");
}

#[tokio::test]
async fn a_cases_numbers_and_its_request_id_are_where_they_should_be() {
    let court = Court::new().await;
    let relayer = court.start().await;
    court.put(&relayer, &court.work).await;
    let url = format!("{}/v1/deliveries", relayer.url());
    let send = async |id: &str| {
        let body = serde_json::to_vec(&court.delivery(0, &court.work)).unwrap();
        let request = court.http.post(&url).header("x-request-id", id).body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(send("order-66").await, "order-66");
    let made = send("not an id").await;
    assert!(made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{made}");
    court.over(&relayer, court.case_id(0, &court.work)).await;
    for juror in &court.jurors {
        let asked = juror.asked_for();
        let is_its = |id: &String| id == "order-66";
        assert!(!asked.is_empty() && asked.iter().all(is_its), "in the delivery's name: {asked:?}");
    }
    let page = page(&court, &relayer).await;
    for line in [
        "deliveries_total{outcome=\"taken\"} 1\n",
        "deliveries_total{outcome=\"known\"} 1\n",
        "case_ends_total{state=\"final\"} 1\n",
        "verdicts_total{outcome=\"accepted\"} 1\n",
        "ballots_total{seat=\"4\",outcome=\"first\"} 1\n",
        "send_attempts_total{outcome=\"accepted\"} 1\n",
        "juror_seconds_count{request=\"push\"} 5\n",
        "http_requests_total{path=\"/v1/deliveries\",status=\"202\"} 2\n",
    ] {
        assert!(page.contains(&format!("surety_relayer_{line}")), "{line}{page}");
    }
    assert!(!page.contains("gas_used_total 0\n") && !page.contains("gas_spent_wei_total 0.0\n"));
}

/// A problem's slug.
fn refused(answer: Result<Value, OrdersError>) -> String {
    match answer.unwrap_err() {
        OrdersError::Refused(problem) => problem.slug().to_owned(),
        other @ (OrdersError::Nobody { .. } | OrdersError::Stranger { .. }) => other.to_string(),
    }
}

#[tokio::test]
async fn an_operator_looks_at_a_case_and_has_it_taken_up_again() {
    let court = Court::new().await;
    court.everyone(Habit::Silent);
    let relayer = court.start().await;
    let operator = Client::of_store(&court.store()).unwrap();
    let id = court.deliver(&relayer).await;
    assert_eq!(refused(operator.case(B256::ZERO).await), "not-found");
    assert_eq!(refused(operator.retry(id).await), "not-given-up");
    court.node.advance(Duration::from_hours(48));
    assert_eq!(court.over(&relayer, id).await.state, CaseState::GivenUp);
    let shown = operator.case(id).await.unwrap();
    assert_eq!(shown["case"]["state"], "given-up");
    let stages = shown["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 6);
    assert!(stages[5]["detail"].as_str().unwrap().starts_with("no verdict: 0 of 4"));
    assert_eq!(operator.retry(id).await.unwrap(), json!({ "id": id, "state": "asked" }));
    // It is still too late, and it is found out again.
    assert_eq!(court.over(&relayer, id).await.state, CaseState::GivenUp);
    let page = page(&court, &relayer).await;
    assert!(page.contains("give_ups_total{reason=\"no-verdict\"} 2\n"), "{page}");
    relayer.shutdown().await;
    let gone = refused(operator.keys().await);
    assert!(gone.contains("no relayer answers"), "{gone}");
    assert!(!court.store().join(surety_orders::SOCKET).exists());
}

#[tokio::test]
async fn an_operator_hurries_and_gives_up_a_settlement_which_is_paid_once() {
    let court = Court::new().await;
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    court.node.set_automine(false);
    let relayer = court.start().await;
    let operator = Client::of_store(&court.store()).unwrap();
    let id = court.deliver(&relayer).await;
    let sending = async || operator.case(id).await.unwrap()["sending"].clone();
    eventually("it waits for a block", || async { sending().await["state"] == "sent" }).await;
    let first = sending().await;
    let tx: B256 = first["id"].as_str().unwrap().parse().unwrap();
    operator.order(tx, Order::Bump).await.unwrap();
    eventually("it is hurried", || async {
        sending().await["attempts"].as_array().unwrap().len() == 2
    })
    .await;
    let keys = operator.keys().await.unwrap();
    assert_eq!(keys[0]["address"], json!(actors::relayer().address()));
    assert_eq!((keys[0]["waiting"].as_array().unwrap().len(), &keys[0]["gaps"]), (1, &json!([])));
    operator.order(tx, Order::Cancel).await.unwrap();
    eventually("it is given up", || async {
        let attempts = sending().await["attempts"].clone();
        attempts.as_array().unwrap().last().unwrap()["blank"] == json!(true)
    })
    .await;
    // The blank uses the nonce up, and the verdict is owed: the settlement goes out again.
    court.node.set_automine(true);
    court.node.mine();
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    assert_eq!(court.dollars(seller).await, before + 55);
    assert_eq!(court.relayed().await, 2, "the blank and one settlement");
    assert_eq!(refused(operator.order(tx, Order::Bump).await), "not-waiting");
    assert_eq!(refused(operator.order(B256::ZERO, Order::Cancel).await), "not-found");
}
