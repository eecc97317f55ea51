//! `surety relayer ...`.

use alloy::primitives::Address;
use anyhow::Result;
use clap::{Args, Subcommand};
use surety_agent::relayer::Client;
use surety_relayer::{Config, wire::JurorRecord};
use url::Url;

use crate::{
    agent::{Checked, ConfigArgs},
    ending,
    output::{self, Output},
};

#[derive(Debug, Subcommand)]
pub(crate) enum RelayerCommand {
    /// Run the relayer until it is told to end
    Run(ConfigArgs),
    /// Check the configuration, and start nothing
    CheckConfig(ConfigArgs),
    /// Show what jurors did with the cases about which a relayer asked them
    Jurors(JurorsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct JurorsArgs {
    /// The jurors' keys
    #[arg(required = true)]
    jurors: Vec<Address>,
    /// Where the relayer answers
    #[arg(long)]
    relayer: Url,
}

/// Runs the command.
pub(crate) async fn run(command: RelayerCommand, output: Output) -> Result<()> {
    match command {
        RelayerCommand::Run(args) => {
            let end = ending::told_to_end()?;
            Ok(surety_relayer::run(Config::load(&args.config)?, end).await?)
        }
        RelayerCommand::CheckConfig(args) => {
            let config = Config::load(&args.config)?;
            output.result(&Checked { good: true, chain_id: config.chain_id, address: None })
        }
        RelayerCommand::Jurors(args) => jurors(args, output).await,
    }
}

async fn jurors(args: JurorsArgs, output: Output) -> Result<()> {
    let relayer = Client::new(&args.relayer)?;
    let mut records: Vec<JurorRecord> = Vec::with_capacity(args.jurors.len());
    for juror in args.jurors {
        records.push(relayer.juror(juror).await?);
    }
    let rows = records.iter().map(|record| {
        let JurorRecord { juror, asked, committed, revealed, silent, mismatched, unsealed } =
            record;
        let counts = [asked, committed, revealed, silent, mismatched, unsealed];
        [vec![juror.to_string()], counts.map(u64::to_string).to_vec()].concat()
    });
    let heads = ["juror", "asked", "committed", "revealed", "silent", "mismatched", "unsealed"];
    output::table(&heads, rows);
    output.result(&records)
}
