//! Chat Completions: OpenAI itself and everybody who copied the shape.

use serde::Serialize;
use serde_json::value::RawValue;

use super::body::{Body, only, required, schema, text};
use super::{MaxTokensKey, Model, ProviderFault, SchemaMode, SystemRole, WireAnswer};
use surety_jury::Prompt;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    response_format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format {
    JsonSchema { json_schema: Named },
    JsonObject,
}

#[derive(Serialize)]
struct Named {
    name: &'static str,
    strict: bool,
    schema: Option<&'static RawValue>,
}

/// Where the tokens in question and answer are counted.
pub(super) const USAGE: [&str; 2] = ["/usage/prompt_tokens", "/usage/completion_tokens"];

pub(super) fn build(prompt: &Prompt, model: &Model) -> (String, Vec<u8>) {
    let takes = model.capability;
    let limit = |key| (takes.max_tokens_key == key).then_some(model.max_output_tokens);
    let request = Request {
        model: model.name(),
        messages: [
            Message {
                role: match takes.system_role {
                    SystemRole::System => "system",
                    SystemRole::Developer => "developer",
                },
                content: prompt.system,
            },
            Message { role: "user", content: &prompt.user },
        ],
        response_format: if takes.schema_mode == SchemaMode::JsonSchema {
            Format::JsonSchema {
                json_schema: Named { name: "vote", strict: true, schema: schema() },
            }
        } else {
            Format::JsonObject
        },
        max_completion_tokens: limit(MaxTokensKey::MaxCompletionTokens),
        max_tokens: limit(MaxTokensKey::MaxTokens),
        temperature: takes.temperature.then_some(0),
        seed: takes.seed.then_some(super::SEED),
    };
    ("/chat/completions".to_owned(), super::bytes(&request))
}

pub(super) fn parse(body: &Body) -> Result<WireAnswer, ProviderFault> {
    let choice = only(body.root(), "choices")?;
    let message = choice
        .get("message")
        .filter(|message| message.is_object())
        .ok_or(ProviderFault::WrongShape { field: "message" })?;
    // A refusal comes with finish_reason "stop" and null content.
    if text(message, "refusal")?.is_some_and(|refusal| !refusal.is_empty()) {
        return Err(ProviderFault::Refused);
    }
    match required(choice, "finish_reason")? {
        "stop" => {}
        "length" | "model_length" => return Err(ProviderFault::Truncated),
        "content_filter" => return Err(ProviderFault::Filtered),
        _ => return Err(ProviderFault::UnexpectedStop),
    }
    let content = text(message, "content")?.ok_or(ProviderFault::Empty)?;
    Ok(body.answer(content.to_owned(), "model", USAGE))
}
