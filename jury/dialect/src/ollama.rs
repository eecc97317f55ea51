//! Ollama's native chat.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::body::{Body, required, schema};
use super::{Model, ProviderFault, SchemaMode, WireAnswer};
use surety_jury::Prompt;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    stream: bool,
    format: Format,
    options: Options,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Format {
    Schema(Option<&'static RawValue>),
    Word(&'static str),
}

#[derive(Serialize)]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    num_predict: u32,
}

/// Where the tokens in question and answer are counted.
pub(super) const USAGE: [&str; 2] = ["/prompt_eval_count", "/eval_count"];

pub(super) fn build(prompt: &Prompt, model: &Model) -> (String, Vec<u8>) {
    let takes = model.capability;
    let request = Request {
        model: model.name(),
        messages: [
            Message { role: "system", content: prompt.system },
            Message { role: "user", content: &prompt.user },
        ],
        stream: false,
        format: if takes.schema_mode == SchemaMode::JsonSchema {
            Format::Schema(schema())
        } else {
            Format::Word("json")
        },
        options: Options {
            temperature: takes.temperature.then_some(0),
            seed: takes.seed.then_some(super::SEED),
            num_predict: model.max_output_tokens,
        },
    };
    ("/api/chat".to_owned(), super::bytes(&request))
}

pub(super) fn parse(body: &Body) -> Result<WireAnswer, ProviderFault> {
    match body.root().get("done") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(ProviderFault::Truncated),
        _ => return Err(ProviderFault::WrongShape { field: "done" }),
    }
    match required(body.root(), "done_reason")? {
        "stop" => {}
        "length" => return Err(ProviderFault::Truncated),
        "load" | "unload" => return Err(ProviderFault::Empty),
        _ => return Err(ProviderFault::UnexpectedStop),
    }
    let message = body
        .root()
        .get("message")
        .filter(|message| message.is_object())
        .ok_or(ProviderFault::WrongShape { field: "message" })?;
    let content = required(message, "content")?;
    Ok(body.answer(content.to_owned(), "model", USAGE))
}
