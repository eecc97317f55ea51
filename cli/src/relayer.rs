//! `surety relayer ...`.

use anyhow::{Result, ensure};
use clap::Subcommand;
use surety_relayer::Config;

use crate::{
    agent::{Checked, ConfigArgs},
    ending,
    output::Output,
};

#[derive(Debug, Subcommand)]
pub(crate) enum RelayerCommand {
    /// Run the relayer until it is told to end
    Run(ConfigArgs),
    /// Check the configuration, and start nothing
    CheckConfig(ConfigArgs),
    /// Compare the store with the chain at a final block and repair it; the relayer must not run
    Audit(ConfigArgs),
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
        RelayerCommand::Audit(args) => {
            let report = surety_relayer::audit(Config::load(&args.config)?).await?;
            output.result(&report)?;
            let left = report.contradictions.len();
            ensure!(left == 0, "{left} contradictions are left: compare the endpoints in [[rpc]]");
            Ok(())
        }
    }
}
