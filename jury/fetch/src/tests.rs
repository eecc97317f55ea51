//! Requests to a real server on this machine, and to places that nobody may be sent to.

use axum::{
    Router,
    http::StatusCode,
    routing::{any, get as on_get},
};
use surety_terms::check::{Method, Origin, Probe};

use super::*;

const LOCAL: Bounds =
    Bounds { allow_private_hosts: true, most_bytes: 1_000, within: Duration::from_millis(500) };
const CAREFUL: Bounds = Bounds { allow_private_hosts: false, ..LOCAL };

/// A service; returns its origin.
async fn service() -> String {
    let inward = StatusCode::TEMPORARY_REDIRECT;
    let router = Router::new()
        .route("/ok", any(|| async { "all is well" }))
        .route("/long", on_get(|| async { "a".repeat(5_000) }))
        .route("/busy", on_get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/away", on_get(move || async move { (inward, [("location", "/ok")]) }))
        .route("/slow", on_get(|| async { tokio::time::sleep(Duration::from_mins(1)).await }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    origin
}

fn asked(method: Method, path: &str) -> Probe {
    let pattern = (method == Method::Get).then(|| "well$".to_owned());
    Probe { method, origin: None, path: path.to_owned(), status: 200, pattern }
}

#[tokio::test]
async fn only_plain_http_addresses_are_asked() {
    for uri in [
        "",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "data:text/plain,hello",
        "http://user:secret@example.com/",
        "not a url",
    ] {
        assert_eq!(get(uri, &LOCAL).await, Err(FetchFault::Address), "{uri}");
    }
}

#[tokio::test]
async fn numeric_disguises_of_inner_addresses_are_refused() {
    for uri in [
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://[::ffff:7f00:1]/",
        "http://localhost/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[64:ff9b::a9fe:a9fe]/",
    ] {
        assert_eq!(get(uri, &CAREFUL).await, Err(FetchFault::Private), "{uri}");
    }
}

#[tokio::test]
async fn an_answer_is_bounded_in_bytes_and_time() {
    let origin = service().await;
    let at = |path: &str| format!("{origin}{path}");
    let answer = get(&at("/ok"), &LOCAL).await.unwrap();
    assert_eq!((answer.status, answer.body), (200, b"all is well".to_vec()));
    assert_eq!(get(&at("/long"), &LOCAL).await, Err(FetchFault::TooLong(1_000)));
    assert_eq!(get(&at("/slow"), &LOCAL).await, Err(FetchFault::Unreachable));
    assert_eq!(get(&at("/away"), &LOCAL).await.unwrap().status, 307);
}

#[tokio::test]
async fn a_probe_asks_what_was_signed_of_the_host_that_the_deliverable_names() {
    let origin = service().await;
    let deliverable = format!("{origin}\nIt runs.");
    for (method, path, outcome, is_passing) in [
        (Method::Get, "/ok", "met", false),
        (Method::Head, "/ok", "met", false),
        (Method::Get, "/none", "failed", false),
        (Method::Get, "/away", "failed", false),
        (Method::Get, "/long", "failed", false),
        (Method::Get, "/busy", "failed", true),
        (Method::Get, "/slow", "failed", true),
    ] {
        let probed = probe(&asked(method, path), deliverable.as_bytes(), &LOCAL).await;
        let got = (probed.result.outcome(), probed.is_passing);
        assert_eq!(got, (outcome, is_passing), "{path}: {probed:?}");
    }
}

#[tokio::test]
async fn a_probe_goes_nowhere_inside() {
    let origin = service().await;
    for deliverable in [origin.as_str(), "http://169.254.169.254", "http://[::1]:80", "none"] {
        let probed = probe(&asked(Method::Get, "/ok"), deliverable.as_bytes(), &CAREFUL).await;
        assert_eq!(probed.result.outcome(), "failed", "{deliverable}");
        assert!(!probed.is_passing && probed.body.is_none(), "{deliverable}");
    }
    let signed = Probe { origin: Origin::parse(&origin), ..asked(Method::Get, "/ok") };
    assert_eq!(probe(&signed, b"", &CAREFUL).await.result.outcome(), "failed");
}

#[tokio::test]
async fn nobody_there_may_be_there_later() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let probed = probe(&asked(Method::Get, "/ok"), origin.as_bytes(), &LOCAL).await;
    assert!(probed.is_passing && probed.result.outcome() == "failed");
}
