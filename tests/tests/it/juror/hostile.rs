//! Deliverables, hosts and programs that are meant to hurt a juror: each ends as failed, none as an
//! abstention, within what the configuration states.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use futures::stream;
use surety_terms::check::Module;
use surety_terms::{Check, Kind};
use tokio::net::TcpListener;

use super::*;

/// A hundred megabytes, in pieces of one.
const PIECES: usize = 100;
static PIECE: [u8; 1 << 20] = [b'a'; 1 << 20];
/// The ballot's reasons.
const MISSING: u8 = 1;
const UNREADABLE: u8 = 2;

/// Serves `router` and returns its address.
async fn host(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// What a juror comes to that has to get the bytes from a URI by itself.
async fn fetched(court: &Court, work: &[u8], uri: &str) -> (u16, u16, u8) {
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request_for(&court.sheet, work, uri)).await;
    // Only in the last tenth of the window is anything called missing.
    court.go_to(court.deliver_by() + DAY * 9 / 10);
    let ballot = court.ballot(&juror, taken.case_id).await;
    juror.shutdown().await;
    (ballot.met, ballot.failed, ballot.reason)
}

/// What a juror comes to that is handed the bytes.
async fn pushed(court: &Court, work: &[u8]) -> (u16, u16, u8) {
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(work)).await;
    assert_eq!(court.push(&juror, work).await.status(), 204);
    let ballot = court.ballot(&juror, taken.case_id).await;
    juror.shutdown().await;
    (ballot.met, ballot.failed, ballot.reason)
}

#[tokio::test]
async fn a_hundred_megabytes_are_not_read_and_fail() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    let pieces = || async {
        let piece = |_| {
            SENT.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(&PIECE[..])
        };
        Body::from_stream(stream::iter((0..PIECES).map(piece)))
    };
    let url = host(Router::new().route("/work", get(pieces))).await;
    let court = Court::kind().await;
    // The seller signs for a digest that nobody here can compute without reading it all.
    let got = fetched(&court, b"a hundred megabytes", &format!("{url}/work")).await;
    assert_eq!(got, (0, 0b111, MISSING));
    let sent = SENT.load(Ordering::SeqCst);
    assert!((1..PIECES).contains(&sent), "{sent} MB were sent before the juror hung up");
    assert!(court.provider.seen().is_empty());
}

#[tokio::test]
async fn a_hundred_megabytes_that_are_pushed_are_refused_before_they_are_there() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let request = court.request(b"a hundred megabytes");
    court.take(&juror, &request).await;
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let piece = move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(&PIECE[..])
    };
    let body = reqwest::Body::wrap_stream(stream::iter((0..PIECES).map(piece)));
    let url = format!("{}/v1/deliverables/{}", juror.url(), request.delivery.deliverable);
    // The juror answers and hangs up; whoever still sends may see only the latter.
    if let Ok(answer) = court.http.put(url).body(body).send().await {
        assert_eq!(answer.status(), 413);
    }
    assert!(taken.load(Ordering::SeqCst) < PIECES);
    let info = court.http.get(format!("{}/v1/juror", juror.url())).send().await.unwrap();
    assert_eq!(info.status(), 200, "it serves on");
    juror.shutdown().await;
}

/// A gzip member of `bytes` bytes that unpacks to about 150 times as many: one literal, then copies
/// of 258 bytes, in the fixed code.
fn bomb(bytes: usize) -> Vec<u8> {
    let mut bits = vec![1_u8, 1, 0];
    // Literal 0 is 00110000; length 258 is 11000101, and the distance of one 00000.
    bits.extend([0, 0, 1, 1, 0, 0, 0, 0]);
    while bits.len() < bytes * 8 {
        bits.extend([1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
    }
    bits.extend([0; 7]);
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    packed.extend(
        bits.chunks(8)
            .map(|byte| byte.iter().zip(0..).fold(0, |byte, (bit, place)| byte | bit << place)),
    );
    packed
}

#[tokio::test]
async fn a_zip_bomb_is_never_unpacked_and_fails() {
    let packed = bomb(60_000);
    let served = packed.clone();
    let gzip = move || {
        let body = served.clone();
        async move { ([(header::CONTENT_ENCODING, "gzip")], body) }
    };
    let url = host(Router::new().route("/work", get(gzip))).await;
    let uri = format!("{url}/work");
    // Whoever signs for the packed bytes has delivered no text.
    assert_eq!(pushed(&Court::kind().await, &packed).await, (0, 0b111, UNREADABLE));
    let court = Court::kind().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request_for(&court.sheet, &packed, &uri)).await;
    let ballot = court.ballot(&juror, taken.case_id).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0, 0b111, UNREADABLE));
    juror.shutdown().await;
    // Whoever signs for what they unpack to has not delivered it.
    let unpacked = vec![0; 1 << 20];
    assert_eq!(fetched(&Court::kind().await, &unpacked, &uri).await, (0, 0b111, MISSING));
}

#[tokio::test]
async fn bytes_that_are_no_text_fail_on_every_criterion() {
    for work in [&b"quarterly \xff\xfe"[..], b"\xed\xa0\x80 quarterly", b"\0\x01\x02\x80"] {
        let court = Court::kind().await;
        assert_eq!(pushed(&court, work).await, (0, 0b111, UNREADABLE));
        assert!(court.provider.seen().is_empty(), "no model is asked");
    }
}

#[tokio::test]
async fn a_redirect_into_our_network_is_not_followed_and_fails() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let inside = format!("http://{}/work", trap.local_addr().unwrap());
    for to in [inside, "http://169.254.169.254/latest/meta-data/".to_owned()] {
        let away = move || {
            let to = to.clone();
            async move { (StatusCode::FOUND, [(header::LOCATION, to)], WORK) }
        };
        let url = host(Router::new().route("/work", get(away))).await;
        let court = Court::kind().await;
        assert_eq!(fetched(&court, WORK, &format!("{url}/work")).await, (0, 0b111, MISSING));
    }
    let knocked = tokio::time::timeout(Duration::ZERO, trap.accept()).await;
    assert!(knocked.is_err(), "the redirect was followed");
}

/// `alloc` answers 0, and `check` loops for ever.
const LOOP: [u8; 76] = [
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x02, 0x60, 0x01, 0x7f, 0x01, 0x7f,
    0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7f, 0x03, 0x03, 0x02, 0x00, 0x01, 0x05, 0x03, 0x01, 0x00, 0x01,
    0x07, 0x1a, 0x03, 0x06, b'm', b'e', b'm', b'o', b'r', b'y', 0x02, 0x00, 0x05, b'a', b'l', b'l',
    b'o', b'c', 0x00, 0x00, 0x05, b'c', b'h', b'e', b'c', b'k', 0x00, 0x01, 0x0a, 0x10, 0x02, 0x04,
    0x00, 0x41, 0x00, 0x0b, 0x09, 0x00, 0x03, 0x40, 0x0c, 0x00, 0x0b, 0x41,
];

/// A test that never ends by itself.
pub(crate) fn looping() -> Module {
    Module::new([&LOOP[..], &[0x01, 0x0b]].concat())
}

#[tokio::test]
async fn a_test_that_a_deliverable_makes_loop_ends_with_its_fuel_and_fails() {
    let check = Check::Wasm { module: looping(), fuel: 5_000_000, memory_pages: 1 };
    assert_eq!(surety_jury::check::is_runnable(&check), Ok(()));
    let mut court = Court::kind().await;
    court.sheet.milestones[0].criteria[0].kind = Kind::Check(check);
    court.open().await;
    assert_eq!(pushed(&court, WORK).await, (0b110, 0b001, 0));
}

#[tokio::test]
async fn a_juror_that_is_too_slow_for_a_test_tries_again_and_says_nothing_else() {
    let check = Check::Wasm { module: looping(), fuel: 5_000_000, memory_pages: 1 };
    let mut court = Court::kind().await;
    court.sheet.milestones[0].criteria[0].kind = Kind::Check(check);
    court.open().await;
    // No configuration file can say so: every try is late.
    let mut config = court.config();
    config.limits.check_secs = 0;
    let juror = court.try_start(config).await.unwrap();
    let taken = court.take(&juror, &court.request(WORK)).await;
    assert_eq!(court.push(&juror, WORK).await.status(), 204);
    let url = format!("{}/metrics", juror.url());
    loop {
        let text = court.http.get(&url).send().await.unwrap().text().await.unwrap();
        if !text.contains("surety_juror_case_waits_total 0\n") {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(court.provider.seen().is_empty(), "no model is asked before the checks are done");
    court.go_to(court.deliver_by() + DAY);
    let status = court.status(&juror, taken.case_id, 30).await;
    assert_eq!((status.state, &status.ballot), (CaseState::Silent, &None));
    juror.shutdown().await;
}

#[tokio::test]
async fn a_host_that_is_flooded_keeps_no_delivery_from_being_judged() {
    // The host takes connections and answers none.
    let flooded = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/work", flooded.local_addr().unwrap());
    let court = Court::kind().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request_for(&court.sheet, WORK, &uri)).await;
    let _held = flooded.accept().await.unwrap();
    assert_eq!(court.push(&juror, WORK).await.status(), 204);
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
    juror.shutdown().await;
}

#[tokio::test]
async fn a_host_that_was_flooded_is_asked_again_where_nobody_pushes() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let busy = || async {
        let first = ASKED.fetch_add(1, Ordering::SeqCst) == 0;
        if first { Err(StatusCode::SERVICE_UNAVAILABLE) } else { Ok(WORK) }
    };
    let url = host(Router::new().route("/work", get(busy))).await;
    let court = Court::kind().await;
    let juror = court.start().await;
    let uri = format!("{url}/work");
    let taken = court.take(&juror, &court.request_for(&court.sheet, WORK, &uri)).await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
    juror.shutdown().await;
}
