//! Gemini `generateContent`.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::body::{Body, items, only, required, schema, text};
use super::{Model, ProviderFault, SchemaMode, WireAnswer};
use surety_jury::Prompt;
use surety_jury::vote::SCHEMA_TEXT;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    system_instruction: Content<'a>,
    contents: [Content<'a>; 1],
    generation_config: Config,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    response_mime_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'static RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_schema: Option<Value>,
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
}

/// Where the tokens in question and answer are counted, but for thoughts.
const USAGE: [&str; 2] = ["/usageMetadata/promptTokenCount", "/usageMetadata/candidatesTokenCount"];

pub(super) fn build(prompt: &Prompt, model: &Model) -> (String, Vec<u8>) {
    let takes = model.capability;
    let request = Request {
        system_instruction: Content { role: None, parts: [Part { text: prompt.system }] },
        contents: [Content { role: Some("user"), parts: [Part { text: &prompt.user }] }],
        generation_config: Config {
            response_mime_type: "application/json",
            response_json_schema: schema().filter(|_| takes.schema_mode == SchemaMode::JsonSchema),
            response_schema: open_api().filter(|_| takes.schema_mode == SchemaMode::OpenApi),
            max_output_tokens: model.max_output_tokens,
            temperature: takes.temperature.then_some(0),
            seed: takes.seed.then_some(super::SEED),
        },
    };
    (format!("/v1beta/models/{}:generateContent", model.name()), super::bytes(&request))
}

/// The vote's schema without what the `OpenAPI` subset does not know, its order told by its own key.
fn open_api() -> Option<Value> {
    let mut schema: Value = serde_json::from_str(SCHEMA_TEXT).ok()?;
    let order = schema.get("required").cloned()?;
    drop_key(&mut schema, "additionalProperties");
    schema.as_object_mut()?.insert("propertyOrdering".to_owned(), order);
    Some(schema)
}

fn drop_key(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => {
            fields.remove(key);
            fields.values_mut().for_each(|field| drop_key(field, key));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| drop_key(item, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(super) fn parse(body: &Body) -> Result<WireAnswer, ProviderFault> {
    let blocked = body.root().pointer("/promptFeedback/blockReason");
    if blocked.is_some_and(|reason| !reason.is_null()) {
        return Err(ProviderFault::Filtered);
    }
    let candidate = only(body.root(), "candidates")?;
    match required(candidate, "finishReason")? {
        "STOP" => {}
        "MAX_TOKENS" => return Err(ProviderFault::Truncated),
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE"
        | "IMAGE_SAFETY" => return Err(ProviderFault::Filtered),
        _ => return Err(ProviderFault::UnexpectedStop),
    }
    let content = candidate
        .get("content")
        .filter(|content| content.is_object())
        .ok_or(ProviderFault::WrongShape { field: "content" })?;
    let mut answer = String::new();
    for part in items(content, "parts")? {
        if part.get("thought").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        answer.push_str(text(part, "text")?.ok_or(ProviderFault::WrongShape { field: "text" })?);
    }
    let mut answer = body.answer(answer, "modelVersion", USAGE);
    let thoughts = u32::try_from(thoughts(body)).unwrap_or(u32::MAX);
    answer.output_tokens = answer.output_tokens.map(|got| got.saturating_add(thoughts));
    Ok(answer)
}

/// The tokens in question and answer.
pub(super) fn counted(body: &Body) -> (Option<u64>, Option<u64>) {
    let (input, output) = body.counted(USAGE);
    (input, output.map(|got| got.saturating_add(thoughts(body))))
}

/// Thoughts are counted apart and paid for alike.
fn thoughts(body: &Body) -> u64 {
    let thoughts = body.root().pointer("/usageMetadata/thoughtsTokenCount");
    thoughts.and_then(Value::as_u64).unwrap_or(0)
}
