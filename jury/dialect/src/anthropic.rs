//! Anthropic Messages: structured output, or the tool call of models before 4.5.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::body::{Body, items, required, schema};
use super::{Model, ProviderFault, SchemaMode, WireAnswer};
use surety_jury::Prompt;

/// The tool that an older model must call.
const TOOL: &str = "cast_vote";

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    max_tokens: u32,
    system: &'a str,
    messages: [Message<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tool; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct OutputConfig {
    format: Format,
}

#[derive(Serialize)]
struct Format {
    #[serde(rename = "type")]
    kind: &'static str,
    schema: Option<&'static RawValue>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    input_schema: Option<&'static RawValue>,
    strict: bool,
}

#[derive(Serialize)]
struct Choice {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
}

/// Where the tokens in question and answer are counted.
pub(super) const USAGE: [&str; 2] = ["/usage/input_tokens", "/usage/output_tokens"];

pub(super) fn build(prompt: &Prompt, model: &Model) -> (String, Vec<u8>) {
    let by_tool = model.capability.schema_mode == SchemaMode::Tool;
    let by_schema = model.capability.schema_mode == SchemaMode::JsonSchema;
    let request = Request {
        model: model.name(),
        max_tokens: model.max_output_tokens,
        system: prompt.system,
        messages: [Message { role: "user", content: &prompt.user }],
        output_config: by_schema
            .then(|| OutputConfig { format: Format { kind: "json_schema", schema: schema() } }),
        tools: by_tool.then(|| [Tool { name: TOOL, input_schema: schema(), strict: true }]),
        tool_choice: by_tool.then_some(Choice { kind: "tool", name: TOOL }),
    };
    ("/v1/messages".to_owned(), super::bytes(&request))
}

pub(super) fn parse(body: &Body) -> Result<WireAnswer, ProviderFault> {
    let stop = required(body.root(), "stop_reason")?;
    match stop {
        "end_turn" | "tool_use" => {}
        "max_tokens" | "model_context_window_exceeded" => return Err(ProviderFault::Truncated),
        "refusal" => return Err(ProviderFault::Refused),
        _ => return Err(ProviderFault::UnexpectedStop),
    }
    let mut answers = Vec::new();
    for block in items(body.root(), "content")? {
        match required(block, "type")? {
            "text" if stop == "end_turn" => answers.push(required(block, "text")?.to_owned()),
            // Thoughts are no answer, and beside a call neither is what the model says aloud.
            "thinking" | "redacted_thinking" | "text" => {}
            "tool_use" if stop == "tool_use" => answers.push(tool_input(block)?),
            _ => return Err(ProviderFault::WrongShape { field: "content" }),
        }
    }
    let mut answers = answers.into_iter();
    match (answers.next(), answers.next()) {
        (None, _) => Err(ProviderFault::Empty),
        (Some(text), None) => Ok(body.answer(text, "model", USAGE)),
        (Some(_), Some(_)) => Err(ProviderFault::Ambiguous),
    }
}

fn tool_input(block: &Value) -> Result<String, ProviderFault> {
    if required(block, "name")? != TOOL {
        return Err(ProviderFault::WrongShape { field: "name" });
    }
    let input = block.get("input").filter(|input| input.is_object());
    input.map(Value::to_string).ok_or(ProviderFault::WrongShape { field: "input" })
}
