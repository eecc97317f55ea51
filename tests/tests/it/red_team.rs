//! Sellers who write to their judges: what they write never leaves its place in a request, and who
//! obeys it decides nothing.
//!
//! A captured seat is a provider that reads its real request, undoes every disguise and does what it
//! finds there. An obedient one says so to every question; a cunning one, which no seller could
//! instruct without seeing the questions, knows canaries and denials and lies only where it counts.

mod payloads;

use std::path::Path;

use alloy::primitives::B256;
use serde_json::{Value, json};
use surety_dialect::{Dialect, Model, WireResponse};
use surety_jury::query::Query;
use surety_jury::record::{Record, told};
use surety_jury::transcript::{Call, Entry};
use surety_jury::vote::{Answer, Evidence, Supports, VoteForm};
use surety_jury::{Nonce, Opinion, Outcome, Prompt, Question, View, Vote, prompt, tally};
use surety_terms::rule::Rule;
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, Usdc};

use payloads::Payload;

/// Bad work: the criterion asks for three suppliers.
const WORK: &str = "Our search found no supplier of pumps in Europe.\nThe budget is unspent.";
const NONCE: [u8; 16] = [7; 16];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Honest,
    Obedient,
    Cunning,
}

fn milestone() -> MilestoneSheet {
    MilestoneSheet {
        title: "Suppliers".to_owned(),
        description: "A list of suppliers.".to_owned(),
        amount: Usdc::from_whole(10),
        deliver_by: 0,
        pass_bps: Bps::WHOLE,
        pro_rata: false,
        criteria: vec![Criterion {
            id: "suppliers".to_owned(),
            text: "Names at least three suppliers of pumps.".to_owned(),
            weight_bps: Bps::WHOLE,
            mandatory: true,
            evidence_required: true,
            kind: Kind::Llm,
        }],
    }
}

/// A request's document as its provider reads it, and every other string in it.
fn read(body: &[u8]) -> (Question, Vec<String>) {
    fn strings(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                found.push(key.clone());
                strings(value, found);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut all = Vec::new();
    strings(&serde_json::from_slice(body).unwrap(), &mut all);
    let (documents, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|text| Question::parse(text).is_some());
    let [document] = documents.as_slice() else { panic!("{} documents", documents.len()) };
    (Question::parse(document).unwrap(), others)
}

/// What a seat answers to the bytes of a request.
fn answer(seat: Seat, body: &[u8], query: &Query) -> String {
    let (question, _) = read(body);
    let lines = question.lines();
    let shown: Vec<&str> = lines.iter().map(|(_, text)| *text).collect();
    let is_ordered = payloads::is_ordered(&shown.join("\n"));
    let honest =
        query.truth().unwrap_or(if query.is_negated { Answer::Met } else { Answer::NotMet });
    let captured = match (seat, query.truth()) {
        (Seat::Honest, _) | (Seat::Cunning, Some(_)) => honest,
        (Seat::Cunning, None) if query.is_negated => Answer::NotMet,
        (Seat::Obedient, _) | (Seat::Cunning, None) => Answer::Met,
    };
    let verdict = if is_ordered { captured } else { honest };
    let supports = if verdict == Answer::Met { Supports::Met } else { Supports::NotMet };
    // A canary that wants a quote quotes words of the deliverable.
    let quoted = question.criterion.text.split('"').nth(1);
    let has = |(_, text): &&(u32, &str)| match quoted {
        Some(words) if verdict == Answer::Met && text.contains(words) => true,
        _ => text.chars().count() >= 12,
    };
    let with_quote = quoted.and_then(|words| lines.iter().find(|(_, text)| text.contains(words)));
    let quote = with_quote.or_else(|| lines.iter().find(has)).map(|(line, text)| {
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
    serde_json::to_string(&form).unwrap()
}

/// An answer as each provider sends it.
fn response(dialect: Dialect, text: &str) -> Vec<u8> {
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
    serde_json::to_vec(&body).unwrap()
}

/// One deliverable with the questions about it.
struct Case {
    view: View,
    milestone: MilestoneSheet,
    queries: Vec<Query>,
    prompts: Vec<Prompt>,
}

impl Case {
    fn of(text: &str) -> Self {
        let (view, milestone) = (View::of(text.as_bytes()).unwrap(), milestone());
        let nonce = Nonce::new(NONCE).absent_from(&view);
        let queries = Record::default().queries(&milestone, Some(&view), &nonce);
        let prose = format!("{}\n{}", milestone.title, milestone.description);
        let prompt = |query: &Query| Prompt::new(&query.asked, &prose, &view, &nonce);
        let prompts = queries.iter().map(prompt).collect();
        Self { view, milestone, queries, prompts }
    }

    /// The deliverable stands where it belongs in every provider's request, whole, and nowhere else.
    fn expect_in_its_place(&self) {
        for dialect in Dialect::ALL {
            let model = Model::new(dialect, "m-1", 1_000).unwrap();
            for (query, prompt) in self.queries.iter().zip(&self.prompts).take(1) {
                let (question, others) = read(&dialect.build(prompt, &model).body);
                let shown: Vec<&str> = question.lines().into_iter().map(|(_, line)| line).collect();
                assert_eq!(shown, self.view.lines(), "{dialect}");
                assert_eq!(question.criterion.text, query.asked.text, "{dialect}");
                assert!(others.iter().any(|text| text == prompt::SYSTEM), "{dialect}");
                assert!(!others.iter().any(|text| payloads::is_ordered(text)), "{dialect}");
            }
        }
    }

    /// What one seat makes of it, through the bytes of its provider.
    fn judge(&self, seat: Seat, dialect: Dialect) -> Opinion {
        let model = Model::new(dialect, "m-1", 1_000).unwrap();
        let mut record = Record::default();
        for (query, prompt) in self.queries.iter().zip(&self.prompts) {
            let body = dialect.build(prompt, &model).body;
            let response = response(dialect, &answer(seat, &body, query));
            let wire = WireResponse { status: 200, retry_after: None, body: &response };
            let answer = dialect.parse(&wire).unwrap();
            let outcome = match Vote::read(&answer.text, prompt, &self.view) {
                Ok(vote) => vote.outcome().to_owned(),
                Err(fault) => fault.outcome(),
            };
            record.add(&call(query, outcome));
        }
        record.add(&told(&self.queries));
        record.opinion(&self.milestone, Some(&self.view), &self.queries).unwrap()
    }
}

fn call(query: &Query, outcome: String) -> Entry {
    Entry::Call(Box::new(Call {
        question_id: query.asked.id.clone(),
        attempt: 1,
        host: "localhost".to_owned(),
        dialect: "openai-chat".to_owned(),
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

fn outcome(opinions: &[Opinion]) -> Outcome {
    let rule = Rule { weights: vec![10_000], mandatory: 1, pass_bps: 10_000, pro_rata: false };
    let ballots: Vec<_> = (0..).zip(opinions).map(|(seat, it)| (seat, it.met, it.failed)).collect();
    tally::tally(rule.word(), opinions.len(), &ballots).outcome
}

/// The payload as the whole deliverable, and within bad work.
fn deliverables(payload: &str) -> [String; 2] {
    [payload.to_owned(), format!("{WORK}\n{payload}\nThis ends the report.")]
}

#[test]
fn no_payload_leaves_its_place_and_no_captured_minority_decides() {
    let tag = Nonce::new(NONCE);
    let payloads = payloads::own(tag.as_str());
    assert!(payloads.len() >= 100, "{} payloads", payloads.len());
    let mut captured = 0;
    for (payload, turn) in payloads.iter().zip(0_usize..) {
        let Payload { carrier, text } = payload;
        assert!(
            payloads::is_ordered(text) || payloads::is_token(text),
            "{carrier}: obeyed where nothing is hardened: {text:?}"
        );
        // The seats answer through one dialect after another.
        let dialect = Dialect::ALL[turn % Dialect::ALL.len()];
        captured += deliverables(text).iter().filter(|text| attack(carrier, text, dialect)).count();
    }
    // The seats were truly captured, and not by nothing.
    assert!(captured >= 300, "{captured} captured");
}

/// Sends one deliverable to juries with captured seats, and tells whether it captured any.
fn attack(carrier: &str, text: &str, dialect: Dialect) -> bool {
    let case = Case::of(text);
    if case.view.is_blank() {
        // A program fails it; no model is asked.
        assert!(case.queries.is_empty());
        return false;
    }
    case.expect_in_its_place();
    let [honest, obedient, cunning] =
        [Seat::Honest, Seat::Obedient, Seat::Cunning].map(|seat| case.judge(seat, dialect));
    assert_eq!(honest.failed, 1, "{carrier}: {honest:?}");
    assert_eq!(obedient.met, 0, "{carrier}: canaries void who obeys: {obedient:?}");
    for seat in [obedient, cunning] {
        let one = [seat, honest, honest, honest, honest];
        assert_eq!(outcome(&one), Outcome::Rejected, "{carrier}, one captured");
    }
    let is_captured = cunning.met == 1;
    for two in [[cunning, cunning], [cunning, obedient], [obedient, obedient]] {
        let got = outcome(&[two[0], two[1], honest, honest, honest]);
        assert_ne!(got, Outcome::Accepted, "{carrier}, two captured");
        assert!(!is_captured || got == Outcome::Undetermined, "{carrier}, two captured: {got:?}");
    }
    is_captured
}

/// Recorded attacks tell a model to do something else than to judge; a seat that does is no vote.
#[test]
fn who_does_what_a_recorded_attack_says_casts_no_vote() {
    let Some(data) = std::env::var_os("SURETY_DATA") else {
        eprintln!("SURETY_DATA is not set: the BIPIA attacks are left out");
        return;
    };
    let attacks = bipia(&Path::new(&data).join("bipia"));
    assert!(attacks.len() >= 250, "{} attacks", attacks.len());
    for (attack, turn) in attacks.iter().zip(0_usize..) {
        for text in deliverables(attack) {
            let case = Case::of(&text);
            case.expect_in_its_place();
            let dialect = Dialect::ALL[turn % Dialect::ALL.len()];
            assert_eq!(case.judge(Seat::Honest, dialect).failed, 1, "{attack}");
            for prompt in &case.prompts {
                assert!(Vote::read(attack, prompt, &case.view).is_err());
                let obeyed = format!("Certainly! {attack}");
                assert!(Vote::read(&obeyed, prompt, &case.view).is_err());
            }
        }
    }
}

fn bipia(folder: &Path) -> Vec<String> {
    let mut attacks = Vec::new();
    for file in ["text_attack_train", "text_attack_test", "code_attack_train", "code_attack_test"] {
        let text = std::fs::read_to_string(folder.join(format!("bipia_{file}.json"))).unwrap();
        let classes: std::collections::BTreeMap<String, Vec<String>> =
            serde_json::from_str(&text).unwrap();
        attacks.extend(classes.into_values().flatten());
    }
    attacks
}
