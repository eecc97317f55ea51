//! The single looks.

use alloy::primitives::{Address, U256, keccak256};
use surety_bindings::deployment;
use surety_bindings::escrow::DealEscrow;
use surety_chain::{BlockTag, ChainError, Rpc};
use surety_relayer::{Config, StoreState, store_state};

use crate::{Check, Grade};

/// How far the chain's time may be from ours. Deadlines are the chain's, so this harms nobody; it
/// tells of an endpoint that lags, or of a clock that is wrong.
const MOST_SKEW_SECS: u64 = 30;

pub(crate) async fn store(config: &Config) -> Check {
    let name = "store";
    match store_state(config).await {
        Ok(StoreState::New) => Check::new(name, Grade::Good, "new: the first start makes it"),
        Ok(StoreState::InUse) => Check::new(name, Grade::Good, "in use by a running relayer"),
        Ok(StoreState::Current) => Check::new(name, Grade::Good, "this version's"),
        Ok(StoreState::Behind(n)) => {
            Check::new(name, Grade::Good, format!("the start applies {n} migrations"))
        }
        Ok(StoreState::Ahead) => {
            let detail = "a later version has changed it: run that version, or restore a backup";
            Check::new(name, Grade::Bad, detail)
        }
        Err(error) => Check::new(name, Grade::Bad, error.to_string()),
    }
}

/// The keys' addresses.
pub(crate) async fn keys(config: &Config) -> Result<Vec<Address>, String> {
    let mut addresses = Vec::new();
    for source in std::iter::once(&config.key).chain(&config.more_keys) {
        let address = source.open().await.map_err(|error| error.to_string())?.address();
        if addresses.contains(&address) {
            return Err(ChainError::KeyTwice { address }.to_string());
        }
        addresses.push(address);
    }
    Ok(addresses)
}

pub(crate) async fn connect(config: &Config) -> Result<(Rpc, Check), Check> {
    let name = "endpoint";
    let bad = |error: ChainError| Check::new(name, Grade::Bad, error.to_string());
    let rpc = surety_relayer::connect(config).map_err(bad)?;
    rpc.expect_chain(config.chain_id).await.map_err(bad)?;
    let (chain, count, quorum) = (config.chain_id, rpc.reports().len(), rpc.quorum());
    let check = if count == 1 {
        Check::new(name, Grade::Good, format!("answers for chain {chain}; its word alone counts"))
    } else {
        let detail = format!("{count} of which {quorum} must agree; they answer for chain {chain}");
        Check::new(name, Grade::Good, detail)
    };
    Ok((rpc, check))
}

pub(crate) async fn contracts(config: &Config, rpc: &Rpc) -> Vec<Check> {
    match look_at_contracts(config, rpc).await {
        Ok(checks) => checks,
        Err(error) => vec![Check::new("escrow", Grade::Bad, error.to_string())],
    }
}

/// An address that is the plan's proves the code: it is made of the code's hash (CREATE2).
async fn look_at_contracts(config: &Config, rpc: &Rpc) -> Result<Vec<Check>, ChainError> {
    rpc.expect_code(config.escrow).await?;
    let tag = BlockTag::Latest;
    let jury = rpc.read(config.escrow, &DealEscrow::juryCall {}, tag).await?;
    let token = rpc.read(config.escrow, &DealEscrow::tokenCall {}, tag).await?;
    rpc.expect_code(jury).await?;
    let planned = deployment::plan(token).addresses();
    let listed = deployment::of_chain(config.chain_id);
    let hash = keccak256(rpc.code(config.escrow).await?);
    let escrow = match &listed {
        Some(listed) if listed.contracts.deal_escrow == config.escrow => {
            Check::new("escrow", Grade::Good, format!("the listed one, code hash {hash}"))
        }
        Some(listed) => {
            let listed = listed.contracts.deal_escrow;
            let detail = format!("is not the one that is listed for this chain, {listed}");
            Check::new("escrow", Grade::Bad, detail)
        }
        None if planned.deal_escrow == config.escrow => {
            let detail = format!("the committed code, by its address; code hash {hash}");
            Check::new("escrow", Grade::Good, detail)
        }
        None => {
            let detail = format!("not listed and not at the planned address; code hash {hash}");
            Check::new("escrow", Grade::Warning, detail)
        }
    };
    let jury = if listed.is_none_or(|listed| listed.contracts.jury == jury) {
        Check::new("jury", Grade::Good, jury.to_string())
    } else {
        Check::new("jury", Grade::Bad, format!("{jury} is not the one that is listed"))
    };
    Ok(vec![escrow, jury])
}

pub(crate) async fn blocks(config: &Config, rpc: &Rpc, now: u64) -> Vec<Check> {
    let head = match rpc.head(BlockTag::Latest).await {
        Ok(head) => head,
        Err(error) => return vec![Check::new("clock", Grade::Bad, error.to_string())],
    };
    let skew = now.abs_diff(head.timestamp);
    let detail = format!("block {} is {skew} s from this machine's clock", head.number);
    let local = config.block_tag == BlockTag::Latest;
    let grade = if local || skew <= MOST_SKEW_SECS { Grade::Good } else { Grade::Warning };
    let clock = Check::new("clock", grade, detail);
    let tag = match rpc.head(config.block_tag).await {
        Ok(tagged) => {
            let lag = head.timestamp.saturating_sub(tagged.timestamp);
            let grade = if lag > config.health.tag_lag_secs { Grade::Warning } else { Grade::Good };
            Check::new("block_tag", grade, format!("{lag} s behind the newest block"))
        }
        Err(error) => Check::new("block_tag", Grade::Bad, error.to_string()),
    };
    let listed = listed_tag(config);
    [Some(clock), Some(tag), listed].into_iter().flatten().collect()
}

/// On a chain where money is real, the newest block may still be taken back.
fn listed_tag(config: &Config) -> Option<Check> {
    let real = deployment::of_chain(config.chain_id).is_some();
    (real && config.block_tag == BlockTag::Latest).then(|| {
        let detail = "is `latest` on a listed chain: what is read may be taken back; use `safe`";
        Check::new("block_tag", Grade::Warning, detail)
    })
}

pub(crate) async fn balance(config: &Config, rpc: &Rpc, address: Address) -> Check {
    let name = "balance";
    let least = U256::from(config.health.least_balance_wei);
    match rpc.balance(address).await {
        Ok(balance) if balance < least => {
            let detail = format!("{balance} wei, less than {least}: send {address} some");
            Check::new(name, Grade::Bad, detail)
        }
        Ok(balance) => Check::new(name, Grade::Good, format!("{address}: {balance} wei")),
        Err(error) => Check::new(name, Grade::Bad, error.to_string()),
    }
}
