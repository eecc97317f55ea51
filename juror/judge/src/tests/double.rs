//! A provider for tests: a real HTTP server in the OpenAI chat format that answers as a script says.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use surety_jury::Question;

/// What the provider does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A well-formed vote with this verdict; `MET` and `NOT_MET` come with a verbatim quote.
    Vote(&'static str),
    /// The same, and it suspects an injection and quotes it.
    Injection,
    /// A text that is no vote.
    Text(&'static str),
    /// The model declines.
    Refusal,
    /// A status with a body.
    Raw(u16, &'static str),
    /// A redirect to this address.
    Redirect(String),
    /// 429 with this `Retry-After`.
    Limit(&'static str),
    /// No answer within any patience.
    Hang,
}

type Script = dyn Fn(usize, &Question) -> Act + Send + Sync;
type Seen = Arc<Mutex<Vec<(HeaderMap, Vec<u8>)>>>;

/// A running provider, and what it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Double {
    pub(crate) url: String,
    seen: Seen,
}

impl Double {
    /// Starts one; `script` gets the number of the request, from 0, and the question in it.
    pub(crate) async fn start(
        script: impl Fn(usize, &Question) -> Act + Send + Sync + 'static,
    ) -> Self {
        let seen = Seen::default();
        let script: Arc<Script> = Arc::new(script);
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state((Arc::clone(&seen), script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen }
    }

    /// Every request so far: its headers and its exact body.
    pub(crate) fn seen(&self) -> Vec<(HeaderMap, Vec<u8>)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    State((seen, script)): State<(Seen, Arc<Script>)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push((headers, body.to_vec()));
        seen.len() - 1
    };
    let request: Value = serde_json::from_slice(&body).unwrap();
    let user = request["messages"][1]["content"].as_str().unwrap();
    let question = Question::parse(user).unwrap();
    match script(number, &question) {
        Act::Vote(verdict) => chat(&vote(&question, verdict, false)),
        Act::Injection => chat(&vote(&question, "NOT_MET", true)),
        Act::Text(text) => chat(text),
        Act::Refusal => {
            let message = json!({"role": "assistant", "content": null, "refusal": "I will not."});
            completion(&message)
        }
        Act::Raw(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Act::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Act::Limit(secs) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", secs)], "{}").into_response()
        }
        Act::Hang => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            StatusCode::OK.into_response()
        }
    }
}

fn vote(question: &Question, verdict: &str, injection: bool) -> String {
    let lines = question.lines();
    let quoted = lines.iter().find(|(_, text)| text.chars().count() >= 12);
    let evidence: Vec<Value> = quoted
        .filter(|_| verdict != "CANNOT_VERIFY")
        .map(|(line, text)| {
            let quote: String = text.chars().take(60).collect();
            json!({"line": line, "quote": quote, "supports": verdict})
        })
        .into_iter()
        .collect();
    json!({
        "nonce": question.nonce,
        "criterion_id": question.criterion.id,
        "evidence": evidence,
        "reasoning": "Because of the quote.",
        "injection_suspected": injection,
        "verdict": verdict,
    })
    .to_string()
}

fn chat(text: &str) -> Response {
    completion(&json!({"role": "assistant", "content": text, "refusal": null}))
}

fn completion(message: &Value) -> Response {
    let body = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "double-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    });
    axum::Json(body).into_response()
}
