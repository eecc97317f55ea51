#![doc = include_str!("../README.md")]

mod asking;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::primitives::{B256, Bytes};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use surety_jury::SignedCommitment;
use surety_jury::wire::{BatchBody, BatchRequest, CaseStatus, Commitments, WaitFor};
use surety_relayer_metrics::Metrics;
use surety_service::request_id;
use surety_terms::{host, json};
use url::{Host, Url};

pub use crate::asking::{Asking, Place};

/// The largest answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;

/// How jurors are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether jurors on private networks may be asked: only on a local chain. Anybody can register
    /// a juror under any URL, so this keeps strangers from probing the relayer's own network.
    pub allow_private_hosts: bool,
    /// How long a juror may take to answer one request, in seconds, waiting aside.
    pub timeout_secs: u64,
    /// How long a juror is asked to hold a question open, in seconds.
    pub wait_secs: u64,
    /// How long the other seats have to commit once a quorum has, in milliseconds. Who commits later
    /// is not counted.
    pub commit_ms: u64,
    /// How long to wait for the other ballots once the verdict stands, in milliseconds.
    pub grace_ms: u64,
    /// The first pause before a juror that failed is asked again, in milliseconds; it doubles.
    pub retry_ms: u64,
    /// The longest such pause, in milliseconds.
    pub retry_most_ms: u64,
    /// How long a case keeps its place while no juror gives anything and another case waits, in
    /// seconds.
    pub turn_secs: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            allow_private_hosts: false,
            timeout_secs: 10,
            wait_secs: 20,
            commit_ms: 60_000,
            grace_ms: 300,
            retry_ms: 250,
            retry_most_ms: 15_000,
            turn_secs: 30,
        }
    }
}

/// The client for all jurors. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Jurors {
    client: Client,
    config: Settings,
    metrics: Arc<Metrics>,
}

/// Why a juror gave no usable answer. It concerns that juror alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JurorFault {
    /// Its registered URL names no place, or one that may not be asked.
    #[error("its URL cannot be used")]
    Url,
    /// No connection, no answer, or not in time.
    #[error("it cannot be reached in time")]
    Unreachable,
    /// Another status than those of success.
    #[error("it answers HTTP {0}")]
    Status(u16),
    /// More than is read.
    #[error("its answer is larger than {ANSWER_BYTES} bytes")]
    TooLarge,
    /// Not the JSON that was asked for; where it goes wrong.
    #[error("its answer is malformed at {0}")]
    Malformed(String),
    /// Good, and about something else.
    #[error("it answers about another case")]
    OtherCase,
    /// A commitment that binds nobody; why not.
    #[error("its commitment does not hold: {0}")]
    Commitment(String),
    /// A ballot that does not count; why not.
    #[error("its ballot does not hold: {0}")]
    Ballot(String),
    /// A signature over a list of cases that does not hold; why not.
    #[error("its batch does not hold: {0}")]
    Batch(String),
    /// Nothing to store yet.
    #[error("it gives no ballot yet: {0}")]
    NoBallot(&'static str),
}

impl JurorFault {
    /// The word for counting.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Unreachable => "unreachable",
            Self::Status(_) => "status",
            Self::TooLarge => "too-large",
            Self::Malformed(_) => "malformed",
            Self::OtherCase => "other-case",
            Self::Commitment(_) => "commitment",
            Self::Ballot(_) => "ballot",
            Self::Batch(_) => "batch",
            Self::NoBallot(_) => "no-ballot",
        }
    }
}

impl Jurors {
    /// Fails where no HTTP client can be built at all.
    pub fn new(config: Settings, metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(config.timeout_secs))
            .no_proxy();
        if !config.allow_private_hosts {
            client = client.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self { client: client.build()?, config, metrics })
    }

    /// How they are asked.
    pub const fn config(&self) -> Settings {
        self.config
    }

    /// Tells a juror about a case, again and again if need be: it is one case to it.
    pub async fn open(
        &self,
        juror: &str,
        request: &impl Serialize,
    ) -> Result<CaseStatus, JurorFault> {
        self.status(self.post(juror, "v1/cases", request)?, Duration::ZERO).await
    }

    /// Asks how far a juror is; it may hold the question open until what is waited for is there.
    pub async fn wait(
        &self,
        juror: &str,
        case: B256,
        what: WaitFor,
    ) -> Result<CaseStatus, JurorFault> {
        let wait = self.config.wait_secs;
        let what = match what {
            WaitFor::Ballot => "",
            WaitFor::Commitment => "&waitFor=commitment",
        };
        let url = self.url(juror, &format!("v1/cases/{case}?waitSecs={wait}{what}"))?;
        self.status(self.client.get(url), Duration::from_secs(wait)).await
    }

    /// Asks how far a juror is, now.
    pub async fn look(&self, juror: &str, case: B256) -> Result<CaseStatus, JurorFault> {
        let url = self.url(juror, &format!("v1/cases/{case}"))?;
        self.status(self.client.get(url), Duration::ZERO).await
    }

    /// Hands a juror the commitments of its panel.
    pub async fn bind(
        &self,
        juror: &str,
        case: B256,
        commitments: Vec<SignedCommitment>,
    ) -> Result<(), JurorFault> {
        let path = format!("v1/cases/{case}/commitments");
        let request = self.post(juror, &path, &Commitments { commitments })?;
        self.body(request, Duration::ZERO).await.map(drop)
    }

    /// Asks a juror for one signature over its answers to a list of cases.
    pub async fn sign(&self, juror: &str, cases: Vec<B256>) -> Result<BatchBody, JurorFault> {
        let request = self.post(juror, "v1/batches", &BatchRequest { cases })?;
        parsed(&self.body(request, Duration::ZERO).await?)
    }

    /// Hands a juror the deliverable's bytes.
    pub async fn push(&self, juror: &str, digest: B256, bytes: Bytes) -> Result<(), JurorFault> {
        let url = self.url(juror, &format!("v1/deliverables/{digest}"))?;
        let request =
            self.client.put(url).header("content-type", "application/octet-stream").body(bytes.0);
        self.body(request, Duration::from_secs(self.config.timeout_secs)).await.map(drop)
    }

    fn post(
        &self,
        juror: &str,
        path: &str,
        body: &impl Serialize,
    ) -> Result<RequestBuilder, JurorFault> {
        let body = serde_json::to_vec(body)
            .map_err(|_| JurorFault::Malformed("our own request".to_owned()))?;
        let request = self.client.post(self.url(juror, path)?);
        Ok(request.header("content-type", "application/json").body(body))
    }

    async fn status(
        &self,
        request: RequestBuilder,
        held: Duration,
    ) -> Result<CaseStatus, JurorFault> {
        parsed(&self.body(request, held).await?)
    }

    async fn body(&self, request: RequestBuilder, held: Duration) -> Result<Vec<u8>, JurorFault> {
        let patience = Duration::from_secs(self.config.timeout_secs).saturating_add(held);
        let (client, request) = request.timeout(patience).build_split();
        let mut request = request.map_err(|_| JurorFault::Url)?;
        if let Some(id) = request_id::current().and_then(|id| id.parse().ok()) {
            request.headers_mut().insert(request_id::HEADER, id);
        }
        let kind = match *request.method() {
            Method::POST => "open",
            Method::PUT => "push",
            _ => "wait",
        };
        let began = Instant::now();
        let answer = client.execute(request).await;
        self.metrics.juror_answered(kind, began.elapsed());
        let mut answer = answer.map_err(|_| JurorFault::Unreachable)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| JurorFault::Unreachable)? {
            if body.len().saturating_add(chunk.len()) > ANSWER_BYTES {
                return Err(JurorFault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        if matches!(status, StatusCode::OK | StatusCode::ACCEPTED | StatusCode::CREATED)
            || status == StatusCode::NO_CONTENT
        {
            Ok(body)
        } else {
            Err(JurorFault::Status(status.as_u16()))
        }
    }

    /// A URL below a juror's own. The juror's text decides scheme, host and prefix, never more.
    fn url(&self, juror: &str, path: &str) -> Result<Url, JurorFault> {
        let url = Url::parse(&format!("{}/{path}", juror.trim_end_matches('/')))
            .map_err(|_| JurorFault::Url)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        let host = match url.host() {
            Some(Host::Ipv4(ip)) => self.config.allow_private_hosts || host::is_public(ip.into()),
            Some(Host::Ipv6(ip)) => self.config.allow_private_hosts || host::is_public(ip.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if plain && host { Ok(url) } else { Err(JurorFault::Url) }
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JurorFault> {
    json::parse_strict(bytes, ANSWER_BYTES).map_err(|e| JurorFault::Malformed(e.field))
}

/// Resolves names and keeps only public addresses, so that the address that was checked is the one
/// that is connected to.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|a| host::is_public(a.ip())).collect();
            if public.is_empty() {
                return Err("no public address".into());
            }
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jurors(allow_private_hosts: bool) -> Jurors {
        let config = Settings { allow_private_hosts, ..Settings::default() };
        let metrics = Metrics::new("0", &surety_chain::meter::Meter::default());
        Jurors::new(config, Arc::new(metrics)).unwrap()
    }

    #[test]
    fn a_jurors_url_cannot_point_into_our_network() {
        for inside in [
            "http://127.0.0.1:7301",
            "http://2130706433",
            "http://0x7f.1",
            "http://10.0.0.1",
            "http://169.254.169.254",
            "http://100.64.0.1",
            "http://192.168.1.1",
            "http://0.0.0.0",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
            "http://[fe80::1]",
            "http://[fd00::1]",
            "http://[64:ff9b::7f00:1]",
            "http://[2002:7f00:1::]",
        ] {
            assert_eq!(jurors(false).url(inside, "v1/cases"), Err(JurorFault::Url), "{inside}");
            jurors(true).url(inside, "v1/cases").unwrap();
        }
        for bad in ["ftp://example.com", "file:///etc", "http://me:you@example.com", "juror"] {
            assert_eq!(jurors(true).url(bad, "v1/cases"), Err(JurorFault::Url), "{bad}");
        }
        for good in ["https://juror.example", "http://8.8.8.8", "http://[2606:4700::1111]"] {
            let url = jurors(false).url(good, "v1/cases").unwrap();
            assert_eq!(url.path(), "/v1/cases");
        }
        let below = jurors(false).url("https://juror.example/a/", "v1/cases").unwrap();
        assert_eq!(below.as_str(), "https://juror.example/a/v1/cases");
    }

    #[tokio::test]
    async fn a_name_that_resolves_inward_is_not_connected_to() {
        let fault = jurors(false).look("http://localhost:9", B256::ZERO).await.unwrap_err();
        assert_eq!(fault, JurorFault::Unreachable);
    }
}
