//! `surety jury ...`.

use alloy::primitives::{Address, B256};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_agent::JuryView;
use surety_bindings::deployment;
use url::Url;

use crate::{
    network::{self, ChainArgs, SenderArgs},
    output::{self, Output},
    replay::{self, ReplayArgs},
};

#[derive(Debug, Subcommand)]
pub(crate) enum JuryCommand {
    /// Create a jury of registered jurors; the same jury twice is one
    Create(CreateArgs),
    /// Show a jury's panel
    Show(ShowArgs),
    /// Recompute a juror's ballot from its transcript, byte for byte
    Replay(ReplayArgs),
    /// Say why a juror's ballot is what it is, criterion by criterion
    Explain(ReplayArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// The panel's juror keys in seat order
    #[arg(long, value_delimiter = ',', required = true)]
    panel: Vec<Address>,
    /// The appeal panel's juror keys
    #[arg(long, value_delimiter = ',')]
    appeal_panel: Vec<Address>,
    /// JSON-RPC endpoint
    #[arg(long, env = "SURETY_RPC", hide_env_values = true)]
    rpc: Url,
    /// The `Jury` contract; by default the one of the endpoint's chain
    #[arg(long)]
    jury_contract: Option<Address>,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The jury's digest
    jury: B256,
    #[command(flatten)]
    chain: ChainArgs,
}

/// A jury that exists.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    jury: B256,
    tx_hash: B256,
}

/// Runs the command.
pub(crate) async fn run(command: JuryCommand, output: Output) -> Result<()> {
    match command {
        JuryCommand::Create(args) => create(args, output).await,
        JuryCommand::Show(ShowArgs { jury, chain }) => {
            let panel = chain.connect().await?.panel(jury).await?;
            output.result(&JuryView::of(jury, panel))
        }
        JuryCommand::Replay(args) => replay::replay(&args, output),
        JuryCommand::Explain(args) => replay::explain(&args, output),
    }
}

async fn create(args: CreateArgs, output: Output) -> Result<()> {
    let chain_id = network::connect(args.rpc.clone())?.chain_id().await?;
    let listed = || deployment::of_chain(chain_id).map(|listed| listed.contracts.jury);
    let contract = args.jury_contract.or_else(listed).ok_or_else(|| {
        anyhow::anyhow!("no deployment is listed for chain {chain_id}: give --jury-contract")
    })?;
    let setup = args.sender.connect(args.rpc, chain_id, contract).await?;
    output::say("creating; this waits until the transaction is mined");
    let (jury, tx_hash) = setup.create_jury(args.panel, args.appeal_panel).await?;
    output.result(&Created { jury, tx_hash })
}
