//! `surety deal ...`.

mod act;
mod preview;

use std::{path::PathBuf, process::ExitCode};

use alloy::primitives::B256;
use anyhow::Result;
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_agent::{
    DealView,
    ops::reveal::{self, Refusal},
};
use surety_terms::{HiddenCriterion, Reveal, limits};

use crate::{file, network::ChainArgs, output::Output};

#[derive(Debug, Subcommand)]
pub(crate) enum DealCommand {
    /// Show a deal as the chain knows it
    Show(ShowArgs),
    /// Reveal a hidden criterion of a delivery to every juror of the panel that judges it
    Reveal(RevealArgs),
    /// Ask the panel what it would say of a deliverable before it is delivered; binds nobody
    Preview(preview::PreviewArgs),
    /// Have a relayer do what time allows with a milestone, for a fee
    #[command(subcommand)]
    Act(act::ActCommand),
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The deal's id
    deal: B256,
    /// A block before the deal was opened; a later one is read faster
    #[arg(long, default_value_t = 0)]
    from_block: u64,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RevealArgs {
    /// The case's id
    case: B256,
    /// The jury's digest
    #[arg(long)]
    jury: B256,
    /// The round that the case is of: 2 for the appeal panel, to which everything is revealed anew
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=2))]
    round: u8,
    /// The criterion's id
    #[arg(long, value_name = "ID")]
    criterion: String,
    /// The JSON document that was committed to; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    document: PathBuf,
    /// Ask jurors on private networks too: on a local chain
    #[arg(long)]
    allow_private_hosts: bool,
    #[command(flatten)]
    chain: ChainArgs,
}

/// Who took a reveal.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Revealed {
    case_id: B256,
    refused: Vec<Refusal>,
}

/// Runs the command. A juror that does not take a reveal makes it a failure.
pub(crate) async fn run(command: DealCommand, output: Output) -> Result<ExitCode> {
    match command {
        DealCommand::Preview(args) => preview::run(args, output).await,
        DealCommand::Act(command) => act::run(command, output).await,
        DealCommand::Show(ShowArgs { deal, from_block, chain }) => {
            let chain = chain.connect().await?;
            output.result(&DealView::of_chain(&chain, deal, from_block).await?)?;
            Ok(ExitCode::SUCCESS)
        }
        DealCommand::Reveal(args) => {
            let bytes = file::read(&args.document, limits::SHEET_BYTES)?;
            let document = HiddenCriterion::parse(&bytes)?;
            let reveal = Reveal { criterion_id: args.criterion, document };
            let chain = args.chain.connect().await?;
            let place = (args.jury, args.round, args.case);
            let refused = reveal::submit(&chain, place, &reveal, args.allow_private_hosts).await?;
            let code = if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            output.result(&Revealed { case_id: args.case, refused })?;
            Ok(code)
        }
    }
}
