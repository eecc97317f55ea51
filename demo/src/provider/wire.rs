//! The wire formats, from the provider's side: read a request as strictly as the real API would,
//! and wrap an answer the way it would.
//!
//! When a request is malformed the answer is an error in that API's own shape; a juror must treat it
//! as a fault of its provider and never as an opinion.

use axum::http::HeaderMap;
use serde_json::{Value, json};

/// Which API a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `OpenAI` chat completions, and everything compatible with it.
    Chat,
    /// Anthropic messages.
    Messages,
    /// Gemini `generateContent`.
    Gemini,
    /// Ollama's native chat.
    Ollama,
    /// `OpenAI` responses.
    Responses,
}

/// A request, whatever its format was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The instructions.
    pub(super) system: String,
    /// The question with its material.
    pub(super) user: String,
}

/// A request that the real API would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// The HTTP status.
    pub(super) status: u16,
    /// The field and the rule.
    pub(super) message: String,
}

impl Refused {
    fn bad(message: impl Into<String>) -> Self {
        Self { status: 400, message: message.into() }
    }
}

impl Format {
    /// Recognises an API by the end of its path.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        if path.ends_with("/chat/completions") {
            Some(Self::Chat)
        } else if path.ends_with("/responses") {
            Some(Self::Responses)
        } else if path.ends_with("/v1/messages") {
            Some(Self::Messages)
        } else if path.ends_with(":generateContent") {
            Some(Self::Gemini)
        } else if path.ends_with("/api/chat") {
            Some(Self::Ollama)
        } else {
            None
        }
    }

    /// Reads a request body.
    pub(super) fn read(self, headers: &HeaderMap, body: &[u8]) -> Result<Asked, Refused> {
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| Refused::bad(format!("the body is not JSON: {error}")))?;
        match self {
            Self::Chat => {
                text(&body, "/model")?;
                strict_schema(&body, "/response_format/json_schema/schema")?;
                chat_messages(&body)
            }
            Self::Messages => {
                if !headers.contains_key("anthropic-version") {
                    return Err(Refused::bad("anthropic-version: header is required"));
                }
                text(&body, "/model")?;
                number(&body, "/max_tokens")?;
                strict_schema(&body, "/output_config/format/schema")?;
                let user = text(&body, "/messages/0/content")?;
                Ok(Asked { system: text(&body, "/system")?, user })
            }
            Self::Responses => {
                text(&body, "/model")?;
                strict_schema(&body, "/text/format/schema")?;
                if body.get("seed").is_some() {
                    return Err(Refused::bad("seed: unknown parameter"));
                }
                let user = text(&body, "/input/0/content")?;
                Ok(Asked { system: text(&body, "/instructions")?, user })
            }
            Self::Gemini => Ok(Asked {
                system: joined(&body, "/systemInstruction/parts")?,
                user: joined(&body, "/contents/0/parts")?,
            }),
            Self::Ollama => {
                text(&body, "/model")?;
                if body.pointer("/stream") != Some(&Value::Bool(false)) {
                    return Err(Refused::bad("stream: this server only answers whole"));
                }
                chat_messages(&body)
            }
        }
    }

    /// Wraps `answer` as the API would.
    pub(super) fn answer(self, model: &str, asked: &Asked, answer: &str) -> Value {
        let (tokens_in, tokens_out) =
            (tokens(&asked.system).saturating_add(tokens(&asked.user)), tokens(answer));
        match self {
            Self::Chat => json!({
                "id": "chatcmpl-rehearsal", "object": "chat.completion", "created": 0,
                "model": model,
                "choices": [{
                    "index": 0, "finish_reason": "stop",
                    "message": { "role": "assistant", "content": answer, "refusal": null }
                }],
                "usage": {
                    "prompt_tokens": tokens_in, "completion_tokens": tokens_out,
                    "total_tokens": tokens_in.saturating_add(tokens_out)
                }
            }),
            Self::Messages => json!({
                "id": "msg_rehearsal", "type": "message", "role": "assistant", "model": model,
                "content": [{ "type": "text", "text": answer }],
                "stop_reason": "end_turn", "stop_sequence": null,
                "usage": { "input_tokens": tokens_in, "output_tokens": tokens_out }
            }),
            Self::Gemini => json!({
                "candidates": [{
                    "index": 0, "finishReason": "STOP",
                    "content": { "role": "model", "parts": [{ "text": answer }] }
                }],
                "modelVersion": model,
                "usageMetadata": {
                    "promptTokenCount": tokens_in, "candidatesTokenCount": tokens_out,
                    "totalTokenCount": tokens_in.saturating_add(tokens_out)
                }
            }),
            Self::Ollama => json!({
                "model": model, "created_at": "1970-01-01T00:00:00Z",
                "message": { "role": "assistant", "content": answer },
                "done": true, "done_reason": "stop",
                "prompt_eval_count": tokens_in, "eval_count": tokens_out
            }),
            Self::Responses => json!({
                "id": "resp_rehearsal", "object": "response", "created_at": 0,
                "status": "completed", "error": null, "incomplete_details": null, "model": model,
                "output": [{
                    "type": "message", "id": "msg_rehearsal", "status": "completed",
                    "role": "assistant",
                    "content": [{ "type": "output_text", "text": answer, "annotations": [] }]
                }],
                "usage": {
                    "input_tokens": tokens_in, "output_tokens": tokens_out,
                    "total_tokens": tokens_in.saturating_add(tokens_out)
                }
            }),
        }
    }

    /// An error in the API's own shape.
    pub(super) fn error(self, refused: &Refused) -> Value {
        let message = &refused.message;
        match self {
            Self::Chat | Self::Responses => json!({
                "error": { "message": message, "type": "invalid_request_error", "code": null }
            }),
            Self::Messages => json!({
                "type": "error",
                "error": { "type": "invalid_request_error", "message": message }
            }),
            Self::Gemini => json!({
                "error": {
                    "code": refused.status, "message": message, "status": "INVALID_ARGUMENT"
                }
            }),
            Self::Ollama => json!({ "error": message }),
        }
    }
}

fn chat_messages(body: &Value) -> Result<Asked, Refused> {
    let messages = body
        .pointer("/messages")
        .and_then(Value::as_array)
        .ok_or_else(|| Refused::bad("messages: a list is required"))?;
    let mut asked = Asked { system: String::new(), user: String::new() };
    for message in messages {
        let content = text(message, "/content")?;
        match text(message, "/role")?.as_str() {
            "system" | "developer" => asked.system.push_str(&content),
            "user" => asked.user.push_str(&content),
            other => return Err(Refused::bad(format!("messages: the role {other} is unexpected"))),
        }
    }
    if asked.user.is_empty() {
        return Err(Refused::bad("messages: there is no user message"));
    }
    Ok(asked)
}

fn text(body: &Value, pointer: &str) -> Result<String, Refused> {
    body.pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Refused::bad(format!("{}: a text is required", field(pointer))))
}

fn number(body: &Value, pointer: &str) -> Result<u64, Refused> {
    body.pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| Refused::bad(format!("{}: a number is required", field(pointer))))
}

fn joined(body: &Value, pointer: &str) -> Result<String, Refused> {
    let parts = body.pointer(pointer).and_then(Value::as_array);
    let texts = parts.map(|parts| {
        parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect::<String>()
    });
    texts.ok_or_else(|| Refused::bad(format!("{}: a list is required", field(pointer))))
}

/// A strict schema closes every object and requires every property, and uses none of the keywords
/// that the strict modes reject. Sending none is allowed: a compatible server may not know it.
fn strict_schema(body: &Value, pointer: &str) -> Result<(), Refused> {
    const REJECTED: [&str; 5] = ["minimum", "maximum", "minLength", "maxLength", "multipleOf"];
    let Some(schema) = body.pointer(pointer) else {
        return Ok(());
    };
    let mut open = vec![schema];
    while let Some(node) = open.pop() {
        let Value::Object(map) = node else {
            if let Value::Array(list) = node {
                open.extend(list);
            }
            continue;
        };
        if let Some(keyword) = REJECTED.iter().find(|keyword| map.contains_key(**keyword)) {
            return Err(Refused::bad(format!("schema: {keyword} is not supported")));
        }
        if let Some(Value::Object(properties)) = map.get("properties") {
            let required = map.get("required").and_then(Value::as_array).map_or(0, Vec::len);
            let closed = map.get("additionalProperties") == Some(&Value::Bool(false));
            if !closed || required != properties.len() {
                return Err(Refused::bad("schema: every property must be required, no other"));
            }
            open.extend(properties.values());
        }
        open.extend(map.iter().filter(|(key, _)| *key != "properties").map(|(_, value)| value));
    }
    Ok(())
}

fn field(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

/// Four characters to a token: nobody is billed by it.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}
