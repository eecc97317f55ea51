//! Fetching a deliverable from the address that its delivery names: the last resort.
//!
//! The address comes from a stranger. So: only http and https, no redirects, no proxy, no user
//! names, a cap on bytes and time, and only public addresses. The connection goes to the address
//! that was checked, so that a name that resolves differently a second time gains nothing.

use std::{net::SocketAddr, time::Duration};

use alloy::primitives::{B256, keccak256};
use reqwest::{Client, redirect::Policy};
use surety_terms::host;
use url::{Host, Url};

use crate::config::FetchConfig;

/// Why bytes could not be had from a URI. Says nothing of what stood behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FetchFault {
    #[error("the URI is not an http or https address of a host")]
    Address,
    #[error("the host has no address")]
    Unresolved,
    #[error("the host's address is not public")]
    Private,
    #[error("the host did not answer in time, or not at all")]
    Unreachable,
    #[error("the host answered with status {0}")]
    Status(u16),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer's digest is another one")]
    Digest,
}

/// Fetches the bytes whose digest is `deliverable` from `uri`.
pub(crate) async fn deliverable(
    uri: &str,
    deliverable: B256,
    config: &FetchConfig,
) -> Result<Vec<u8>, FetchFault> {
    let limit = Duration::from_secs(config.timeout_secs);
    let bytes = tokio::time::timeout(limit, get(uri, config))
        .await
        .map_err(|_| FetchFault::Unreachable)??;
    if keccak256(&bytes) == deliverable { Ok(bytes) } else { Err(FetchFault::Digest) }
}

async fn get(uri: &str, config: &FetchConfig) -> Result<Vec<u8>, FetchFault> {
    let url = checked(uri)?;
    let addr = resolve(&url, config.allow_private_hosts).await?;
    let host = url.host_str().ok_or(FetchFault::Address)?;
    let client = Client::builder()
        .resolve(host, addr)
        .redirect(Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_secs(config.timeout_secs))
        .build()
        .map_err(|_| FetchFault::Unreachable)?;
    let mut answer = client.get(url).send().await.map_err(|_| FetchFault::Unreachable)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(FetchFault::Status(answer.status().as_u16()));
    }
    let most = config.deliverable_max_bytes;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|_| FetchFault::Unreachable)? {
        if bytes.len().saturating_add(chunk.len()) > most {
            return Err(FetchFault::TooLong(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn checked(uri: &str) -> Result<Url, FetchFault> {
    let url = Url::parse(uri).map_err(|_| FetchFault::Address)?;
    let plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() && plain {
        Ok(url)
    } else {
        Err(FetchFault::Address)
    }
}

/// One address of the URL's host; every one of them has to be public, lest a mixed answer be a
/// lottery.
async fn resolve(url: &Url, allow_private: bool) -> Result<SocketAddr, FetchFault> {
    let port = url.port_or_known_default().ok_or(FetchFault::Address)?;
    let addrs: Vec<SocketAddr> = match url.host().ok_or(FetchFault::Address)? {
        Host::Ipv4(ip) => vec![(ip, port).into()],
        Host::Ipv6(ip) => vec![(ip, port).into()],
        Host::Domain(name) => tokio::net::lookup_host((name, port))
            .await
            .map_err(|_| FetchFault::Unresolved)?
            .collect(),
    };
    if !allow_private && addrs.iter().any(|addr| !host::is_public(addr.ip())) {
        return Err(FetchFault::Private);
    }
    addrs.first().copied().ok_or(FetchFault::Unresolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_fetched() {
        for uri in [
            "",
            "file:///etc/passwd",
            "ftp://example.com/a",
            "data:text/plain,hello",
            "http://user:secret@example.com/",
            "https:///nohost",
            "not a url",
        ] {
            // "https:///nohost" parses as the host "nohost"; a name without an address is refused
            // when it is resolved.
            assert!(checked(uri).is_err() || uri == "https:///nohost", "{uri}");
        }
        assert!(checked("https://example.com/a").is_ok());
    }

    #[tokio::test]
    async fn numeric_disguises_of_a_loopback_address_are_refused() {
        for uri in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1/",
            "http://[::ffff:7f00:1]/",
            "http://localhost/",
        ] {
            let config = FetchConfig::default();
            let fault = deliverable(uri, B256::ZERO, &config).await.unwrap_err();
            assert_eq!(fault, FetchFault::Private, "{uri}");
        }
    }
}
