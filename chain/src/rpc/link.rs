//! One node's answers. Its words stay here: only what they mean goes on.

use std::sync::Arc;
use std::time::Instant;

use alloy::primitives::{B256, Bytes, U64};
use alloy::providers::{DynProvider, Provider as _};
use alloy::rpc::json_rpc::{ErrorPayload, RpcError, RpcRecv, RpcSend};
use alloy::rpc::types::{Filter, Log};
use alloy::transports::{HttpError, TransportError, TransportErrorKind};
use surety_endpoints::Blame;

use super::types::{BlockTag, CallOutcome, Header};
use crate::meter::Meter;
use crate::{ChainError, Refusal};

/// A connection to one node. Cloning is cheap.
#[derive(Clone, Debug)]
pub(super) struct Link {
    provider: DynProvider,
    /// What the node is called wherever its calls are counted.
    name: Arc<str>,
    meter: Meter,
}

impl Link {
    pub(super) fn new(provider: DynProvider, name: &str, meter: Meter) -> Self {
        Self { provider, name: name.into(), meter }
    }

    /// Calls the node, and counts it.
    async fn request<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: P,
    ) -> Result<R, TransportError> {
        let began = Instant::now();
        let answer = self.provider.client().request(method, params).await;
        let outcome = answer.as_ref().map_or_else(outcome_of, |_| "ok");
        self.meter.asked(&self.name, outcome, began.elapsed());
        answer
    }

    pub(super) async fn ask<P: RpcSend, R: RpcRecv>(
        self,
        method: &'static str,
        params: P,
    ) -> Result<R, ChainError> {
        self.request(method, params).await.map_err(|e| translate(method, e))
    }

    /// A call or an estimate, whose revert is a value.
    pub(super) async fn run<P: RpcSend, R: RpcRecv>(
        self,
        method: &'static str,
        params: P,
    ) -> Result<CallOutcome<R>, ChainError> {
        outcome(method, self.request(method, params).await)
    }

    pub(super) async fn head(self, tag: BlockTag) -> Result<Header, ChainError> {
        let method = "eth_getBlockByNumber";
        self.ask::<_, Option<Header>>(method, (tag.param(), false)).await?.ok_or(
            ChainError::Malformed { method, what: "no block at this tag; try another block_tag" },
        )
    }

    pub(super) async fn header(self, number: u64) -> Result<Option<Header>, ChainError> {
        let method = "eth_getBlockByNumber";
        let header: Option<Header> = match self.ask(method, (U64::from(number), false)).await {
            // Some nodes answer with an error instead of null.
            Err(e) if e.refusal() == Some(Refusal::BlockUnknown) => None,
            other => other?,
        };
        match header {
            Some(h) if h.number != number => {
                Err(ChainError::Malformed { method, what: "another block's number" })
            }
            other => Ok(other),
        }
    }

    /// Logs, if the node's chain holds the block `end` once it has listed them.
    pub(super) async fn logs(
        self,
        filter: Filter,
        (number, hash): (u64, B256),
    ) -> Result<Vec<Log>, ChainError> {
        let method = "eth_getLogs";
        let logs = self.clone().ask(method, (filter,)).await?;
        if self.header(number).await?.is_none_or(|header| header.hash != hash) {
            return Err(refused(method, 0, Refusal::BlockUnknown));
        }
        Ok(logs)
    }
}

/// What an error says of the node that gave it.
pub(super) fn blame(error: &ChainError) -> Blame {
    match error.refusal() {
        Some(Refusal::RateLimited) => Blame::Limited,
        Some(Refusal::Unsupported | Refusal::Other) | None => Blame::Failing,
        Some(_) => Blame::Nothing,
    }
}

/// What went wrong, in a word for counting.
fn outcome_of(error: &TransportError) -> &'static str {
    match error {
        RpcError::ErrorResp(_) => "refused",
        RpcError::Transport(kind) if kind.is_http_error() => "http-error",
        RpcError::Transport(_) => "unreachable",
        RpcError::NullResp | RpcError::DeserError { .. } => "malformed",
        RpcError::SerError(_) | RpcError::LocalUsageError(_) | RpcError::UnsupportedFeature(_) => {
            "unsupported"
        }
    }
}

fn outcome<T>(
    method: &'static str,
    answer: Result<T, TransportError>,
) -> Result<CallOutcome<T>, ChainError> {
    match answer {
        Ok(value) => Ok(CallOutcome::Returned(value)),
        Err(error) => {
            let data = error.as_error_resp().and_then(ErrorPayload::as_revert_data);
            match (data, translate(method, error)) {
                (Some(data), _) => Ok(CallOutcome::Reverted(data)),
                (None, e) if e.refusal() == Some(Refusal::Reverted) => {
                    Ok(CallOutcome::Reverted(Bytes::new()))
                }
                (None, e) => Err(e),
            }
        }
    }
}

pub(super) const fn refused(method: &'static str, code: i64, refusal: Refusal) -> ChainError {
    ChainError::Refused { method, code, refusal }
}

/// Drops the foreign text and keeps its meaning.
fn translate(method: &'static str, error: TransportError) -> ChainError {
    match error {
        RpcError::ErrorResp(payload) => {
            refused(method, payload.code, Refusal::read(payload.code, &payload.message))
        }
        RpcError::NullResp => ChainError::Malformed { method, what: "null" },
        RpcError::DeserError { .. } => {
            ChainError::Malformed { method, what: "not the fields and types of this method" }
        }
        RpcError::SerError(_) | RpcError::LocalUsageError(_) | RpcError::UnsupportedFeature(_) => {
            refused(method, 0, Refusal::Unsupported)
        }
        RpcError::Transport(kind) => transport(method, kind),
    }
}

fn transport(method: &'static str, kind: TransportErrorKind) -> ChainError {
    let (TransportErrorKind::HttpError(HttpError { status, body })
    | TransportErrorKind::HttpErrorWithRetryAfter { error: HttpError { status, body }, .. }) = kind
    else {
        return ChainError::Unreachable { method };
    };
    // Some nodes put their JSON-RPC error behind an HTTP status of its own.
    let refusal = Refusal::read(i64::from(status), &body);
    if refusal == Refusal::Other {
        ChainError::Http { method, status }
    } else {
        refused(method, i64::from(status), refusal)
    }
}
