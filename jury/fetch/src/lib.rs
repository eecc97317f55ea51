#![doc = include_str!("../README.md")]

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Method, redirect::Policy};
use surety_criteria::{CheckResult, check::probe};
use surety_terms::{check, host};
use url::{Host, Url};

/// What one request may cost, and where it may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Whether addresses of private networks may be asked: only on a local chain.
    pub allow_private_hosts: bool,
    /// The longest body.
    pub most_bytes: usize,
    /// How long all of it may take.
    pub within: Duration,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status; a redirect's is one like any other.
    pub status: u16,
    /// The body; of a `HEAD` there is none.
    pub body: Vec<u8>,
}

/// Why nothing came back. Says nothing of what stood behind the address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchFault {
    /// Not a plain http or https address.
    #[error("the URI is not an http or https address of a host")]
    Address,
    /// The name resolves to nothing.
    #[error("the host has no address")]
    Unresolved,
    /// The name resolves into a network that is not the public internet's.
    #[error("the host's address is not public")]
    Private,
    /// No connection, or no whole answer in time.
    #[error("the host did not answer in time, or not at all")]
    Unreachable,
    /// More bytes than are read.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// What one attempt at a probe led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// What follows from it.
    pub result: CheckResult,
    /// Whether another attempt may lead elsewhere: nobody answered, or the service is overloaded.
    pub is_passing: bool,
    /// The body, if there was an answer.
    pub body: Option<Vec<u8>>,
}

/// Asks once for what `uri` names.
pub async fn get(uri: &str, bounds: &Bounds) -> Result<Answer, FetchFault> {
    let url = Url::parse(uri).map_err(|_| FetchFault::Address)?;
    request(Method::GET, &url, bounds).await
}

/// Asks a probe's service once about a deliverable.
pub async fn probe(asked: &check::Probe, deliverable: &[u8], bounds: &Bounds) -> Probed {
    let settled = |result, body| Probed { result, is_passing: false, body };
    let url = match probe::target(asked, deliverable) {
        Ok(url) => url,
        Err(result) => return settled(result, None),
    };
    let method = match asked.method {
        check::Method::Get => Method::GET,
        check::Method::Head => Method::HEAD,
    };
    let most_bytes = probe::MAX_ANSWER_BYTES.min(bounds.most_bytes);
    match request(method, &url, &Bounds { most_bytes, ..*bounds }).await {
        Ok(Answer { status, body }) => Probed {
            result: probe::judge(asked, status, &body),
            is_passing: probe::is_passing(asked, status),
            body: Some(body),
        },
        Err(fault @ (FetchFault::Unreachable | FetchFault::Unresolved)) => {
            Probed { result: CheckResult::failed(fault.to_string()), is_passing: true, body: None }
        }
        Err(fault) => settled(CheckResult::failed(fault.to_string()), None),
    }
}

async fn request(method: Method, url: &Url, bounds: &Bounds) -> Result<Answer, FetchFault> {
    if !is_plain(url) {
        return Err(FetchFault::Address);
    }
    tokio::time::timeout(bounds.within, exchange(method, url, bounds))
        .await
        .map_err(|_| FetchFault::Unreachable)?
}

async fn exchange(method: Method, url: &Url, bounds: &Bounds) -> Result<Answer, FetchFault> {
    let address = resolve(url, bounds.allow_private_hosts).await?;
    let host = url.host_str().ok_or(FetchFault::Address)?;
    let client = Client::builder()
        .resolve(host, address)
        .redirect(Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        .connect_timeout(bounds.within)
        .build()
        .map_err(|_| FetchFault::Unreachable)?;
    let asked = client.request(method, url.clone()).send().await;
    let mut answer = asked.map_err(|_| FetchFault::Unreachable)?;
    let (status, most) = (answer.status().as_u16(), bounds.most_bytes);
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| FetchFault::Unreachable)? {
        if body.len().saturating_add(chunk.len()) > most {
            return Err(FetchFault::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

fn is_plain(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host().is_some()
        && url.username().is_empty()
        && url.password().is_none()
}

/// One address of the URL's host; every one of them has to be public, lest a mixed answer be a
/// lottery.
async fn resolve(url: &Url, allow_private: bool) -> Result<SocketAddr, FetchFault> {
    let port = url.port_or_known_default().ok_or(FetchFault::Address)?;
    let addresses: Vec<SocketAddr> = match url.host().ok_or(FetchFault::Address)? {
        Host::Ipv4(ip) => vec![(ip, port).into()],
        Host::Ipv6(ip) => vec![(ip, port).into()],
        Host::Domain(name) => tokio::net::lookup_host((name, port))
            .await
            .map_err(|_| FetchFault::Unresolved)?
            .collect(),
    };
    if !allow_private && addresses.iter().any(|address| !host::is_public(address.ip())) {
        return Err(FetchFault::Private);
    }
    addresses.first().copied().ok_or(FetchFault::Unresolved)
}

#[cfg(test)]
mod tests;
