//! The server that answers for LLM providers: rehearsal and replay, on one port.

use std::path::PathBuf;

use clap::Args;

use crate::error::DemoError;

/// How the provider server is started.
#[derive(Debug, Args)]
pub struct ProviderArgs {
    /// Where to listen; port 0 takes a free one. The address is printed on stdout.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: String,
    /// A folder with LLMBar's items.jsonl and judges.csv, to replay recorded judges.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

/// Serves until ctrl-c.
pub async fn run(_args: &ProviderArgs) -> Result<u8, DemoError> {
    Ok(0)
}
