//! What strangers may cost the relayer, over real sockets.
//!
//! ```text
//! a body of the wrong type, too large, endless or slow   refused by name, counted
//! a flood from one address                               refused; the others are served
//! connections that say nothing                           few per address, and not for long
//! questions that are held open                           half of all requests, so others are served
//! a juror that streams for ever, or drips                cut off; the others decide
//! bytes that no delivery names                           gone after a day
//! ```
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use std::convert::Infallible;
use std::time::Duration;

use alloy::primitives::keccak256;
use axum::body::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use reqwest::{Body, StatusCode};
use surety_relayer::Handle;
use surety_relayer::wire::CaseState;
use surety_terms::Problem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::court::{Court, eventually};
use super::jurors::Habit;

pub(crate) async fn page(court: &Court, relayer: &Handle) -> String {
    let answer = court.http.get(format!("{}/metrics", relayer.url())).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openm"));
    answer.text().await.unwrap()
}

/// A connection on which the head of a request was written.
async fn raw(relayer: &Handle, head: &str) -> TcpStream {
    let address = relayer.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What comes back until the other side closes, or has answered.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        text.push_str(&String::from_utf8_lossy(&chunk[..read]));
        if text.contains("\r\n\r\n") && text.trim_end().ends_with('}') {
            break;
        }
    }
    text
}

#[tokio::test]
async fn bodies_that_no_client_should_send_are_refused_by_name_and_counted() {
    let court = Court::new().await;
    let relayer = court.start_configured("[http]\nbody_secs = 1\n").await;
    let deliveries = format!("{}/v1/deliveries", relayer.url());
    let shelf = format!("{}/v1/deliverables/{}", relayer.url(), keccak256(b"x"));
    let typed = [
        (court.http.post(&deliveries).body("{}"), "text/html"),
        (court.http.put(&shelf).body("x"), "multipart/form-data; boundary=b"),
    ];
    for (request, kind) in typed {
        let answer = request.header("content-type", kind).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let answer = (answer.status(), answer.json().await.unwrap());
        let problem = Court::problem(answer, "content-type");
        assert_eq!((problem.slug(), problem.status), ("wrong-type", 415));
    }
    // Announced as too large: not a byte of it is waited for.
    let head = "POST /v1/deliveries HTTP/1.1\r\nhost: r\r\ncontent-length: 99999999\r\n\r\n";
    assert!(answer(&mut raw(&relayer, head).await).await.starts_with("HTTP/1.1 413"));
    // Too large without saying so.
    let chunks = std::iter::repeat_n(Bytes::from(vec![b' '; 1 << 16]), 8).chain(["x".into()]);
    let stream = futures::stream::iter(chunks.map(Ok::<_, Infallible>));
    let answered = court.http.post(&deliveries).body(Body::wrap_stream(stream)).send().await;
    assert_eq!(answered.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    // A body that never ends, byte by byte; meanwhile others are served.
    let head = "POST /v1/deliveries HTTP/1.1\r\nhost: r\r\ncontent-length: 99\r\n\r\n{";
    let mut slow = raw(&relayer, head).await;
    let alive = court.http.get(format!("{}/livez", relayer.url())).send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK);
    let slow = answer(&mut slow).await;
    assert!(slow.starts_with("HTTP/1.1 408") && slow.contains("too-slow"), "{slow}");
    let page = page(&court, &relayer).await;
    for (reason, count) in [("wrong-type", 2), ("too-large", 2), ("too-slow", 1)] {
        let line = format!("surety_relayer_http_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(page.contains(&line), "{line}{page}");
    }
    assert_eq!(court.deliver(&relayer).await, court.case_id(0, &court.work));
}

#[tokio::test]
async fn a_flood_from_one_address_is_refused_and_is_not_in_the_way_of_others() {
    let court = Court::new().await;
    let limits = "[http]\nper_second = 1\nburst = 20\nproxy_header = \"x-forwarded-for\"\n";
    let relayer = court.start_configured(limits).await;
    let url = format!("{}/v1/deals/{}", relayer.url(), court.sheet.deal_id());
    let ask = async |from: String| {
        court.http.get(&url).header("x-forwarded-for", from).send().await.unwrap()
    };
    // What the client itself writes before the proxy's word does not count.
    let flood = (0..60).map(|i| ask(format!("198.51.100.{i}, 203.0.113.1")));
    let answers = futures::future::join_all(flood).await;
    let (refused, served): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status() == StatusCode::TOO_MANY_REQUESTS);
    assert!(served.len() >= 20 && !refused.is_empty(), "{} were served", served.len());
    let times = refused.len();
    let refused = refused.into_iter().next().unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem: Problem = refused.json().await.unwrap();
    assert_eq!(problem.slug(), "rate-limited");
    let other = ask("203.0.113.2".to_owned()).await;
    assert_ne!(other.status(), StatusCode::TOO_MANY_REQUESTS);
    let alive = court.http.get(format!("{}/livez", relayer.url())).send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK, "who looks after the process is not limited");
    let page = page(&court, &relayer).await;
    let line = format!("http_refused_total{{reason=\"rate-limited\"}} {times}\n");
    assert!(page.contains(&line), "{line}{page}");
}

#[tokio::test]
async fn connections_that_say_nothing_are_few_and_do_not_last() {
    let court = Court::new().await;
    let limits = "[http]\nconnections_per_address = 3\nhead_secs = 1\n";
    let relayer = court.start_configured(limits).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        idle.push(raw(&relayer, "GET /livez HT").await);
    }
    let mut fourth = raw(&relayer, "").await;
    assert_eq!(fourth.read(&mut [0; 1]).await.unwrap_or(0), 0, "it is closed at once");
    for stream in &mut idle {
        assert!(!answer(stream).await.contains("200 OK"));
    }
    let page = page(&court, &relayer).await;
    assert!(page.contains("surety_relayer_http_turned_away_total 1\n"), "{page}");
    assert!(page.contains("surety_relayer_http_connections 1\n"), "{page}");
}

#[tokio::test]
async fn questions_that_are_held_open_leave_places_for_what_is_handed_in() {
    let court = Court::new().await;
    court.everyone(Habit::Silent);
    let relayer = court.start_configured("[http]\nrequests = 4\n").await;
    let id = court.deliver(&relayer).await;
    court.reaches(&relayer, id, CaseState::Asked).await;
    let mut asked: FuturesUnordered<_> = (0..4).map(|_| court.case(&relayer, id, 30)).collect();
    // Two wait; the others are answered at once.
    for _ in 0..2 {
        assert_eq!(asked.next().await.unwrap().state, CaseState::Asked);
    }
    let other = court.post(&relayer, "deliveries", &court.delivery(1, &court.work)).await;
    assert_eq!(other.0, StatusCode::ACCEPTED, "{}", other.1);
    assert_eq!(asked.len(), 2);
    court.everyone(Habit::Votes(0b11, 0));
    while let Some(view) = asked.next().await {
        assert!(view.state.is_over(), "{view:?}");
    }
}

#[tokio::test]
async fn jurors_that_stream_for_ever_or_drip_are_cut_off_and_counted() {
    let court = Court::new().await;
    court.jurors[1].set(Habit::Endless);
    court.jurors[4].set(Habit::Drips);
    let toml = court.toml().replace("retry_ms = 10", "timeout_secs = 1\nretry_ms = 10");
    let relayer = court.start_of(&toml).await;
    let id = court.deliver(&relayer).await;
    eventually("both are cut off", || async {
        let page = page(&court, &relayer).await;
        ["too-large", "unreachable"]
            .iter()
            .all(|fault| page.contains(&format!("juror_faults_total{{fault=\"{fault}\"}}")))
    })
    .await;
    eventually("the others are heard", || async {
        court.case(&relayer, id, 0).await.commitments.len() == 3
    })
    .await;
    court.jurors[1].set(Habit::Votes(0b11, 0));
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
}

async fn is_kept(court: &Court, relayer: &Handle, bytes: &[u8]) -> bool {
    let url = format!("{}/v1/deliverables/{}", relayer.url(), keccak256(bytes));
    court.http.get(url).send().await.unwrap().status() == StatusCode::OK
}

#[tokio::test]
async fn bytes_that_no_delivery_names_go_after_a_day() {
    let court = Court::new().await;
    court.everyone(Habit::Silent);
    let relayer = court.start().await;
    court.put(&relayer, b"junk").await;
    court.deliver(&relayer).await;
    assert!(is_kept(&court, &relayer, b"junk").await);
    court.node.advance(Duration::from_hours(25));
    eventually("the junk is gone", || async { !is_kept(&court, &relayer, b"junk").await }).await;
    assert!(is_kept(&court, &relayer, &court.work).await);
}
