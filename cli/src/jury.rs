//! `surety jury ...`.

use alloy::primitives::{Address, B256};
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_agent::JuryView;
use surety_bindings::deployment;
use surety_jury::Template;
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
    /// List the prompt templates that a term sheet may pin
    Templates,
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

/// The versions of the prompt that this release has.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Templates {
    templates: Vec<Listed>,
}

/// One version of the prompt.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: &'static str,
    /// What a term sheet pins.
    digest: B256,
    status: Status,
    /// Whether a model is shown the milestone's title and description.
    shows_prose: bool,
}

/// When jurors of this release ask in it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    /// Where a sheet pins none, or this one.
    Default,
    /// Where a sheet pins it.
    WhenPinned,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::WhenPinned => "when-pinned",
        }
    }
}

impl From<Template> for Listed {
    fn from(template: Template) -> Self {
        let is_default = template == Template::DEFAULT;
        Self {
            name: template.name(),
            digest: template.digest(),
            status: if is_default { Status::Default } else { Status::WhenPinned },
            shows_prose: template.shows_prose(),
        }
    }
}

/// Runs the command.
pub(crate) async fn run(command: JuryCommand, output: Output) -> Result<()> {
    match command {
        JuryCommand::Create(args) => create(args, output).await,
        JuryCommand::Show(ShowArgs { jury, chain }) => {
            let chain = chain.connect().await?;
            let panels = [chain.panel(jury, 1).await?, chain.panel(jury, 2).await?];
            output.result(&JuryView::of(jury, panels))
        }
        JuryCommand::Templates => templates(output),
        JuryCommand::Replay(args) => replay::replay(&args, output),
        JuryCommand::Explain(args) => replay::explain(&args, output),
    }
}

fn templates(output: Output) -> Result<()> {
    let templates: Vec<Listed> = Template::ALL.into_iter().map(Listed::from).collect();
    let rows = templates.iter().map(|listed| {
        let shows = if listed.shows_prose { "criterion, title, description" } else { "criterion" };
        let (name, status) = (listed.name.to_owned(), listed.status.as_str().to_owned());
        vec![name, listed.digest.to_string(), status, shows.to_owned()]
    });
    output::table(&["name", "digest", "status", "shows of the sheet"], rows);
    output.result(&Templates { templates })
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
