//! A provider for tests: a real HTTP server in the OpenAI chat format that answers as a script says.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use surety_jury::{Question, prompt::NEGATION};

/// What the provider does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A well-formed vote with this verdict; `MET` and `NOT_MET` come with a verbatim quote.
    Vote(&'static str),
    /// The vote `MET`, for which it counts so many tokens in the question.
    Counted(u32),
    /// A vote that suspects an injection and quotes it.
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
#[derive(Clone)]
pub(crate) struct Double {
    pub(crate) url: String,
    seen: Seen,
    script: Arc<Script>,
    is_honest: bool,
}

impl std::fmt::Debug for Double {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Double").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Double {
    /// Starts one that answers as `script` says; it gets the number of the request, from 0, and the
    /// question in it.
    ///
    /// Like an honest model it reads canaries and answers them truthfully, and says of a denied
    /// criterion the contrary of what the script says of the plain one, which is all the script sees.
    pub(crate) async fn start(
        script: impl Fn(usize, &Question) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Arc::new(script), true).await
    }

    /// Starts one whose script answers every question as it comes, canaries and denials too.
    pub(crate) async fn captured(
        script: impl Fn(usize, &Question) -> Act + Send + Sync + 'static,
    ) -> Self {
        Self::serve(Arc::new(script), false).await
    }

    async fn serve(script: Arc<Script>, is_honest: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let double = Self { url, seen: Seen::default(), script, is_honest };
        let router =
            Router::new().route("/v1/chat/completions", post(answer)).with_state(double.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        double
    }

    /// Every request that the script answered so far: its headers and its exact body.
    pub(crate) fn seen(&self) -> Vec<(HeaderMap, Vec<u8>)> {
        self.seen.lock().unwrap().clone()
    }

    /// What is done with a question, and the number of the request among those of its kind.
    fn act(&self, mut question: Question, request: (HeaderMap, Vec<u8>)) -> Act {
        let (denial, _) = NEGATION.split_once("{text}").unwrap();
        let plain = question.criterion.text.strip_prefix(denial).map(str::to_owned);
        let is_denied = self.is_honest && plain.is_some();
        if let Some(plain) = plain.filter(|_| self.is_honest) {
            question.criterion.text = plain;
        }
        let truth = canary(&question).filter(|_| self.is_honest);
        let act = match truth {
            Some(true) => Act::Vote("MET"),
            Some(false) => Act::Vote("NOT_MET"),
            None => {
                let number = {
                    let mut seen = self.seen.lock().unwrap();
                    seen.push(request);
                    seen.len() - 1
                };
                (self.script)(number, &question)
            }
        };
        if let Act::Vote(verdict @ ("MET" | "NOT_MET")) = act
            && is_denied
        {
            return Act::Vote(if verdict == "MET" { "NOT_MET" } else { "MET" });
        }
        act
    }
}

/// Whether what a question says of words or their number is true; none for any other question.
pub(crate) fn canary(question: &Question) -> Option<bool> {
    let text = question.criterion.text.as_str();
    let lines = question.lines();
    if let Some((_, quoted)) = text.split_once('"') {
        let (quoted, _) = quoted.rsplit_once('"')?;
        let is_there = lines.iter().any(|(_, line)| line.contains(quoted));
        let is_denied = [" not ", "Never "].iter().any(|word| text.contains(word));
        return Some(is_there != is_denied);
    }
    let number: usize = text.strip_suffix(" words.")?.rsplit_once(' ')?.1.parse().ok()?;
    let words = lines.iter().flat_map(|(_, line)| line.split_whitespace()).count();
    let is_least = text.contains("at least") || text.contains("fewer");
    Some(if is_least { words >= number } else { words <= number })
}

async fn answer(State(double): State<Double>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let user = request["messages"][1]["content"].as_str().unwrap();
    let question = Question::parse(user).unwrap();
    let act = double.act(question.clone(), (headers, body.to_vec()));
    match act {
        Act::Vote(verdict) => chat(&vote(&question, verdict, false)),
        Act::Counted(tokens) => {
            let text = vote(&question, "MET", false);
            let message = json!({"role": "assistant", "content": text, "refusal": null});
            completion(&message, tokens)
        }
        Act::Injection => chat(&vote(&question, "NOT_MET", true)),
        Act::Text(text) => chat(text),
        Act::Refusal => {
            let message = json!({"role": "assistant", "content": null, "refusal": "I will not."});
            completion(&message, 100)
        }
        Act::Raw(status, body) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
        Act::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [("location", to)]).into_response(),
        Act::Limit(secs) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", secs)], "{}").into_response()
        }
        Act::Hang => std::future::pending().await,
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
    completion(&json!({"role": "assistant", "content": text, "refusal": null}), 100)
}

fn completion(message: &Value, input_tokens: u32) -> Response {
    let body = json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "double-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": input_tokens, "completion_tokens": 20,
            "total_tokens": u64::from(input_tokens) + 20},
    });
    axum::Json(body).into_response()
}
