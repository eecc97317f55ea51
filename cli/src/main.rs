//! `surety`: the one binary. stdout is the result, everything else is stderr.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line is wrong.

mod agent;
mod check;
mod deal;
mod deploy;
mod ending;
mod file;
mod juror;
mod jury;
mod key;
mod network;
mod output;
mod relayer;
mod replay;
mod terms;

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand};
use output::Output;

/// How long the end waits for what nobody waits for any more, such as a name that is looked up.
const LEFT_OVER: Duration = Duration::from_secs(1);

/// Trust for commerce between agents: terms, escrow, juries.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, propagate_version = true)]
struct Cli {
    /// Print the result as one JSON document
    #[arg(long, global = true)]
    json: bool,
    /// Write logs as JSON lines; `RUST_LOG` chooses what is logged
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a buyer's or a seller's agent
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Run and register jurors
    #[command(subcommand)]
    Juror(juror::JurorCommand),
    /// Run a relayer
    #[command(subcommand)]
    Relayer(relayer::RelayerCommand),
    /// Create and show juries
    #[command(subcommand)]
    Jury(jury::JuryCommand),
    /// Show and preview deals, reveal what was hidden until the delivery, ask for what time allows
    #[command(subcommand)]
    Deal(deal::DealCommand),
    /// Check and lint term sheets
    #[command(subcommand)]
    Terms(terms::TermsCommand),
    /// Run a milestone's deterministic checks on a deliverable, as every juror does
    Check(check::CheckArgs),
    /// Make keys
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Deploy the contracts, or say what a deployment would do
    Deploy(deploy::DeployArgs),
    /// Show the whole story on a local chain
    Demo(surety_demo::DemoCommand),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    output::start_log(cli.log_json);
    let output = Output::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fail(&error.into()),
    };
    let code = match runtime.block_on(run(cli.command, output)) {
        Ok(code) => code,
        Err(error) => output.fail(&error),
    };
    runtime.shutdown_timeout(LEFT_OVER);
    code
}

/// Runs a command.
async fn run(command: Command, output: Output) -> Result<ExitCode> {
    match command {
        Command::Agent(command) => agent::run(command, output).await?,
        Command::Juror(command) => juror::run(command, output).await?,
        Command::Relayer(command) => return relayer::run(command, output).await,
        Command::Jury(command) => jury::run(command, output).await?,
        Command::Deal(command) => return deal::run(command, output).await,
        Command::Terms(command) => return terms::run(command, output).await,
        Command::Check(args) => return check::run(args, output).await,
        Command::Key(command) => key::run(command, output).await?,
        Command::Deploy(args) => output.result(&deploy::run(args).await?)?,
        Command::Demo(command) => return Ok(ExitCode::from(command.run().await?)),
    }
    Ok(ExitCode::SUCCESS)
}
