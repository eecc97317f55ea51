//! A juror's operator: keys, the seat's life and the ballots' interchange, through the binary.
#![expect(clippy::unwrap_used, reason = "a failure here is a test's failure")]

#[path = "operator/ballots.rs"]
mod ballots;
#[path = "operator/earnings.rs"]
mod earnings;
#[path = "operator/keys.rs"]
mod keys;
#[path = "../../../chain/keys/src/tests/double.rs"]
mod kms;
#[path = "operator/prices.rs"]
mod prices;
#[path = "operator/process.rs"]
mod process;
#[path = "operator/qualify.rs"]
mod qualify;
#[path = "operator/relayer.rs"]
mod relayer;
#[path = "operator/seat.rs"]
mod seat;

use std::process::Stdio;

use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, B256};
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use surety_bindings::jury::Jury;
use surety_tests::node::Served;
use surety_tests::{World, actors};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::agent::{Market, key_file};
use crate::cli::write;

/// A chain over HTTP, and files for a juror's configurations.
pub(crate) struct Office {
    pub(crate) market: Market,
    pub(crate) served: Served,
    /// The file with the key that pays the gas.
    pub(crate) sender: String,
}

impl Office {
    pub(crate) async fn of(world: World) -> Self {
        let market = Market::of(world).await;
        let served = market.node.serve().await;
        let sender = key_file(&market.folder, "deployer", &actors::deployer());
        let sender = sender.display().to_string();
        Self { market, served, sender }
    }

    /// Sends a transaction of `sender`, which has to succeed.
    pub(crate) async fn send<C: SolCall>(&self, sender: PrivateKeySigner, to: Address, call: &C) {
        let request = TransactionRequest::default().with_to(to).with_input(call.abi_encode());
        let sent = self.market.node.provider_for(sender).send_transaction(request).await.unwrap();
        assert!(sent.get_receipt().await.unwrap().status());
    }

    /// A jury of the first three jurors. What the world did before its node began has no events.
    pub(crate) async fn jury(&self) -> B256 {
        let world = &self.market.world;
        let panel: Vec<Address> =
            world.jurors().iter().take(3).map(PrivateKeySigner::address).collect();
        let jury = world.contracts().jury;
        let call = Jury::createJuryCall { panel_: panel, appealPanel: vec![] };
        self.send(actors::deployer(), jury, &call).await;
        world.view(jury, &call).unwrap()
    }

    /// A juror's configuration with its key in a file.
    pub(crate) fn config(&self, name: &str, key: &PrivateKeySigner) -> String {
        let file = key_file(&self.market.folder, name, key);
        self.config_of(name, &format!("key_file = '{}'", file.display()))
    }

    /// A juror's configuration; `key` is its line or table.
    pub(crate) fn config_of(&self, name: &str, key: &str) -> String {
        let contracts = self.market.world.contracts();
        let text = format!(
            "chain_rpc = '{}'\nchain_id = {}\njury = '{}'\nconsumers = ['{}']\nblock_tag = 'latest'\n\
             listen = '127.0.0.1:0'\nstore = '{}'\n{key}\n[provider]\n\
             dialect = 'ollama'\nbase_url = 'http://127.0.0.1:1'\nmodel = 'm'\n",
            self.served.url(),
            contracts.chain_id,
            contracts.jury,
            contracts.escrow,
            self.market.folder.path().join(format!("{name}-store")).display(),
        );
        write(&self.market.folder, &format!("{name}.toml"), &text)
    }
}

/// A service that the binary runs, and all that it writes.
pub(crate) struct Running {
    child: Child,
    log: JoinHandle<String>,
    seen: watch::Receiver<String>,
    pub(crate) url: String,
}

impl Running {
    /// Waits until the juror is ready.
    pub(crate) async fn start(command: Command) -> Self {
        Self::start_until(command, "juror ready").await
    }

    /// Waits until a service logs that it is up, and where. Its log is read all the time: a full pipe
    /// would stop it.
    pub(crate) async fn start_until(mut command: Command, up: &str) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let (written, mut seen) = watch::channel(String::new());
        let log = tokio::spawn(async move {
            let mut chunk = vec![0; 1 << 16];
            while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
                written.send_modify(|log| log.push_str(&String::from_utf8_lossy(&chunk[..read])));
            }
            written.borrow().clone()
        });
        let line = seen.wait_for(|log| ready(log, up).is_some()).await.unwrap();
        // As text ` url=..`, as JSON `"url":".."`.
        let rest = ready(&line, up).unwrap();
        let url =
            [" url=", "\"url\":\""].iter().find_map(|begin| rest.split(begin).nth(1)).unwrap();
        let url = url.trim_start_matches('"');
        let url = url.split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned();
        drop(line);
        Self { child, log, seen, url }
    }

    /// Tells it to end, without waiting.
    pub(crate) async fn tell(&self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    }

    /// Tells it to end, and returns what it wrote.
    pub(crate) async fn end(self) -> String {
        self.tell().await;
        self.ended().await
    }

    /// Kills it where it is.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it has written this.
    pub(crate) async fn wrote(&self, text: &str) {
        self.seen.clone().wait_for(|log| log.contains(text)).await.unwrap();
    }

    /// Waits until it is gone, and says how it went.
    pub(crate) async fn left(mut self) -> (Option<i32>, String) {
        (self.child.wait().await.unwrap().code(), self.log.await.unwrap())
    }

    /// Waits until it has ended well.
    pub(crate) async fn ended(mut self) -> String {
        assert_eq!(self.child.wait().await.unwrap().code(), Some(0));
        self.log.await.unwrap()
    }
}

/// What follows the words with which a service says that it is up, once the line is whole.
fn ready<'a>(log: &'a str, up: &str) -> Option<&'a str> {
    let (line, _) = log.split(up).nth(1)?.split_once('\n')?;
    Some(line)
}
