//! `surety juror ...`.

mod ballots;
mod earnings;
mod qualify;
mod seat;

use std::path::PathBuf;

use alloy::primitives::{Address, B256};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_agent::setup::Claim;
use surety_juror::Config;
use surety_terms::Usdc;
use url::Url;

use crate::{
    agent::ConfigArgs,
    ending,
    network::{self, SenderArgs},
    output::{self, Output},
};

#[derive(Debug, Subcommand)]
pub(crate) enum JurorCommand {
    /// Run the juror until it is told to end
    Run(ConfigArgs),
    /// Check configuration, key, endpoint, contracts and provider, and start nothing
    CheckConfig(ConfigArgs),
    /// Register a juror's key, with its own signature and stake
    Register(RegisterArgs),
    /// Show how a juror is registered, its juries and the fees in their pots
    Status(seat::StatusArgs),
    /// Start to leave: after 30 days the stake may be claimed
    Unbond(seat::UnbondArgs),
    /// Pay out the pots, and the stake of a juror that left
    Claim(seat::ClaimArgs),
    /// Write all ballots of a juror that does not run into one document
    Export(ballots::ExportArgs),
    /// Add the ballots of such a document to the store of a juror that does not run
    Import(ballots::ImportArgs),
    /// Measure the seat on labelled cases and sign what came of it, or check such a certificate
    Qualify(Box<qualify::QualifyArgs>),
    /// Show what came in and what it cost: fees, the provider, gas, by day
    Earnings(earnings::EarningsArgs),
    /// Register a new key that follows a juror's, under the same family and operator
    Rotate(seat::RotateArgs),
}

#[derive(Args, Debug)]
pub(crate) struct RegisterArgs {
    /// The juror's TOML configuration: its key, chain and jury contract
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Who trained its model: lower-case letters, digits, hyphens
    #[arg(long)]
    family: String,
    /// Who runs it: lower-case letters, digits, hyphens, dots
    #[arg(long)]
    operator: String,
    /// Where it answers, without a trailing slash
    #[arg(long)]
    url: String,
    /// What it stakes, in base units of USDC (1000000 is one dollar)
    #[arg(long, default_value = "0")]
    stake: Usdc,
    #[command(flatten)]
    sender: SenderArgs,
}

/// A registration that was mined.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    juror: Address,
    family: String,
    source: surety_jury::Source,
    tx_hash: B256,
}

/// Runs the command.
pub(crate) async fn run(command: JurorCommand, output: Output) -> Result<()> {
    match command {
        JurorCommand::Run(args) => {
            let end = ending::told_to_end()?;
            Ok(surety_juror::run(Config::load(&args.config)?, end).await?)
        }
        JurorCommand::CheckConfig(args) => {
            let config = Config::load(&args.config)?;
            output.result(&Box::pin(surety_juror::check(&config)).await?)
        }
        JurorCommand::Register(args) => register(args, output).await,
        JurorCommand::Status(args) => seat::status(args, output).await,
        JurorCommand::Unbond(args) => seat::unbond(args, output).await,
        JurorCommand::Claim(args) => seat::claim(args, output).await,
        JurorCommand::Export(args) => ballots::export(args, output).await,
        JurorCommand::Import(args) => ballots::import(args, output).await,
        JurorCommand::Qualify(args) => qualify::qualify(*args, output).await,
        JurorCommand::Earnings(args) => earnings::earnings(args, output).await,
        JurorCommand::Rotate(args) => seat::rotate(args, output).await,
    }
}

async fn register(args: RegisterArgs, output: Output) -> Result<()> {
    let config = Config::load(&args.config)?;
    let juror = config.key.open().await?;
    let setup = args.sender.connect(endpoint(&config)?, config.chain_id, config.jury).await?;
    let RegisterArgs { family, operator, url, stake, .. } = args;
    let claim = Claim { family, operator, url: network::without_slash(&url), stake };
    output::say("registering; this waits until the transaction is mined");
    let tx_hash = setup.register(&juror, &claim).await?;
    let source = surety_jury::Source::of_family(&claim.family);
    output.result(&Registered { juror: juror.address(), family: claim.family, source, tx_hash })
}

/// The chain's endpoint of a configuration.
fn endpoint(config: &Config) -> Result<Url> {
    config.chain_rpc.parse().ok().context("chain_rpc: needs an http or https URL")
}
