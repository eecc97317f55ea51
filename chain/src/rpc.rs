//! Talking to nodes. Every answer is checked here; nothing a node says reaches an error's text.
//!
//! With several nodes, what leads to money is what a quorum of them says alike, about one block that
//! the quorum names by its hash. Whatever else is asked is one node's word. One node is a quorum of
//! one.

mod config;
mod heads;
mod link;
mod types;

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, U64, U256};
use alloy::providers::DynProvider;
use alloy::rpc::json_rpc::{RpcRecv, RpcSend};
use alloy::rpc::types::{Filter, Log};
use alloy::sol_types::SolCall;
use serde::Serialize;
use surety_endpoints::{Dissent, Endpoints, Report, Settings, Trouble, spread};

use crate::meter::Meter;
use crate::{ChainError, Refusal};
use link::{Link, refused};

pub use config::{EndpointConfig, RpcUrl, WsUrl};
pub use types::{BlockTag, CallOutcome, FeeHistory, Header, Receipt, SentTransaction};

/// A connection to one node or to several. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Rpc {
    /// The first endpoint's, which there always is.
    provider: DynProvider,
    endpoints: Endpoints<Link, ChainError>,
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

/// A block by its hash (EIP-1898): a node that does not hold it must say so.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pin {
    block_hash: B256,
    require_canonical: bool,
}

impl From<DynProvider> for Rpc {
    fn from(provider: DynProvider) -> Self {
        Self::new(provider)
    }
}

impl Rpc {
    /// Talks through a provider that exists: any transport, also one inside this process.
    pub fn new(provider: DynProvider) -> Self {
        let settings = Settings { name: "rpc".to_owned(), priority: 0, per_second: None };
        Self::over((provider, settings), Vec::new(), None)
    }

    /// Talks through several providers that exist. `quorum` of them must agree on what leads to
    /// money; a majority unless it is given.
    pub fn over(
        first: (DynProvider, Settings),
        others: Vec<(DynProvider, Settings)>,
        quorum: Option<usize>,
    ) -> Self {
        let (provider, meter) = (first.0.clone(), Meter::default());
        let all = std::iter::once(first).chain(others);
        let link = |(provider, settings): (DynProvider, Settings)| {
            (Link::new(provider, &settings.name, meter.clone()), settings)
        };
        let members = all.map(link).collect();
        Self { provider, endpoints: Endpoints::new(members, quorum, link::blame), meter }
    }

    /// What was counted of its calls, and of the work that is done through it.
    pub const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Connects to one node over HTTP. Every call ends after `timeout`, with an error if need be.
    pub fn connect(url: &RpcUrl, timeout: Duration) -> Result<Self, ChainError> {
        Ok(Self::new(config::provider(url, timeout)?))
    }

    /// Connects to several nodes over HTTP, as [`Rpc::over`] does.
    pub fn connect_all(
        nodes: &[EndpointConfig],
        quorum: Option<usize>,
    ) -> Result<Self, ChainError> {
        let link = |(at, node): (usize, &EndpointConfig)| {
            Ok::<_, ChainError>((node.provider()?, node.settings(at)))
        };
        let mut links = nodes.iter().enumerate().map(link);
        let first = links.next().ok_or(ChainError::Url)??;
        Ok(Self::over(first, links.collect::<Result<_, _>>()?, quorum))
    }

    /// The first node's provider, for calls that this type does not offer. Its errors may name the
    /// node's URL: do not show them to anybody.
    pub const fn provider(&self) -> &DynProvider {
        &self.provider
    }

    /// How many nodes must agree on what leads to money.
    pub const fn quorum(&self) -> usize {
        self.endpoints.quorum()
    }

    /// How each node does.
    pub fn reports(&self) -> Vec<Report> {
        self.endpoints.reports()
    }

    fn is_alone(&self) -> bool {
        self.endpoints.count() == 1
    }

    /// One node's word.
    async fn ask<P: RpcSend + Clone, R: RpcRecv>(
        &self,
        method: &'static str,
        params: P,
    ) -> Result<R, ChainError> {
        let answer = self.endpoints.first(|link| link.ask(method, params.clone())).await;
        answer.map_err(|t| told(method, t))
    }

    /// A quorum's word on what may differ while nodes catch up.
    async fn settled<P: RpcSend + Clone, R: RpcRecv>(
        &self,
        (method, params): (&'static str, P),
        same: impl Fn(&R, &R) -> bool,
    ) -> Result<R, ChainError> {
        let ask = |link: Link| link.ask(method, params.clone());
        self.endpoints.agreed(ask, same, Dissent::Lags).await.map_err(|t| told(method, t))
    }

    /// The chain's id, as one node says.
    pub async fn chain_id(&self) -> Result<u64, ChainError> {
        Ok(self.ask::<_, U64>("eth_chainId", ()).await?.to())
    }

    /// Refuses nodes of another chain, and a quorum that does not answer.
    pub async fn expect_chain(&self, needed: u64) -> Result<(), ChainError> {
        let method = "eth_chainId";
        let ids = self.endpoints.gather(|link| link.ask::<_, U64>(method, ())).await;
        let mut ids = ids.map_err(|t| told(method, t))?.into_iter().map(|(_, id)| id.to());
        match ids.find(|id| *id != needed) {
            Some(got) => Err(ChainError::ChainId { got, needed }),
            None => Ok(()),
        }
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
        let question = ("eth_getCode", (address, "latest"));
        let code: Bytes = self.settled(question, |a: &Bytes, b| a == b).await?;
        if code.is_empty() { Err(ChainError::NoCode { address }) } else { Ok(()) }
    }

    /// The canonical block of a number, if the chain is that long.
    pub async fn header(&self, number: u64) -> Result<Option<Header>, ChainError> {
        let same = |a: &Option<Header>, b: &Option<Header>| a == b;
        let answer = self.endpoints.agreed(|link| link.header(number), same, Dissent::Lags).await;
        answer.map_err(|t| told("eth_getBlockByNumber", t))
    }

    /// The logs that match, as a quorum lists them.
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, ChainError> {
        let same = |a: &Vec<Log>, b: &Vec<Log>| same_logs(a, b);
        self.settled(("eth_getLogs", (filter.clone(),)), same).await
    }

    /// The logs of these contracts from a block on until `end`, of the chain that holds `end`, as a
    /// quorum lists them. [`crate::follow`] checks them further.
    pub async fn logs_until(
        &self,
        addresses: &[Address],
        from: u64,
        end: &Header,
    ) -> Result<Vec<Log>, ChainError> {
        let filter = Filter::new().address(addresses.to_vec());
        // By its hash where it is one block: a node that lags must say so instead of "nothing".
        let filter = if from == end.number {
            filter.at_block_hash(end.hash)
        } else {
            filter.from_block(from).to_block(end.number)
        };
        let pin = (end.number, end.hash);
        let ask = |link: Link| link.logs(filter.clone(), pin);
        let same = |a: &Vec<Log>, b: &Vec<Log>| same_logs(a, b);
        let answer = self.endpoints.agreed(ask, same, Dissent::Lies).await;
        answer.map_err(|t| told("eth_getLogs", t))
    }

    /// A transaction that some node knows.
    pub async fn transaction(&self, hash: B256) -> Result<Option<SentTransaction>, ChainError> {
        let method = "eth_getTransactionByHash";
        let ask = |link: Link| async move {
            let found: Option<SentTransaction> = link.ask(method, (hash,)).await?;
            found.ok_or(refused(method, 0, Refusal::BlockUnknown))
        };
        match self.endpoints.first(ask).await.map_err(|t| told(method, t)) {
            Err(error) if error.refusal() == Some(Refusal::BlockUnknown) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The receipt of a transaction in a block, canonical or not.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        let method = "eth_getTransactionReceipt";
        let same = |a: &Option<Receipt>, b: &Option<Receipt>| match (a, b) {
            (Some(a), Some(b)) => a.agrees(b),
            (a, b) => a == b,
        };
        match self.settled::<_, Option<Receipt>>((method, (hash,)), same).await? {
            Some(r) if r.tx_hash != hash => {
                Err(ChainError::Malformed { method, what: "another transaction's receipt" })
            }
            other => Ok(other),
        }
    }

    /// What recent blocks took, at one percentile of their priority fees.
    pub async fn fee_history(
        &self,
        blocks: u64,
        percentile: f64,
    ) -> Result<FeeHistory, ChainError> {
        self.ask("eth_feeHistory", (U64::from(blocks), "latest", [percentile])).await
    }

    /// Sends signed bytes to every node. One that takes them is enough; otherwise the answer is the
    /// one that leaves most open, since whoever gave another may be wrong.
    pub async fn broadcast(&self, raw: &Bytes) -> Result<(), ChainError> {
        let method = "eth_sendRawTransaction";
        let tell = |link: Link| link.ask::<_, B256>(method, (raw.clone(),));
        let mut worst: Option<ChainError> = None;
        let mut taken = false;
        spread(&self.endpoints, tell, |answer| {
            match answer {
                Ok(_) => taken = true,
                Err(e) if e.refusal() == Some(Refusal::AlreadyKnown) => taken = true,
                Err(e) if worst.as_ref().is_none_or(|w| openness(&e) > openness(w)) => {
                    worst = Some(e);
                }
                Err(_) => {}
            }
            taken
        })
        .await;
        if taken { Ok(()) } else { Err(worst.unwrap_or(ChainError::Unreachable { method })) }
    }

    /// Simulates a call on top of a tag's block.
    pub async fn call(
        &self,
        from: Option<Address>,
        to: Address,
        calldata: &Bytes,
        tag: BlockTag,
    ) -> Result<CallOutcome, ChainError> {
        if !self.is_alone() {
            let head = self.head(tag).await?;
            return self.call_at(from, to, calldata, &head).await;
        }
        let param = CallParam { from, to, calldata };
        let answer =
            self.endpoints.first(|link| link.run("eth_call", (param.clone(), tag.param()))).await;
        answer.map_err(|t| told("eth_call", t))
    }

    /// Simulates a call on top of this very block, as a quorum sees it.
    pub async fn call_at(
        &self,
        from: Option<Address>,
        to: Address,
        calldata: &Bytes,
        block: &Header,
    ) -> Result<CallOutcome, ChainError> {
        let param = CallParam { from, to, calldata };
        let pin = Pin { block_hash: block.hash, require_canonical: true };
        let ask = |link: Link| link.run("eth_call", (param.clone(), pin));
        let same = |a: &CallOutcome, b: &CallOutcome| a == b;
        let answer = self.endpoints.agreed(ask, same, Dissent::Lies).await;
        answer.map_err(|t| told("eth_call", t))
    }

    /// How much gas a call needs now, before any margin.
    pub async fn estimate(
        &self,
        from: Address,
        to: Address,
        calldata: &Bytes,
    ) -> Result<CallOutcome<u64>, ChainError> {
        let method = "eth_estimateGas";
        let param = CallParam { from: Some(from), to, calldata };
        let ask = |link: Link| link.run::<_, U64>(method, (param.clone(), "latest"));
        let answer = self.endpoints.agreed(ask, similar, Dissent::Lags).await;
        Ok(match answer.map_err(|t| told(method, t))? {
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
        decoded::<C>(self.call(None, to, &calldata, tag).await?)
    }

    /// Reads from a contract whose view does not revert on a sane chain.
    pub async fn read<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        tag: BlockTag,
    ) -> Result<C::Return, ChainError> {
        returned(self.view(to, call, tag).await?)
    }

    /// The same at this very block, as a quorum sees it.
    pub async fn read_at<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        block: &Header,
    ) -> Result<C::Return, ChainError> {
        let calldata = Bytes::from(call.abi_encode());
        returned(decoded::<C>(self.call_at(None, to, &calldata, block).await?)?)
    }
}

fn decoded<C: SolCall>(outcome: CallOutcome) -> Result<CallOutcome<C::Return>, ChainError> {
    let (method, what) = ("eth_call", "the returned bytes do not decode");
    Ok(match outcome {
        CallOutcome::Returned(bytes) => CallOutcome::Returned(
            C::abi_decode_returns(&bytes).map_err(|_| ChainError::Malformed { method, what })?,
        ),
        CallOutcome::Reverted(data) => CallOutcome::Reverted(data),
    })
}

fn returned<T>(outcome: CallOutcome<T>) -> Result<T, ChainError> {
    match outcome {
        CallOutcome::Returned(value) => Ok(value),
        CallOutcome::Reverted(_) => Err(refused("eth_call", 3, Refusal::Reverted)),
    }
}

/// Whether two nodes list the same logs. Not every node sends timestamps along.
fn same_logs(a: &[Log], b: &[Log]) -> bool {
    let place = |log: &Log| (log.block_hash, log.transaction_hash, log.log_index, log.removed);
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| place(a) == place(b) && a.inner == b.inner)
}

/// Whether two estimates of gas mean the same: nodes search until they are near enough.
fn similar(a: &CallOutcome<U64>, b: &CallOutcome<U64>) -> bool {
    match (a, b) {
        (CallOutcome::Returned(a), CallOutcome::Returned(b)) => {
            let (a, b): (u64, u64) = (a.to(), b.to());
            a.abs_diff(b) <= a.max(b) / 8
        }
        (CallOutcome::Reverted(_), CallOutcome::Reverted(_)) => true,
        _ => false,
    }
}

/// How much a refused broadcast leaves open: "perhaps it was taken" most of all, "no node will ever
/// take it" least.
fn openness(error: &ChainError) -> u8 {
    match error.refusal() {
        Some(Refusal::Unacceptable) => 0,
        Some(Refusal::NonceTooLow) => 1,
        Some(Refusal::FeeTooLow) => 2,
        Some(Refusal::Underpriced) => 3,
        Some(_) => 4,
        None => 5,
    }
}

fn told(method: &'static str, trouble: Trouble<ChainError>) -> ChainError {
    match trouble {
        Trouble::Call(error) => error,
        Trouble::Disagree => ChainError::Disagree { method },
        Trouble::Nobody => ChainError::Unreachable { method },
    }
}
