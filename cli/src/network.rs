//! Options that name a chain and its contracts.

use std::{path::PathBuf, time::Duration};

use alloy::primitives::Address;
use anyhow::{Context as _, Result};
use clap::Args;
use surety_agent::{Chain, setup::Setup};
use surety_bindings::deployment;
use surety_chain::{Rpc, RpcUrl};
use surety_keys::file;
use url::Url;

/// How long one answer of the chain's endpoint may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Where to read a chain.
#[derive(Args, Debug)]
pub(crate) struct ChainArgs {
    /// JSON-RPC endpoint
    #[arg(long, env = "SURETY_RPC", hide_env_values = true)]
    rpc: Url,
    /// The `DealEscrow`; by default the one of the endpoint's chain
    #[arg(long)]
    escrow: Option<Address>,
}

impl ChainArgs {
    /// Connects, and checks the contracts.
    pub(crate) async fn connect(self) -> Result<Chain> {
        let rpc = connect(self.rpc)?;
        let chain_id = rpc.chain_id().await?;
        let listed = || deployment::of_chain(chain_id).map(|listed| listed.contracts.deal_escrow);
        let escrow = self.escrow.or_else(listed).with_context(|| {
            format!("no deployment is listed for chain {chain_id}: give --escrow")
        })?;
        Ok(Chain::connect(rpc, chain_id, escrow).await?)
    }
}

/// Who pays the gas.
#[derive(Args, Debug)]
pub(crate) struct SenderArgs {
    /// File with the private key that pays the gas (0x-hex)
    #[arg(long, value_name = "FILE")]
    sender: PathBuf,
}

impl SenderArgs {
    /// Connects to a jury contract.
    pub(crate) async fn connect(&self, rpc: Url, chain_id: u64, jury: Address) -> Result<Setup> {
        let sender = file::read(&self.sender)?;
        Ok(Setup::connect(connect(rpc)?, chain_id, jury, sender).await?)
    }
}

/// Connects to an endpoint.
pub(crate) fn connect(rpc: Url) -> Result<Rpc> {
    Ok(Rpc::connect(&RpcUrl::new(rpc), ANSWER_WITHIN)?)
}

/// A URL as registrations hold it.
pub(crate) fn without_slash(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
