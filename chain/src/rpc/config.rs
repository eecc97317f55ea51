//! Where nodes are, as a configuration says it. URLs carry keys and are never shown.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use alloy::network::Ethereum;
use alloy::providers::{DynProvider, Provider as _, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use serde::Deserialize;
use surety_endpoints::Settings;
use url::Url;

use crate::ChainError;

/// A node's URL. It may carry a key, so it can be neither printed nor serialised.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct RpcUrl(Url);

impl TryFrom<String> for RpcUrl {
    type Error = ChainError;

    /// Fails without repeating the text.
    fn try_from(text: String) -> Result<Self, ChainError> {
        let url = Self(Url::parse(&text).map_err(|_| ChainError::Url)?);
        url.check()?;
        Ok(url)
    }
}

impl RpcUrl {
    /// Wraps a URL; [`Rpc::connect`] refuses one that is not for HTTP.
    pub const fn new(url: Url) -> Self {
        Self(url)
    }

    fn check(&self) -> Result<(), ChainError> {
        let usable = matches!(self.0.scheme(), "http" | "https") && self.0.has_host();
        if usable { Ok(()) } else { Err(ChainError::Url) }
    }
}

impl fmt::Debug for RpcUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RpcUrl(hidden)")
    }
}

/// Where a node tells of new blocks. It may carry a key, so it can be neither printed nor
/// serialised.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct WsUrl(Url);

impl TryFrom<String> for WsUrl {
    type Error = ChainError;

    /// Fails without repeating the text.
    fn try_from(text: String) -> Result<Self, ChainError> {
        let url = Url::parse(&text).map_err(|_| ChainError::WsUrl)?;
        let usable = matches!(url.scheme(), "ws" | "wss") && url.has_host();
        if usable { Ok(Self(url)) } else { Err(ChainError::WsUrl) }
    }
}

impl WsUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for WsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WsUrl(hidden)")
    }
}

/// One of several nodes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointConfig {
    /// Its JSON-RPC URL.
    pub url: RpcUrl,
    /// What it is called in logs; `rpc-1`, `rpc-2` and so on unless it is given.
    #[serde(default)]
    pub name: Option<String>,
    /// The lowest are asked first.
    #[serde(default)]
    pub priority: u8,
    /// How many calls it takes per second; any number unless it is given.
    #[serde(default)]
    pub per_second: Option<NonZeroU32>,
    /// How long one call may take, in milliseconds.
    #[serde(default = "EndpointConfig::default_timeout_ms")]
    pub timeout_ms: u64,
    /// Where it tells of new blocks. What it tells only wakes us up.
    #[serde(default)]
    pub ws: Option<WsUrl>,
}

impl EndpointConfig {
    const fn default_timeout_ms() -> u64 {
        10_000
    }

    /// How it is treated; `at` is its place in the configuration.
    pub fn settings(&self, at: usize) -> Settings {
        let name = self.name.clone().unwrap_or_else(|| format!("rpc-{}", at.saturating_add(1)));
        Settings { name, priority: self.priority, per_second: self.per_second }
    }

    pub(super) fn provider(&self) -> Result<DynProvider, ChainError> {
        provider(&self.url, Duration::from_millis(self.timeout_ms.max(1)))
    }
}

/// A provider over HTTP. Every call ends after `timeout`, with an error if need be.
pub(super) fn provider(url: &RpcUrl, timeout: Duration) -> Result<DynProvider, ChainError> {
    url.check()?;
    let client = reqwest::Client::builder()
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| ChainError::Url)?;
    let http = alloy::transports::http::Http::with_client(client, url.0.clone());
    let client = RpcClient::new(http, false);
    let provider = ProviderBuilder::new().disable_recommended_fillers();
    Ok(provider.network::<Ethereum>().connect_client(client).erased())
}
