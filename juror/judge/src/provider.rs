//! Asking the provider: exact bytes out, exact bytes in, and the key in one header only.
//!
//! A redirect is never followed, since it would carry the key elsewhere. What goes wrong has a name
//! (`ProviderFault`); no name here leads to "met".

use std::time::Duration;

use reqwest::{
    Client,
    header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect::Policy,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use surety_dialect::{
    Dialect, MAX_RESPONSE_BYTES, Model, ProviderFault, WireAnswer, WireRequest, WireResponse,
    is_sold,
};
use surety_jury::Prompt;
use tokio::sync::watch;
use url::{Host, Url};

use crate::{BudgetConfig, JudgeError, breaker::Breaker, clock::Clock, health::Health, turns};

/// What an operator is told that would pay without a limit.
const BUDGET_MISSING: &str = "is missing, and this provider may charge: write [budget] with \
     input_micro_usd and output_micro_usd, what a million tokens cost in millionths of a US dollar \
     (0 where they are free), and the caps case_micro_usd and day_micro_usd";

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
    /// Whether asking it may cost money: it wants a key, its model is one that is sold, or it runs
    /// on another machine. Ollama runs on whoever's machine it does; only a key or a model of its
    /// cloud tells that somebody charges.
    pub fn is_paid(&self) -> bool {
        let is_elsewhere = self.dialect != Dialect::Ollama && !is_this_machine(&self.base_url);
        self.api_key_env.is_some() || is_sold(self.dialect, &self.model) || is_elsewhere
    }

    /// Fails where it may charge and nothing limits that.
    pub fn check_budget(&self, budget: Option<&BudgetConfig>) -> Result<(), JudgeError> {
        if budget.is_none() && self.is_paid() {
            return Err(JudgeError::config("budget", BUDGET_MISSING));
        }
        Ok(())
    }

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
    pub(crate) health: Health,
    pub(crate) clock: Clock,
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
    /// Whether it may have cost something: all but a provider that was never reached, and an error
    /// that is documented to be free.
    pub(crate) is_billable: bool,
    /// The tokens in question and answer that the provider counted, also where it gave no answer.
    pub(crate) counted: (Option<u64>, Option<u64>),
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
            health: Health::default(),
            clock: Clock::default(),
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

    /// The same, by another clock than the machine's. The connection itself goes by the machine's.
    #[must_use]
    pub fn by(self, clock: Clock) -> Self {
        Self { clock, ..self }
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
        let begun = self.clock.now();
        let patience = self.timeout.min(left);
        let exchange = self.clock.within(patience, self.exchange(request)).await;
        let elapsed = self.clock.now().saturating_duration_since(begun);
        let lost = |fault, is_billable| Reply {
            status: None,
            body: None,
            elapsed,
            answer: Err(fault),
            is_billable,
            counted: (None, None),
        };
        match exchange {
            Some(Ok((_, _, body))) if self.is_told(&body) => lost(ProviderFault::EchoesKey, true),
            Some(Ok((status, retry_after, body))) => {
                let retry_after = retry_after.as_deref();
                let answer = self.dialect.parse(&WireResponse { status, retry_after, body: &body });
                let is_billable = !self.dialect.is_free(status);
                let is_success = (200..300).contains(&status);
                let counted = if is_success { self.dialect.counted(&body) } else { (None, None) };
                let (status, body) = (Some(status), Some(body));
                Reply { status, body, elapsed, answer, is_billable, counted }
            }
            Some(Err(err)) => lost(fault(&err), !err.is_connect()),
            None => lost(ProviderFault::Timeout, true),
        }
    }

    /// Whether a response holds the key: everything that is kept may be shown to others.
    fn is_told(&self, body: &[u8]) -> bool {
        let Some(secret) = &self.secret else { return false };
        let secret = secret.expose_secret().as_bytes();
        !secret.is_empty() && body.windows(secret.len()).any(|part| part == secret)
    }

    /// Asks what costs nothing: which models there are, since no provider has a price for that. It
    /// shows whether somebody is there and takes the key; `false` where nobody lists models.
    pub async fn look(&self) -> Result<bool, JudgeError> {
        let request = self.dialect.list_models();
        let exchange = self.clock.within(self.timeout, self.exchange(&request)).await;
        let fault = match exchange {
            Some(Ok((404 | 405, ..))) => return Ok(false),
            Some(Ok((status, retry_after, _))) => {
                ProviderFault::of_status(status, retry_after.as_deref())
            }
            Some(Err(err)) => Some(fault(&err)),
            None => Some(ProviderFault::Timeout),
        };
        fault.map_or(Ok(true), |fault| Err(JudgeError::Provider(fault)))
    }

    /// Sends a request and reads what comes back. One without a body asks for what is there.
    async fn exchange(
        &self,
        request: &WireRequest,
    ) -> Result<(u16, Option<String>, Vec<u8>), reqwest::Error> {
        let url = format!("{}{}", self.base_url, request.path);
        let mut message = if request.body.is_empty() {
            self.client.get(url)
        } else {
            self.client.post(url).body(request.body.clone())
        };
        for (name, value) in &request.headers {
            message = message.header(*name, *value);
        }
        if let Some((name, value)) = &self.key {
            message = message.header(name, value);
        }
        let mut response = message.send().await?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
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

/// What the provider asks to wait, in seconds, as the dialects read it. A date is counted from the
/// date of the same response, so no clock has to be right but the provider's own; without one it
/// asks for nothing.
fn retry_after(headers: &HeaderMap) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = text(RETRY_AFTER)?.trim();
    let Ok(at) = httpdate::parse_http_date(asked) else { return Some(asked.to_owned()) };
    let sent = httpdate::parse_http_date(text(DATE)?.trim()).ok()?;
    // A date that has passed is now.
    Some(at.duration_since(sent).unwrap_or_default().as_secs().to_string())
}

/// Whether a provider's address is that of the machine that asks.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_to_ask_again_is_counted_from_the_date_of_the_response() {
        const SENT: &str = "Tue, 01 Dec 2026 00:00:00 GMT";
        for (asked, sent, wanted) in [
            (Some("7"), Some(SENT), Some("7")),
            (Some(" 0 "), None, Some("0")),
            (Some("Tue, 01 Dec 2026 00:01:30 GMT"), Some(SENT), Some("90")),
            (Some("Tuesday, 01-Dec-26 00:01:30 GMT"), Some(SENT), Some("90")),
            (Some("Tue, 01 Dec 2026 00:00:00 GMT"), Some(SENT), Some("0")),
            (Some("Mon, 30 Nov 2026 23:00:00 GMT"), Some(SENT), Some("0")),
            (Some("Tue, 01 Dec 2026 00:01:30 GMT"), None, None),
            (Some("Tue, 01 Dec 2026 00:01:30 GMT"), Some("yesterday"), None),
            (None, Some(SENT), None),
            // Left to the dialects, which read no wait in it.
            (Some("-1"), Some(SENT), Some("-1")),
            (Some("soon"), Some(SENT), Some("soon")),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(RETRY_AFTER, asked), (DATE, sent)] {
                headers.extend(value.map(|value| (name, HeaderValue::from_static(value))));
            }
            assert_eq!(retry_after(&headers).as_deref(), wanted, "{asked:?} at {sent:?}");
        }
    }

    #[test]
    fn whoever_may_charge_is_paid_and_what_runs_here_is_not() {
        let is_paid = |dialect, base_url: &str, model: &str, key: Option<&str>| {
            let config = ProviderConfig {
                dialect,
                base_url: base_url.parse().unwrap(),
                model: model.to_owned(),
                api_key_env: key.map(str::to_owned),
                timeout_secs: 1,
                max_output_tokens: 1,
                breaker_outages: 1,
                breaker_secs: 1,
            };
            config.is_paid()
        };
        for (dialect, url, model, key, wanted) in [
            (Dialect::Ollama, "http://127.0.0.1:11434", "llama3.1", None, false),
            (Dialect::Ollama, "http://gpu.example:11434", "llama3.1", None, false),
            (Dialect::Ollama, "https://ollama.com", "gpt-oss:120b", Some("KEY"), true),
            (Dialect::Ollama, "http://127.0.0.1:11434", "gpt-oss:120b-cloud", None, true),
            (Dialect::OpenAiChat, "http://127.0.0.1:7/v1", "rehearsal-careful", None, false),
            (Dialect::Gemini, "http://[::1]:7", "replay-gpt-4", None, false),
            (Dialect::OpenAiCompatible, "http://localhost:8000/v1", "qwen3", None, false),
            // Another machine, or a proxy here that keeps the key to itself.
            (Dialect::OpenAiCompatible, "http://gpu.example/v1", "qwen3", None, true),
            (Dialect::OpenAiChat, "http://localhost:4000/v1", "gpt-5-mini", None, true),
            (Dialect::Anthropic, "https://api.anthropic.com", "claude-opus-4-7", None, true),
            (Dialect::OpenAiChat, "http://127.0.0.1:7/v1", "m", Some("KEY"), true),
        ] {
            assert_eq!(is_paid(dialect, url, model, key), wanted, "{dialect} {url} {model}");
        }
    }
}
