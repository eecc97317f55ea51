//! `surety relayer ...`.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy::primitives::{Address, B256};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use serde_json::Value;
use surety_fetch::Bounds;
use surety_orders::{Client, Order};
use surety_preflight::preflight;
use surety_relayer::{Config, wire::JurorRecord};
use surety_service::layers::Overrides;
use url::Url;

use crate::{
    agent::ConfigArgs,
    ending, network,
    output::{self, Output},
};

/// How long a relayer has to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Subcommand)]
pub(crate) enum RelayerCommand {
    /// Run the relayer until it is told to end; told twice, it ends at once
    Run(LayeredArgs),
    /// Check configuration, endpoint, contracts, key, clock and store, and start nothing
    CheckConfig(LayeredArgs),
    /// Show and take up cases of the running relayer
    #[command(subcommand)]
    Case(CaseCommand),
    /// Hurry or give up transactions of the running relayer
    #[command(subcommand)]
    Tx(TxCommand),
    /// Show the running relayer's sending addresses: balances, nonces, gaps
    Keys(LayeredArgs),
    /// Compare the store with the chain at a final block and repair it; the relayer must not run
    Audit(LayeredArgs),
    /// Show what jurors did with the cases about which a relayer asked them
    Jurors(JurorsArgs),
}

/// A configuration in layers: flags win over the environment, the environment over the file.
#[derive(Args, Debug)]
pub(crate) struct LayeredArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Set a key, such as `jurors.grace_ms=300`; wins over `SURETY_RELAYER__JURORS__GRACE_MS`
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// Show a case's state machine, ballots and transactions
    Show(IdArgs),
    /// Take up a case again that was given up
    Retry(IdArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TxCommand {
    /// Pay more for a transaction that waits for a block
    Bump(IdArgs),
    /// Give a waiting transaction up; a settlement is sent again under another nonce
    Cancel(IdArgs),
}

/// Which case or transaction.
#[derive(Args, Debug)]
pub(crate) struct IdArgs {
    /// Its id
    id: B256,
    #[command(flatten)]
    layers: LayeredArgs,
}

impl LayeredArgs {
    fn load(&self) -> Result<Config> {
        let overrides = Overrides::of_process(self.set.clone());
        Ok(Config::load(&self.config.config, &overrides)?)
    }

    /// The operator's way to the relayer that works on the configured store.
    fn relayer(&self) -> Result<Client> {
        Ok(Client::of_store(&self.load()?.store)?)
    }
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
pub(crate) async fn run(command: RelayerCommand, output: Output) -> Result<ExitCode> {
    match command {
        RelayerCommand::Run(args) => return serve(args).await,
        RelayerCommand::CheckConfig(args) => return check(&args, output).await,
        RelayerCommand::Case(CaseCommand::Show(args)) => {
            let case = args.layers.relayer()?.case(args.id).await?;
            show_case(&case);
            output.result(&case)?;
        }
        RelayerCommand::Case(CaseCommand::Retry(args)) => {
            output.result(&args.layers.relayer()?.retry(args.id).await?)?;
        }
        RelayerCommand::Tx(TxCommand::Bump(args)) => {
            output.result(&args.layers.relayer()?.order(args.id, Order::Bump).await?)?;
        }
        RelayerCommand::Tx(TxCommand::Cancel(args)) => {
            output.result(&args.layers.relayer()?.order(args.id, Order::Cancel).await?)?;
        }
        RelayerCommand::Keys(args) => {
            let keys = args.relayer()?.keys().await?;
            show_keys(&keys);
            output.result(&keys)?;
        }
        RelayerCommand::Audit(args) => {
            let report = surety_relayer::audit(args.load()?).await?;
            output.result(&report)?;
            let left = report.contradictions.len();
            ensure!(left == 0, "{left} contradictions are left: compare the endpoints in [[rpc]]");
        }
        RelayerCommand::Jurors(args) => jurors(args, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: LayeredArgs) -> Result<ExitCode> {
    let (end, again) = ending::told_twice()?;
    let config = args.load()?;
    tokio::select! {
        ended = Box::pin(surety_relayer::run(config, end)) => {
            ended?;
            Ok(ExitCode::SUCCESS)
        }
        () = again => {
            output::say("told twice: ending at once; the next start takes everything up");
            Ok(ExitCode::FAILURE)
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the machine's own clock is what is checked")]
async fn check(args: &LayeredArgs, output: Output) -> Result<ExitCode> {
    let config = args.load()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let report = preflight(&config, now).await;
    let rows = report.checks.iter().map(|check| {
        vec![check.name.to_owned(), check.grade.as_str().to_owned(), check.detail.clone()]
    });
    output::table(&["check", "", "found"], rows);
    output.result(&report)?;
    Ok(if report.good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A field as a table shows it.
fn cell(value: &Value, field: &str) -> String {
    let value = value.get(field).filter(|value| !value.is_null());
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.map(shown).unwrap_or_default()
}

fn rows(list: &Value, fields: &[&str]) -> Vec<Vec<String>> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| fields.iter().map(|field| cell(item, field)).collect()).collect()
}

/// Shows a case to the person who watches.
fn show_case(case: &Value) {
    for (list, fields) in [
        (&case["stages"], &["state", "reached", "detail"][..]),
        (&case["case"]["ballots"], &["seat", "juror", "source", "met", "failed", "counted"]),
        (&case["sending"]["attempts"], &["txHash", "blank", "maxFeeWei", "priorityFeeWei"]),
    ] {
        output::table(fields, rows(list, fields));
    }
}

/// Shows the sending keys to the person who watches.
fn show_keys(keys: &Value) {
    let fields = ["address", "balanceWei", "nonce", "nonceAtTag", "queued", "waiting", "gaps"];
    output::table(&fields, rows(keys, &fields));
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
