//! A connection to a chain that does what real endpoints do to their clients.
//!
//! It stands in front of a [`Node`] in this process or of any node at a URL, as an alloy transport or
//! over HTTP: latency, answers that are lost after the node acted, a chain that stands still, empty
//! logs, errors with wrong codes, storms of 429, garbage, and lies. What goes wrong is drawn from a
//! seed. Clients that shall see different forks get a [`Node::fork`] each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use alloy::primitives::B256;
use alloy::providers::{DynProvider, Provider as _, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload,
};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response as HttpResponse};
use axum::routing::post;
use axum::{Json, Router};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::Service;

use crate::node::Node;

/// What goes wrong, and how often in a thousand calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Answers take up to this long.
    pub latency: Duration,
    /// Calls that never reach the node.
    pub lost: u32,
    /// Calls that the node does and whose answers are lost.
    pub answer_lost: u32,
    /// Calls that are refused with HTTP 429.
    pub limited: u32,
    /// Calls that are refused with an error of no known code or text.
    pub wrong_code: u32,
    /// Calls that are answered with something else.
    pub garbage: u32,
    /// Log queries that are answered with nothing.
    pub empty_logs: u32,
    /// The last block that the client is shown.
    pub still_at: Option<u64>,
    /// What is lied about, every time.
    pub lie: Option<Lie>,
}

/// What an endpoint lies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The words that contracts return: the lowest bit of each is turned.
    Words,
    /// Receipts: what failed succeeded, and the other way round.
    Receipts,
    /// How far the chain is: a thousand blocks further.
    Heads,
    /// How many transactions an account sent: ten more.
    Nonces,
}

impl Weather {
    /// Always this bad: in a thousand calls, all of them.
    pub const ALWAYS: u32 = 1_000;

    /// A little of everything that an honest endpoint does.
    pub fn rough() -> Self {
        Self {
            latency: Duration::from_millis(5),
            lost: 30,
            answer_lost: 30,
            limited: 20,
            wrong_code: 20,
            ..Self::default()
        }
    }
}

#[derive(Clone, Debug)]
enum Upstream {
    Node(Node),
    Url(reqwest::Client, String),
}

/// The connection. Clones are the same connection.
#[derive(Clone, Debug)]
pub struct Chaos {
    upstream: Upstream,
    weather: Arc<Mutex<Weather>>,
    dice: Arc<Mutex<StdRng>>,
}

/// What became of one call.
enum Fate {
    Answer(Value),
    Refusal(ErrorPayload),
    Limited,
    Gone,
}

impl Chaos {
    /// In front of a node in this process, in good weather.
    pub fn over(node: &Node, seed: u64) -> Self {
        Self::new(Upstream::Node(node.clone()), seed)
    }

    /// In front of whatever answers at a URL, such as an anvil.
    pub fn at(url: &str, seed: u64) -> Self {
        Self::new(Upstream::Url(reqwest::Client::new(), url.to_owned()), seed)
    }

    fn new(upstream: Upstream, seed: u64) -> Self {
        let dice = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
        Self { upstream, weather: Arc::default(), dice }
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        *self.weather() = weather;
    }

    /// The same in this weather.
    #[must_use]
    pub fn with(self, weather: Weather) -> Self {
        self.set(weather);
        self
    }

    /// A provider that talks through it.
    pub fn provider(&self) -> DynProvider {
        RootProvider::new(RpcClient::new(self.clone(), true)).erased()
    }

    /// Answers over HTTP on a port of its own, until the returned handle is dropped.
    pub async fn serve(&self) -> ServedChaos {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let app = Router::new().route("/", post(receive)).with_state(self.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            axum::serve(listener, app).with_graceful_shutdown(stopped.cancelled_owned()).await
        });
        ServedChaos { url, _stop: stop.drop_guard() }
    }

    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, most: u32) -> u32 {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..most.max(1))
    }

    fn happens(&self, in_a_thousand: u32) -> bool {
        in_a_thousand > 0 && self.draw(Weather::ALWAYS) < in_a_thousand
    }

    async fn call(&self, method: &str, mut params: Value) -> Fate {
        let weather = *self.weather();
        let most = u32::try_from(weather.latency.as_millis()).unwrap_or(u32::MAX);
        if most > 0 {
            tokio::time::sleep(Duration::from_millis(self.draw(most).into())).await;
        }
        if self.happens(weather.lost) {
            return Fate::Gone;
        }
        if self.happens(weather.limited) {
            return Fate::Limited;
        }
        if self.happens(weather.wrong_code) {
            let message = "the flux is out of phase".into();
            return Fate::Refusal(ErrorPayload { code: -39_999, message, data: None });
        }
        if let Some(still) = weather.still_at
            && let Some(early) = self.stand_still(method, &mut params, still).await
        {
            return early;
        }
        let fate = self.pass(method, params).await;
        if self.happens(weather.answer_lost) {
            return Fate::Gone;
        }
        if self.happens(weather.garbage) {
            return Fate::Answer(json!({ "who": "knows" }));
        }
        if method == "eth_getLogs" && self.happens(weather.empty_logs) {
            return Fate::Answer(json!([]));
        }
        match (fate, weather.lie) {
            (Fate::Answer(answer), Some(lie)) => Fate::Answer(lied(lie, method, answer)),
            (fate, _) => fate,
        }
    }

    async fn pass(&self, method: &str, params: Value) -> Fate {
        match &self.upstream {
            Upstream::Node(node) => match node.answer(method, Some(params)) {
                Ok(answer) => Fate::Answer(answer),
                Err(fault) => Fate::Refusal(fault.payload()),
            },
            Upstream::Url(client, url) => {
                let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
                let Ok(answer) = client.post(url).json(&body).send().await else {
                    return Fate::Gone;
                };
                let Ok(mut answer) = answer.json::<Value>().await else { return Fate::Gone };
                match serde_json::from_value(answer["error"].take()) {
                    Ok(error) => Fate::Refusal(error),
                    Err(_) => Fate::Answer(answer["result"].take()),
                }
            }
        }
    }

    /// Turns a call into one of a chain that ends at `still`; answers it where there is nothing to
    /// ask.
    async fn stand_still(&self, method: &str, params: &mut Value, still: u64) -> Option<Fate> {
        let at = match method {
            "eth_getBlockByNumber" => 0,
            "eth_call" | "eth_estimateGas" | "eth_getTransactionCount" | "eth_getCode" => 1,
            "eth_getLogs" => return self.old_logs(&mut params[0], still).await,
            "eth_blockNumber" => return Some(Fate::Answer(json!(hex(still)))),
            "eth_getTransactionReceipt" => {
                let Fate::Answer(receipt) = self.pass(method, params.clone()).await else {
                    return None;
                };
                let old = number(&receipt["blockNumber"]).is_some_and(|number| number <= still);
                return (!old).then_some(Fate::Answer(Value::Null));
            }
            _ => return None,
        };
        let block = &mut params[at];
        if block.is_object() {
            let hash = block["blockHash"].take();
            let early = self.knows(&hash, still).await;
            block["blockHash"] = hash;
            return early;
        }
        let named = block.as_str().unwrap_or("latest").to_owned();
        match named.as_str() {
            "latest" | "pending" => *block = json!(hex(still)),
            "safe" | "finalized" | "earliest" => {}
            text if number(&json!(text)).is_some_and(|number| number > still) => {
                return Some(if at == 0 { Fate::Answer(Value::Null) } else { unknown() });
            }
            _ => {}
        }
        None
    }

    /// What a backend that lags says of blocks that it does not have: nothing, as if they were empty.
    async fn old_logs(&self, filter: &mut Value, still: u64) -> Option<Fate> {
        if filter["blockHash"].is_string() {
            return self.knows(&filter["blockHash"].clone(), still).await;
        }
        let from = number(&filter["fromBlock"]).unwrap_or(0);
        if number(&filter["toBlock"]).is_none_or(|to| to > still) {
            filter["toBlock"] = json!(hex(still));
        }
        (from > still).then(|| Fate::Answer(json!([])))
    }

    async fn knows(&self, hash: &Value, still: u64) -> Option<Fate> {
        let Fate::Answer(block) = self.pass("eth_getBlockByHash", json!([hash, false])).await
        else {
            return Some(unknown());
        };
        let old = number(&block["number"]).is_some_and(|number| number <= still);
        (!old).then(unknown)
    }
}

fn unknown() -> Fate {
    let message = "header not found".into();
    Fate::Refusal(ErrorPayload { code: -32_000, message, data: None })
}

fn hex(number: u64) -> String {
    format!("{number:#x}")
}

fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn lied(lie: Lie, method: &str, mut answer: Value) -> Value {
    match (lie, method) {
        (Lie::Words, "eth_call") => {
            let Some(text) = answer.as_str().and_then(|t| alloy::hex::decode(t).ok()) else {
                return answer;
            };
            let mut bytes = text;
            bytes.chunks_mut(32).filter_map(|word| word.last_mut()).for_each(|byte| *byte ^= 1);
            json!(alloy::hex::encode_prefixed(bytes))
        }
        (Lie::Receipts, "eth_getTransactionReceipt") if answer.is_object() => {
            let failed = answer["status"] == "0x0";
            answer["status"] = json!(if failed { "0x1" } else { "0x0" });
            answer
        }
        (Lie::Heads, "eth_getBlockByNumber") => {
            if let Some(at) = number(&answer["number"]) {
                answer["number"] = json!(hex(at + 1_000));
                answer["hash"] = json!(B256::repeat_byte(0x66));
            }
            answer
        }
        (Lie::Nonces, "eth_getTransactionCount") => {
            json!(hex(number(&answer).unwrap_or(0) + 10))
        }
        _ => answer,
    }
}

/// A connection that answers at a URL until this is dropped.
#[derive(Debug)]
pub struct ServedChaos {
    /// Where it answers.
    pub url: String,
    _stop: DropGuard,
}

async fn receive(State(chaos): State<Chaos>, body: Bytes) -> HttpResponse {
    let Ok(mut request) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (id, params) = (request["id"].take(), request["params"].take());
    let method = request["method"].as_str().unwrap_or_default();
    match chaos.call(method, params).await {
        Fate::Answer(result) => {
            Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
        }
        Fate::Refusal(error) => {
            Json(json!({ "jsonrpc": "2.0", "id": id, "error": error })).into_response()
        }
        Fate::Limited => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Fate::Gone => StatusCode::BAD_GATEWAY.into_response(),
    }
}

impl Service<RequestPacket> for Chaos {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let chaos = self.clone();
        Box::pin(async move {
            let RequestPacket::Single(request) = packet else {
                return Err(TransportErrorKind::custom_str("no batches here"));
            };
            let params = request.params().map(|raw| serde_json::from_str::<Value>(raw.get()));
            let params = params.and_then(Result::ok).unwrap_or_else(|| json!([]));
            let payload = match chaos.call(request.method(), params).await {
                Fate::Answer(answer) => {
                    ResponsePayload::Success(to_raw_value(&answer).expect("JSON is JSON"))
                }
                Fate::Refusal(error) => ResponsePayload::Failure(error),
                Fate::Limited => return Err(TransportErrorKind::http_error(429, String::new())),
                Fate::Gone => {
                    return Err(TransportErrorKind::custom_str("https://node.example/secret"));
                }
            };
            Ok(ResponsePacket::Single(Response { id: request.id().clone(), payload }))
        })
    }
}
