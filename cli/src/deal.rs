//! `surety deal ...`.

use alloy::primitives::B256;
use anyhow::Result;
use clap::{Args, Subcommand};
use surety_agent::DealView;

use crate::{network::ChainArgs, output::Output};

#[derive(Debug, Subcommand)]
pub(crate) enum DealCommand {
    /// Show a deal as the chain knows it
    Show(ShowArgs),
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

/// Runs the command.
pub(crate) async fn run(command: DealCommand, output: Output) -> Result<()> {
    let DealCommand::Show(ShowArgs { deal, from_block, chain }) = command;
    let chain = chain.connect().await?;
    output.result(&DealView::of_chain(&chain, deal, from_block).await?)
}
