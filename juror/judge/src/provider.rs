//! Asking the provider: exact bytes out, exact bytes in, and the key in one header only.
//!
//! A redirect is never followed, since it would carry the key elsewhere. What goes wrong has a name
//! (`ProviderFault`); no name here leads to "met".

use std::time::{Duration, Instant};

use reqwest::{
    Client,
    header::{HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use surety_dialect::{
    Dialect, MAX_RESPONSE_BYTES, Model, ProviderFault, WireAnswer, WireRequest, WireResponse,
};
use surety_jury::Prompt;
use url::Url;

use crate::JudgeError;

/// One LLM provider, as an operator configures it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// The wire format it speaks.
    pub dialect: Dialect,
    /// Where it answers; the dialect's path is appended.
    pub base_url: Url,
    /// The model to ask.
    pub model: String,
    /// The environment variable that holds the API key, when it needs one.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// How long one answer may take.
    #[serde(default = "ProviderConfig::default_timeout_secs")]
    pub timeout_secs: u64,
    /// How long one answer may get.
    #[serde(default = "ProviderConfig::default_max_output_tokens")]
    pub max_output_tokens: u32,
}

impl ProviderConfig {
    const fn default_timeout_secs() -> u64 {
        60
    }

    const fn default_max_output_tokens() -> u32 {
        2_048
    }
}

/// One provider, one model, one key.
#[derive(Debug)]
pub struct Provider {
    client: Client,
    base_url: String,
    /// For the transcript.
    pub(crate) host: String,
    pub(crate) dialect: Dialect,
    pub(crate) model: Model,
    timeout: Duration,
    key: Option<(HeaderName, HeaderValue)>,
}

/// What came back for one request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: Option<u16>,
    /// The exact body, as far as it was read.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) elapsed: Duration,
    pub(crate) answer: Result<WireAnswer, ProviderFault>,
}

impl Provider {
    /// The client for a configured provider.
    pub fn new(config: &ProviderConfig, api_key: Option<SecretString>) -> Result<Self, JudgeError> {
        let model = Model::new(config.dialect, &config.model, config.max_output_tokens)
            .map_err(|err| JudgeError::config("provider.model", err))?;
        let key = api_key.map(|key| auth(config.dialect, &key)).transpose()?;
        let timeout = Duration::from_secs(config.timeout_secs);
        let client = Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .timeout(timeout)
            .build()
            .map_err(|_| JudgeError::Client)?;
        Ok(Self {
            client,
            base_url: config.base_url.as_str().trim_end_matches('/').to_owned(),
            host: host(&config.base_url),
            dialect: config.dialect,
            model,
            timeout,
            key,
        })
    }

    /// The request for one question. The same question always gives the same bytes.
    pub(crate) fn request(&self, prompt: &Prompt) -> WireRequest {
        self.dialect.build(prompt, &self.model)
    }

    /// Sends one request once, and waits for the answer no longer than is `left`.
    pub(crate) async fn send(&self, request: &WireRequest, left: Duration) -> Reply {
        let begun = Instant::now();
        let patience = self.timeout.min(left);
        let (status, body, answer) =
            match tokio::time::timeout(patience, self.exchange(request)).await {
                Ok(Ok((status, retry_after, body))) => {
                    let response =
                        WireResponse { status, retry_after: retry_after.as_deref(), body: &body };
                    let answer = self.dialect.parse(&response);
                    (Some(status), Some(body), answer)
                }
                Ok(Err(fault)) => (None, None, Err(fault)),
                Err(_) => (None, None, Err(ProviderFault::Timeout)),
            };
        Reply { status, body, elapsed: begun.elapsed(), answer }
    }

    async fn exchange(
        &self,
        request: &WireRequest,
    ) -> Result<(u16, Option<String>, Vec<u8>), ProviderFault> {
        let url = format!("{}{}", self.base_url, request.path);
        let mut post = self.client.post(url).body(request.body.clone());
        for (name, value) in &request.headers {
            post = post.header(*name, *value);
        }
        if let Some((name, value)) = &self.key {
            post = post.header(name, value);
        }
        let mut response = post.send().await.map_err(|err| fault(&err))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut body = Vec::new();
        // One byte beyond the limit is enough for the dialect to see that there is too much.
        while body.len() <= MAX_RESPONSE_BYTES {
            match response.chunk().await.map_err(|err| fault(&err))? {
                Some(chunk) => body.extend_from_slice(&chunk),
                None => break,
            }
        }
        body.truncate(MAX_RESPONSE_BYTES.saturating_add(1));
        Ok((status, retry_after, body))
    }
}

/// The transport's own words stay here: they hold the URL.
fn fault(err: &reqwest::Error) -> ProviderFault {
    if err.is_timeout() { ProviderFault::Timeout } else { ProviderFault::Unreachable }
}

fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn auth(dialect: Dialect, key: &SecretString) -> Result<(HeaderName, HeaderValue), JudgeError> {
    let header = dialect.auth_header();
    let mut value = HeaderValue::from_str(&format!("{}{}", header.prefix, key.expose_secret()))
        .map_err(|_| {
            JudgeError::config("provider.api_key_env", "names a key that no header can carry")
        })?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(header.name), value))
}
