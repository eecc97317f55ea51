//! The juror node against an in-process chain and a real HTTP provider.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    reason = "in a test's helper a broken expectation is a failed test"
)]

#[path = "juror/appeal.rs"]
mod appeal;
#[path = "juror/batches.rs"]
mod batches;
#[path = "juror/calls.rs"]
mod calls;
#[path = "juror/court.rs"]
mod court;
#[path = "juror/day.rs"]
mod day;
#[path = "juror/deal.rs"]
mod deal;
#[path = "juror/flood.rs"]
mod flood;
#[path = "juror/heads.rs"]
mod heads;
#[path = "juror/hidden.rs"]
mod hidden;
#[path = "juror/hostile.rs"]
pub(crate) mod hostile;
#[path = "juror/moved.rs"]
mod moved;
#[path = "juror/outages.rs"]
mod outages;
#[path = "juror/places.rs"]
mod places;
#[path = "juror/preview.rs"]
mod preview;
#[path = "juror/priced.rs"]
mod priced;
#[path = "juror/private.rs"]
mod private;
#[path = "../../../juror/judge/src/tests/double.rs"]
#[expect(dead_code, reason = "the juror's own tests use the rest")]
pub(crate) mod provider;
#[path = "juror/refused.rs"]
mod refused;
#[path = "juror/rounds.rs"]
mod rounds;
#[path = "juror/sealed.rs"]
mod sealed;
#[path = "juror/sources.rs"]
mod sources;
#[path = "juror/window.rs"]
mod window;

use std::io;
use std::sync::{Arc, Mutex};

use alloy::primitives::aliases::U96;
use alloy::primitives::{Address, B256, Bytes, keccak256};
use axum::Router;
use axum::routing::get;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use surety_bindings::escrow::{Concede, Consent, DealEscrow};
use surety_bindings::jury::Ballot;
use surety_dialect::Dialect;
use surety_juror::{BudgetConfig, FetchConfig, JurorError, Limits};
use surety_jury::Source;
use surety_jury::wire::{CaseRequest, CaseState, JurorInfo};
use surety_terms::digest;
use surety_tests::{Orphans, actors, sign};

use court::{Court, DAY, WORK, forged, problem};
use provider::{Act, Double};

/// Prices and caps that no test reaches.
const BUDGET: BudgetConfig = BudgetConfig {
    input_micro_usd: 1_000_000,
    output_micro_usd: 1_000_000,
    case_micro_usd: 1_000_000,
    day_micro_usd: 10_000_000,
};

#[tokio::test]
async fn an_honest_case_ends_with_a_ballot_that_anybody_can_verify() {
    let court = Court::new(
        Double::start(|_, question| match question.criterion.text.as_str() {
            "The deliverable is complete." => Act::Vote("MET"),
            _ => Act::Vote("NOT_MET"),
        })
        .await,
    );
    let juror = court.start().await;
    let request = court.request(WORK);

    let taken = court.take(&juror, &request).await;
    assert_eq!(taken.state, CaseState::AwaitingDeliverable);
    assert_eq!(court.push(&juror, WORK).await.status(), 204);
    let ballot = court.ballot(&juror, taken.case_id).await;

    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b011, 0b100, 0));
    assert_eq!(ballot.source, Source::Rehearsal);
    let again = court.take(&juror, &request).await;
    assert_eq!(again.ballot, Some(ballot), "the same case again is the same ballot");
    assert_eq!(court.provider.seen().len(), 2, "one question per criterion, the check asks none");
    juror.shutdown().await;
}

#[tokio::test]
async fn every_dialect_judges_through_the_rehearsal_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}/careful", listener.local_addr().unwrap());
    let router = surety_demo::provider::router(None);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let mut court = Court::kind().await;
    let criteria = &mut court.sheet.milestones[0].criteria;
    criteria[1].text = "The deliverable mentions \"three markets\".".to_owned();
    criteria[2].text = "The deliverable mentions \"unicorns\".".to_owned();
    court.open().await;
    for dialect in Dialect::ALL {
        let mut config = court.config();
        config.store = court.folder.path().join(dialect.as_str());
        config.provider.dialect = dialect;
        let versioned = matches!(
            dialect,
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompatible
        );
        let base_url = if versioned { format!("{host}/v1") } else { host.clone() };
        config.provider.base_url = base_url.parse().unwrap();
        let juror = court.try_start(config).await.unwrap();
        let taken = court.take(&juror, &court.request(WORK)).await;
        court.push(&juror, WORK).await;
        let ballot = court.ballot(&juror, taken.case_id).await;
        assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b011, 0b100, 0), "{dialect}");
        juror.shutdown().await;
    }
}

#[tokio::test]
async fn a_juror_says_who_it_is_and_whether_it_is_up() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let url = |path: &str| format!("{}{path}", juror.url());

    let info: JurorInfo =
        court.http.get(url("/v1/juror")).send().await.unwrap().json().await.unwrap();

    assert_eq!(info.juror, court.world.juror(0).address());
    assert_eq!(info.family, "rehearsal-family-0");
    assert_eq!(info.source, Source::Rehearsal);
    assert_eq!(info.consumers, [court.world.contracts().escrow]);
    for path in ["/livez", "/readyz"] {
        assert_eq!(court.http.get(url(path)).send().await.unwrap().status(), 204, "{path}");
    }
    assert_eq!(problem(court.http.get(url("/v2")).send().await.unwrap()).await.slug(), "not-found");
    let got = court.http.get(url("/v1/cases")).send().await.unwrap();
    assert_eq!(problem(got).await.slug(), "method-not-allowed");
}

#[tokio::test]
async fn a_restart_between_commit_and_signature_signs_the_committed_ballot() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    juror.shutdown().await;
    // As if the process had died after the commit: an answer that the provider would never give.
    let committed = Ballot {
        caseId: taken.case_id,
        met: 0b001,
        failed: 0b110,
        reason: 0,
        transcript: B256::repeat_byte(7),
    };
    let contracts = court.world.contracts();
    let digest = digest::ballot_digest(&committed, contracts.chain_id, contracts.jury);
    let mut store = sqlite(&court).await;
    sqlx::query("INSERT INTO ballots VALUES (?, 1, 6, 0, ?, ?, NULL)")
        .bind(taken.case_id.as_slice())
        .bind(committed.transcript.as_slice())
        .bind(digest.as_slice())
        .execute(&mut store)
        .await
        .unwrap();
    store.close().await.unwrap();

    let juror = court.start().await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.ballot(), committed);
    juror.shutdown().await;
    let juror = court.start().await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.ballot(), committed);
}

#[tokio::test]
async fn a_restart_goes_on_where_the_case_was() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let taken = court.take(&juror, &court.request(WORK)).await;
    juror.shutdown().await;
    let juror = court.start().await;
    assert_eq!(court.push(&juror, WORK).await.status(), 204);
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}

#[tokio::test]
async fn a_juror_takes_no_more_cases_than_it_is_set_to() {
    let mut court = Court::kind().await;
    let mut second = court.sheet.clone();
    second.salt = B256::repeat_byte(2);
    court.world.open(&second.terms()).unwrap();
    court.node = court.world.node();
    let mut config = court.config();
    config.limits = Limits { waiting_cases: 1, ..Limits::default() };
    let juror = court.try_start(config).await.unwrap();

    let first = court.take(&juror, &court.request(WORK)).await;
    let busy = court.post(&juror, &court.request_for(&second, WORK, "")).await;
    assert!(busy.headers().contains_key("retry-after"));
    assert_eq!(problem(busy).await.slug(), "busy");
    court.push(&juror, WORK).await;
    court.ballot(&juror, first.case_id).await;
    court.take(&juror, &court.request_for(&second, WORK, "")).await;
}

#[tokio::test]
async fn cases_that_wait_for_their_bytes_take_no_place_of_work() {
    let mut court = Court::kind().await;
    let mut second = court.sheet.clone();
    second.salt = B256::repeat_byte(2);
    court.world.open(&second.terms()).unwrap();
    court.node = court.world.node();
    let mut config = court.config();
    config.limits = Limits { open_cases: 1, ..Limits::default() };
    let juror = court.try_start(config).await.unwrap();

    let waiting = court.take(&juror, &court.request(WORK)).await.case_id;
    let other: &[u8] = b"The quarterly report covers two markets.\nRevenue fell.\n";
    let worked = court.take(&juror, &court.request_for(&second, other, "")).await.case_id;
    assert_eq!(court.push(&juror, other).await.status(), 204);
    assert_eq!(court.ballot(&juror, worked).await.met, 0b111);
    let status = court.status(&juror, waiting, 0).await;
    assert_eq!(status.state, CaseState::AwaitingDeliverable);
    assert_eq!(court.push(&juror, WORK).await.status(), 204);
    assert_eq!(court.ballot(&juror, waiting).await.met, 0b111);
}

#[tokio::test]
async fn more_cases_than_places_are_worked_on_one_after_the_other() {
    let mut court = Court::kind().await;
    let mut sheets = vec![court.sheet.clone()];
    for n in 2..=4 {
        let mut sheet = court.sheet.clone();
        sheet.salt = B256::repeat_byte(n);
        court.world.open(&sheet.terms()).unwrap();
        sheets.push(sheet);
    }
    court.node = court.world.node();
    let mut config = court.config();
    config.limits = Limits { open_cases: 1, ..Limits::default() };
    let juror = court.try_start(config).await.unwrap();
    let mut cases = Vec::new();
    for sheet in &sheets {
        cases.push(court.take(&juror, &court.request_for(sheet, WORK, "")).await.case_id);
    }
    // The bytes of all of them come at once.
    assert_eq!(court.push(&juror, WORK).await.status(), 204);
    for case in cases {
        assert_eq!(court.ballot(&juror, case).await.met, 0b111);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_world_stops_a_start_with_one_line() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let held = court.try_start(court.config()).await.unwrap_err();
    assert!(matches!(held, JurorError::StoreHeld { .. }), "{held}");
    juror.shutdown().await;

    let (contracts, mut config) = (court.world.contracts().clone(), court.config());
    config.chain_id += 1;
    let wrong = court.try_start(config).await.unwrap_err();
    let (got, needed) = (contracts.chain_id, contracts.chain_id + 1);
    assert!(
        matches!(wrong, JurorError::ChainMismatch { got: g, needed: n } if (g, n) == (got, needed))
    );

    let mut config = court.config();
    config.jury = Address::repeat_byte(1);
    let wrong = court.try_start(config).await.unwrap_err();
    assert!(matches!(wrong, JurorError::NoCode { field: "jury", .. }), "{wrong}");

    let mut config = court.config();
    config.consumers = vec![contracts.token];
    let wrong = court.try_start(config).await.unwrap_err();
    assert!(matches!(wrong, JurorError::NotConsumer { .. }), "{wrong}");

    let mut config = court.config();
    std::fs::write(
        court.folder.path().join("key"),
        actors::actor("stranger").to_bytes().to_string(),
    )
    .unwrap();
    let wrong = court.try_start(config.clone()).await.unwrap_err();
    assert!(matches!(wrong, JurorError::NotRegistered { .. }), "{wrong}");

    // Who wants a key may charge.
    config.provider.api_key_env = Some("SURETY_TEST_NO_SUCH_KEY".to_owned());
    let wrong = court.try_start(config.clone()).await.unwrap_err();
    assert!(wrong.to_string().contains("budget is missing"), "{wrong}");
    config.budget = Some(BUDGET);
    let wrong = court.try_start(config).await.unwrap_err();
    assert!(wrong.to_string().contains("SURETY_TEST_NO_SUCH_KEY"));
}

#[tokio::test]
async fn a_lagging_block_tag_waits_for_facts_and_not_for_the_time() {
    let court = Court::kind().await;
    let mut config = court.config();
    config.block_tag = surety_juror::BlockTag::Safe;
    court.node.set_lags(2, 4);
    let juror = court.try_start(config).await.unwrap();
    // The state before the node began is settled; the deal is in it.
    court.go_to(court.deliver_by() - 2);
    court.pin(WORK).await;
    court.go_to(court.deliver_by());
    assert_eq!(court.refused(&juror, &court.request(WORK)).await.slug(), "late-delivery");
    court.node.mine();
    court.take(&juror, &court.request(WORK)).await;
}

#[tokio::test]
async fn a_contract_wallets_signature_counts() {
    // Returns the magic value whatever it is asked: PUSH4 magic, PUSH1 224, SHL, MSTORE at 0, RETURN.
    const YES: [u8; 15] =
        [0x63, 0x16, 0x26, 0xba, 0x7e, 0x60, 0xe0, 0x1b, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3, 0x00];
    let mut court = Court::kind().await;
    let wallet = court.world.seller().address();
    court.world.evm().state_mut().set_code(wallet, YES.into());
    court.node = court.world.node();
    let juror = court.start().await;
    let mut request = court.request(WORK);
    request.signature = vec![1, 2, 3].into();
    court.take(&juror, &request).await;
}

#[tokio::test]
async fn no_secret_is_logged_or_stored() {
    // Any variable of the environment is as good as a key: this one is there under cargo.
    const KEY: &str = env!("CARGO_PKG_DESCRIPTION");
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let court = Court::new(
        Double::start(|number, _| if number == 0 { Act::Raw(500, "") } else { Act::Vote("MET") })
            .await,
    );
    let mut config = court.config();
    config.provider.api_key_env = Some("CARGO_PKG_DESCRIPTION".to_owned());
    config.budget = Some(BUDGET);
    let juror = court.try_start(config).await.unwrap();
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.push(&juror, WORK).await;
    court.ballot(&juror, taken.case_id).await;
    juror.shutdown().await;

    assert_eq!(court.provider.seen()[0].0["authorization"], format!("Bearer {KEY}"));
    let key = court.world.juror(0).to_bytes();
    let hex = alloy::hex::encode(key);
    let logged = log.0.lock().unwrap().clone();
    assert!(!logged.is_empty());
    for bytes in stored(&court.store()).into_iter().chain([logged]) {
        for secret in [KEY.as_bytes(), key.as_slice(), hex.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret));
        }
    }
}

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The contents of every file below a folder.
fn stored(folder: &std::path::Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // A socket holds nothing.
    let entries = entries.filter(|path| path.is_dir() || path.is_file());
    let contents = entries.flat_map(|path| {
        if path.is_dir() { stored(&path) } else { vec![std::fs::read(path).unwrap()] }
    });
    contents.collect()
}

/// Serves bytes over HTTP and returns their address.
async fn serve(bytes: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/work", listener.local_addr().unwrap());
    let router = Router::new().route("/work", get(move || async move { bytes }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn sqlite(court: &Court) -> SqliteConnection {
    let path = court.store().join("juror.sqlite");
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}
