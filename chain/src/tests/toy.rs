//! A chain of a few lines for this crate's tests: blocks, a pool, receipts, reorganisations, and a
//! connection that fails on demand. It executes nothing; the harness' `Node` does.
#![expect(clippy::unwrap_in_result, reason = "what breaks here is a broken test")]

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy::eips::eip2718::Decodable2718 as _;
use alloy::primitives::{Address, B256, Bytes, keccak256};
use alloy::providers::{Provider as _, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Rpc;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call never reaches the chain.
    Lost,
    /// The chain does it and the answer never arrives.
    AnswerLost,
    /// The node answers nonsense.
    Garbage,
}

#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) hash: B256,
    parent: B256,
    timestamp: u64,
    pub(crate) txs: Vec<TxEnvelope>,
    pub(crate) logs: Vec<(Address, Bytes)>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) blocks: Vec<Block>,
    /// By nonce: there is one sender.
    pub(crate) pool: BTreeMap<u64, TxEnvelope>,
    /// Calldata that reverts, when simulated and when mined.
    pub(crate) reverting: HashSet<Bytes>,
    /// Blocks below the newest that are safe.
    pub(crate) safe_depth: usize,
    /// What happens to the next calls, in order; afterwards all goes well.
    pub(crate) faults: VecDeque<Option<Fault>>,
    /// The most logs that one answer may hold.
    pub(crate) most_logs: usize,
    /// Whether the node refuses every transaction of this method's callers for good.
    pub(crate) unacceptable: HashSet<Bytes>,
    pub(crate) calls: BTreeMap<String, u32>,
    /// What the parent chain charges for a transaction, if there is one.
    pub(crate) l1_fee: Option<u64>,
    /// How much later the next block is than usual.
    pub(crate) pause: u64,
    salt: u64,
}

/// A handle to the chain. It is its own transport.
#[derive(Debug, Clone)]
pub(crate) struct Toy(Arc<Mutex<State>>);

pub(crate) const CHAIN_ID: u64 = 31_337;

impl Toy {
    pub(crate) fn new() -> Self {
        let toy = Self(Arc::new(Mutex::new(State { most_logs: 1_000, ..State::default() })));
        toy.mine();
        toy
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn rpc(&self) -> Rpc {
        let provider = ProviderBuilder::new().disable_recommended_fillers();
        Rpc::new(provider.connect_client(RpcClient::new(self.clone(), true)).erased())
    }

    /// A block with everything in the pool that can go in.
    pub(crate) fn mine(&self) {
        self.block(true, Vec::new());
    }

    /// A block that takes nothing from the pool.
    pub(crate) fn mine_empty(&self) {
        self.block(false, Vec::new());
    }

    /// A block with logs.
    pub(crate) fn mine_logs(&self, logs: Vec<(Address, Bytes)>) {
        self.block(true, logs);
    }

    fn block(&self, take: bool, logs: Vec<(Address, Bytes)>) {
        let state = &mut *self.state();
        let mut txs = Vec::new();
        let mut nonce = state.count(state.blocks.len());
        while take && let Some(tx) = state.pool.remove(&nonce) {
            txs.push(tx);
            nonce += 1;
        }
        let (parent, timestamp) =
            state.blocks.last().map_or((B256::ZERO, 1_000), |b| (b.hash, b.timestamp + 12));
        let timestamp = timestamp + std::mem::take(&mut state.pause);
        state.salt += 1;
        let hash = keccak256([parent.as_slice(), &state.salt.to_be_bytes()].concat());
        state.blocks.push(Block { hash, parent, timestamp, txs, logs });
    }

    /// Takes the newest blocks back; their transactions return to the pool or are lost.
    pub(crate) fn reorg(&self, depth: usize, keep: bool) {
        let state = &mut *self.state();
        for _ in 0..depth.min(state.blocks.len() - 1) {
            let block = state.blocks.pop().unwrap();
            if keep {
                for tx in block.txs {
                    state.pool.entry(tx.nonce()).or_insert(tx);
                }
            }
        }
    }

    /// All mined calldata, in order.
    pub(crate) fn effects(&self) -> Vec<Bytes> {
        let state = self.state();
        let txs = state.blocks.iter().flat_map(|b| &b.txs);
        txs.map(|tx| tx.input().clone()).filter(|input| !input.is_empty()).collect()
    }

    fn answer(&self, request: &SerializedRequest) -> Result<ResponsePayload, TransportError> {
        let method = request.method().to_owned();
        let params: Value =
            request.params().map_or(Value::Null, |p| serde_json::from_str(p.get()).unwrap());
        let fault = {
            let mut state = self.state();
            *state.calls.entry(method.clone()).or_default() += 1;
            state.faults.pop_front().flatten()
        };
        if fault == Some(Fault::Lost) {
            return Err(TransportErrorKind::custom_str("secret-endpoint"));
        }
        let answer = self.state().answer(&method, &params);
        match fault {
            Some(Fault::AnswerLost) => {
                return Err(TransportErrorKind::custom_str("secret-endpoint"));
            }
            Some(Fault::Garbage) => return Ok(success(&json!({"who": "knows"}))),
            Some(Fault::Lost) | None => {}
        }
        Ok(match answer {
            Ok(value) => success(&value),
            Err((code, message, data)) => ResponsePayload::Failure(ErrorPayload {
                code,
                message: message.into(),
                data: data.map(|d| RawValue::from_string(json!(d).to_string()).unwrap()),
            }),
        })
    }
}

fn success(value: &Value) -> ResponsePayload {
    ResponsePayload::Success(RawValue::from_string(value.to_string()).unwrap())
}

type Refused = (i64, &'static str, Option<Bytes>);

impl State {
    /// The sender's nonce after the first `blocks` blocks.
    fn count(&self, blocks: usize) -> u64 {
        self.blocks.iter().take(blocks).map(|b| b.txs.len() as u64).sum()
    }

    fn height(&self, tag: &Value) -> usize {
        let newest = self.blocks.len() - 1;
        match tag.as_str().unwrap() {
            "latest" => newest,
            "safe" | "finalized" => newest.saturating_sub(self.safe_depth),
            number => usize::from_str_radix(number.trim_start_matches("0x"), 16).unwrap(),
        }
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, Refused> {
        Ok(match method {
            "eth_chainId" => json!(format!("0x{CHAIN_ID:x}")),
            "eth_getBlockByNumber" => self.header(self.height(&params[0])),
            "eth_getTransactionCount" => {
                json!(format!("0x{:x}", self.count(self.height(&params[1]) + 1)))
            }
            "eth_estimateGas" | "eth_call" => {
                let input: Bytes = serde_json::from_value(params[0]["input"].clone()).unwrap();
                if let Some(fee) = self.l1_fee
                    && params[0]["to"].as_str().is_some_and(|to| to.ends_with("0f"))
                {
                    return Ok(json!(B256::from(alloy::primitives::U256::from(fee))));
                }
                if self.reverting.contains(&input) {
                    return Err((3, "execution reverted", Some(Bytes::from_static(b"no"))));
                }
                json!(if method == "eth_call" { "0x" } else { "0xc350" })
            }
            "eth_feeHistory" => json!({
                "oldestBlock": "0x0", "gasUsedRatio": [0.5],
                "baseFeePerGas": ["0x3b9aca00", "0x3b9aca00"], "reward": [["0x1"]],
            }),
            "eth_sendRawTransaction" => self.take(&params[0])?,
            "eth_getTransactionReceipt" => self.receipt(&params[0]),
            "eth_getLogs" => self.logs(&params[0])?,
            _ => return Err((-32601, "method not found", None)),
        })
    }

    fn header(&self, at: usize) -> Value {
        self.blocks.get(at).map_or(Value::Null, |b| {
            json!({
                "number": format!("0x{at:x}"), "hash": b.hash, "parentHash": b.parent,
                "timestamp": format!("0x{:x}", b.timestamp),
            })
        })
    }

    fn take(&mut self, raw: &Value) -> Result<Value, Refused> {
        let raw: Bytes = serde_json::from_value(raw.clone()).unwrap();
        let tx = TxEnvelope::decode_2718(&mut raw.as_ref()).unwrap();
        if self.unacceptable.contains(tx.input()) {
            return Err((-32000, "intrinsic gas too low", None));
        }
        let nonce = tx.nonce();
        if nonce < self.count(self.blocks.len()) {
            return Err((-32000, "nonce too low", None));
        }
        if let Some(old) = self.pool.get(&nonce) {
            if old.tx_hash() == tx.tx_hash() {
                return Err((-32000, "already known", None));
            }
            let enough = |new: u128, old: u128| new * 10 >= old * 11;
            let (max, tip) = (tx.max_fee_per_gas(), tx.max_priority_fee_per_gas().unwrap());
            if !enough(max, old.max_fee_per_gas())
                || !enough(tip, old.max_priority_fee_per_gas().unwrap())
            {
                return Err((-32000, "replacement transaction underpriced", None));
            }
        }
        let hash = *tx.tx_hash();
        self.pool.insert(nonce, tx);
        Ok(json!(hash))
    }

    fn receipt(&self, hash: &Value) -> Value {
        let hash: B256 = serde_json::from_value(hash.clone()).unwrap();
        for (number, block) in self.blocks.iter().enumerate() {
            if let Some(tx) = block.txs.iter().find(|tx| *tx.tx_hash() == hash) {
                let reverted = self.reverting.contains(tx.input());
                return json!({
                    "transactionHash": hash, "blockNumber": format!("0x{number:x}"),
                    "blockHash": block.hash, "status": if reverted { "0x0" } else { "0x1" },
                    "gasUsed": "0x5208", "effectiveGasPrice": "0x3b9aca00",
                });
            }
        }
        Value::Null
    }

    fn logs(&self, filter: &Value) -> Result<Value, Refused> {
        let (from, to) = match filter["blockHash"].as_str() {
            None => (self.height(&filter["fromBlock"]), self.height(&filter["toBlock"])),
            Some(hash) => {
                let at = self.blocks.iter().position(|b| b.hash.to_string() == hash);
                let at = at.ok_or((-32000, "unknown block", None))?;
                (at, at)
            }
        };
        let mut found = Vec::new();
        for (number, block) in self.blocks.iter().enumerate().take(to + 1).skip(from) {
            for (index, (address, data)) in block.logs.iter().enumerate() {
                found.push(json!({
                    "address": address, "topics": [], "data": data,
                    "blockNumber": format!("0x{number:x}"), "blockHash": block.hash,
                    "transactionHash": B256::ZERO, "transactionIndex": "0x0",
                    "logIndex": format!("0x{index:x}"), "removed": false,
                }));
            }
        }
        if found.len() > self.most_logs {
            return Err((-32005, "query returned more than the limit", None));
        }
        Ok(json!(found))
    }
}

impl tower::Service<RequestPacket> for Toy {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let toy = self.clone();
        Box::pin(async move {
            let RequestPacket::Single(request) = packet else { panic!("no batches here") };
            let payload = toy.answer(&request)?;
            Ok(ResponsePacket::Single(Response { id: request.id().clone(), payload }))
        })
    }
}
