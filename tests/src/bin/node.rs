//! The in-process chain over HTTP, for `cargo x demo` where no anvil is.

use std::net::Ipv4Addr;

use alloy::primitives::U256;
use clap::Parser;
use surety_tests::{Node, actors};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves a local chain at http://127.0.0.1:PORT until it is killed.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port to listen on; 0 for any.
    #[arg(long, default_value_t = 8545)]
    port: u16,
}

/// Ether of each of anvil's ten well-known accounts, as anvil gives them.
const ETHER: u64 = 10_000;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let node = Node::empty();
    let ether = U256::from(ETHER) * U256::from(10).pow(U256::from(18));
    for account in actors::anvil_accounts() {
        node.set_balance(account, ether);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port)).await?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let stop = CancellationToken::new();
    let interrupted = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.cancel();
        }
    });
    node.listen(listener, stop).await
}
