//! What one stranger may cost: requests, bytes and time.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use surety_terms::Problem;
use tokio::sync::Semaphore;

use crate::flood::Flood;
use crate::refusal::answer;

/// Bytes of bodies are counted in units of this many.
const UNIT: usize = 1024;

/// The limits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests of one address a second, on average.
    pub per_second: NonZeroU32,
    /// Requests of one address at once.
    pub burst: NonZeroU32,
    /// Requests of all at once.
    pub requests: usize,
    /// Bytes of all bodies at once.
    pub body_bytes: usize,
    /// The time in which a body has to come.
    pub body_within: Duration,
    /// The header in which a proxy names the client. Its last address counts: the proxy wrote it.
    pub proxy_header: Option<HeaderName>,
}

/// The guard of one socket.
#[derive(Debug)]
pub struct Guard {
    flood: Flood,
    requests: Semaphore,
    units: Semaphore,
    limits: Limits,
}

impl Guard {
    /// A guard that has seen nobody yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        let units = limits.body_bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            flood: Flood::new(limits.per_second, limits.burst),
            requests: Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS)),
            units: Semaphore::new(units),
            limits,
        })
    }

    /// Who asks, as far as it can be told.
    fn client(&self, request: &Request) -> Option<IpAddr> {
        let named = self.limits.proxy_header.as_ref().and_then(|name| {
            let value = request.headers().get_all(name).iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next()?.trim().parse().ok()
        });
        let peer = || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
        named.or_else(peer)
    }
}

/// What a route takes in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A JSON document of at most so many bytes.
    Json(usize),
    /// Bytes as they are, at most so many.
    Raw(usize),
}

impl Takes {
    const fn most(self) -> usize {
        match self {
            Self::Json(most) | Self::Raw(most) => most,
        }
    }

    /// Whether a body of the named type may be one. A client that names none is believed.
    fn is_type(self, headers: &HeaderMap) -> bool {
        let Some(named) = headers.get(CONTENT_TYPE) else { return true };
        let named = named.to_str().unwrap_or("?").split(';').next().unwrap_or_default();
        let named = named.trim().to_ascii_lowercase();
        match self {
            Self::Json(_) => named == "application/json",
            // A form wraps the bytes, so their digest would be another one.
            Self::Raw(_) => {
                !named.starts_with("multipart/") && named != "application/x-www-form-urlencoded"
            }
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Json(_) => "must be application/json",
            Self::Raw(_) => "must be application/octet-stream: the bytes, not a form",
        }
    }
}

/// Middleware: refuses who asks too often, and everybody while too many ask.
pub async fn admit(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    if guard.client(&request).is_some_and(|client| !guard.flood.admits(client)) {
        let most = guard.limits.per_second;
        let detail = format!("One address may make {most} requests a second; come again later.");
        return answer(&Problem::new("rate-limited", 429, "Too many requests", detail));
    }
    let Ok(_place) = guard.requests.try_acquire() else {
        return answer(&busy("Too many requests are being served; try again."));
    };
    next.run(request).await
}

/// Middleware: hands the body on once it is whole, or refuses it.
pub async fn read(
    State((guard, takes)): State<(Arc<Guard>, Takes)>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let whole = async {
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        if !takes.is_type(&head.headers) {
            let detail = format!("The body's content-type {}.", takes.rule());
            let problem = Problem::new("wrong-type", 415, "Wrong content type", detail);
            return Err(problem.with_field("content-type", takes.rule()));
        }
        gather(&guard, takes, body).await
    };
    match whole.await {
        Ok(bytes) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Err(problem) => answer(&problem),
    }
}

async fn gather(guard: &Guard, takes: Takes, body: Body) -> Result<Bytes, Problem> {
    let most = takes.most();
    let announced = body.size_hint();
    let announced = announced.upper().unwrap_or(u64::MAX).max(announced.lower());
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(too_large(most));
    }
    // A body without a length may be as long as the limit.
    let bytes = usize::try_from(announced).unwrap_or(usize::MAX).min(most);
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let Ok(_room) = guard.units.try_acquire_many(units) else {
        return Err(busy("Too many bodies are being read; try again."));
    };
    let whole = Limited::new(body, most).collect();
    match tokio::time::timeout(guard.limits.body_within, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(most)),
        Ok(Err(_)) => {
            let detail = "(document): must arrive whole";
            let problem = Problem::new("malformed", 400, "Malformed request", detail);
            Err(problem.with_field("(document)", "must arrive whole"))
        }
        Err(_) => {
            let secs = guard.limits.body_within.as_secs();
            let detail = format!("A body has to come within {secs} s.");
            Err(Problem::new("too-slow", 408, "Too slow", detail)
                .with_field("(document)", "must arrive in time"))
        }
    }
}

fn too_large(most: usize) -> Problem {
    let detail = format!("At most {most} bytes are read here.");
    Problem::new("too-large", 413, "Too large", detail)
        .with_field("(document)", "not larger than the limit")
}

fn busy(detail: &'static str) -> Problem {
    Problem::new("busy", 503, "Busy", detail)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn typed(named: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(named))])
    }

    #[test]
    fn a_form_is_neither_json_nor_bytes() {
        for form in ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"] {
            assert!(!Takes::Json(1).is_type(&typed(form)) && !Takes::Raw(1).is_type(&typed(form)));
        }
        assert!(Takes::Json(1).is_type(&typed("Application/JSON; charset=utf-8")));
        assert!(Takes::Raw(1).is_type(&typed("application/octet-stream")));
        assert!(!Takes::Json(1).is_type(&typed("text/plain")));
        assert!(Takes::Json(1).is_type(&HeaderMap::new()));
    }

    #[test]
    fn a_proxys_header_counts_only_when_it_is_configured_and_its_last_address_only() {
        let limits = |proxy_header| Limits {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::MIN,
            requests: 1,
            body_bytes: 1,
            body_within: Duration::ZERO,
            proxy_header,
        };
        let header = HeaderName::from_static("x-forwarded-for");
        let mut request = Request::new(Body::empty());
        request.headers_mut().append(&header, HeaderValue::from_static("6.6.6.6"));
        request.headers_mut().append(&header, HeaderValue::from_static("7.7.7.7, 192.0.2.9"));
        let peer: SocketAddr = "127.0.0.1:1".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        assert_eq!(Guard::new(limits(None)).client(&request), Some(peer.ip()));
        let behind = Guard::new(limits(Some(header)));
        assert_eq!(behind.client(&request), Some("192.0.2.9".parse().unwrap()));
    }
}
