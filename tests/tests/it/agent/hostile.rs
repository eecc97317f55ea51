//! Counterparties and relayers that lie, and strangers that knock.

use std::time::Duration;

use alloy::primitives::{B256, Bytes};
use axum::{
    Json, Router,
    routing::{get, post},
};
use serde_json::{Value, json};
use surety_agent::{Deal, Error, Handle, ops, relayer::Client};
use surety_terms::{
    Problem, problem,
    wire::{Offer, OfferAnswer},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::process::{selling, start};
use super::{Market, signatures};

async fn post_raw(agent: &Handle, path: &str, body: impl Into<reqwest::Body>) -> (u16, Problem) {
    let request = reqwest::Client::new().post(format!("{}{path}", agent.url())).body(body);
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], problem::CONTENT_TYPE, "{path}: {status}");
    (status, answer.json().await.unwrap())
}

async fn deals(agent: &Handle) -> usize {
    let url = format!("{}/v1/deals", agent.url());
    let list: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    list["deals"].as_array().unwrap().len()
}

#[tokio::test]
async fn strangers_have_few_connections_and_little_time_and_send_json() {
    let market = Market::open().await;
    let limits = "[http]\nconnections_per_address = 3\nhead_secs = 1\n";
    let seller = start(&market, "seller", &format!("{limits}{}", selling("echo the work"))).await;
    let raw = async |head: &str| {
        let address = seller.url().trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    };
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(raw("GET /livez HT").await);
    }
    let mut fourth = raw("").await;
    assert_eq!(fourth.read(&mut [0; 1]).await.unwrap_or(0), 0, "it is closed at once");
    for mut stream in idle {
        let mut answer = Vec::new();
        // Once it is closed, in order or not, there is a place again.
        stream.read_to_end(&mut answer).await.ok();
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    }
    let form = reqwest::Client::new()
        .post(format!("{}/v1/offers", seller.url()))
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = form.body("a=b").send().await.unwrap();
    assert_eq!(answer.status(), 415);
    assert_eq!(answer.json::<Problem>().await.unwrap().slug(), "wrong-type");
    let alive = reqwest::get(format!("{}/livez", seller.url())).await.unwrap();
    assert_eq!(alive.status(), 200);
}

#[tokio::test]
async fn malformed_offers_are_refused_by_field_and_leave_nothing_behind() {
    let market = Market::open().await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let deal = Deal::new(market.sheet(1, 10), 0);
    let buyer = market.session(market.world.buyer()).await;
    let good = Offer {
        term_sheet: deal.sheet.clone(),
        buyer_authorization: ops::open::sign(&buyer, &deal).unwrap(),
    };
    let good = serde_json::to_value(&good).unwrap();
    let spoiled = |path: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(path).unwrap() = value;
        body.to_string()
    };
    let mut unknown = good.clone();
    unknown["gift"] = json!(1);
    let twice = good.to_string().replacen('{', "{\"buyerAuthorization\":\"0x\",", 1);
    for (body, status) in [
        (String::new(), 400),
        ("null".to_owned(), 400),
        ("{".repeat(100_000), 400),
        (unknown.to_string(), 400),
        (twice, 400),
        (spoiled("/buyerAuthorization", json!("0x")), 422),
        (spoiled("/termSheet/total", json!("1")), 422),
        (spoiled("/termSheet/chainId", json!(1)), 422),
        (spoiled("/termSheet/title", json!("Another title")), 422),
        (spoiled("/termSheet/milestones/0/criteria/0/text", json!("Anything.")), 422),
    ] {
        let (got, problem) = post_raw(&seller, "/v1/offers", body.clone()).await;
        let shown: String = body.chars().take(120).collect();
        assert!(got == status || (got == 422 && status == 400), "{got}: {problem} for {shown}");
    }
    let (status, _) = post_raw(&seller, "/v1/offers", vec![b' '; 8 << 20]).await;
    assert_eq!(status, 413);
    assert_eq!(deals(&seller).await, 0);
    let request = reqwest::Client::new().post(format!("{}/v1/offers", seller.url())).json(&good);
    let answer: OfferAnswer = request.send().await.unwrap().json().await.unwrap();
    let signature = answer.seller_authorization;
    ops::open::verify(&buyer, &deal, surety_agent::Role::Seller, &signature).await.unwrap();
    assert_eq!(deals(&seller).await, 1);
}

#[tokio::test]
async fn an_offer_that_somebody_else_signed_is_refused() {
    let market = Market::open().await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let deal = Deal::new(market.sheet(1, 10), 0);
    let own = market.session(market.world.seller()).await;
    let offer = Offer {
        term_sheet: deal.sheet.clone(),
        buyer_authorization: ops::open::sign(&own, &deal).unwrap(),
    };
    let body = serde_json::to_vec(&offer).unwrap();
    let (status, problem) = post_raw(&seller, "/v1/offers", body).await;
    assert_eq!((status, problem.field.as_deref()), (422, Some("buyerAuthorization")));
}

#[tokio::test]
async fn waiting_offers_are_limited_and_the_bonds_of_all_of_them_must_be_there() {
    let market = Market::open().await;
    let roles = format!("{}max_waiting_offers = 2\n", selling("echo the work"));
    let seller = start(&market, "seller", &roles).await;
    let buyer = market.session(market.world.buyer()).await;
    let mut statuses = Vec::new();
    for bond in [600_000, 600_000, 10, 10] {
        let deal = Deal::new(market.sheet(1, bond), 0);
        let buyer_authorization = ops::open::sign(&buyer, &deal).unwrap();
        let offer = Offer { term_sheet: deal.sheet, buyer_authorization };
        let url = format!("{}/v1/offers", seller.url());
        let answer = reqwest::Client::new().post(url).json(&offer).send().await.unwrap();
        statuses.push(answer.status().as_u16());
    }
    assert_eq!(statuses, [200, 422, 200, 429]);
}

#[tokio::test]
async fn the_principals_interface_is_closed_to_pages_and_to_those_without_its_token() {
    let market = Market::open().await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let page = reqwest::Client::new()
        .get(format!("{}/v1/deals", seller.url()))
        .header("origin", "https://evil.example");
    assert_eq!(page.send().await.unwrap().status(), 403);
    let token = market.folder.path().join("token");
    std::fs::write(&token, "correct horse battery staple\n").unwrap();
    let roles = format!("principal_token_file = 'token'\n{}", selling("echo"));
    let buyer = start(&market, "buyer", &roles).await;
    let ask = |token: Option<&str>| {
        let request = reqwest::Client::new().get(format!("{}/v1/deals", buyer.url()));
        match token {
            Some(token) => request.bearer_auth(token).send(),
            None => request.send(),
        }
    };
    assert_eq!(ask(None).await.unwrap().status(), 403);
    assert_eq!(ask(Some("wrong")).await.unwrap().status(), 403);
    assert_eq!(ask(Some("correct horse battery staple")).await.unwrap().status(), 200);
}

/// A relayer that says to everything that it is mined, and does nothing.
async fn liar() -> String {
    async fn mined() -> Json<Value> {
        Json(json!({ "id": B256::ZERO, "state": "mined", "txHash": B256::repeat_byte(1) }))
    }
    let router = Router::new()
        .route("/v1/transactions", post(mined))
        .route("/v1/transactions/{id}", get(mined));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_relayer_that_claims_success_is_not_believed() {
    let market = Market::open().await;
    let relayer = Client::new(&liar().await.parse().unwrap()).unwrap();
    let chain = market.chain().await;
    let patience = Duration::from_millis(200);
    let session = |key| {
        surety_agent::Session::new(key, chain.clone(), relayer.clone())
            .with_pace(Duration::from_millis(10), patience)
    };
    let (buyer, seller) = (session(market.world.buyer()), session(market.world.seller()));
    let deal = Deal::new(market.sheet(1, 10), 0);
    let (paid, bonded): (Bytes, Bytes) = signatures(&deal, &buyer, &seller);
    let error = ops::open::submit(&buyer, &deal, paid, bonded).await.unwrap_err();
    assert!(matches!(error, Error::NotSeen(_)), "{error}");
}

#[tokio::test]
async fn unknown_paths_methods_and_digests_get_problems() {
    let market = Market::open().await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    for (path, status) in [
        ("/", 404),
        ("/v1/offers", 405),
        ("/v1/deliverables/0x12", 400),
        (&format!("/v1/deliverables/{}", B256::ZERO), 404),
        (&format!("/v1/deals/{}", B256::ZERO), 404),
        ("/v1/deals/..%2f..%2fetc", 400),
    ] {
        let answer = reqwest::get(format!("{}{path}", seller.url())).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], problem::CONTENT_TYPE, "{path}");
    }
    assert_eq!(reqwest::get(format!("{}/livez", seller.url())).await.unwrap().status(), 200);
}
