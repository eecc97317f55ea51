//! `surety deploy <network>`: what would be deployed, and with `--broadcast` the deployment.

use std::path::PathBuf;

use alloy::{
    network::EthereumWallet,
    primitives::Address,
    providers::{Provider, ProviderBuilder},
};
use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Serialize;
use surety_agent::deploy::{Step, deploy, preflight};
use surety_bindings::deployment::{self, plan};
use url::Url;

/// Deploys the contracts to a network that `script/deployments` lists.
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// `base`, `base-sepolia`, or `local` (any chain, with --token)
    network: String,
    /// JSON-RPC endpoint of the network
    #[arg(long, env = "SURETY_RPC", hide_env_values = true)]
    rpc: Url,
    /// The token of deals and stakes; only for `local`
    #[arg(long)]
    token: Option<Address>,
    /// File with the deployer's private key (0x-hex); needed to broadcast
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// Send the transactions; without it nothing is sent
    #[arg(long)]
    broadcast: bool,
}

/// The command's result.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployed {
    network: String,
    chain_id: u64,
    token: Address,
    broadcast: bool,
    contracts: Vec<Step>,
}

/// Runs the command.
pub(crate) async fn run(args: DeployArgs) -> Result<Deployed> {
    let key = match (&args.key_file, args.broadcast) {
        (Some(path), true) => Some(surety_keys::file::read(path)?),
        (None, true) => bail!("--broadcast needs --key-file, the deployer's key with ETH for gas"),
        (_, false) => None,
    };
    let wallet = key.clone().map(EthereumWallet::from).unwrap_or_default();
    let provider = ProviderBuilder::new().wallet(wallet).connect_http(args.rpc);
    let chain_id =
        provider.get_chain_id().await.ok().context("the endpoint does not answer: check --rpc")?;
    let token = match (args.network.as_str(), args.token) {
        ("local", Some(token)) => token,
        ("local", None) => bail!("`local` needs --token, the token of deals and stakes"),
        (_, Some(_)) => bail!("--token is only for `local`: a listed network has its token"),
        (network, None) => {
            let listed = deployment::of_network(network).with_context(|| {
                let names: Vec<_> = deployment::all().into_iter().map(|d| d.network).collect();
                format!("no network `{network}`: use {} or local", names.join(", "))
            })?;
            preflight(&provider, &listed).await?;
            listed.token.address
        }
    };
    let contracts = deploy(&provider, key.map(|key| key.address()), &plan(token)).await?;
    Ok(Deployed { network: args.network, chain_id, token, broadcast: args.broadcast, contracts })
}
