//! The JSON-RPC methods, each answered from the chain.

use alloy::consensus::TxEnvelope;
use alloy::consensus::transaction::Recovered;
use alloy::eips::{BlockId, BlockNumberOrTag, Decodable2718 as _};
use alloy::primitives::{Address, B256, Bytes, TxKind, U64, U256};
use alloy::rpc::types::{Filter, TransactionRequest};
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::chain::Chain;
use super::fault::Fault;
use super::{Orphans, estimate, fees, views};

/// The answer to one method.
pub(crate) fn answer(chain: &mut Chain, method: &str, params: &Params) -> Result<Value, Fault> {
    match method {
        "eth_chainId" => json(U64::from(chain.chain_id())),
        "net_version" => json(chain.chain_id().to_string()),
        "web3_clientVersion" => json(concat!("surety-node/", env!("CARGO_PKG_VERSION"))),
        "eth_syncing" => json(false),
        "eth_accounts" => json(Vec::<Address>::new()),
        "eth_blockNumber" => json(U64::from(chain.head().header.number)),
        "eth_getBlockByNumber" => block_by_number(chain, params),
        "eth_getBlockByHash" => {
            let block = chain.block_by_hash(params.get(0)?);
            json(block.map(|block| views::block(block, params.or(1, false).unwrap_or(false))))
        }
        "eth_getBlockReceipts" => block_receipts(chain, params),
        "eth_getLogs" => json(views::logs(chain, &params.get::<Filter>(0)?)?),
        "eth_gasPrice" => json(U256::from(fees::gas_price(chain))),
        "eth_maxPriorityFeePerGas" => json(U256::from(fees::suggested_tip(chain))),
        "eth_feeHistory" => fee_history(chain, params),
        "eth_getTransactionByHash" => json(transaction(chain, params.get(0)?)),
        "eth_getTransactionReceipt" => {
            let found = chain.executed(params.get(0)?);
            json(found.and_then(|(block, at)| Some(views::receipt(block, at, block.txs.get(at)?))))
        }
        "eth_getTransactionCount" => transaction_count(chain, params),
        "eth_getBalance" => json(chain.at(params.block(1)?)?.0.state().balance(params.get(0)?)),
        "eth_getCode" => json(chain.at(params.block(1)?)?.0.state().code(params.get(0)?)),
        "eth_getStorageAt" => {
            let (evm, _) = chain.at(params.block(2)?)?;
            json(B256::from(evm.state().storage(params.get(0)?, params.get(1)?)))
        }
        "eth_call" => call(chain, params),
        "eth_estimateGas" => {
            let request: TransactionRequest = params.get(0)?;
            json(U64::from(estimate::estimate(chain, request, params.block(1)?)?))
        }
        "eth_sendRawTransaction" => {
            let bytes: Bytes = params.get(0)?;
            json(chain.submit(recover(&bytes)?)?)
        }
        _ => control(chain, method, params),
    }
}

/// The methods that only a local chain has, under the names that anvil and hardhat gave them.
fn control(chain: &mut Chain, method: &str, params: &Params) -> Result<Value, Fault> {
    match method {
        "evm_mine" | "anvil_mine" => {
            let blocks: u64 = params.or(0, U64::ONE)?.to();
            (0..blocks).for_each(|_| {
                chain.mine();
            });
            json("0x0")
        }
        "evm_increaseTime" => {
            let seconds = params.quantity(0)?;
            chain.increase_time(seconds);
            json(U64::from(seconds))
        }
        "evm_setNextBlockTimestamp" => {
            chain.set_time(params.quantity(0)?)?;
            Ok(Value::Null)
        }
        "evm_setAutomine" => {
            chain.automine = params.get(0)?;
            Ok(Value::Null)
        }
        "evm_snapshot" => json(U64::from(chain.snapshot())),
        "evm_revert" => json(chain.revert(params.quantity(0)?)),
        "anvil_setBalance" => {
            chain.set_balance(params.get(0)?, params.get(1)?);
            Ok(Value::Null)
        }
        "anvil_dropTransaction" => {
            let hash: B256 = params.get(0)?;
            json(chain.pool.remove(hash).then_some(hash))
        }
        "anvil_reorg" => {
            let depth = usize::try_from(params.quantity(0)?).unwrap_or(usize::MAX);
            chain.reorg(depth, Orphans::Forget);
            Ok(Value::Null)
        }
        _ => Err(Fault::MethodUnknown(method.to_owned())),
    }
}

fn json(value: impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(value).map_err(|error| Fault::Refused(error.to_string()))
}

fn block_by_number(chain: &Chain, params: &Params) -> Result<Value, Fault> {
    let whole = params.or(1, false)?;
    match chain.number(params.get(0)?) {
        Some(number) => json(chain.block(number).map(|block| views::block(block, whole))),
        // What would be mined now, mined on a copy.
        None => json(views::block(chain.clone().mine(), whole)),
    }
}

fn block_receipts(chain: &Chain, params: &Params) -> Result<Value, Fault> {
    let block = match params.block(0)? {
        BlockId::Hash(hash) => chain.block_by_hash(hash.block_hash),
        BlockId::Number(tag) => chain.number(tag).and_then(|number| chain.block(number)),
    };
    json(block.map(|block| views::receipts(block)))
}

fn fee_history(chain: &Chain, params: &Params) -> Result<Value, Fault> {
    let percentiles: Option<Vec<f64>> = params.or(2, None)?;
    let percentiles = percentiles.unwrap_or_default();
    json(fees::history(chain, params.quantity(0)?, params.get(1)?, &percentiles)?)
}

fn transaction(chain: &Chain, hash: B256) -> Option<alloy::rpc::types::Transaction> {
    let Some((block, at)) = chain.executed(hash) else { return views::waiting(chain, hash) };
    Some(views::transaction(block, at, block.txs.get(at)?))
}

fn transaction_count(chain: &Chain, params: &Params) -> Result<Value, Fault> {
    let (account, block) = (params.get(0)?, params.block(1)?);
    let nonce = chain.at(block)?.0.state().nonce(account);
    let pending = block == BlockId::Number(BlockNumberOrTag::Pending);
    json(U64::from(if pending { chain.pool.next_nonce(account, nonce) } else { nonce }))
}

fn call(chain: &Chain, params: &Params) -> Result<Value, Fault> {
    let (evm, block) = chain.at(params.block(1)?)?;
    let tx = message(&params.get(0)?, block.gas_limit);
    match evm.call_in(block, tx)? {
        ExecutionResult::Success { output, .. } => json(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(Fault::Reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(Fault::Halted(format!("{reason:?}"))),
    }
}

/// A request as a message; fields that only a signed transaction needs are left out.
pub(crate) fn message(request: &TransactionRequest, most_gas: u64) -> TxEnv {
    let tip = request.max_priority_fee_per_gas;
    let mut tx = TxEnv {
        caller: request.from.unwrap_or_default(),
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data: request.input.input().cloned().unwrap_or_default(),
        gas_limit: request.gas.unwrap_or(most_gas),
        gas_price: request.max_fee_per_gas.or(request.gas_price).unwrap_or_default(),
        gas_priority_fee: request.max_fee_per_gas.and(tip),
        access_list: request.access_list.clone().unwrap_or_default(),
        ..TxEnv::default()
    };
    tx.set_signed_authorization(request.authorization_list.clone().unwrap_or_default());
    // A message without a recipient creates; anything else that is missing has a default above.
    drop(tx.derive_tx_type());
    tx
}

fn recover(bytes: &[u8]) -> Result<Recovered<TxEnvelope>, Fault> {
    let mut rest = bytes;
    let tx = TxEnvelope::decode_2718(&mut rest)
        .map_err(|error| Fault::Refused(format!("rlp: {error}")))?;
    if !rest.is_empty() {
        return Err(Fault::Refused("rlp: trailing bytes".into()));
    }
    let invalid = || Fault::Refused("invalid sender".into());
    if tx.signature().normalize_s().is_some() {
        return Err(invalid());
    }
    let signer = tx.signature().recover_address_from_prehash(&tx.signature_hash());
    let signer = signer.map_err(|_| invalid())?;
    Ok(Recovered::new_unchecked(tx, signer))
}

/// A method's parameters, in order.
#[derive(Clone, Debug)]
pub(crate) struct Params(Vec<Value>);

impl Params {
    /// The parameters of a request; none when it has none.
    pub(crate) fn new(params: Option<Value>) -> Result<Self, Fault> {
        match params {
            None | Some(Value::Null) => Ok(Self(Vec::new())),
            Some(Value::Array(params)) => Ok(Self(params)),
            Some(_) => Err(Fault::ParamsInvalid("non-array args".into())),
        }
    }

    fn get<T: DeserializeOwned>(&self, at: usize) -> Result<T, Fault> {
        let missing = || Fault::ParamsInvalid(format!("missing value for required argument {at}"));
        let value = self.0.get(at).ok_or_else(missing)?;
        T::deserialize(value)
            .map_err(|error| Fault::ParamsInvalid(format!("invalid argument {at}: {error}")))
    }

    fn or<T: DeserializeOwned>(&self, at: usize, default: T) -> Result<T, Fault> {
        match self.0.get(at) {
            None | Some(Value::Null) => Ok(default),
            Some(_) => self.get(at),
        }
    }

    fn block(&self, at: usize) -> Result<BlockId, Fault> {
        self.or(at, BlockId::latest())
    }

    /// A number as hex or, as some tools send it, as decimal.
    fn quantity(&self, at: usize) -> Result<u64, Fault> {
        match self.0.get(at).and_then(Value::as_u64) {
            Some(number) => Ok(number),
            None => Ok(self.get::<U64>(at)?.to()),
        }
    }
}
