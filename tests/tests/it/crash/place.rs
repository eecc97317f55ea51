//! A real anvil with the contracts and a jury, and the folder of one relayer that dies often.

use std::fs::{self, File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use alloy::eips::BlockNumberOrTag;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::providers::{DynProvider, Provider as _, ProviderBuilder};
use alloy::rpc::types::{Filter, TransactionRequest};
use alloy::sol_types::{SolCall as _, SolEvent as _};
use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::Connection as _;
use surety_bindings::escrow::DealEscrow::MilestoneEnded;
use surety_failpoint::VARIABLE;
use surety_relayer::Config;
use surety_terms::TermSheet;
use surety_tests::anvil::Anvil;
use surety_tests::contracts::Message;
use surety_tests::contracts::token::TestUSDC;
use surety_tests::world::GENESIS;
use surety_tests::{Contracts, World, actors};
use tokio::process::{Child, Command};

use crate::crash::program;
use crate::relayer::court;
use crate::relayer::jurors::{Habit, TestJuror};

/// What a transaction of this harness may burn; deploying the contracts takes most.
const GAS: u64 = 9_000_000;
/// The longest that one request may take.
const WITHIN: Duration = Duration::from_secs(5);
/// How often a receipt is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// The harness' own account, besides the relayer's.
const ETHER: &str = "0x3635c9adc5dea00000";

/// What the parties, the escrow and the relayer own, in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Money {
    pub(super) seller: U256,
    pub(super) buyer: U256,
    pub(super) escrow: U256,
    pub(super) relayer: U256,
}

pub(super) struct Place {
    anvil: Anvil,
    pub(super) provider: DynProvider,
    pub(super) contracts: Contracts,
    pub(super) jurors: Vec<TestJuror>,
    /// What every deal is like, of one milestone or two; each has a salt and deadlines of its own.
    pub(super) sheet: TermSheet,
    /// A jury of the same panel with an appeal panel of five.
    pub(super) appeals: B256,
    pub(super) http: Client,
    /// Where the relayer answers while it lives.
    pub(super) url: String,
    folder: tempfile::TempDir,
}

impl Place {
    /// None, with a notice, where no anvil is.
    pub(super) async fn start() -> Result<Option<Self>> {
        let genesis = GENESIS.to_string();
        let flags = ["--timestamp", &genesis, "--auto-impersonate", "--slots-in-an-epoch", "1"];
        let Some(anvil) = Anvil::start(&flags) else { return Ok(None) };
        let mut jurors = Vec::new();
        for seat in 0..10 {
            jurors.push(TestJuror::start(seat).await);
        }
        let mut world = World::bare();
        for (seat, juror) in jurors.iter().enumerate() {
            let family = format!("rehearsal-family-{seat}");
            world.register(&actors::juror(seat), &family, &juror.url);
        }
        let keys: Vec<Address> = (0..10).map(|seat| actors::juror(seat).address()).collect();
        let (panel, appeal) = keys.split_at(5);
        let (jury, appeals) = (world.create_jury(panel, &[]), world.create_jury(panel, appeal));
        let sheet = court::sheet(&world, jury);
        let contracts = world.contracts().clone();
        for juror in &jurors {
            juror.serve_chain(&contracts);
        }
        let provider = ProviderBuilder::new().connect_http(anvil.url().parse()?).erased();
        let http = Client::builder().timeout(WITHIN).build()?;
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let (url, folder) = (format!("http://{free}"), tempfile::tempdir()?);
        let place = Self { anvil, provider, contracts, jurors, sheet, appeals, http, url, folder };
        for actor in [actors::relayer(), actors::deployer()] {
            place.rpc("anvil_setBalance", json!([actor.address(), ETHER])).await?;
        }
        for Message { from, to, data } in world.sent() {
            place.send(*from, *to, data.clone()).await.context("the world is built differently")?;
        }
        place.keep_key()?;
        fs::write(place.config_file(), place.toml(&free.to_string()))?;
        Ok(Some(place))
    }

    /// Every juror does this with every case from now on.
    pub(super) fn everyone(&self, habit: Habit) {
        self.jurors.iter().for_each(|juror| juror.set(habit));
    }

    // ---- the relayer's files

    fn keep_key(&self) -> Result<()> {
        let path = self.folder.path().join("key");
        fs::write(&path, format!("{:#x}\n", actors::relayer().to_bytes()))?;
        Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
    }

    fn toml(&self, listen: &str) -> String {
        format!(
            "chain_rpc = '{}'\nchain_id = {}\nescrow = '{}'\nblock_tag = 'latest'\n\
             listen = '{listen}'\nstore = '{}'\nkey_file = '{}'\npoll_ms = 20\n\
             [jurors]\nallow_private_hosts = true\nretry_ms = 10\nretry_most_ms = 50\n\
             wait_secs = 0\ngrace_ms = 100\n[acts]\nperform = false\n",
            self.anvil.url(),
            self.contracts.chain_id,
            self.contracts.escrow,
            self.store().display(),
            self.folder.path().join("key").display(),
        )
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("relayer.toml")
    }

    pub(super) fn config(&self) -> Result<Config> {
        Ok(fs::read_to_string(self.config_file())?.parse()?)
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The last that the relayer said, in whichever life.
    pub(super) fn log(&self) -> String {
        let log = fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// The relayer's rows, past the relayer.
    pub(super) async fn rows(&self) -> Result<sqlx::AnyConnection> {
        sqlx::any::install_default_drivers();
        let file = self.store().join("relayer.sqlite");
        Ok(sqlx::AnyConnection::connect(&format!("sqlite://{}", file.display())).await?)
    }

    // ---- the chain

    pub(super) async fn rpc(&self, method: &'static str, params: Value) -> Result<Value> {
        Ok(self.provider.raw_request(method.into(), params).await?)
    }

    pub(super) async fn mine(&self) -> Result<()> {
        self.rpc("evm_mine", json!([])).await.map(drop)
    }

    /// What the next block's gas costs at least. Later ones follow from it.
    pub(super) async fn set_base_fee(&self, wei: &str) -> Result<()> {
        self.rpc("anvil_setNextBlockBaseFeePerGas", json!([wei])).await?;
        self.mine().await
    }

    pub(super) async fn pass(&self, secs: u64) -> Result<()> {
        self.rpc("evm_increaseTime", json!([secs])).await?;
        self.mine().await
    }

    /// Blocks come again, the first one now.
    pub(super) async fn release(&self) -> Result<()> {
        self.set_automine(true).await?;
        self.mine().await
    }

    /// Goes back, and on with another block than the one that is gone.
    pub(super) async fn revert(&self, snapshot: &Value) -> Result<()> {
        let back = self.rpc("evm_revert", json!([snapshot])).await?;
        ensure!(back == json!(true), "the chain does not come back");
        self.mine().await
    }

    pub(super) async fn set_automine(&self, automine: bool) -> Result<()> {
        self.rpc("evm_setAutomine", json!([automine])).await.map(drop)
    }

    /// Has an account call a contract, and waits until it did.
    pub(super) async fn send(&self, from: Address, to: Address, data: Bytes) -> Result<()> {
        let gas = format!("{GAS:#x}");
        let request = json!([{ "from": from, "to": to, "gas": gas, "data": data }]);
        let hash = self.rpc("eth_sendTransaction", request).await?;
        self.receipt(serde_json::from_value(hash)?).await
    }

    /// Waits until a transaction has taken effect.
    pub(super) async fn receipt(&self, hash: B256) -> Result<()> {
        let found = tokio::time::timeout(WITHIN, async {
            loop {
                if let Some(receipt) = self.provider.get_transaction_receipt(hash).await? {
                    return anyhow::Ok(receipt);
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        ensure!(found.await??.status(), "a transaction of the harness reverted");
        Ok(())
    }

    pub(super) async fn now(&self) -> Result<u64> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Latest).await?;
        Ok(block.context("a chain without a block")?.header.timestamp)
    }

    /// How many transactions of the relayer are in blocks.
    pub(super) async fn relayed(&self) -> Result<u64> {
        Ok(self.provider.get_transaction_count(actors::relayer().address()).await?)
    }

    /// Whether one waits for a block.
    pub(super) async fn is_pending(&self) -> Result<bool> {
        let count = self.provider.get_transaction_count(actors::relayer().address());
        Ok(count.pending().await? > self.relayed().await?)
    }

    /// How often a deal's milestone has ended.
    pub(super) async fn ends(&self, deal: B256) -> Result<usize> {
        let filter = Filter::new()
            .from_block(0)
            .address(self.contracts.escrow)
            .event_signature(MilestoneEnded::SIGNATURE_HASH)
            .topic1(deal);
        Ok(self.provider.get_logs(&filter).await?.len())
    }

    pub(super) async fn money(&self) -> Result<Money> {
        Ok(Money {
            seller: self.balance(actors::seller().address()).await?,
            buyer: self.balance(actors::buyer().address()).await?,
            escrow: self.balance(self.contracts.escrow).await?,
            relayer: self.balance(actors::relayer().address()).await?,
        })
    }

    async fn balance(&self, account: Address) -> Result<U256> {
        let call = Bytes::from(TestUSDC::balanceOfCall { account }.abi_encode());
        let request = TransactionRequest::default().to(self.contracts.token).input(call.into());
        let answer = self.provider.call(request).await?;
        Ok(TestUSDC::balanceOfCall::abi_decode_returns(&answer)?)
    }
}

/// A deliverable that nobody delivered before.
pub(super) fn work(number: u64) -> Bytes {
    format!("the work of deal {number}").into_bytes().into()
}

pub(super) fn salt(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// The relayer's process, from its start to its death.
pub(super) struct Life {
    child: Child,
}

impl Life {
    /// Starts it, configured with this besides; the point is where it dies, if anywhere.
    pub(super) fn start(place: &Place, set: &[&str], point: Option<&str>) -> Result<Self> {
        let log: File = OpenOptions::new().create(true).append(true).open(place.log_file())?;
        let mut command = Command::new(program("surety"));
        command.args(["relayer", "run", "--config"]).arg(place.config_file());
        command.args(set.iter().flat_map(|key| ["--set", *key]));
        if let Some(point) = point {
            command.env(VARIABLE, point);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        Ok(Self { child: command.spawn().context("build the workspace first")? })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Kills it wherever it is, and waits until nothing of it is left.
    pub(super) async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}
