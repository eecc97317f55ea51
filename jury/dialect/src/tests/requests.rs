//! The exact shape of every request, and the capability table behind it.

use serde_json::{Value, json};

use super::{a_prompt, a_view, current, model};
use crate::{AuthHeader, Capability, Dialect, MaxTokensKey, Model, SchemaMode};
use surety_jury::Template;
use surety_jury::vote::SCHEMA_TEXT;

/// What [`a_prompt`] asks in.
const SYSTEM: &str = Template::J3.system();

/// The request as path, headers and JSON, the vote's schema checked and cut out of it.
fn request(dialect: Dialect, model: &Model) -> (String, Value) {
    let request = dialect.build(&a_prompt(&a_view()), model);
    let text = String::from_utf8(request.body.clone()).unwrap();
    assert_eq!(request, dialect.build(&a_prompt(&a_view()), model), "the same bytes every time");
    let headers = if dialect == Dialect::Anthropic {
        vec![("content-type", "application/json"), ("anthropic-version", "2023-06-01")]
    } else {
        vec![("content-type", "application/json")]
    };
    assert_eq!(request.headers, headers);
    let text = text.replace(SCHEMA_TEXT.trim_end(), "\"S\"");
    (request.path, serde_json::from_str(&text).unwrap())
}

fn user() -> String {
    a_prompt(&a_view()).user
}

#[test]
fn openai_requests_have_the_documented_shape() {
    let (path, body) = request(Dialect::OpenAiChat, &current(Dialect::OpenAiChat));
    assert_eq!(path, "/chat/completions");
    let format = json!({ "type": "json_schema",
        "json_schema": { "name": "vote", "strict": true, "schema": "S" } });
    let wanted = json!({
        "model": "gpt-5",
        "messages": [
            { "role": "developer", "content": SYSTEM },
            { "role": "user", "content": user() },
        ],
        "response_format": format,
        "max_completion_tokens": 1_024,
    });
    assert_eq!(body, wanted);
    let four = model(Dialect::OpenAiChat, "gpt-4o");
    let (_, body) = request(Dialect::OpenAiChat, &four);
    assert_eq!((&body["messages"][0]["role"], &body["temperature"]), (&json!("system"), &json!(0)));
}

#[test]
fn responses_requests_have_the_documented_shape() {
    let dialect = Dialect::OpenAiResponses;
    let (path, body) = request(dialect, &current(dialect));
    assert_eq!(path, "/responses");
    let wanted = json!({
        "model": "gpt-5",
        "instructions": SYSTEM,
        "input": [{ "role": "user", "content": user() }],
        "text": { "format": { "type": "json_schema", "name": "vote", "strict": true, "schema": "S" } },
        "max_output_tokens": 1_024,
        "store": false,
    });
    assert_eq!(body, wanted);
    let (_, body) = request(dialect, &model(dialect, "gpt-4-turbo"));
    assert_eq!(body["text"], json!({ "format": { "type": "json_object" } }));
}

#[test]
fn compatible_requests_take_a_schema_or_only_json() {
    let dialect = Dialect::OpenAiCompatible;
    let (path, body) = request(dialect, &current(dialect));
    assert_eq!((path.as_str(), &body["max_tokens"]), ("/chat/completions", &json!(1_024)));
    assert_eq!(body["response_format"]["json_schema"]["schema"], "S");
    assert_eq!(body["messages"][0]["role"], "system");
    for absent in ["max_completion_tokens", "temperature", "seed"] {
        assert_eq!(body.get(absent), None);
    }
    let (_, body) = request(dialect, &model(dialect, "deepseek-chat"));
    assert_eq!(body["response_format"], json!({ "type": "json_object" }));
    let mut configured = current(dialect);
    configured.capability.schema_mode = SchemaMode::JsonObject;
    let (_, body) = request(dialect, &configured);
    assert_eq!(body["response_format"], json!({ "type": "json_object" }));
}

#[test]
fn anthropic_requests_have_the_documented_shape() {
    let (path, body) = request(Dialect::Anthropic, &current(Dialect::Anthropic));
    assert_eq!(path, "/v1/messages");
    let wanted = json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 1_024,
        "system": SYSTEM,
        "messages": [{ "role": "user", "content": user() }],
        "output_config": { "format": { "type": "json_schema", "schema": "S" } },
    });
    assert_eq!(body, wanted);
    let (_, body) =
        request(Dialect::Anthropic, &model(Dialect::Anthropic, "claude-3-5-haiku-latest"));
    assert_eq!(body.get("output_config"), None);
    let tool = json!({ "name": "cast_vote", "input_schema": "S", "strict": true });
    assert_eq!(body["tools"], json!([tool]));
    assert_eq!(body["tool_choice"], json!({ "type": "tool", "name": "cast_vote" }));
}

#[test]
fn gemini_requests_have_the_documented_shape() {
    let (path, body) = request(Dialect::Gemini, &current(Dialect::Gemini));
    assert_eq!(path, "/v1beta/models/gemini-2.5-pro:generateContent");
    let wanted = json!({
        "systemInstruction": { "parts": [{ "text": SYSTEM }] },
        "contents": [{ "role": "user", "parts": [{ "text": user() }] }],
        "generationConfig": {
            "responseMimeType": "application/json",
            "responseJsonSchema": "S",
            "maxOutputTokens": 1_024,
            "seed": 42,
        },
    });
    assert_eq!(body, wanted);
    let (_, body) = request(Dialect::Gemini, &model(Dialect::Gemini, "gemini-1.5-flash"));
    let config = &body["generationConfig"];
    assert_eq!(config.get("responseJsonSchema"), None);
    assert!(!config["responseSchema"].to_string().contains("additionalProperties"));
    assert_eq!(config["responseSchema"]["propertyOrdering"][5], "verdict");
}

#[test]
fn ollama_requests_have_the_documented_shape() {
    let (path, body) = request(Dialect::Ollama, &current(Dialect::Ollama));
    assert_eq!(path, "/api/chat");
    let wanted = json!({
        "model": "qwen3:32b",
        "messages": [
            { "role": "system", "content": SYSTEM },
            { "role": "user", "content": user() },
        ],
        "stream": false,
        "format": "S",
        "options": { "temperature": 0, "seed": 42, "num_predict": 1_024 },
    });
    assert_eq!(body, wanted);
    let mut configured = current(Dialect::Ollama);
    configured.capability.schema_mode = SchemaMode::JsonObject;
    assert_eq!(request(Dialect::Ollama, &configured).1["format"], "json");
}

#[test]
fn the_capability_table_knows_the_families() {
    use MaxTokensKey::{MaxCompletionTokens, MaxTokens};
    use SchemaMode::{JsonObject, JsonSchema, OpenApi, Tool};
    for (dialect, name, mode, key) in [
        (Dialect::OpenAiChat, "gpt-5.1-mini", JsonSchema, MaxCompletionTokens),
        (Dialect::OpenAiChat, "o3", JsonSchema, MaxCompletionTokens),
        (Dialect::OpenAiChat, "unknown", JsonSchema, MaxCompletionTokens),
        (Dialect::OpenAiChat, "gpt-4", JsonObject, MaxTokens),
        (Dialect::OpenAiChat, "gpt-4-turbo", JsonObject, MaxTokens),
        (Dialect::OpenAiChat, "gpt-3.5-turbo", JsonObject, MaxTokens),
        (Dialect::Anthropic, "claude-opus-4-7", JsonSchema, MaxTokens),
        (Dialect::Anthropic, "claude-haiku-4-5-20251001", JsonSchema, MaxTokens),
        (Dialect::Anthropic, "claude-sonnet-4-20250514", Tool, MaxTokens),
        (Dialect::Anthropic, "claude-opus-4-1", Tool, MaxTokens),
        (Dialect::Anthropic, "claude-3-7-sonnet-latest", Tool, MaxTokens),
        (Dialect::Anthropic, "unknown", JsonSchema, MaxTokens),
        (Dialect::Gemini, "gemini-3-pro", JsonSchema, MaxTokens),
        (Dialect::Gemini, "gemini-2.0-flash", OpenApi, MaxTokens),
        (Dialect::OpenAiCompatible, "deepseek/deepseek-chat", JsonObject, MaxTokens),
        (Dialect::OpenAiCompatible, "grok-4", JsonSchema, MaxTokens),
        (Dialect::OpenAiCompatible, "mistral-large-latest", JsonSchema, MaxTokens),
        (Dialect::Ollama, "llama3", JsonSchema, MaxTokens),
        (Dialect::OpenAiResponses, "gpt-5", JsonSchema, MaxTokens),
        (Dialect::OpenAiResponses, "gpt-3.5-turbo", JsonObject, MaxTokens),
    ] {
        let takes = Capability::of(dialect, name);
        assert_eq!((takes.schema_mode, takes.max_tokens_key), (mode, key), "{dialect} {name}");
    }
    for newest in ["gpt-5", "o4-mini", "unknown"] {
        for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses] {
            let takes = Capability::of(dialect, newest);
            assert!(!takes.temperature && !takes.seed, "{newest} refuses both");
        }
    }
    assert!(Capability::of(Dialect::OpenAiResponses, "gpt-4.1").temperature);
    assert!(!Capability::of(Dialect::Anthropic, "claude-opus-4-7").temperature);
}

#[test]
fn a_model_name_stays_in_its_place_in_the_path() {
    for name in ["gpt-4o", "qwen3:32b", "meta-llama/Llama-3.1-8B", "claude@20240620"] {
        assert_eq!(Model::new(Dialect::Gemini, name, 1).unwrap().name(), name);
    }
    let long = "a".repeat(129);
    for name in ["", "a b", "a?b", "a#b", "../x", "a/../b", "a//b", "/a", "a%2fb", "a\n", &long] {
        assert!(Model::new(Dialect::Gemini, name, 1).is_err(), "{name:?}");
    }
}

#[test]
fn keys_go_into_one_header_and_into_no_request() {
    for (dialect, name, prefix) in [
        (Dialect::OpenAiChat, "authorization", "Bearer "),
        (Dialect::Anthropic, "x-api-key", ""),
        (Dialect::Gemini, "x-goog-api-key", ""),
        (Dialect::OpenAiCompatible, "authorization", "Bearer "),
        (Dialect::Ollama, "authorization", "Bearer "),
        (Dialect::OpenAiResponses, "authorization", "Bearer "),
    ] {
        assert_eq!(dialect.auth_header(), AuthHeader { name, prefix });
        let request = dialect.build(&a_prompt(&a_view()), &current(dialect));
        assert!(request.headers.iter().all(|(header, _)| *header != name));
    }
}

#[test]
fn configuration_words_are_one_to_one() {
    for dialect in Dialect::ALL {
        assert_eq!(serde_json::to_value(dialect).unwrap(), dialect.as_str());
        assert_eq!(serde_json::from_value::<Dialect>(json!(dialect.as_str())).unwrap(), dialect);
    }
}
