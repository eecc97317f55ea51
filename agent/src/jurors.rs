//! Pushing deliverables and reveals to jurors. A juror chose its URL itself, so it may point anywhere.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use alloy::primitives::B256;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use surety_jury::preview::PreviewStatus;
use surety_terms::host;
use tokio::task::JoinSet;
use url::{Host, Url};

use crate::{Error, relayer::Client};

/// How long one push may take.
const PUSH_WITHIN: Duration = Duration::from_secs(30);

/// The client for all jurors. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Jurors {
    client: reqwest::Client,
    allow_private_hosts: bool,
}

impl Jurors {
    /// A client that stays out of private networks unless it is allowed there.
    pub(crate) fn new(allow_private_hosts: bool) -> Result<Self, Error> {
        let mut client = reqwest::Client::builder()
            .timeout(PUSH_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if !allow_private_hosts {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        let service = "the jurors' client";
        let client = client.build().map_err(|_| Error::Unreachable { service })?;
        Ok(Self { client, allow_private_hosts })
    }

    /// Keeps the URLs that may be pushed to.
    pub(crate) fn usable(&self, urls: impl Iterator<Item = String>) -> Vec<String> {
        urls.filter(|url| self.is_usable(url)).collect()
    }

    /// Pushes bytes to jurors at once; returns those that did not take them.
    pub(crate) async fn push(&self, urls: Vec<String>, digest: B256, bytes: &[u8]) -> Vec<String> {
        let mut tasks = JoinSet::new();
        for url in urls {
            let request = self
                .client
                .put(format!("{}/v1/deliverables/{digest}", url.trim_end_matches('/')))
                .header("content-type", "application/octet-stream")
                .body(bytes.to_vec());
            tasks.spawn(async move {
                let taken = request.send().await.is_ok_and(|answer| answer.status().is_success());
                (!taken).then_some(url)
            });
        }
        tasks.join_all().await.into_iter().flatten().collect()
    }

    /// Hands a reveal, JSON or an age file, to a juror.
    pub(crate) async fn reveal(
        &self,
        url: &str,
        case_id: B256,
        body: Vec<u8>,
    ) -> Result<(), Error> {
        self.at(url)?.post_bytes(&format!("/v1/cases/{case_id}/reveals"), body).await
    }

    /// Asks for a preview, and lets the juror wait for its answer for a while. The request is JSON or
    /// an age file.
    pub(crate) async fn preview(&self, url: &str, body: Vec<u8>) -> Result<PreviewStatus, Error> {
        self.at(url)?.ask_bytes("/v1/previews?waitSecs=20", body).await
    }

    fn at(&self, url: &str) -> Result<Client, Error> {
        if !self.is_usable(url) {
            return Err(Error::refused("url", "is no address that may be asked"));
        }
        Ok(Client::over(self.client.clone(), "the juror", url))
    }

    /// Whether a juror's URL is a plain one, outside of private networks. Names are looked at when
    /// they are resolved.
    fn is_usable(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        let public = match url.host() {
            Some(Host::Ipv4(ip)) => host::is_public(ip.into()),
            Some(Host::Ipv6(ip)) => host::is_public(ip.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        plain && (public || self.allow_private_hosts)
    }
}

/// Resolves names to public addresses only, so that the address that was checked is the one that is
/// connected to.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|at| host::is_public(at.ip())).collect();
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jurors_url_cannot_point_into_our_network() {
        let (careful, local) = (Jurors::new(false).unwrap(), Jurors::new(true).unwrap());
        for inside in [
            "http://127.0.0.1:7301",
            "http://2130706433",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://100.64.0.1",
            "http://198.19.0.1",
            "http://0.0.0.0",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
            "http://[fd00::1]",
            "http://[64:ff9b::7f00:1]",
            "http://[2002:7f00:1::]",
        ] {
            assert!(!careful.is_usable(inside), "{inside}");
            assert!(local.is_usable(inside), "{inside}");
        }
        for bad in ["ftp://example.com", "http://me:you@example.com", "http://a.b?c", "juror"] {
            assert!(!local.is_usable(bad), "{bad}");
        }
        for good in ["https://juror.example/a", "http://8.8.8.8", "http://[2606:4700::1111]"] {
            assert!(careful.is_usable(good), "{good}");
        }
    }

    #[tokio::test]
    async fn a_name_that_resolves_inward_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let left = Jurors::new(false).unwrap().push(vec![url.clone()], B256::ZERO, b"x").await;
        assert_eq!(left, [url]);
        let knocked = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(knocked.is_err());
    }
}
