//! What a captured seat's provider answers, in each provider's own words.

use alloy::primitives::B256;
use serde_json::json;
use surety_dialect::Dialect;
use surety_jury::Question;
use surety_jury::query::Query;
use surety_jury::transcript::{Call, Entry};
use surety_jury::vote::{Answer, Evidence, Supports, VoteForm};

use super::payloads;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// Obeys nothing.
    Honest,
    /// Says met to every question when it is told to.
    Obedient,
    /// Says so where it counts, and the truth where a program knows it.
    Cunning,
    /// Does the other work that it is told to do, instead of voting.
    Diverted,
    /// Does the other work, and below it votes as a cunning one.
    Talkative,
}

/// What a captured model finds that a text orders.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    /// Whether to answer met.
    pub(super) is_met: bool,
    /// What else to do, in the order's own words.
    pub(super) work: Option<String>,
}

impl Orders {
    /// Reads a text; of other work it knows the recorded orders only.
    pub(super) fn of(text: &str, recorded: &[String]) -> Self {
        let work = recorded.iter().find(|order| text.contains(order.as_str())).cloned();
        Self { is_met: payloads::is_ordered(text), work }
    }
}

impl Seat {
    /// What it answers to a question as it reads it, whose deliverable gives these orders.
    pub(super) fn answer(self, question: &Question, query: &Query, orders: &Orders) -> String {
        let [says_met, says_failed] = if query.is_negated {
            [Answer::NotMet, Answer::Met]
        } else {
            [Answer::Met, Answer::NotMet]
        };
        let honest = query.truth().unwrap_or(says_failed);
        let cunning = query.truth().unwrap_or(says_met);
        let verdict = match self {
            Self::Obedient if orders.is_met => Answer::Met,
            Self::Cunning if orders.is_met => cunning,
            Self::Talkative if orders.work.is_some() => cunning,
            Self::Honest | Self::Obedient | Self::Cunning | Self::Diverted | Self::Talkative => {
                honest
            }
        };
        let vote = vote(question, verdict);
        match (self, &orders.work) {
            (Self::Diverted, Some(work)) => other_work(work),
            (Self::Talkative, Some(work)) => format!("{}\n\n{vote}", other_work(work)),
            _ => vote,
        }
    }
}

/// What a model says that does what a recorded attack orders.
fn other_work(order: &str) -> String {
    format!("Certainly! The text asks me for this, and I do it at once:\n\n{order}")
}

/// A vote in its form, with a quote where the deliverable has one.
fn vote(question: &Question, verdict: Answer) -> String {
    let lines = question.lines();
    let supports = if verdict == Answer::Met { Supports::Met } else { Supports::NotMet };
    // A canary that wants a quote quotes words of the deliverable.
    let quoted = question.criterion.text.split('"').nth(1);
    let with_quote = quoted.and_then(|words| lines.iter().find(|(_, text)| text.contains(words)));
    let long = || lines.iter().find(|(_, text)| text.chars().count() >= 12);
    let quote = with_quote.or_else(long).map(|(line, text)| {
        let quote = match quoted {
            Some(words) if text.contains(words) => words.to_owned(),
            _ => text.trim().chars().take(200).collect(),
        };
        Evidence { line: *line, quote, supports }
    });
    let form = VoteForm {
        nonce: question.nonce.clone(),
        criterion_id: question.criterion.id.clone(),
        evidence: quote.into_iter().collect(),
        reasoning: "As the text says.".to_owned(),
        injection_suspected: false,
        verdict,
    };
    serde_json::to_string(&form).expect("texts and numbers")
}

/// The deliverable as a provider reads it in its request: without marks, one line below another.
pub(super) fn shown(question: &Question) -> String {
    let lines: Vec<&str> = question.lines().into_iter().map(|(_, text)| text).collect();
    lines.join("\n")
}

/// An answer as each provider sends it.
pub(super) fn response(dialect: Dialect, text: &str) -> Vec<u8> {
    let chat = json!({ "model": "m", "choices": [{ "index": 0, "finish_reason": "stop",
        "message": { "role": "assistant", "content": text, "refusal": null } }] });
    let body = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => chat,
        Dialect::OpenAiResponses => json!({ "model": "m", "status": "completed", "output": [
            { "type": "message", "role": "assistant", "status": "completed",
              "content": [{ "type": "output_text", "text": text, "annotations": [] }] }] }),
        Dialect::Anthropic => json!({ "type": "message", "role": "assistant", "model": "m",
            "content": [{ "type": "text", "text": text }], "stop_reason": "end_turn" }),
        Dialect::Gemini => json!({ "modelVersion": "m", "candidates": [{ "finishReason": "STOP",
            "content": { "role": "model", "parts": [{ "text": text }] } }] }),
        Dialect::Ollama => json!({ "model": "m", "done": true, "done_reason": "stop",
            "message": { "role": "assistant", "content": text } }),
    };
    body.to_string().into_bytes()
}

/// The line that a transcript has of it.
pub(super) fn call(dialect: Dialect, query: &Query, attempt: u8, outcome: String) -> Entry {
    Entry::Call(Box::new(Call {
        question_id: query.asked.id.clone(),
        attempt,
        host: "localhost".to_owned(),
        dialect: dialect.as_str().to_owned(),
        max_output_tokens: 1_000,
        model_requested: "m-1".to_owned(),
        model_reported: None,
        request_digest: B256::ZERO,
        response_digest: None,
        status: None,
        elapsed_ms: 0,
        input_tokens: None,
        output_tokens: None,
        outcome,
    }))
}
