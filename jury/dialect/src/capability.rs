//! What a model family takes: a small table, by the beginning of the model's name.
//!
//! A parameter that a family refuses costs the seat its vote, so what is unknown is left out.

use serde::{Deserialize, Serialize};

use super::Dialect;

/// How the names of models begin whose makers sell them by the token.
const SOLD: [&str; 16] = [
    "chatgpt-",
    "claude-",
    "codestral-",
    "deepseek-chat",
    "deepseek-reasoner",
    "gemini-",
    "gpt-3",
    "gpt-4",
    "gpt-5",
    "gpt-6",
    "grok-",
    "magistral-",
    "mistral-",
    "o1",
    "o3",
    "o4",
];

/// How the vote's form is asked for. Whatever the provider promises, the vote is checked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaMode {
    /// By JSON Schema, in the dialect's own place.
    JsonSchema,
    /// Any JSON object; the prompt alone says which.
    JsonObject,
    /// As the input of a tool that the model must call (Anthropic before 4.5).
    Tool,
    /// By the `OpenAPI` subset `responseSchema` (Gemini before 2.5).
    OpenApi,
}

/// The key under which the output limit goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensKey {
    /// `max_tokens`.
    MaxTokens,
    /// `max_completion_tokens`.
    MaxCompletionTokens,
}

/// The role of the system message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemRole {
    /// `system`.
    System,
    /// `developer`.
    Developer,
}

/// What a model takes. In the OpenAI shapes all fields matter, elsewhere some are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capability {
    /// How the vote's form is asked for.
    pub schema_mode: SchemaMode,
    /// The key of the output limit.
    pub max_tokens_key: MaxTokensKey,
    /// The role of the system message.
    pub system_role: SystemRole,
    /// Whether `temperature: 0` may be sent.
    pub temperature: bool,
    /// Whether `seed` may be sent.
    pub seed: bool,
}

impl Capability {
    /// The capability of `model` behind `dialect`; the newest form for a name that nobody knows.
    pub fn of(dialect: Dialect, model: &str) -> Self {
        // A router's prefix ("openai/gpt-4o") is not part of the name.
        let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
        let base = Self {
            schema_mode: SchemaMode::JsonSchema,
            max_tokens_key: MaxTokensKey::MaxTokens,
            system_role: SystemRole::System,
            temperature: false,
            seed: false,
        };
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses
                if begins(&["gpt-3.5", "gpt-4-", "chatgpt-4o"]) || name == "gpt-4" =>
            {
                Self { schema_mode: SchemaMode::JsonObject, temperature: true, ..base }
            }
            Dialect::OpenAiChat => Self {
                max_tokens_key: MaxTokensKey::MaxCompletionTokens,
                system_role: if begins(&["gpt-5", "o1", "o3", "o4"]) {
                    SystemRole::Developer
                } else {
                    SystemRole::System
                },
                temperature: begins(&["gpt-4o", "gpt-4.1"]),
                ..base
            },
            // The instructions have a place of their own there, and no seed is taken.
            Dialect::OpenAiResponses => {
                Self { temperature: begins(&["gpt-4o", "gpt-4.1"]), ..base }
            }
            Dialect::Anthropic => Self {
                schema_mode: if is_older_claude(&name) {
                    SchemaMode::Tool
                } else {
                    SchemaMode::JsonSchema
                },
                ..base
            },
            Dialect::Gemini => Self {
                schema_mode: if begins(&["gemini-1", "gemini-2.0"]) {
                    SchemaMode::OpenApi
                } else {
                    SchemaMode::JsonSchema
                },
                seed: true,
                ..base
            },
            Dialect::OpenAiCompatible if begins(&["deepseek"]) => {
                Self { schema_mode: SchemaMode::JsonObject, ..base }
            }
            Dialect::OpenAiCompatible => base,
            Dialect::Ollama => Self { temperature: true, seed: true, ..base },
        }
    }
}

/// Whether the table knows `model` as one that is sold by the token, whoever passes it on. An open
/// model that somebody sells is not known here: a key tells that.
pub fn is_sold(dialect: Dialect, model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match dialect {
        Dialect::OpenAiChat
        | Dialect::OpenAiResponses
        | Dialect::OpenAiCompatible
        | Dialect::Anthropic
        | Dialect::Gemini => begins(&SOLD),
        // Everything runs on its own machine, but for what is named so.
        Dialect::Ollama => name.ends_with("-cloud") || name.ends_with(":cloud"),
    }
}

/// Claude models before 4.5, which know structured answers only as tool calls.
fn is_older_claude(name: &str) -> bool {
    let older = ["claude-2", "claude-3", "claude-instant"];
    let four = ["claude-opus-4", "claude-sonnet-4"];
    let newer = ["-4-5", "-4-6", "-4-7", "-4-8", "-4-9", "-4.5"];
    older.iter().any(|prefix| name.starts_with(prefix))
        || four.iter().any(|prefix| name.starts_with(prefix))
            && !newer.iter().any(|version| name.contains(version))
}
