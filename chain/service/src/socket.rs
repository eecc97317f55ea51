//! What strangers may cost at a service's socket, as an operator configures it: the section
//! `[http]` of every service that has one.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::HeaderName;
use axum::http::header::InvalidHeaderName;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use serde::Deserialize;

use crate::guard::Limits;
use crate::serve::Bounds;

/// How much strangers may cost at the socket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Requests of one address a second, on average.
    pub per_second: NonZeroU32,
    /// Requests of one address at once.
    pub burst: NonZeroU32,
    /// Requests that are served at once.
    pub requests: usize,
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address at once.
    pub connections_per_address: usize,
    /// Bytes of all bodies that are read at once.
    pub body_bytes: usize,
    /// How long a body may take to come, in seconds.
    pub body_secs: u64,
    /// How long the head of a request may take to come, in seconds.
    pub head_secs: u64,
    /// The header in which the proxy in front names the client. Only where all requests come
    /// through that proxy: else anybody can write it.
    pub proxy_header: Option<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            per_second: NonZeroU32::MIN.saturating_add(199),
            burst: NonZeroU32::MIN.saturating_add(999),
            requests: 1_024,
            connections: 2_048,
            connections_per_address: 256,
            body_bytes: 64 << 20,
            body_secs: 30,
            head_secs: 30,
            proxy_header: None,
        }
    }
}

impl Http {
    /// The header, once it is known to be one.
    fn proxy(&self) -> Option<Result<HeaderName, InvalidHeaderName>> {
        self.proxy_header.as_deref().map(str::parse)
    }

    /// What the guard of requests goes by.
    pub fn limits(&self) -> Limits {
        Limits {
            per_second: self.per_second,
            burst: self.burst,
            requests: self.requests,
            body_bytes: self.body_bytes,
            body_within: Duration::from_secs(self.body_secs),
            proxy_header: self.proxy().and_then(Result::ok),
        }
    }

    /// What the socket goes by, counted for nobody yet.
    pub fn bounds(&self) -> Bounds {
        Bounds {
            connections: self.connections,
            connections_per_address: self
                .proxy_header
                .is_none()
                .then_some(self.connections_per_address),
            head_within: Duration::from_secs(self.head_secs),
            open: Gauge::default(),
            turned_away: Counter::default(),
        }
    }

    /// What the types cannot say: whether it holds, the key at fault, and the rule. `largest_body`
    /// is the largest one that the service reads.
    pub fn rules(&self, largest_body: u64) -> [(bool, &'static str, &'static str); 7] {
        let bodies = u64::try_from(self.body_bytes).unwrap_or(u64::MAX);
        [
            (self.requests > 0, "http.requests", "must be at least 1"),
            (self.connections > 0, "http.connections", "must be at least 1"),
            (
                self.connections_per_address > 0,
                "http.connections_per_address",
                "must be at least 1",
            ),
            (
                bodies >= largest_body,
                "http.body_bytes",
                "must be at least the largest body that is read: 524288 for a document, and where \
                 there is one limits.deliverable_max_bytes",
            ),
            (self.body_secs > 0, "http.body_secs", "must be at least 1"),
            (self.head_secs > 0, "http.head_secs", "must be at least 1"),
            (
                self.proxy().is_none_or(|name| name.is_ok()),
                "http.proxy_header",
                "must be a header's name in lower case",
            ),
        ]
    }
}
