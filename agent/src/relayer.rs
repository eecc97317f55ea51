//! The relayer's HTTP interface, as an agent uses it. Its answers are hints: effects are read from
//! the chain.

use std::time::Duration;

use alloy::primitives::{B256, Bytes, keccak256};
use reqwest::{Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use surety_privacy::{PrivateDeliveryRequest, PrivateSheet};
use surety_terms::{
    Problem, json,
    wire::{DeliveryRequest, TransactionRequest, TransactionStatus},
};
use url::Url;

use crate::Error;

/// The largest JSON answer that is read, in bytes.
const ANSWER_MAX_BYTES: usize = 1 << 20;
/// How long a short answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Whether a relayer knows nothing of what it was asked about.
pub(crate) fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Problem { problem, .. } if problem.status == 404)
}

/// A relayer, or any other service that speaks JSON and problem details.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    service: &'static str,
}

impl Client {
    /// A client of the relayer at `base`.
    pub fn new(base: &Url) -> Result<Self, Error> {
        let service = "the relayer";
        let http = reqwest::Client::builder()
            .timeout(ANSWER_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| Error::Unreachable { service })?;
        Ok(Self { http, base: base.as_str().trim_end_matches('/').to_owned(), service })
    }

    /// A client of another service at `base`, over `http`.
    pub(crate) fn over(http: reqwest::Client, service: &'static str, base: &str) -> Self {
        Self { http, base: base.trim_end_matches('/').to_owned(), service }
    }

    /// The same client for another service at `base`.
    pub(crate) fn elsewhere(&self, service: &'static str, base: &str) -> Self {
        Self::over(self.http.clone(), service, base)
    }

    /// Hands in calldata for the escrow. The relayer simulates it first.
    pub async fn submit(&self, calldata: &Bytes) -> Result<TransactionStatus, Error> {
        self.post("/v1/transactions", &TransactionRequest { calldata: calldata.clone() }).await
    }

    /// What the relayer says about calldata that was handed in, after at most `wait_secs`.
    pub async fn status(
        &self,
        calldata: &Bytes,
        wait_secs: u64,
    ) -> Result<TransactionStatus, Error> {
        self.transaction(keccak256(calldata), wait_secs).await
    }

    /// What it says about a transaction that it keeps under this id, after at most `wait_secs`.
    pub async fn transaction(&self, id: B256, wait_secs: u64) -> Result<TransactionStatus, Error> {
        self.get(&format!("/v1/transactions/{id}?waitSecs={wait_secs}")).await
    }

    /// Hands in a party's signed request, with a fee, for what time allows with a milestone.
    pub async fn ask(&self, request: &impl Serialize) -> Result<TransactionStatus, Error> {
        self.post("/v1/acts", request).await
    }

    /// Hands in a signed delivery, which the relayer has judged.
    pub async fn deliver(&self, request: &DeliveryRequest) -> Result<serde_json::Value, Error> {
        self.post("/v1/deliveries", request).await
    }

    /// Whether it knows a case.
    pub(crate) async fn knows(&self, case_id: B256) -> Result<bool, Error> {
        match self.get::<serde_json::Value>(&format!("/v1/cases/{case_id}")).await {
            Ok(_) => Ok(true),
            Err(error) if is_unknown(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hands in a signed delivery of a private deal.
    pub async fn deliver_private(
        &self,
        request: &PrivateDeliveryRequest,
    ) -> Result<serde_json::Value, Error> {
        self.post("/v1/deliveries", request).await
    }

    /// Shows a private deal's sheet to the relayer, which cannot read it.
    pub async fn put_sheet(&self, deal_id: B256, sheet: &PrivateSheet) -> Result<(), Error> {
        let request = self.http.put(format!("{}/v1/deals/{deal_id}/sheet", self.base)).json(sheet);
        self.done(request).await
    }

    /// Pushes a deliverable's bytes.
    pub async fn put_deliverable(&self, digest: B256, bytes: Vec<u8>) -> Result<(), Error> {
        self.put_bytes(&format!("v1/deliverables/{digest}"), bytes).await
    }

    /// Pushes the age file that holds a deliverable, with the seller's signature for it.
    pub async fn put_age_file(
        &self,
        (deal_id, deliverable): (B256, B256),
        file: Vec<u8>,
        signature: &Bytes,
    ) -> Result<(), Error> {
        let query = format!("deal={deal_id}&signature={signature}");
        self.put_bytes(&format!("v1/deliverables/{deliverable}?{query}"), file).await
    }

    async fn put_bytes(&self, path: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let request = self.http.put(format!("{}/{path}", self.base));
        self.done(request.header("content-type", "application/octet-stream").body(bytes)).await
    }

    async fn done(&self, request: reqwest::RequestBuilder) -> Result<(), Error> {
        let answer = request.send().await.map_err(|_| self.unreachable())?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(self.problem(answer).await)
    }

    /// Posts JSON and reads a JSON answer.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Error> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        self.answer(request).await
    }

    /// Posts bytes that may be JSON or an age file.
    pub(crate) async fn post_bytes(&self, path: &str, body: Vec<u8>) -> Result<(), Error> {
        self.done(self.http.post(format!("{}{path}", self.base)).body(body)).await
    }

    /// Posts bytes that may be JSON or an age file, and reads a JSON answer.
    pub(crate) async fn ask_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, Error> {
        self.answer(self.http.post(format!("{}{path}", self.base)).body(body)).await
    }

    /// Reads JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.answer(self.http.get(format!("{}{path}", self.base))).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, Error> {
        let answer = request.send().await.map_err(|_| self.unreachable())?;
        if !answer.status().is_success() {
            return Err(self.problem(answer).await);
        }
        let bytes = self.body(answer).await?;
        json::parse_strict(&bytes, ANSWER_MAX_BYTES).map_err(|_| self.unreachable())
    }

    /// A refusal as a problem; a server's fault, or one without a problem, as unreachable.
    async fn problem(&self, answer: Response) -> Error {
        let status = answer.status();
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return self.unreachable();
        }
        let Ok(bytes) = self.body(answer).await else { return self.unreachable() };
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Error::Problem { service: self.service, problem: Box::new(problem) },
            Err(_) => self.unreachable(),
        }
    }

    /// Reads a body, but never more than is allowed.
    async fn body(&self, mut answer: Response) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| self.unreachable())? {
            if bytes.len().saturating_add(chunk.len()) > ANSWER_MAX_BYTES {
                return Err(self.unreachable());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    const fn unreachable(&self) -> Error {
        Error::Unreachable { service: self.service }
    }
}
