//! The real relayer as a process of its own.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::Client;
use serde_json::Value;
use surety_tests::{actors, process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::chain::Chain;

/// The longest that a start may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// It ends with this value.
pub(super) struct Process {
    child: Child,
    url: String,
    /// How long it took until it said that it is ready.
    pub(super) ready_after: Duration,
    _folder: TempDir,
}

impl Process {
    /// Starts it on a store of its own, and waits until it is ready.
    pub(super) async fn start(chain: &Chain, rpc: &str, name: &str) -> anyhow::Result<Self> {
        Self::start_with(chain, rpc, name, "").await
    }

    /// The same with more configuration.
    pub(super) async fn start_with(
        chain: &Chain,
        rpc: &str,
        name: &str,
        more: &str,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix(name).tempdir()?;
        let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = folder.path().join("relayer.toml");
        fs::write(&config, text(chain, rpc, &folder, &free.to_string())? + more)?;
        let binary = std::env::current_exe()?.with_file_name("surety");
        let log = fs::File::create(folder.path().join("log"))?;
        let since = Instant::now();
        let child = Command::new(&binary)
            .args(["relayer", "run", "--config"])
            .arg(&config)
            .env("RUST_LOG", "warn")
            .stderr(log)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{}: build it first", binary.display()))?;
        let url = format!("http://{free}");
        let http = Client::new();
        while !is_ready(&http, &url).await {
            let log = || fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            ensure!(since.elapsed() < PATIENCE, "the relayer is not ready: {}", log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ready_after = since.elapsed();
        Ok(Self { child, url, ready_after, _folder: folder })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What the operating system says that it holds; zero where it is no Linux.
    pub(super) fn resident_mb(&self) -> anyhow::Result<f64> {
        let pid = self.child.id().context("the relayer has ended")?;
        Ok((process::resident_mib(pid).unwrap_or_default() * 10.0).round() / 10.0)
    }

    /// How many of its cases are final.
    pub(super) async fn finals(&self, http: &Client) -> anyhow::Result<u64> {
        let page = http.get(format!("{}/metrics", self.url)).send().await?.text().await?;
        let line =
            page.lines().find_map(|l| l.strip_prefix("surety_relayer_cases{state=\"final\"} "));
        Ok(line.map(str::parse).transpose()?.unwrap_or_default())
    }
}

async fn is_ready(http: &Client, url: &str) -> bool {
    let Ok(answer) = http.get(format!("{url}/readyz")).send().await else { return false };
    let Ok(body) = answer.json::<Value>().await else { return false };
    body["isReady"] == Value::Bool(true)
}

/// The defaults, but for what a local chain and a load from one address need.
fn text(chain: &Chain, rpc: &str, folder: &TempDir, listen: &str) -> anyhow::Result<String> {
    let key = folder.path().join("key");
    fs::write(&key, format!("{}\n", actors::relayer().to_bytes()))?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
    let contracts = chain.contracts();
    let mut text = String::new();
    writeln!(text, "chain_rpc = '{rpc}'\nchain_id = {}", contracts.chain_id)?;
    writeln!(text, "escrow = '{}'\nblock_tag = 'latest'", contracts.escrow)?;
    writeln!(text, "listen = '{listen}'\nstore = '{}'", folder.path().join("store").display())?;
    writeln!(text, "key = '{}'\npoll_ms = {POLL_MS}", key.display())?;
    writeln!(text, "[jurors]\nallow_private_hosts = true")?;
    writeln!(text, "[http]\nper_second = 1000000\nburst = 1000000")?;
    writeln!(text, "connections_per_address = 2048")?;
    Ok(text)
}

/// Anvil makes a block per transaction, so a tenth of the usual pause.
const POLL_MS: u64 = 50;
