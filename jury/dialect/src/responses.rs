//! The Responses API of OpenAI.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use surety_jury::Prompt;

use super::body::{Body, items, required, schema};
use super::{Model, ProviderFault, SchemaMode, WireAnswer};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    instructions: &'a str,
    input: [Message<'a>; 1],
    text: Text,
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    /// The provider keeps nothing that it need not: deliverables are private.
    store: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct Text {
    format: Format,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format {
    JsonSchema { name: &'static str, strict: bool, schema: Option<&'static RawValue> },
    JsonObject,
}

/// Where the tokens in question and answer are counted.
pub(super) const USAGE: [&str; 2] = ["/usage/input_tokens", "/usage/output_tokens"];

pub(super) fn build(prompt: &Prompt, model: &Model) -> (String, Vec<u8>) {
    let takes = model.capability;
    let request = Request {
        model: model.name(),
        instructions: prompt.system,
        input: [Message { role: "user", content: &prompt.user }],
        text: Text {
            format: if takes.schema_mode == SchemaMode::JsonSchema {
                Format::JsonSchema { name: "vote", strict: true, schema: schema() }
            } else {
                Format::JsonObject
            },
        },
        max_output_tokens: model.max_output_tokens,
        temperature: takes.temperature.then_some(0),
        store: false,
    };
    ("/responses".to_owned(), super::bytes(&request))
}

pub(super) fn parse(body: &Body) -> Result<WireAnswer, ProviderFault> {
    match required(body.root(), "status")? {
        "completed" => {}
        "incomplete" => return Err(incomplete(body.root())),
        _ => return Err(ProviderFault::UnexpectedStop),
    }
    let mut answers = Vec::new();
    for item in items(body.root(), "output")? {
        match required(item, "type")? {
            "message" => answers.extend(texts(item)?),
            // Thoughts are no answer.
            "reasoning" => {}
            _ => return Err(ProviderFault::WrongShape { field: "output" }),
        }
    }
    let mut answers = answers.into_iter();
    match (answers.next(), answers.next()) {
        (None, _) => Err(ProviderFault::Empty),
        (Some(text), None) => Ok(body.answer(text, "model", USAGE)),
        (Some(_), Some(_)) => Err(ProviderFault::Ambiguous),
    }
}

/// The texts of one message; a refusal in it is one, whatever stands beside it.
fn texts(message: &Value) -> Result<Vec<String>, ProviderFault> {
    let mut texts = Vec::new();
    for part in items(message, "content")? {
        match required(part, "type")? {
            "output_text" => texts.push(required(part, "text")?.to_owned()),
            "refusal" => return Err(ProviderFault::Refused),
            _ => return Err(ProviderFault::WrongShape { field: "content" }),
        }
    }
    Ok(texts)
}

fn incomplete(root: &Value) -> ProviderFault {
    match root.pointer("/incomplete_details/reason").and_then(Value::as_str) {
        Some("max_output_tokens") => ProviderFault::Truncated,
        Some("content_filter") => ProviderFault::Filtered,
        _ => ProviderFault::UnexpectedStop,
    }
}
