//! Every fault of a provider in every dialect, over real HTTP: none becomes met, and every case
//! ends by its deadline. Time passes only when a provider makes it pass or the juror waits, so an
//! hour is tried out in a moment and no wait is missed.
//!
//! Whatever body a fault has holds a vote that would be met: a path that overlooked the fault would
//! count it. The canaries are answered honestly, so that nothing else stands between.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{Budget, BudgetConfig, double::canary};

/// The time of a round of questions.
const WINDOW: Duration = Duration::from_mins(1);
/// The time between two bytes of a provider that lets its answer trickle.
const TRICKLE: Duration = Duration::from_secs(7);

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Nothing: the control.
    None,
    /// No answer.
    Hang,
    /// An answer byte by byte, for ever.
    SlowLoris,
    /// This status, with these headers about when to ask again.
    Later(u16, &'static str),
    /// The connection ends in the middle of the body.
    CutOff,
    /// The connection ends without an answer.
    Closed,
    /// This status.
    Status(u16),
    /// A redirect to another host.
    Redirect,
    /// A body that no answer has.
    Body(&'static str),
    /// Ten megabytes.
    Huge,
    /// Bytes in an encoding that nobody asked for.
    Gzip,
    /// The response's JSON ends too early.
    TruncatedJson,
    /// A key of the response comes twice.
    DuplicateKey,
    /// Two answers.
    TwoAnswers,
    /// The vote is changed like this.
    Vote(fn(Value) -> String),
    /// The model declines, in the dialect's way.
    Refusal,
    /// The provider's filter takes the answer, where the dialect knows one.
    Filter,
    /// The answer reached the token limit.
    MaxTokens,
}

const FAULTS: [(&str, Fault); 44] = [
    ("hang", Fault::Hang),
    ("slow loris", Fault::SlowLoris),
    ("cut off", Fault::CutOff),
    ("closed", Fault::Closed),
    ("400", Fault::Status(400)),
    ("401", Fault::Status(401)),
    ("403", Fault::Status(403)),
    ("404", Fault::Status(404)),
    ("408", Fault::Status(408)),
    ("409", Fault::Status(409)),
    ("429 with Retry-After", Fault::Status(429)),
    ("500", Fault::Status(500)),
    ("503", Fault::Status(503)),
    ("529", Fault::Status(529)),
    ("429, again in time", Fault::Later(429, "retry-after: 7\r\n")),
    ("503, again in time", Fault::Later(503, "retry-after: 7\r\n")),
    ("429, again later than a round waits", Fault::Later(429, "retry-after: 50\r\n")),
    ("429, again after the deadline", Fault::Later(429, "retry-after: 3600\r\n")),
    ("503, again after the deadline", Fault::Later(503, "retry-after: 3600\r\n")),
    ("429, again in ages", Fault::Later(429, "retry-after: 99999999999999999999999\r\n")),
    ("429, again before now", Fault::Later(429, "retry-after: -1\r\n")),
    ("429, again somehow", Fault::Later(429, "retry-after: as soon as possible\r\n")),
    ("429, again at nothing", Fault::Later(429, "retry-after: \r\n")),
    (
        "503, again at a date in time",
        Fault::Later(
            503,
            "date: Tue, 01 Dec 2026 00:00:00 GMT\r\nretry-after: Tue, 01 Dec 2026 00:00:07 GMT\r\n",
        ),
    ),
    (
        "503, again at a date after the deadline",
        Fault::Later(
            503,
            "date: Tue, 01 Dec 2026 00:00:00 GMT\r\nretry-after: Wed, 01 Dec 2027 00:00:00 GMT\r\n",
        ),
    ),
    (
        "429, again at a date that has passed",
        Fault::Later(
            429,
            "date: Tue, 01 Dec 2026 00:00:00 GMT\r\nretry-after: Tue, 01 Dec 1970 00:00:00 GMT\r\n",
        ),
    ),
    (
        "429, again at a date on no known day",
        Fault::Later(429, "retry-after: Tue, 01 Dec 2026 00:00:07 GMT\r\n"),
    ),
    ("redirect to another host", Fault::Redirect),
    ("empty body", Fault::Body("")),
    ("HTML", Fault::Body("<html>MET</html>")),
    ("an error under 200", Fault::Body("{\"error\":{\"message\":\"MET\"}}")),
    ("10 MB", Fault::Huge),
    ("wrong content encoding", Fault::Gzip),
    ("truncated JSON", Fault::TruncatedJson),
    ("duplicate key", Fault::DuplicateKey),
    ("two answers", Fault::TwoAnswers),
    ("text after the vote", Fault::Vote(|vote| format!("{vote} MET"))),
    (
        "the verdict twice",
        Fault::Vote(|vote| vote.to_string().replacen('{', "{\"verdict\":\"NOT_MET\",", 1)),
    ),
    ("wrong enum", Fault::Vote(|vote| with(vote, "verdict", json!("PASS")))),
    ("wrong nonce", Fault::Vote(|vote| with(vote, "nonce", json!("0".repeat(32))))),
    ("wrong id", Fault::Vote(|vote| with(vote, "criterion_id", json!("a")))),
    ("refusal", Fault::Refusal),
    ("content filter", Fault::Filter),
    ("max tokens", Fault::MaxTokens),
];

fn with(mut vote: Value, field: &str, value: Value) -> String {
    vote[field] = value;
    vote.to_string()
}

/// Where the question stands in a request.
fn question(dialect: Dialect, body: &[u8]) -> Question {
    let request: Value = serde_json::from_slice(body).unwrap();
    let user = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible | Dialect::Ollama => "/messages/1/content",
        Dialect::Anthropic => "/messages/0/content",
        Dialect::Gemini => "/contents/0/parts/0/text",
        Dialect::OpenAiResponses => "/input/0/content",
    };
    Question::parse(request.pointer(user).unwrap().as_str().unwrap()).unwrap()
}

fn vote(question: &Question, verdict: &str) -> Value {
    let (line, text) = question.lines()[0];
    json!({
        "nonce": question.nonce, "criterion_id": question.criterion.id,
        "evidence": [{ "line": line, "quote": text, "supports": verdict }],
        "reasoning": "As quoted.", "injection_suspected": false, "verdict": verdict,
    })
}

/// A good response.
fn response(dialect: Dialect, text: &str) -> Value {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => json!({
            "choices": [{ "finish_reason": "stop",
                "message": { "content": text, "refusal": null } }],
        }),
        Dialect::Anthropic => json!({
            "content": [{ "type": "text", "text": text }], "stop_reason": "end_turn",
        }),
        Dialect::Gemini => json!({
            "candidates": [{ "finishReason": "STOP", "content": { "parts": [{ "text": text }] } }],
        }),
        Dialect::Ollama => json!({
            "message": { "content": text }, "done": true, "done_reason": "stop",
        }),
        Dialect::OpenAiResponses => json!({
            "status": "completed", "error": null,
            "output": [{ "type": "message",
                "content": [{ "type": "output_text", "text": text }] }],
        }),
    }
}

/// A response that ended otherwise than it should, in the dialect's words.
fn ended(dialect: Dialect, fault: Fault, text: &str) -> Value {
    let mut body = response(dialect, text);
    let (refused, filtered, cut) = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => {
            if matches!(fault, Fault::Refusal) {
                body["choices"][0]["message"]["refusal"] = json!("I will not.");
            }
            ("stop", "content_filter", "length")
        }
        Dialect::Anthropic => ("refusal", "refusal", "max_tokens"),
        Dialect::Gemini => ("PROHIBITED_CONTENT", "SAFETY", "MAX_TOKENS"),
        Dialect::Ollama => ("refusal", "filter", "length"),
        Dialect::OpenAiResponses => {
            if matches!(fault, Fault::Refusal) {
                body["output"][0]["content"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({ "type": "refusal", "refusal": "I will not." }));
                return body;
            }
            body["status"] = json!("incomplete");
            ("", "content_filter", "max_output_tokens")
        }
    };
    let word = if matches!(fault, Fault::Refusal) {
        refused
    } else if matches!(fault, Fault::Filter) {
        filtered
    } else {
        cut
    };
    let place = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => &mut body["choices"][0]["finish_reason"],
        Dialect::Anthropic => &mut body["stop_reason"],
        Dialect::Gemini => &mut body["candidates"][0]["finishReason"],
        Dialect::Ollama => &mut body["done_reason"],
        Dialect::OpenAiResponses => &mut body["incomplete_details"]["reason"],
    };
    *place = json!(word);
    body
}

/// The good response with its answer twice.
fn doubled(dialect: Dialect, text: &str) -> Value {
    let mut body = response(dialect, text);
    let list = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => &mut body["choices"],
        Dialect::Anthropic => &mut body["content"],
        Dialect::Gemini => &mut body["candidates"],
        // There is no list: the second answer follows the first in its text.
        Dialect::Ollama => return response(dialect, &format!("{text}{text}")),
        Dialect::OpenAiResponses => &mut body["output"],
    };
    let first = list[0].clone();
    list.as_array_mut().unwrap().push(first);
    body
}

/// One faulty provider, with a stranger to whom it redirects.
#[derive(Debug, Clone)]
struct Faulty {
    dialect: Dialect,
    fault: Fault,
    elsewhere: String,
    clock: Clock,
    /// When the case began.
    begun: Instant,
}

impl Faulty {
    /// How long it is until the round ends that goes on.
    fn left(&self) -> Duration {
        let gone = self.clock.now() - self.begun;
        if gone < WINDOW { WINDOW.saturating_sub(gone) } else { (2 * WINDOW).saturating_sub(gone) }
    }

    /// Where it answers.
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let provider = self.clone();
                tokio::spawn(async move { provider.answer(stream).await });
            }
        });
        url
    }

    /// One byte after another, until the round has ended.
    async fn trickle(&self, mut stream: TcpStream) {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n").await.ok();
        let mut left = self.left();
        while !left.is_zero() {
            stream.write_all(b" ").await.ok();
            let time = left.min(TRICKLE);
            self.clock.pass(time);
            left -= time;
        }
        gone(&mut stream).await;
    }

    async fn answer(&self, mut stream: TcpStream) {
        let Some(request) = read(&mut stream).await else { return };
        let question = question(self.dialect, &request);
        if let Some(truth) = canary(&question) {
            let verdict = if truth { "MET" } else { "NOT_MET" };
            let body = response(self.dialect, &vote(&question, verdict).to_string()).to_string();
            return send(&mut stream, 200, "", body.as_bytes()).await;
        }
        let met = vote(&question, "MET");
        let good = response(self.dialect, &met.to_string()).to_string();
        let good = good.as_bytes();
        let (status, headers, body) = match self.fault {
            Fault::None => (200, String::new(), good.to_vec()),
            Fault::Hang => {
                self.clock.pass(self.left());
                return gone(&mut stream).await;
            }
            Fault::SlowLoris => return self.trickle(stream).await,
            Fault::CutOff => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", good.len() + 1);
                stream.write_all(head.as_bytes()).await.ok();
                stream.write_all(good).await.ok();
                return;
            }
            Fault::Closed => return,
            Fault::Status(status) => (status, "retry-after: 0\r\n".to_owned(), good.to_vec()),
            Fault::Later(status, headers) => (status, headers.to_owned(), good.to_vec()),
            Fault::Redirect => {
                (307, format!("location: {}/met\r\n", self.elsewhere), good.to_vec())
            }
            Fault::Body(text) => (200, String::new(), text.as_bytes().to_vec()),
            Fault::Huge => (200, String::new(), [&b" ".repeat(10 << 20), good].concat()),
            Fault::Gzip => {
                let header = "content-encoding: gzip\r\n".to_owned();
                (200, header, [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], good].concat())
            }
            Fault::TruncatedJson => (200, String::new(), good[..good.len() - 1].to_vec()),
            Fault::DuplicateKey => {
                let twice = String::from_utf8_lossy(good).replacen('{', "{\"a\":1,\"a\":2,", 1);
                (200, String::new(), twice.into_bytes())
            }
            Fault::TwoAnswers => {
                let body = doubled(self.dialect, &met.to_string());
                (200, String::new(), body.to_string().into_bytes())
            }
            Fault::Vote(change) => {
                let body = response(self.dialect, &change(met));
                (200, String::new(), body.to_string().into_bytes())
            }
            Fault::Refusal | Fault::Filter | Fault::MaxTokens => {
                let body = ended(self.dialect, self.fault, &met.to_string());
                (200, String::new(), body.to_string().into_bytes())
            }
        };
        send(&mut stream, status, &headers, &body).await;
    }
}

/// Waits until whoever asked has hung up.
async fn gone(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
}

/// The body of one request.
async fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(0, |length| length.trim().parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return Some(bytes.split_off(end + 4));
        }
    }
}

async fn send(stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} Any\r\ncontent-type: application/json\r\n{headers}\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok();
    // Whoever has read enough hangs up.
    stream.write_all(body).await.ok();
    stream.shutdown().await.ok();
}

/// A provider with a fault, and the judge that asks it one question after another.
async fn judge_at(dialect: Dialect, fault: Fault, elsewhere: &str, clock: &Clock) -> Judge {
    let (elsewhere, begun) = (elsewhere.to_owned(), clock.now());
    let provider = Faulty { dialect, fault, elsewhere, clock: clock.clone(), begun };
    let config = ProviderConfig {
        dialect,
        base_url: provider.start().await.parse().unwrap(),
        model: "any-model".to_owned(),
        api_key_env: None,
        // Only the deadline ends what never ends by itself.
        timeout_secs: 100_000,
        max_output_tokens: 500,
        breaker_outages: 5,
        breaker_secs: 1,
    };
    let judge = judge_of(&config);
    Judge { provider: judge.provider.by(clock.clone()), questions: 1, ..judge }
}

/// What a juror comes to with this provider, in its case's time.
async fn judged(dialect: Dialect, fault: Fault, elsewhere: &str) -> Opinion {
    let clock = Clock::told();
    let judge = judge_at(dialect, fault, elsewhere, &clock).await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a")]);
    let session = desk.session(&judge, &milestone).await;
    let first = clock.now() + WINDOW;
    let last = first + WINDOW;
    let opinion = match session.round(Until { deadline: first, day: 20_000 }).await.unwrap() {
        Judged::Opinion(opinion) => opinion,
        Judged::Outage => {
            assert!(clock.now() <= first, "{dialect}, {fault:?}: a round went past its deadline");
            session.last_round(Until { deadline: last, day: 20_000 }).await.unwrap()
        }
    };
    assert!(clock.now() <= last, "{dialect}, {fault:?}: the case went past its deadline");
    assert!(!session.conclude(opinion).await.unwrap().is_zero());
    opinion
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_in_any_dialect_is_ever_met_and_every_case_ends_by_its_deadline() {
    static ELSEWHERE: AtomicUsize = AtomicUsize::new(0);
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}", stranger.local_addr().unwrap());
    tokio::spawn(async move {
        while stranger.accept().await.is_ok() {
            ELSEWHERE.fetch_add(1, Ordering::SeqCst);
        }
    });
    let met = Opinion { met: 1, failed: 0, reason: Reason::Judged };
    let nothing = Opinion { met: 0, failed: 0, reason: Reason::Judged };
    let mut rows = Vec::new();
    for dialect in Dialect::ALL {
        rows.push((dialect, "no fault", Fault::None, met));
        rows.extend(FAULTS.map(|(name, fault)| (dialect, name, fault, nothing)));
    }
    assert_eq!(rows.len(), 6 * 45);
    let cases = rows.into_iter().map(|(dialect, name, fault, wanted)| {
        let elsewhere = elsewhere.clone();
        async move {
            let opinion = judged(dialect, fault, &elsewhere).await;
            assert_eq!(opinion, wanted, "{dialect}: {name}");
        }
    });
    let mut cases = futures::StreamExt::buffer_unordered(futures::stream::iter(cases), 12);
    while futures::StreamExt::next(&mut cases).await.is_some() {}
    assert_eq!(ELSEWHERE.load(Ordering::SeqCst), 0, "no redirect was followed");
}

/// How many requests cost nothing when a question's answer always has this status.
async fn free_ones(dialect: Dialect, status: u16) -> usize {
    let clock = Clock::told();
    let judge = judge_at(dialect, Fault::Status(status), "", &clock).await;
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let records = open(folder.path(), &case).await;
    let caps = BudgetConfig {
        input_micro_usd: 1_000_000,
        output_micro_usd: 1_000_000,
        case_micro_usd: 1_000_000,
        day_micro_usd: 1_000_000,
    };
    let budget = Some(Budget::new(caps, pool(folder.path()).await));
    let judge = Judge { budget, ..judge };
    let milestone = milestone(vec![llm("a")]);
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    let until = Until { deadline: clock.now() + WINDOW, day: 20_000 };
    session.round(until).await.unwrap();
    let row: (i64,) = sqlx::query_as("SELECT count(*) FROM spending WHERE micro_usd = 0")
        .fetch_one(&pool(folder.path()).await)
        .await
        .unwrap();
    row.0.try_into().unwrap()
}

#[tokio::test]
async fn an_error_costs_all_that_it_can_unless_its_provider_says_otherwise() {
    for dialect in Dialect::ALL {
        for status in [400, 401, 403, 408, 429, 500, 503, 529] {
            let is_free = match dialect {
                Dialect::OpenAiChat | Dialect::OpenAiResponses => [401, 429].contains(&status),
                Dialect::Gemini => [400, 500].contains(&status),
                Dialect::Anthropic | Dialect::OpenAiCompatible | Dialect::Ollama => false,
            };
            let found = free_ones(dialect, status).await;
            assert_eq!(found > 0, is_free, "{dialect}: {status}");
        }
    }
}
