//! `surety demo`: its arguments, and what each of its three programs is started with.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use url::Url;

use crate::error::DemoError;
use crate::{provider, story, worker};

/// Shows a whole market on a local chain, from signed terms to paid USDC.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoCommand {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    story: StoryArgs,
}

/// How the story is told.
#[derive(Debug, Clone, Args)]
pub struct StoryArgs {
    /// The local chain's JSON-RPC address; its first development account pays for the gas.
    #[arg(long, default_value = "http://127.0.0.1:8545")]
    pub rpc: Url,
    /// How many deals; by default every story once, or with --data every natural item.
    #[arg(long)]
    pub deals: Option<usize>,
    /// A folder with LLMBar's items.jsonl and judges.csv: real cases, judged by recorded judges.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Print the summary as JSON on stdout.
    #[arg(long)]
    pub json: bool,
    /// Leave everything running and print the addresses, until ctrl-c.
    #[arg(long)]
    pub stay: bool,
    /// Where logs, keys of this run and the summary go.
    #[arg(long, default_value = "target/demo")]
    pub dir: PathBuf,
    /// Where the summary goes instead of `summary.json` in --dir.
    #[arg(long)]
    pub summary: Option<PathBuf>,
}

/// The programs that the story starts besides the services.
#[derive(Debug, Subcommand)]
enum Part {
    /// A seller's worker: a term sheet on stdin, the deliverable on stdout.
    Worker(worker::WorkerArgs),
    /// The server that stands in for LLM providers: rehearsal and replay.
    Provider(provider::ProviderArgs),
}

impl DemoCommand {
    /// Runs the story or the named part; the number is the process's exit code.
    pub async fn run(self) -> Result<u8, DemoError> {
        match self.part {
            None => story::run(&self.story).await,
            Some(Part::Worker(args)) => worker::run(&args),
            Some(Part::Provider(args)) => provider::run(&args).await,
        }
    }
}
