//! Talking to a node. Every answer is checked here; nothing a node says reaches an error's text.

use std::fmt;
use std::time::{Duration, Instant};

use alloy::network::Ethereum;
use alloy::primitives::{Address, B256, Bytes, U64, U128, U256};
use alloy::providers::{DynProvider, Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{ErrorPayload, RpcError, RpcRecv, RpcSend};
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolCall;
use alloy::transports::{HttpError, TransportError, TransportErrorKind};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::meter::Meter;
use crate::{ChainError, Refusal};

/// How deep in the chain a service acts. Deeper is later and safer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockTag {
    /// The newest block; for local chains, where nothing is reorganised.
    Latest,
    /// A block that the data layer already holds; the default where money is real.
    #[default]
    Safe,
    /// A block that the data layer has finalised.
    Finalized,
}

impl BlockTag {
    const fn param(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Safe => "safe",
            Self::Finalized => "finalized",
        }
    }
}

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

/// What we need of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "RawHeader")]
pub struct Header {
    /// The block's number.
    pub number: u64,
    /// The block's hash.
    pub hash: B256,
    /// The hash of the block before it.
    pub parent_hash: B256,
    /// Seconds since 1970, as the chain counts them.
    pub timestamp: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawHeader {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
}

impl From<RawHeader> for Header {
    fn from(raw: RawHeader) -> Self {
        Self {
            number: raw.number.to(),
            hash: raw.hash,
            parent_hash: raw.parent_hash,
            timestamp: raw.timestamp.to(),
        }
    }
}

/// What we need of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "RawReceipt")]
pub struct Receipt {
    /// The transaction.
    pub tx_hash: B256,
    /// The block that holds it.
    pub block: u64,
    /// That block's hash, as the node knew it then.
    pub block_hash: B256,
    /// Whether it did what it was sent for; a reverted transaction costs gas and does nothing.
    pub succeeded: bool,
    /// What it cost, in gas.
    pub gas_used: u64,
    /// What it cost, in wei: the gas, and on a rollup the data layer's fee. 0 where the node is silent.
    pub cost_wei: u128,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawReceipt {
    transaction_hash: B256,
    block_number: U64,
    block_hash: B256,
    status: U64,
    gas_used: U64,
    #[serde(default)]
    effective_gas_price: Option<U128>,
    #[serde(default)]
    l1_fee: Option<U128>,
}

impl From<RawReceipt> for Receipt {
    fn from(raw: RawReceipt) -> Self {
        Self {
            tx_hash: raw.transaction_hash,
            block: raw.block_number.to(),
            block_hash: raw.block_hash,
            succeeded: raw.status == U64::from(1),
            gas_used: raw.gas_used.to(),
            cost_wei: raw
                .effective_gas_price
                .map_or(0, |price| price.to::<u128>().saturating_mul(raw.gas_used.to()))
                .saturating_add(raw.l1_fee.map_or(0, |fee| fee.to())),
        }
    }
}

/// What we need of `eth_feeHistory`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeHistory {
    /// Base fees, oldest first; the last one is the next block's.
    pub base_fee_per_gas: Vec<U128>,
    /// Per block, the asked percentiles of what was paid on top.
    #[serde(default)]
    pub reward: Option<Vec<Vec<U128>>>,
}

/// What we need of a transaction by hash.
#[derive(Debug, Clone, Deserialize)]
pub struct SentTransaction {
    /// Who was called; none for a deployment.
    pub to: Option<Address>,
    /// The calldata.
    pub input: Bytes,
}

/// How a simulated call went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome<T = Bytes> {
    /// It returned.
    Returned(T),
    /// It reverted, with these bytes (empty when the node hands none out).
    Reverted(Bytes),
}

/// A connection to a node. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Rpc {
    provider: DynProvider,
    meter: Meter,
}

#[derive(Debug, Clone, Serialize)]
struct CallParam<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Address>,
    to: Address,
    #[serde(rename = "input")]
    calldata: &'a Bytes,
}

impl Rpc {
    /// Talks through a provider that exists: any transport, also one inside this process.
    pub fn new(provider: DynProvider) -> Self {
        Self { provider, meter: Meter::default() }
    }

    /// What was counted of its calls, and of the work that is done through it.
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Connects over HTTP. Every call ends after `timeout`, with an error if need be.
    pub fn connect(url: &RpcUrl, timeout: Duration) -> Result<Self, ChainError> {
        url.check()?;
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| ChainError::Url)?;
        let http = alloy::transports::http::Http::with_client(client, url.0.clone());
        let client = RpcClient::new(http, false);
        let provider = ProviderBuilder::new().disable_recommended_fillers();
        Ok(Self::new(provider.network::<Ethereum>().connect_client(client).erased()))
    }

    /// The provider below, for calls that this type does not offer. Its errors may name the node's
    /// URL: do not show them to anybody.
    pub const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    async fn ask<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: P,
    ) -> Result<R, ChainError> {
        self.request(method, params).await.map_err(|e| translate(method, e))
    }

    /// Calls the node, and counts it.
    async fn request<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: P,
    ) -> Result<R, TransportError> {
        let began = Instant::now();
        let answer = self.provider.client().request(method, params).await;
        self.meter.asked(
            ENDPOINT,
            answer.as_ref().map_or_else(outcome_of, |_| "ok"),
            began.elapsed(),
        );
        answer
    }

    /// The chain's id.
    pub async fn chain_id(&self) -> Result<u64, ChainError> {
        Ok(self.ask::<_, U64>("eth_chainId", ()).await?.to())
    }

    /// Refuses a node of another chain.
    pub async fn expect_chain(&self, needed: u64) -> Result<(), ChainError> {
        let got = self.chain_id().await?;
        if got == needed { Ok(()) } else { Err(ChainError::ChainId { got, needed }) }
    }

    /// The code at an address, empty where there is none.
    pub async fn code(&self, address: Address) -> Result<Bytes, ChainError> {
        self.ask("eth_getCode", (address, "latest")).await
    }

    /// What an account owns, in wei.
    pub async fn balance(&self, account: Address) -> Result<U256, ChainError> {
        self.ask("eth_getBalance", (account, "latest")).await
    }

    /// Refuses an address without code.
    pub async fn expect_code(&self, address: Address) -> Result<(), ChainError> {
        let code = self.code(address).await?;
        if code.is_empty() { Err(ChainError::NoCode { address }) } else { Ok(()) }
    }

    /// The newest block at a tag.
    pub async fn head(&self, tag: BlockTag) -> Result<Header, ChainError> {
        let method = "eth_getBlockByNumber";
        self.ask::<_, Option<Header>>(method, (tag.param(), false)).await?.ok_or(
            ChainError::Malformed { method, what: "no block at this tag; try another block_tag" },
        )
    }

    /// The canonical block of a number, if the chain is that long.
    pub async fn header(&self, number: u64) -> Result<Option<Header>, ChainError> {
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

    /// The logs that match, as the node lists them. [`crate::follow`] checks them.
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, ChainError> {
        self.ask("eth_getLogs", (filter,)).await
    }

    /// A transaction that the node knows.
    pub async fn transaction(&self, hash: B256) -> Result<Option<SentTransaction>, ChainError> {
        self.ask("eth_getTransactionByHash", (hash,)).await
    }

    /// The receipt of a transaction in a block, canonical or not.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        let method = "eth_getTransactionReceipt";
        match self.ask::<_, Option<Receipt>>(method, (hash,)).await? {
            Some(r) if r.tx_hash != hash => {
                Err(ChainError::Malformed { method, what: "another transaction's receipt" })
            }
            other => Ok(other),
        }
    }

    /// How many transactions of `address` a tag's block has seen: its next nonce there.
    pub async fn nonce(&self, address: Address, tag: BlockTag) -> Result<u64, ChainError> {
        Ok(self.ask::<_, U64>("eth_getTransactionCount", (address, tag.param())).await?.to())
    }

    /// What recent blocks took, at one percentile of their priority fees.
    pub async fn fee_history(
        &self,
        blocks: u64,
        percentile: f64,
    ) -> Result<FeeHistory, ChainError> {
        self.ask("eth_feeHistory", (U64::from(blocks), "latest", [percentile])).await
    }

    /// Sends signed bytes.
    pub async fn broadcast(&self, raw: &Bytes) -> Result<B256, ChainError> {
        self.ask("eth_sendRawTransaction", (raw,)).await
    }

    /// Simulates a call on top of a tag's block.
    pub async fn call(
        &self,
        from: Option<Address>,
        to: Address,
        calldata: &Bytes,
        tag: BlockTag,
    ) -> Result<CallOutcome, ChainError> {
        let param = CallParam { from, to, calldata };
        let answer = self.request("eth_call", (param, tag.param())).await;
        outcome("eth_call", answer)
    }

    /// Simulates a call on top of a numbered block.
    pub async fn call_at(
        &self,
        from: Option<Address>,
        to: Address,
        calldata: &Bytes,
        block: u64,
    ) -> Result<CallOutcome, ChainError> {
        let param = CallParam { from, to, calldata };
        let answer = self.request("eth_call", (param, U64::from(block))).await;
        outcome("eth_call", answer)
    }

    /// How much gas a call needs now, before any margin.
    pub async fn estimate(
        &self,
        from: Address,
        to: Address,
        calldata: &Bytes,
    ) -> Result<CallOutcome<u64>, ChainError> {
        let param = CallParam { from: Some(from), to, calldata };
        let answer = self.request("eth_estimateGas", (param, "latest")).await;
        Ok(match outcome::<U64>("eth_estimateGas", answer)? {
            CallOutcome::Returned(gas) => CallOutcome::Returned(gas.to()),
            CallOutcome::Reverted(data) => CallOutcome::Reverted(data),
        })
    }

    /// Reads from a contract. A revert is a value here, since views revert with facts.
    pub async fn view<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        tag: BlockTag,
    ) -> Result<CallOutcome<C::Return>, ChainError> {
        let calldata = Bytes::from(call.abi_encode());
        Ok(match self.call(None, to, &calldata, tag).await? {
            CallOutcome::Returned(bytes) => {
                CallOutcome::Returned(C::abi_decode_returns(&bytes).map_err(|_| {
                    ChainError::Malformed {
                        method: "eth_call",
                        what: "the returned bytes do not decode",
                    }
                })?)
            }
            CallOutcome::Reverted(data) => CallOutcome::Reverted(data),
        })
    }

    /// Reads from a contract whose view does not revert on a sane chain.
    pub async fn read<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        tag: BlockTag,
    ) -> Result<C::Return, ChainError> {
        match self.view(to, call, tag).await? {
            CallOutcome::Returned(value) => Ok(value),
            CallOutcome::Reverted(_) => Err(refused("eth_call", 3, Refusal::Reverted)),
        }
    }
}

/// The label of the one node that is asked.
const ENDPOINT: &str = "primary";

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

const fn refused(method: &'static str, code: i64, refusal: Refusal) -> ChainError {
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
