//! A real anvil, for tests that compare with it or need a chain outside this process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use alloy::primitives::{B256, U256};
use alloy::providers::{DynProvider, Provider as _};
use alloy::rpc::client::BatchRequest;
use alloy::rpc::types::TransactionRequest;

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
/// the deployer ether, and sends what the world was made of.
pub async fn build(provider: &DynProvider, sent: &[Message]) -> anyhow::Result<()> {
    for actor in [actors::relayer(), actors::deployer()] {
        let set = (actor.address(), U256::from(10).pow(U256::from(21)));
        provider.raw_request::<_, ()>("anvil_setBalance".into(), set).await?;
    }
    for messages in sent.chunks(TOGETHER) {
        let mut batch = BatchRequest::new(provider.client());
        let mut answers = Vec::new();
        for Message { from, to, data } in messages {
            let request = TransactionRequest::default()
                .from(*from)
                .to(*to)
                .gas_limit(GAS)
                .input(data.clone().into());
            answers.push(batch.add_call::<_, B256>("eth_sendTransaction", &(request,))?);
        }
        batch.send().await?;
        for answer in answers {
            answer.await?;
        }
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
