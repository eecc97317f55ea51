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
use tokio::sync::watch;
use url::Url;

use crate::{JudgeError, breaker::Breaker, turns};

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
    /// Outages in a row after which nobody asks for a while.
    #[serde(default = "ProviderConfig::default_breaker_outages")]
    pub breaker_outages: u32,
    /// How long the first while is; then one question is tried.
    #[serde(default = "ProviderConfig::default_breaker_secs")]
    pub breaker_secs: u64,
}

impl ProviderConfig {
    const fn default_timeout_secs() -> u64 {
        60
    }

    const fn default_max_output_tokens() -> u32 {
        2_048
    }

    const fn default_breaker_outages() -> u32 {
        5
    }

    const fn default_breaker_secs() -> u64 {
        30
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
    pub(crate) breaker: Breaker,
    timeout: Duration,
    key: Option<(HeaderName, HeaderValue)>,
    /// What no transcript may hold.
    secret: Option<SecretString>,
    /// How many cases go first.
    cases: Option<watch::Receiver<usize>>,
}

/// What came back for one request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: Option<u16>,
    /// The exact body, as far as it was read.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) elapsed: Duration,
    pub(crate) answer: Result<WireAnswer, ProviderFault>,
    /// Whether it may have cost something: it reached the provider, and no error came back.
    pub(crate) is_billable: bool,
}

impl Reply {
    /// The tokens in question and answer, where the provider counted both.
    pub(crate) fn tokens(&self) -> Option<(u64, u64)> {
        let answer = self.answer.as_ref().ok()?;
        Some((answer.input_tokens?.into(), answer.output_tokens?.into()))
    }
}

impl Provider {
    /// The client for a configured provider.
    pub fn new(config: &ProviderConfig, api_key: Option<SecretString>) -> Result<Self, JudgeError> {
        let model = Model::new(config.dialect, &config.model, config.max_output_tokens)
            .map_err(|err| JudgeError::config("provider.model", err))?;
        let key = api_key.as_ref().map(|key| auth(config.dialect, key)).transpose()?;
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
            breaker: Breaker::new(config.breaker_outages, Duration::from_secs(config.breaker_secs)),
            timeout,
            key,
            secret: api_key,
            cases: None,
        })
    }

    /// The same, asked only while none of these cases is judged.
    #[must_use]
    pub fn after(self, cases: watch::Receiver<usize>) -> Self {
        Self { cases: Some(cases), ..self }
    }

    /// Waits for its turn; whether that came within so much time.
    pub(crate) async fn has_turn(&self, within: Duration) -> bool {
        match &self.cases {
            Some(cases) => turns::is_quiet(cases, within).await,
            None => true,
        }
    }

    /// The request for one question. The same question always gives the same bytes.
    pub(crate) fn request(&self, prompt: &Prompt) -> WireRequest {
        self.dialect.build(prompt, &self.model)
    }

    /// Sends one request once, and waits for the answer no longer than is `left`.
    pub(crate) async fn send(&self, request: &WireRequest, left: Duration) -> Reply {
        let begun = Instant::now();
        let patience = self.timeout.min(left);
        let exchange = tokio::time::timeout(patience, self.exchange(request)).await;
        let elapsed = begun.elapsed();
        let lost = |fault, is_billable| Reply {
            status: None,
            body: None,
            elapsed,
            answer: Err(fault),
            is_billable,
        };
        match exchange {
            Ok(Ok((_, _, body))) if self.is_told(&body) => lost(ProviderFault::EchoesKey, true),
            Ok(Ok((status, retry_after, body))) => {
                let retry_after = retry_after.as_deref();
                let answer = self.dialect.parse(&WireResponse { status, retry_after, body: &body });
                let is_billable = (200..300).contains(&status);
                Reply { status: Some(status), body: Some(body), elapsed, answer, is_billable }
            }
            Ok(Err(err)) => lost(fault(&err), !err.is_connect()),
            Err(_) => lost(ProviderFault::Timeout, true),
        }
    }

    /// Whether a response holds the key: everything that is kept may be shown to others.
    fn is_told(&self, body: &[u8]) -> bool {
        let Some(secret) = &self.secret else { return false };
        let secret = secret.expose_secret().as_bytes();
        !secret.is_empty() && body.windows(secret.len()).any(|part| part == secret)
    }

    async fn exchange(
        &self,
        request: &WireRequest,
    ) -> Result<(u16, Option<String>, Vec<u8>), reqwest::Error> {
        let url = format!("{}{}", self.base_url, request.path);
        let mut post = self.client.post(url).body(request.body.clone());
        for (name, value) in &request.headers {
            post = post.header(*name, *value);
        }
        if let Some((name, value)) = &self.key {
            post = post.header(name, value);
        }
        let mut response = post.send().await?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let mut body = Vec::new();
        // One byte beyond the limit is enough for the dialect to see that there is too much.
        while body.len() <= MAX_RESPONSE_BYTES {
            match response.chunk().await? {
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
