//! A real anvil, for tests that compare with it or need a chain outside this process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use alloy::primitives::{B256, U256};
use alloy::providers::{DynProvider, Provider as _};
use alloy::rpc::client::BatchRequest;
use alloy::rpc::types::TransactionRequest;
use anyhow::ensure;
use serde_json::Value;

use crate::actors;
use crate::contracts::Message;

/// Where npm puts anvil (Linux x86-64 only). Its own file, not npm's shim, which can leave it alive.
const PACKAGED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tools/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
);

/// The flags that make anvil most like Base: its EVM, and its cap on one transaction's gas.
const FLAGS: [&str; 6] =
    ["--chain-id", "31337", "--hardfork", "osaka", "--enable-tx-gas-limit", "--host=127.0.0.1"];

/// Transactions that are handed to anvil in one request.
const TOGETHER: usize = 100;

/// What each of them may burn; deploying the contracts takes most.
const GAS: u64 = 9_000_000;

/// A running anvil; it ends with this handle.
#[derive(Debug)]
pub struct Anvil {
    process: Child,
    url: String,
}

impl Anvil {
    /// Starts the anvil on PATH, else npm's, on a free port, with these flags besides the usual ones.
    /// None, with a notice, when there is neither.
    pub fn start(flags: &[&str]) -> Option<Self> {
        let anvil = find();
        if anvil.is_none() {
            tracing::warn!("no anvil on PATH nor in tools/node_modules");
        }
        anvil.map(|anvil| Self::spawn(&anvil, flags))
    }

    fn spawn(anvil: &Path, flags: &[&str]) -> Self {
        let mut process = Command::new(anvil)
            .args(FLAGS)
            .args(["--port", "0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("anvil answered before");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("Listening on ").map(|address| address.trim().to_owned())
        });
        // A full pipe would stop it.
        thread::spawn(move || lines.for_each(drop));
        let url = format!("http://{}", address.expect("anvil says where it listens"));
        Self { process, url }
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Makes a world once more on an anvil that was started with `--auto-impersonate`: gives the relayer and
/// the deployer ether, and sends what the world was made of. All of it is in blocks afterwards.
pub async fn build(provider: &DynProvider, sent: &[Message]) -> anyhow::Result<()> {
    for actor in [actors::relayer(), actors::deployer()] {
        let funds = (actor.address(), U256::from(10).pow(U256::from(21)));
        provider.raw_request::<_, ()>("anvil_setBalance".into(), funds).await?;
    }
    provider.raw_request::<_, Value>("evm_setAutomine".into(), [false]).await?;
    // One sender at a time: one's transactions rest on the other's before them, and a block is filled
    // in an order of its own.
    for run in sent.chunk_by(|one, next| one.from == next.from) {
        for messages in run.chunks(TOGETHER) {
            send(provider, messages).await?;
        }
    }
    provider.raw_request::<_, Value>("evm_setAutomine".into(), [true]).await?;
    Ok(())
}

/// Hands over what one account sent, and makes blocks until the last of it is in one.
async fn send(provider: &DynProvider, messages: &[Message]) -> anyhow::Result<()> {
    let Some(from) = messages.first().map(|message| message.from) else { return Ok(()) };
    // anvil answers a batch's requests side by side: two that it numbers itself may get one nonce.
    let mut nonce = provider.get_transaction_count(from).await?;
    let mut batch = BatchRequest::new(provider.client());
    let mut answers = Vec::new();
    for Message { from, to, data } in messages {
        let request = TransactionRequest::default()
            .from(*from)
            .nonce(nonce)
            .to(*to)
            .gas_limit(GAS)
            .input(data.clone().into());
        answers.push(batch.add_call::<_, B256>("eth_sendTransaction", &(request,))?);
        nonce += 1;
    }
    batch.send().await?;
    for answer in answers {
        answer.await?;
    }
    let mut done = provider.get_transaction_count(from).await?;
    while done < nonce {
        provider.raw_request::<_, Value>("evm_mine".into(), [(); 0]).await?;
        let before = done;
        done = provider.get_transaction_count(from).await?;
        ensure!(done > before, "anvil dropped what {from} sent with the nonce {done}");
    }
    Ok(())
}

fn find() -> Option<PathBuf> {
    [Path::new("anvil"), Path::new(PACKAGED)].into_iter().find(|path| answers(path)).map(Into::into)
}

fn answers(anvil: &Path) -> bool {
    let mut version = Command::new(anvil);
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
