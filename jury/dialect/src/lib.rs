#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    warn(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

mod anthropic;
mod body;
mod capability;
mod fault;
mod gemini;
mod ollama;
mod openai;
mod responses;
mod tokens;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use surety_jury::{JuryError, Prompt};

pub use capability::{Capability, MaxTokensKey, SchemaMode, SystemRole, is_sold};
pub use fault::ProviderFault;

use body::Body;

/// A larger response is a fault; a transport stops reading there.
pub const MAX_RESPONSE_BYTES: usize = 1024 * 1024;
/// The version of the Messages API that we speak.
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// The seed where one is taken. It makes nothing reproducible; transcripts do.
const SEED: u32 = 42;

/// A provider's wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI Chat Completions; the base URL ends in `/v1`.
    #[serde(rename = "openai-chat")]
    OpenAiChat,
    /// Anthropic Messages; the base URL is the host.
    Anthropic,
    /// Gemini `generateContent`; the base URL is the host.
    Gemini,
    /// The Chat Completions shape elsewhere: Mistral, `DeepSeek`, xAI, vLLM, llama.cpp.
    #[serde(rename = "openai-compatible")]
    OpenAiCompatible,
    /// Ollama's own `/api/chat`; the base URL is the host.
    Ollama,
    /// OpenAI Responses; the base URL ends in `/v1`.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [
        Self::OpenAiChat,
        Self::Anthropic,
        Self::Gemini,
        Self::OpenAiCompatible,
        Self::Ollama,
        Self::OpenAiResponses,
    ];

    /// The word of configuration files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai-chat",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::OpenAiCompatible => "openai-compatible",
            Self::Ollama => "ollama",
            Self::OpenAiResponses => "openai-responses",
        }
    }

    /// How a key is shown to the provider, if there is one.
    pub const fn auth_header(self) -> AuthHeader {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompatible | Self::Ollama => {
                AuthHeader { name: "authorization", prefix: "Bearer " }
            }
            Self::Anthropic => AuthHeader { name: "x-api-key", prefix: "" },
            Self::Gemini => AuthHeader { name: "x-goog-api-key", prefix: "" },
        }
    }

    /// The tokens that a successful response says it counted, in the question and in the answer,
    /// also where it holds no answer. Where a total is told, what neither names belongs to the
    /// answer: some count a model's thoughts nowhere else, and charge for them alike.
    pub fn counted(self, body: &[u8]) -> (Option<u64>, Option<u64>) {
        let Ok(body) = Body::read(body) else { return (None, None) };
        let (counted, total) = match self {
            Self::OpenAiChat | Self::OpenAiCompatible => {
                (body.counted(openai::USAGE), Some("/usage/total_tokens"))
            }
            Self::Anthropic => (body.counted(anthropic::USAGE), None),
            Self::Gemini => (gemini::counted(&body), Some("/usageMetadata/totalTokenCount")),
            Self::Ollama => (body.counted(ollama::USAGE), None),
            Self::OpenAiResponses => (body.counted(responses::USAGE), Some("/usage/total_tokens")),
        };
        let (input, output) = counted;
        let total = total.and_then(|place| body.root().pointer(place)).and_then(Value::as_u64);
        let rest = total.zip(input).map(|(total, input)| total.saturating_sub(input));
        (input, output.max(rest))
    }

    /// Whether a response with this status is documented to cost nothing. Whatever is not, may have
    /// cost as much as an answer: a provider can process a request and fail afterwards.
    ///
    /// - The OpenAI formats: 401 and 429, as Azure's cost page says of the same service. It charges
    ///   for 400 (filtered) and 408. OpenAI itself says nothing.
    /// - Gemini: 400 and 500, as its billing page says.
    /// - Anthropic, and whoever else speaks somebody's format: nothing is documented.
    pub const fn is_free(self, status: u16) -> bool {
        match self {
            Self::OpenAiChat | Self::OpenAiResponses => matches!(status, 401 | 429),
            Self::Gemini => matches!(status, 400 | 500),
            Self::Anthropic | Self::OpenAiCompatible | Self::Ollama => false,
        }
    }

    /// The request that asks `model` the question in `prompt`. Holds no secret.
    pub fn build(self, prompt: &Prompt, model: &Model) -> WireRequest {
        let (path, body) = match self {
            Self::OpenAiChat | Self::OpenAiCompatible => openai::build(prompt, model),
            Self::Anthropic => anthropic::build(prompt, model),
            Self::Gemini => gemini::build(prompt, model),
            Self::Ollama => ollama::build(prompt, model),
            Self::OpenAiResponses => responses::build(prompt, model),
        };
        WireRequest { path, headers: self.headers(), body }
    }

    /// The request that asks which models there are. It has no body, and no provider a price for
    /// it.
    pub fn list_models(self) -> WireRequest {
        let path = match self {
            Self::OpenAiChat | Self::OpenAiResponses | Self::OpenAiCompatible => "/models",
            Self::Anthropic => "/v1/models",
            Self::Gemini => "/v1beta/models",
            Self::Ollama => "/api/tags",
        };
        WireRequest { path: path.to_owned(), headers: self.headers(), body: Vec::new() }
    }

    fn headers(self) -> Vec<(&'static str, &'static str)> {
        let mut headers = vec![("content-type", "application/json")];
        if self == Self::Anthropic {
            headers.push(("anthropic-version", ANTHROPIC_VERSION));
        }
        headers
    }

    /// The answer in a response, or why there is none. The vote inside is still to be read.
    pub fn parse(self, response: &WireResponse<'_>) -> Result<WireAnswer, ProviderFault> {
        let &WireResponse { status, retry_after, body } = response;
        if body.len() > MAX_RESPONSE_BYTES {
            return Err(ProviderFault::TooLarge { got: body.len(), most: MAX_RESPONSE_BYTES });
        }
        if let Some(fault) = ProviderFault::of_status(status, retry_after) {
            return Err(fault);
        }
        let body = Body::read(body)?;
        let answer = match self {
            Self::OpenAiChat | Self::OpenAiCompatible => openai::parse(&body),
            Self::Anthropic => anthropic::parse(&body),
            Self::Gemini => gemini::parse(&body),
            Self::Ollama => ollama::parse(&body),
            Self::OpenAiResponses => responses::parse(&body),
        }?;
        if answer.text.trim().is_empty() { Err(ProviderFault::Empty) } else { Ok(answer) }
    }
}

impl std::fmt::Display for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The header that carries a key: `name: <prefix><key>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AuthHeader {
    /// The header's name, in lower case.
    pub name: &'static str,
    /// What stands before the key.
    pub prefix: &'static str,
}

/// The model behind a seat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    name: String,
    /// The output limit that is sent.
    pub max_output_tokens: u32,
    /// What the model takes; from the table, or set by configuration.
    pub capability: Capability,
}

impl Model {
    /// A model by its name at the provider, with the capability that the table knows.
    pub fn new(dialect: Dialect, name: &str, max_output_tokens: u32) -> Result<Self, JuryError> {
        // The name becomes part of a path: nothing that could leave it.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/@".contains(&byte);
        let fits = (1..=128).contains(&name.len()) && name.bytes().all(allowed);
        if !fits || name.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
            let rule = "1 to 128 of a-z, A-Z, 0-9 and -._:/@, no empty part, none from a dot";
            return Err(JuryError::TextInvalid { field: "model", got: name.to_owned(), rule });
        }
        let capability = Capability::of(dialect, name);
        Ok(Self { name: name.to_owned(), max_output_tokens, capability })
    }

    /// The name at the provider.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A request, complete but for base URL and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireRequest {
    /// The path to append to the base URL; begins with a slash.
    pub path: String,
    /// Headers that are no secret.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The exact body; one that is empty is not sent.
    pub body: Vec<u8>,
}

/// A response as the transport got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WireResponse<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The `Retry-After` header, if any.
    pub retry_after: Option<&'a str>,
    /// The exact body, or its beginning if it exceeds [`MAX_RESPONSE_BYTES`].
    pub body: &'a [u8],
}

/// What a model answered; not yet a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireAnswer {
    /// The model's text, to be read by [`Vote::read`](surety_jury::Vote::read).
    pub text: String,
    /// The model that says it answered.
    pub model_reported: Option<String>,
    /// Tokens the provider counted in the request.
    pub input_tokens: Option<u32>,
    /// Tokens the provider counted in the answer.
    pub output_tokens: Option<u32>,
}

/// A request's bytes: strings and numbers only, so this cannot fail; an empty body gets no answer.
fn bytes<T: Serialize>(request: &T) -> Vec<u8> {
    serde_json::to_vec(request).unwrap_or_default()
}

#[cfg(test)]
mod tests;
