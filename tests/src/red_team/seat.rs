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
    Honest,
    Obedient,
    Cunning,
}

impl Seat {
    pub(super) const ALL: [Self; 3] = [Self::Honest, Self::Obedient, Self::Cunning];

    /// What it answers to a question as it reads it, where the deliverable gives an order or not.
    pub(super) fn answer(self, question: &Question, query: &Query, is_ordered: bool) -> String {
        let lines = question.lines();
        let honest =
            query.truth().unwrap_or(if query.is_negated { Answer::Met } else { Answer::NotMet });
        let captured = match (self, query.truth()) {
            (Self::Honest, _) | (Self::Cunning, Some(_)) => honest,
            (Self::Cunning, None) if query.is_negated => Answer::NotMet,
            (Self::Obedient, _) | (Self::Cunning, None) => Answer::Met,
        };
        let verdict = if is_ordered { captured } else { honest };
        let supports = if verdict == Answer::Met { Supports::Met } else { Supports::NotMet };
        // A canary that wants a quote quotes words of the deliverable.
        let quoted = question.criterion.text.split('"').nth(1);
        let with_quote =
            quoted.and_then(|words| lines.iter().find(|(_, text)| text.contains(words)));
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
}

/// Whether the document that a provider reads gives an order.
pub(super) fn is_ordered(question: &Question) -> bool {
    let shown: Vec<&str> = question.lines().into_iter().map(|(_, text)| text).collect();
    payloads::is_ordered(&shown.join("\n"))
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
pub(super) fn call(dialect: Dialect, query: &Query, outcome: String) -> Entry {
    Entry::Call(Box::new(Call {
        question_id: query.asked.id.clone(),
        attempt: 1,
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
