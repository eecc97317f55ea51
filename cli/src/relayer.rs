//! `surety relayer ...`.

use std::time::Duration;

use alloy::primitives::Address;
use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use surety_fetch::Bounds;
use surety_relayer::{Config, wire::JurorRecord};
use url::Url;

use crate::{
    agent::{Checked, ConfigArgs},
    ending, network,
    output::{self, Output},
};

/// How long a relayer has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

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
    let bounds = Bounds { allow_private_hosts: true, most_bytes: 4 << 10, within: ANSWER_WITHIN };
    let relayer = network::without_slash(args.relayer.as_str());
    let mut records: Vec<JurorRecord> = Vec::with_capacity(args.jurors.len());
    for juror in args.jurors {
        let answer = surety_fetch::get(&format!("{relayer}/v1/jurors/{juror}"), &bounds).await?;
        ensure!(answer.status != 404, "the relayer never asked juror {juror}");
        ensure!(answer.status == 200, "the relayer answers HTTP {}", answer.status);
        records.push(serde_json::from_slice(&answer.body).context("this is no relayer's answer")?);
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
