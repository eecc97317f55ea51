//! Fetching a deliverable from the address that its delivery names: the last resort.
//!
//! The address comes from a stranger. So: only http and https, no redirects, no proxy, no user
//! names, a cap on bytes and time, and only public addresses. The connection goes to the address
//! that was checked, so that a name that resolves differently a second time gains nothing.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use alloy::primitives::{B256, keccak256};
use reqwest::{Client, redirect::Policy};
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
    if !allow_private && addrs.iter().any(|addr| !is_public(addr.ip())) {
        return Err(FetchFault::Private);
    }
    addrs.first().copied().ok_or(FetchFault::Unresolved)
}

/// Whether an address belongs to the public internet, as the IANA special-purpose registries say.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || match ip.octets() {
            // This network; reserved and broadcast; shared; protocols; 6to4 relays; benchmarks.
            [0 | 240.., ..]
            | [100, 64..=127, ..]
            | [192, 0, 0, _]
            | [192, 88, 99, _]
            | [198, 18 | 19, ..] => true,
            _ => false,
        };
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        // Addresses that carry another one are as public as that one.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x2002, high, low, ..] => {
            is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        // Teredo, benchmarks, ORCHID and the rest of 2001::/23; documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_special_addresses_are_not_public() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "::",
            "::1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "fec0::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn addresses_of_the_internet_are_public() {
        for ip in ["1.1.1.1", "8.8.8.8", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

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
