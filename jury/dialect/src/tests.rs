//! Every fault in every dialect, by table.

mod requests;

use std::time::Duration;

use serde_json::{Value, json};

use surety_jury::{
    Answer, AskedCriterion, Finding, Nonce, Opinion, Prompt, Reason, Template, View, Vote,
};

use super::{Dialect, MAX_RESPONSE_BYTES, Model, ProviderFault, WireAnswer, WireResponse, is_sold};

const VOTE: &str = r#"{"nonce":"n"}"#;

fn a_view() -> View {
    View::of(b"Dear reader,\nthank you very much for writing to us.\nSee you soon.\n").unwrap()
}

fn a_prompt(view: &View) -> Prompt {
    let (id, text) = ("tone".to_owned(), "The letter is friendly.".to_owned());
    let criterion = AskedCriterion { id, text, evidence_required: true };
    Prompt::new(Template::J3, &criterion, "A letter.", view, &Nonce::new([0xab; 16]))
}

fn model(dialect: Dialect, name: &str) -> Model {
    Model::new(dialect, name, 1_024).unwrap()
}

/// The name of a current model of each dialect.
fn current(dialect: Dialect) -> Model {
    let name = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => "gpt-5",
        Dialect::Anthropic => "claude-sonnet-4-5",
        Dialect::Gemini => "gemini-2.5-pro",
        Dialect::OpenAiCompatible => "mistral-large-latest",
        Dialect::Ollama => "qwen3:32b",
    };
    model(dialect, name)
}

/// A good response that answers `text`.
fn good(dialect: Dialect, text: &str) -> Value {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => json!({
            "id": "c-1", "object": "chat.completion", "created": 1_760_000_000, "model": "m-2",
            "choices": [{ "index": 0, "finish_reason": "stop", "logprobs": null,
                "message": { "role": "assistant", "content": text, "refusal": null } }],
            "usage": { "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18 },
        }),
        Dialect::Anthropic => json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m-2",
            "content": [{ "type": "text", "text": text }],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": { "input_tokens": 11, "output_tokens": 7 },
        }),
        Dialect::Gemini => json!({
            "candidates": [{ "content": { "role": "model", "parts": [{ "text": text }] },
                "finishReason": "STOP", "index": 0 }],
            "usageMetadata": { "promptTokenCount": 11, "candidatesTokenCount": 7 },
            "modelVersion": "m-2",
        }),
        Dialect::Ollama => json!({
            "model": "m-2", "created_at": "2026-01-01T00:00:00Z",
            "message": { "role": "assistant", "content": text },
            "done": true, "done_reason": "stop", "total_duration": 5_043_500_667_u64,
            "prompt_eval_count": 11, "eval_count": 7,
        }),
        Dialect::OpenAiResponses => json!({
            "id": "resp_1", "object": "response", "status": "completed", "error": null,
            "incomplete_details": null, "model": "m-2",
            "output": [{ "type": "message", "id": "msg_1", "status": "completed",
                "role": "assistant",
                "content": [{ "type": "output_text", "text": text, "annotations": [] }] }],
            "usage": { "input_tokens": 11, "output_tokens": 7, "total_tokens": 18 },
        }),
    }
}

/// Where the parts of a response are: the list of answers, one answer, its end, its text.
struct Places {
    list: &'static str,
    first: &'static str,
    stop: &'static str,
    text: &'static str,
}

fn places(dialect: Dialect) -> Places {
    let of = |list, first, stop, text| Places { list, first, stop, text };
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => {
            of("/choices", "/choices/0", "/choices/0/finish_reason", "/choices/0/message/content")
        }
        Dialect::Anthropic => of("/content", "/content/0", "/stop_reason", "/content/0/text"),
        Dialect::Gemini => of(
            "/candidates",
            "/candidates/0",
            "/candidates/0/finishReason",
            "/candidates/0/content/parts/0/text",
        ),
        Dialect::Ollama => of("/message", "/message", "/done_reason", "/message/content"),
        Dialect::OpenAiResponses => {
            of("/output", "/output/0", "/status", "/output/0/content/0/text")
        }
    }
}

fn parse(dialect: Dialect, status: u16, body: &[u8]) -> Result<WireAnswer, ProviderFault> {
    dialect.parse(&WireResponse { status, retry_after: None, body })
}

fn parse_json(dialect: Dialect, body: &Value) -> Result<WireAnswer, ProviderFault> {
    parse(dialect, 200, body.to_string().as_bytes())
}

/// The good response with the value at `pointer` replaced.
fn with(dialect: Dialect, pointer: &str, value: Value) -> Value {
    let mut body = good(dialect, VOTE);
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

/// The good response without the field at `pointer`.
fn without(dialect: Dialect, pointer: &str) -> Value {
    let mut body = good(dialect, VOTE);
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(field)),
        Value::Array(items) => drop(items.remove(field.parse().unwrap())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            panic!("{parent} has no fields")
        }
    }
    body
}

#[test]
fn every_dialect_answers_with_text_model_and_usage() {
    for dialect in Dialect::ALL {
        let wanted = WireAnswer {
            text: VOTE.to_owned(),
            model_reported: Some("m-2".to_owned()),
            input_tokens: Some(11),
            output_tokens: Some(7),
        };
        assert_eq!(parse_json(dialect, &good(dialect, VOTE)), Ok(wanted), "{dialect}");
    }
}

#[test]
fn usage_and_model_may_be_absent() {
    for dialect in Dialect::ALL {
        let mut body = good(dialect, VOTE);
        let fields = body.as_object_mut().unwrap();
        for field in ["usage", "usageMetadata", "model", "modelVersion", "eval_count"] {
            fields.remove(field);
        }
        fields.remove("prompt_eval_count");
        let answer = parse_json(dialect, &body).unwrap();
        let (model, tokens) = (answer.model_reported, (answer.input_tokens, answer.output_tokens));
        assert_eq!((model, tokens), (None, (None, None)), "{dialect}");
    }
}

/// One fault: its name, the response, the fault it must be.
type Row = (&'static str, u16, Vec<u8>, fn(&ProviderFault) -> bool);

fn statuses(dialect: Dialect) -> Vec<Row> {
    // A provider may put a perfect answer under an error status.
    let body = good(dialect, VOTE).to_string().into_bytes();
    let row = |name, status, is| -> Row { (name, status, body.clone(), is) };
    vec![
        row("no content", 199, |f| matches!(f, ProviderFault::UnexpectedStatus { .. })),
        row("redirect", 302, |f| matches!(f, ProviderFault::Redirected { .. })),
        row("bad request", 400, |f| matches!(f, ProviderFault::BadRequest { .. })),
        row("bad key", 401, |f| matches!(f, ProviderFault::Unauthorized { .. })),
        row("forbidden", 403, |f| matches!(f, ProviderFault::Unauthorized { .. })),
        row("no such model", 404, |f| matches!(f, ProviderFault::BadRequest { .. })),
        row("request timeout", 408, |f| matches!(f, ProviderFault::Unavailable { .. })),
        row("conflict", 409, |f| matches!(f, ProviderFault::Unavailable { .. })),
        row("too long", 413, |f| matches!(f, ProviderFault::BadRequest { .. })),
        row("rate limit", 429, |f| matches!(f, ProviderFault::RateLimited { .. })),
        row("server error", 500, |f| matches!(f, ProviderFault::Unavailable { .. })),
        row("overloaded", 529, |f| matches!(f, ProviderFault::Unavailable { .. })),
        row("nonsense", 999, |f| matches!(f, ProviderFault::UnexpectedStatus { .. })),
    ]
}

fn bodies(dialect: Dialect) -> Vec<Row> {
    let text = good(dialect, VOTE).to_string();
    let row = |name, body: Vec<u8>, is| -> Row { (name, 200, body, is) };
    let not_json: fn(&ProviderFault) -> bool = |f| *f == ProviderFault::NotJson;
    let mut error = good(dialect, VOTE);
    error["error"] = json!({ "message": "overloaded" });
    vec![
        row("empty body", vec![], not_json),
        row("HTML", b"<html>busy</html>".to_vec(), not_json),
        row("truncated JSON", text.as_bytes()[..text.len() - 1].to_vec(), not_json),
        row("trailing text", format!("{text} x").into_bytes(), not_json),
        row("two documents", format!("{text}{text}").into_bytes(), not_json),
        row("no UTF-8", [text.as_bytes(), b"\xff"].concat(), not_json),
        row("duplicate key", text.replacen('{', "{\"a\":1,\"a\":2,", 1).into_bytes(), not_json),
        row("deep", "[".repeat(200_000).into_bytes(), not_json),
        row("an array", b"[]".to_vec(), |f| matches!(f, ProviderFault::WrongShape { .. })),
        row("null", b"null".to_vec(), |f| matches!(f, ProviderFault::WrongShape { .. })),
        row("error under 200", error.to_string().into_bytes(), |f| *f == ProviderFault::ErrorBody),
        row("oversized", vec![b' '; MAX_RESPONSE_BYTES + 1], |f| {
            matches!(f, ProviderFault::TooLarge { .. })
        }),
    ]
}

fn shapes(dialect: Dialect) -> Vec<Row> {
    let at = places(dialect);
    let row = |name, body: Value, is| -> Row { (name, 200, body.to_string().into_bytes(), is) };
    let any: fn(&ProviderFault) -> bool =
        |f| matches!(f, ProviderFault::WrongShape { .. } | ProviderFault::Empty);
    let mut rows = vec![
        row("no answers field", without(dialect, at.list), any),
        row("answers null", with(dialect, at.list, json!(null)), any),
        row("answers of a wrong type", with(dialect, at.list, json!("x")), any),
        row("answer of a wrong type", with(dialect, at.first, json!(7)), any),
        row("no text", without(dialect, at.text), any),
        row("null text", with(dialect, at.text, json!(null)), any),
        row("text of a wrong type", with(dialect, at.text, json!(["MET"])), any),
        row("blank text", with(dialect, at.text, json!(" \n")), any),
        row("no stop reason", without(dialect, at.stop), any),
        row("null stop reason", with(dialect, at.stop, json!(null)), any),
        row("stop reason of a wrong type", with(dialect, at.stop, json!(0)), any),
        row("unknown stop reason", with(dialect, at.stop, json!("because")), |f| {
            *f == ProviderFault::UnexpectedStop
        }),
        row("empty object", json!({}), any),
    ];
    if dialect != Dialect::Ollama {
        rows.push(row("no answer", with(dialect, at.list, json!([])), |f| {
            *f == ProviderFault::Empty
        }));
        let first = good(dialect, VOTE).pointer(at.first).unwrap().clone();
        rows.push(row("two answers", with(dialect, at.list, json!([first, first])), |f| {
            *f == ProviderFault::Ambiguous
        }));
    }
    rows
}

fn endings(dialect: Dialect) -> Vec<Row> {
    let (truncated, filtered): (&[&str], &[&str]) = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiCompatible => {
            (&["length", "model_length"], &["content_filter"])
        }
        Dialect::Anthropic => (&["max_tokens", "model_context_window_exceeded"], &[]),
        Dialect::Gemini => (&["MAX_TOKENS"], &["SAFETY", "RECITATION", "PROHIBITED_CONTENT"]),
        Dialect::Ollama => (&["length"], &[]),
        Dialect::OpenAiResponses => return incomplete(),
    };
    let stop = places(dialect).stop;
    let row = |name, word: &str, is| -> Row {
        (name, 200, with(dialect, stop, json!(word)).to_string().into_bytes(), is)
    };
    let cut = truncated.iter().map(|word| row("cut off", word, |f| *f == ProviderFault::Truncated));
    let taken =
        filtered.iter().map(|word| row("filtered", word, |f| *f == ProviderFault::Filtered));
    cut.chain(taken).collect()
}

/// Answers that the Responses API did not finish: the status is the same, the reason stands apart.
fn incomplete() -> Vec<Row> {
    let row = |name, reason: &str, is| -> Row {
        let mut body = with(Dialect::OpenAiResponses, "/status", json!("incomplete"));
        body["incomplete_details"] = json!({ "reason": reason });
        (name, 200, body.to_string().into_bytes(), is)
    };
    vec![
        row("cut off", "max_output_tokens", |f| *f == ProviderFault::Truncated),
        row("filtered", "content_filter", |f| *f == ProviderFault::Filtered),
        row("unfinished", "because", |f| *f == ProviderFault::UnexpectedStop),
    ]
}

fn faults(dialect: Dialect) -> Vec<Row> {
    [statuses(dialect), bodies(dialect), shapes(dialect), endings(dialect)].concat()
}

#[test]
fn every_fault_in_every_dialect_has_its_name_and_is_never_an_answer() {
    for dialect in Dialect::ALL {
        let rows = faults(dialect);
        assert!(rows.len() >= 30, "{dialect} has {} faults", rows.len());
        for (name, status, body, is_wanted) in rows {
            let fault = parse(dialect, status, &body);
            let named = matches!(&fault, Err(fault) if is_wanted(fault));
            assert!(named, "{dialect}, {name}: {fault:?}");
            let finding = Finding::from(&fault.unwrap_err());
            assert!(
                matches!(finding, Finding::Refused | Finding::Unanswered),
                "{dialect}, {name}: {finding:?}"
            );
        }
    }
}

#[test]
fn a_refusal_is_named_and_never_asked_again() {
    let openai = |dialect| {
        let mut body = with(dialect, "/choices/0/message/content", json!(null));
        body["choices"][0]["message"]["refusal"] = json!("I cannot help with that.");
        body
    };
    for (dialect, body) in [
        (Dialect::OpenAiChat, openai(Dialect::OpenAiChat)),
        (Dialect::OpenAiCompatible, openai(Dialect::OpenAiCompatible)),
        (Dialect::Anthropic, with(Dialect::Anthropic, "/stop_reason", json!("refusal"))),
        (
            Dialect::OpenAiResponses,
            with(
                Dialect::OpenAiResponses,
                "/output/0/content/0",
                json!({ "type": "refusal", "refusal": "I cannot help with that." }),
            ),
        ),
    ] {
        let fault = parse_json(dialect, &body).unwrap_err();
        assert_eq!(fault, ProviderFault::Refused, "{dialect}");
        assert!(!fault.retryable() && fault.is_refusal());
    }
    // A refusal beside a text is still a refusal.
    let mut body = good(Dialect::OpenAiChat, VOTE);
    body["choices"][0]["message"]["refusal"] = json!("no");
    assert_eq!(parse_json(Dialect::OpenAiChat, &body), Err(ProviderFault::Refused));
}

#[test]
fn a_blocked_question_is_filtered() {
    let body = json!({ "promptFeedback": { "blockReason": "SAFETY" } });
    assert_eq!(parse_json(Dialect::Gemini, &body), Err(ProviderFault::Filtered));
}

#[test]
fn an_unfinished_stream_is_cut_off() {
    let body = with(Dialect::Ollama, "/done", json!(false));
    assert_eq!(parse_json(Dialect::Ollama, &body), Err(ProviderFault::Truncated));
    for bad in [with(Dialect::Ollama, "/done", json!("true")), without(Dialect::Ollama, "/done")] {
        assert_eq!(
            parse_json(Dialect::Ollama, &bad),
            Err(ProviderFault::WrongShape { field: "done" })
        );
    }
    let loading = with(Dialect::Ollama, "/done_reason", json!("load"));
    assert_eq!(parse_json(Dialect::Ollama, &loading), Err(ProviderFault::Empty));
}

#[test]
fn thoughts_are_no_answer() {
    let thinking = json!([
        { "type": "thinking", "thinking": "MET?", "signature": "s" },
        { "type": "text", "text": VOTE },
    ]);
    let body = with(Dialect::Anthropic, "/content", thinking);
    assert_eq!(parse_json(Dialect::Anthropic, &body).unwrap().text, VOTE);
    let mut body = good(Dialect::OpenAiResponses, VOTE);
    let message = body["output"][0].clone();
    body["output"] = json!([{ "type": "reasoning", "id": "rs_1", "summary": [] }, message]);
    assert_eq!(parse_json(Dialect::OpenAiResponses, &body).unwrap().text, VOTE);
    let mut counted = good(Dialect::Gemini, VOTE);
    counted["usageMetadata"]["thoughtsTokenCount"] = json!(30);
    assert_eq!(parse_json(Dialect::Gemini, &counted).unwrap().output_tokens, Some(37));
    let parts = json!([{ "text": "MET?", "thought": true }, { "text": "{\"nonce\"" }, { "text": ":\"n\"}" }]);
    let body = with(Dialect::Gemini, "/candidates/0/content/parts", parts);
    assert_eq!(parse_json(Dialect::Gemini, &body).unwrap().text, VOTE);
    let only = json!([{ "text": "MET?", "thought": true }]);
    let body = with(Dialect::Gemini, "/candidates/0/content/parts", only);
    assert_eq!(parse_json(Dialect::Gemini, &body), Err(ProviderFault::Empty));
}

#[test]
fn a_tool_call_is_an_answer_only_to_the_tool_that_was_offered() {
    let call = |name: &str, input: Value, stop: &str| {
        let mut body = good(Dialect::Anthropic, VOTE);
        body["content"] = json!([
            { "type": "text", "text": "I will vote." },
            { "type": "tool_use", "id": "t", "name": name, "input": input },
        ]);
        body["stop_reason"] = json!(stop);
        parse_json(Dialect::Anthropic, &body)
    };
    assert_eq!(call("cast_vote", json!({ "nonce": "n" }), "tool_use").unwrap().text, VOTE);
    for fault in [
        call("other", json!({}), "tool_use"),
        call("cast_vote", json!("MET"), "tool_use"),
        call("cast_vote", json!({}), "end_turn"),
    ] {
        assert!(matches!(fault, Err(ProviderFault::WrongShape { .. })), "{fault:?}");
    }
}

#[test]
fn a_provider_is_asked_again_only_when_that_may_help() {
    let of = |status, retry_after| {
        let response = WireResponse { status, retry_after, body: b"" };
        Dialect::OpenAiChat.parse(&response).unwrap_err()
    };
    for (status, retries) in
        [(408, 2), (409, 2), (429, 2), (500, 2), (503, 2), (400, 0), (401, 0), (404, 0), (302, 0)]
    {
        let fault = of(status, None);
        assert_eq!((fault.retries(), fault.retryable()), (retries, retries > 0), "{status}");
    }
    assert_eq!(of(200, None).retries(), 1, "malformed JSON once");
    for (header, wait) in [
        (None, None),
        (Some("3"), Some(3)),
        (Some(" 7 "), Some(7)),
        (Some("0"), Some(0)),
        (Some("3600"), Some(3_600)),
        (Some("99999999999999999999999"), Some(u64::MAX)),
        (Some("-1"), None),
        (Some("1.5"), None),
        (Some("Wed, 21 Oct 2026 07:28:00 GMT"), None),
        (Some(""), None),
    ] {
        let wait = wait.map(Duration::from_secs);
        for status in [429, 503] {
            assert_eq!(of(status, header).retry_after(), wait, "{header:?}");
        }
        assert_eq!(of(400, header).retry_after(), None);
    }
}

#[test]
fn a_count_is_read_whatever_else_is_wrong_and_however_large_it_is() {
    const MANY: u64 = 1 << 40;
    let usage = |tokens: u64| {
        json!({
            "usage": { "prompt_tokens": tokens, "completion_tokens": 7,
                "input_tokens": tokens, "output_tokens": 7 },
            "usageMetadata": { "promptTokenCount": tokens, "candidatesTokenCount": 7 },
            "prompt_eval_count": tokens, "eval_count": 7,
        })
    };
    for dialect in Dialect::ALL {
        for tokens in [0, 11, MANY] {
            let body = usage(tokens).to_string();
            assert_eq!(dialect.counted(body.as_bytes()), (Some(tokens), Some(7)), "{dialect}");
        }
        for body in ["", "{}", "[]", "{\"error\":{}}", "{\"usage\":null,\"eval_count\":-1}"] {
            assert_eq!(dialect.counted(body.as_bytes()), (None, None), "{dialect}: {body}");
        }
    }
    let mut thoughtful = usage(11);
    thoughtful["usageMetadata"]["thoughtsTokenCount"] = json!(MANY);
    let counted = Dialect::Gemini.counted(thoughtful.to_string().as_bytes());
    assert_eq!(counted, (Some(11), Some(MANY + 7)));
}

#[test]
fn what_only_the_total_counts_belongs_to_the_answer() {
    let usage = |total: u64| {
        json!({
            "usage": { "prompt_tokens": 11, "completion_tokens": 7,
                "input_tokens": 11, "output_tokens": 7, "total_tokens": total },
            "usageMetadata": { "promptTokenCount": 11, "candidatesTokenCount": 7,
                "totalTokenCount": total },
            "prompt_eval_count": 11, "eval_count": 7,
        })
    };
    for dialect in Dialect::ALL {
        let has_total = !matches!(dialect, Dialect::Anthropic | Dialect::Ollama);
        for (total, output) in [(0, 7), (18, 7), (118, if has_total { 107 } else { 7 })] {
            let body = usage(total).to_string();
            assert_eq!(dialect.counted(body.as_bytes()), (Some(11), Some(output)), "{dialect}");
        }
    }
}

#[test]
fn an_error_is_free_only_where_that_is_documented() {
    let statuses = [301, 400, 401, 402, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504, 529];
    for dialect in Dialect::ALL {
        let wanted: &[u16] = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses => &[401, 429],
            Dialect::Gemini => &[400, 500],
            Dialect::Anthropic | Dialect::OpenAiCompatible | Dialect::Ollama => &[],
        };
        let free: Vec<u16> =
            statuses.into_iter().filter(|status| dialect.is_free(*status)).collect();
        assert_eq!(free, wanted, "{dialect}");
        assert!((200..300).all(|status| !dialect.is_free(status)), "{dialect}");
    }
}

#[test]
fn models_that_are_sold_are_known_by_their_names() {
    for dialect in Dialect::ALL {
        let sold = is_sold(dialect, current(dialect).name());
        assert_eq!(sold, dialect != Dialect::Ollama, "{dialect}");
        for model in ["rehearsal-careful", "replay-gpt-4", "double-1", "m", "gpt-oss:120b"] {
            assert!(!is_sold(dialect, model), "{dialect} {model}");
        }
    }
    assert!(is_sold(Dialect::OpenAiCompatible, "openai/GPT-4o"));
    assert!(is_sold(Dialect::Ollama, "gpt-oss:120b-cloud"));
    assert!(!is_sold(Dialect::Ollama, "mistral-large"));
}

#[test]
fn no_fault_repeats_what_the_provider_said() {
    for dialect in Dialect::ALL {
        let secret = "sk-secret";
        let body = json!({ "error": { "message": secret } }).to_string();
        for status in [200, 302, 400, 401, 429, 500] {
            let fault = parse(dialect, status, body.as_bytes()).unwrap_err();
            assert!(!format!("{fault} {fault:?} {}", fault.outcome()).contains(secret));
        }
    }
}

#[test]
fn a_whole_vote_travels_through_every_dialect() {
    let (view, vote) = (
        a_view(),
        json!({
            "nonce": "ab".repeat(16), "criterion_id": "tone",
            "evidence": [{ "line": 2, "quote": "thank you very much", "supports": "MET" }],
            "reasoning": "It thanks.", "injection_suspected": false, "verdict": "MET",
        }),
    );
    for dialect in Dialect::ALL {
        let answer = parse_json(dialect, &good(dialect, &vote.to_string())).unwrap();
        let vote = Vote::read(&answer.text, &a_prompt(&view), &view).unwrap();
        assert_eq!(Finding::from(&vote), Finding::Voted(Answer::Met), "{dialect}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_makes_a_dialect_panic_or_answer_out_of_nothing(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        status in 0_u16..1_000,
    ) {
        for dialect in Dialect::ALL {
            proptest::prop_assert!(parse(dialect, status, &bytes).is_err());
        }
    }

    #[test]
    fn a_changed_byte_of_a_good_response_is_no_panic(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        byte in proptest::prelude::any::<u8>(),
    ) {
        for dialect in Dialect::ALL {
            let mut body = good(dialect, VOTE).to_string().into_bytes();
            let at = at.index(body.len());
            body[at] = byte;
            drop(parse(dialect, 200, &body));
        }
    }
}

#[test]
fn what_a_deliverable_can_provoke_costs_its_criterion_and_never_a_failed_check() {
    let provoked = [ProviderFault::Refused, ProviderFault::Filtered, ProviderFault::Truncated];
    for fault in provoked {
        let findings = [Finding::Checked(Some(false)).into(), Finding::from(&fault).into()];
        let wanted = Opinion { met: 0, failed: 1, reason: Reason::Judged };
        assert_eq!(Opinion::of(&findings, &[]), Ok(wanted), "{fault}");
        assert_eq!(Finding::from_outcome(&fault.outcome()), Some(Finding::from(&fault)));
    }
    for fault in [ProviderFault::Timeout, ProviderFault::Unauthorized { status: 401 }] {
        assert_eq!(Finding::from(&fault), Finding::Unanswered);
        assert_eq!(Finding::from_outcome(&fault.outcome()), None);
    }
}

#[test]
fn every_fault_has_one_of_the_names_and_every_name_is_a_faults() {
    let (status, retry_after) = (500, None);
    let faults = [
        ProviderFault::Timeout,
        ProviderFault::Unreachable,
        ProviderFault::EchoesKey,
        ProviderFault::TooLarge { got: 2, most: 1 },
        ProviderFault::Redirected { status },
        ProviderFault::Unauthorized { status },
        ProviderFault::RateLimited { retry_after },
        ProviderFault::Unavailable { status, retry_after },
        ProviderFault::BadRequest { status },
        ProviderFault::UnexpectedStatus { status },
        ProviderFault::NotJson,
        ProviderFault::ErrorBody,
        ProviderFault::WrongShape { field: "choices" },
        ProviderFault::Empty,
        ProviderFault::Ambiguous,
        ProviderFault::Truncated,
        ProviderFault::Filtered,
        ProviderFault::Refused,
        ProviderFault::UnexpectedStop,
    ];
    assert_eq!(faults.map(|fault| fault.name()), ProviderFault::NAMES);
}

#[test]
fn models_are_asked_for_with_the_headers_of_a_question_and_without_a_body() {
    for dialect in Dialect::ALL {
        let request = dialect.list_models();
        assert!(request.path.starts_with('/') && request.body.is_empty(), "{dialect}");
        let versioned = request.headers.iter().any(|(name, _)| *name == "anthropic-version");
        assert_eq!(versioned, dialect == Dialect::Anthropic);
    }
}
