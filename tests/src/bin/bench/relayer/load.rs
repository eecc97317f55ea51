//! Cases handed to a relayer: one after another, many at once, and a backlog.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy::primitives::{B256, keccak256};
use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures::{TryStreamExt as _, stream};
use reqwest::Client;
use serde_json::{Value, json};
use surety_terms::digest;
use surety_terms::wire::DeliveryRequest;
use surety_tests::sign;
use tokio::net::TcpListener;

use super::super::{Keys, per_second};
use super::chain::Chain;
use super::jurors::Panel;
use super::percentiles;
use super::process::Process;

/// Deliveries that are handed in at the same time.
const CALLERS: usize = 32;
/// The longest that nothing may move.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often the chain is asked how far it is.
const LOOK: Duration = Duration::from_millis(50);

/// What must not be, over all cases of a run.
#[derive(Default)]
pub(super) struct Tally {
    /// Cases without an end.
    pub(super) lost: u64,
    /// Transactions beyond one per case.
    pub(super) double: u64,
}

/// From a delivery to its case on disk, and from the ballot that makes the quorum to the settlement at
/// the chain's endpoint.
pub(super) async fn latencies(
    chain: &Chain,
    panel: &Panel,
    deals: Range<usize>,
    tally: &mut Tally,
) -> anyhow::Result<Keys> {
    let passed = Arc::new(Passed::default());
    let endpoint = passed.endpoint(chain.url()).await?;
    let process = Process::start(chain, &endpoint, "latencies").await?;
    let http = Client::new();
    let count = Count::begin(chain).await?;
    let (mut taken, mut sent) = (Vec::new(), Vec::new());
    for deal in deals.clone() {
        let request = chain.delivery(deal)?;
        let case = case(chain, &request);
        taken.push(hand_in(&http, process.url(), &request).await?);
        let state = wait(&http, process.url(), case).await?;
        ensure!(state == "final", "a case is {state}");
        let quorum = panel.quorum_at(case).context("there was no quorum")?;
        sent.push(passed.after(quorum).context("nothing was sent")?.duration_since(quorum));
    }
    count.end(chain, deals.len(), tally).await?;
    let mut keys = percentiles("delivery_to_case_ms", &mut taken);
    keys.extend(percentiles("quorum_to_broadcast_ms", &mut sent));
    Ok(keys)
}

/// Settlements a second, from the first delivery to the last end, with more configuration.
pub(super) async fn rate(
    chain: &Chain,
    deals: Range<usize>,
    tally: &mut Tally,
    more: &str,
) -> anyhow::Result<f64> {
    let process = Process::start_with(chain, chain.url(), "rate", more).await?;
    let requests = requests(chain, &deals)?;
    let count = Count::begin(chain).await?;
    let since = Instant::now();
    let handing = tokio::spawn(hand_in_all(process.url().to_owned(), requests));
    count.reach(chain, (deals.len(), LOOK), || {}).await?;
    let elapsed = since.elapsed();
    handing.await??;
    count.end(chain, deals.len(), tally).await?;
    Ok(per_second(deals.len() as u64, elapsed))
}

/// How long a backlog takes from the first word of the jurors to the last end, and the most memory that
/// the process had meanwhile.
pub(super) async fn backlog(
    chain: &Chain,
    panel: &Panel,
    deals: Range<usize>,
    tally: &mut Tally,
) -> anyhow::Result<Keys> {
    let cases = deals.len();
    let process = Process::start(chain, chain.url(), "backlog").await?;
    let requests = requests(chain, &deals)?;
    panel.speak(false);
    hand_in_all(process.url().to_owned(), requests).await?;
    let mut most = process.resident_mb()?;
    let waiting = most;
    let count = Count::begin(chain).await?;
    let since = Instant::now();
    panel.speak(true);
    let often = LOOK * 20;
    count
        .reach(chain, (cases, often), || most = process.resident_mb().unwrap_or(most).max(most))
        .await?;
    let elapsed = since.elapsed();
    count.end(chain, cases, tally).await?;
    let http = Client::new();
    let until = Instant::now() + PATIENCE;
    while process.finals(&http).await? < cases as u64 {
        ensure!(Instant::now() < until, "the chain has the ends and the relayer does not");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let name =
        if cases.is_multiple_of(1_000) { format!("{}k", cases / 1_000) } else { cases.to_string() };
    Ok(vec![
        (format!("backlog_{name}_s"), json!(seconds(elapsed))),
        (format!("rss_{name}_mb"), json!(most)),
        (format!("rss_{name}_waiting_mb"), json!(waiting)),
    ])
}

/// To a tenth.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}

fn requests(chain: &Chain, deals: &Range<usize>) -> anyhow::Result<Vec<DeliveryRequest>> {
    deals.clone().map(|deal| chain.delivery(deal)).collect()
}

fn case(chain: &Chain, request: &DeliveryRequest) -> B256 {
    let delivery = &request.delivery;
    let case = sign::case(chain.contracts(), delivery.dealId, 0, keccak256("work"));
    digest::case_id(&case)
}

/// Hands a delivery in, and says how long that took.
async fn hand_in(http: &Client, url: &str, request: &DeliveryRequest) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let answer = http.post(format!("{url}/v1/deliveries")).json(request).send().await?;
    let elapsed = since.elapsed();
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status == StatusCode::ACCEPTED, "{text}");
    Ok(elapsed)
}

async fn hand_in_all(url: String, requests: Vec<DeliveryRequest>) -> anyhow::Result<()> {
    let http = Client::new();
    let (http, url) = (&http, &url);
    let all = stream::iter(requests.into_iter().map(anyhow::Ok));
    all.try_for_each_concurrent(CALLERS, |request| async move {
        hand_in(http, url, &request).await.map(drop)
    })
    .await
}

/// The state in which a case ends.
async fn wait(http: &Client, url: &str, case: B256) -> anyhow::Result<String> {
    let answer = http.get(format!("{url}/v1/cases/{case}?waitSecs=30")).send().await?;
    let view: Value = answer.json().await?;
    Ok(view["state"].as_str().context("a case without a state")?.to_owned())
}

/// Where the chain stood when a measurement began.
struct Count {
    relayed: u64,
    ended: u64,
}

impl Count {
    async fn begin(chain: &Chain) -> anyhow::Result<Self> {
        Ok(Self { relayed: chain.relayed().await?, ended: chain.ended().await? })
    }

    /// Waits until so many more milestones have ended, and looks so often.
    async fn reach(
        &self,
        chain: &Chain,
        (cases, often): (usize, Duration),
        mut each: impl FnMut(),
    ) -> anyhow::Result<()> {
        let goal = self.ended + cases as u64;
        let (mut moved, mut last, mut ended) = (Instant::now(), self.relayed, self.ended);
        while ended < goal {
            each();
            tokio::time::sleep(often).await;
            let now = chain.relayed().await?;
            if now != last {
                (moved, last) = (Instant::now(), now);
                ended = chain.ended().await?;
            }
            ensure!(moved.elapsed() < PATIENCE, "{} of {cases} were settled", ended - self.ended);
        }
        Ok(())
    }

    async fn end(&self, chain: &Chain, cases: usize, tally: &mut Tally) -> anyhow::Result<()> {
        let ended = chain.ended().await? - self.ended;
        let relayed = chain.relayed().await? - self.relayed;
        tally.lost += (cases as u64).saturating_sub(ended);
        tally.double += relayed.saturating_sub(ended);
        Ok(())
    }
}

/// An endpoint that notes when transactions pass on their way to the chain.
#[derive(Default)]
struct Passed(Mutex<Vec<Instant>>);

impl Passed {
    async fn endpoint(self: &Arc<Self>, chain: &str) -> anyhow::Result<String> {
        let state = (Arc::clone(self), Client::new(), chain.to_owned());
        let router = Router::new().fallback(pass).with_state(state);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    /// The first one after a moment.
    fn after(&self, moment: Instant) -> Option<Instant> {
        let passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passed.iter().find(|at| **at >= moment).copied()
    }
}

type Between = (Arc<Passed>, Client, String);

async fn pass(
    State((passed, http, chain)): State<Between>,
    body: Bytes,
) -> Result<impl IntoResponse, StatusCode> {
    const SEND: &[u8] = b"eth_sendRawTransaction";
    if body.windows(SEND.len()).any(|part| part == SEND) {
        passed.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }
    let request = http.post(chain).header(header::CONTENT_TYPE, "application/json").body(body);
    let answer = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let bytes = answer.bytes().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes))
}
