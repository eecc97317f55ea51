//! `surety agent ...`.

use std::path::PathBuf;

use alloy::primitives::Address;
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_agent::Config;

use crate::{ending, output::Output};

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Run the agent until it is told to end
    Run(ConfigArgs),
    /// Check the configuration against the chain, and start nothing
    CheckConfig(ConfigArgs),
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// The TOML configuration
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// What a good configuration gives.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    good: bool,
    chain_id: u64,
    address: Address,
}

/// Runs the command.
pub(crate) async fn run(command: AgentCommand, output: Output) -> Result<()> {
    match command {
        AgentCommand::Run(args) => {
            let end = ending::told_to_end()?;
            Ok(surety_agent::run(Config::load(&args.config)?, end).await?)
        }
        AgentCommand::CheckConfig(args) => {
            let config = Config::load(&args.config)?;
            let address = surety_agent::check(&config).await?;
            output.result(&Checked { good: true, chain_id: config.chain_id, address })
        }
    }
}
