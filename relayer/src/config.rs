//! What an operator configures. Secrets stay in files; the configuration only names them.
//!
//! This is the only file of the crate that reads a configuration, a key file or the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use alloy::primitives::Address;
use serde::Deserialize;
use surety_acts::Settings as Acts;
pub use surety_batches::Settings as Batch;
use surety_chain::send::{FeeCaps, SendConfig, Share};
use surety_chain::{BlockTag, EndpointConfig, RpcUrl};
pub use surety_jurors::Settings as Jurors;
use surety_keys::KeySource;
use surety_service::layers::{Layers, Overrides};
pub use surety_service::socket::Http;
use surety_store::{Bucket, Leases};
use url::Url;

use crate::RelayerError;
use crate::relayer::STRANGERS;

/// How to run one relayer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The chain's JSON-RPC endpoint, where there is one. It may carry a key and is never printed.
    #[serde(default)]
    pub chain_rpc: Option<RpcUrl>,
    /// The chain's JSON-RPC endpoints, where there are several.
    #[serde(default)]
    pub rpc: Vec<EndpointConfig>,
    /// How many endpoints must agree on what leads to money; a majority unless it is given.
    #[serde(default)]
    pub rpc_quorum: Option<usize>,
    /// The chain to serve; another answer from the endpoint stops the start.
    pub chain_id: u64,
    /// The `DealEscrow` to serve. The `Jury` follows from it.
    pub escrow: Address,
    /// How deep in the chain a fact must be to count: `safe` where money is real.
    #[serde(default)]
    pub block_tag: BlockTag,
    /// The first block to read, the escrow's deployment or earlier.
    #[serde(default)]
    pub start_block: u64,
    /// The socket to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder for the database and the deliverables.
    pub store: PathBuf,
    /// A PostgreSQL database that several relayers share, instead of one in the folder. Its password
    /// comes from `PGPASSWORD` or a password file.
    #[serde(default)]
    pub database: Option<Url>,
    /// A bucket for the deliverables, instead of a folder.
    #[serde(default)]
    pub deliverables: Option<Bucket>,
    /// When relayers that share a database take over from one that fell silent.
    #[serde(default)]
    pub leases: Leases,
    /// Where the key is that pays gas. `key_file` names a key file.
    #[serde(alias = "key_file")]
    pub key: KeySource,
    /// Where further keys are, which send in parallel.
    #[serde(default)]
    pub more_keys: Vec<KeySource>,
    /// How often the chain is read, in milliseconds.
    #[serde(default = "Config::default_poll_ms")]
    pub poll_ms: u64,
    /// How often the rows are compared with the chain at a final block, in seconds.
    #[serde(default = "Config::default_audit_secs")]
    pub audit_secs: u64,
    /// How long one call to `chain_rpc` may take, in seconds.
    #[serde(default = "Config::default_rpc_timeout_secs")]
    pub rpc_timeout_secs: u64,
    /// How many days sheets and deliverables are kept after a deal can no longer be judged.
    #[serde(default = "Config::default_retention_days")]
    pub retention_days: u64,
    /// Limits on what gas may cost.
    #[serde(default)]
    pub fees: FeeCaps,
    /// How transactions are sent.
    #[serde(default)]
    pub sending: Sending,
    /// How jurors are asked.
    #[serde(default)]
    pub jurors: Jurors,
    /// Whether and for what timed acts are performed.
    #[serde(default)]
    pub acts: Acts,
    /// When verdicts settle together.
    #[serde(default)]
    pub batch: Batch,
    /// How much is taken on.
    #[serde(default)]
    pub limits: Limits,
    /// How much strangers may cost at the socket.
    #[serde(default)]
    pub http: Http,
    /// When the relayer calls itself not ready.
    #[serde(default)]
    pub health: Health,
    /// How long stages have to end when the relayer is told to end, in seconds.
    #[serde(default = "Config::default_stop_secs")]
    pub stop_secs: u64,
}

/// When the relayer calls itself not ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// The least that the sending key has to own, in wei.
    pub least_balance_wei: u64,
    /// How long the chain may go unread, in seconds.
    pub unread_secs: u64,
    /// How long the newest block may stay the newest, in seconds; not asked on a local chain.
    pub head_still_secs: u64,
    /// How far the block whose facts count may be behind the newest one, in seconds of chain time.
    pub tag_lag_secs: u64,
    /// How long a transaction may wait for a block, in seconds of chain time.
    pub stuck_secs: u64,
    /// How long a task may stand still before `/livez` asks for a restart, in seconds.
    pub task_still_secs: u64,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            least_balance_wei: 500_000_000_000_000,
            unread_secs: 10,
            head_still_secs: 60,
            tag_lag_secs: 3_600,
            stuck_secs: 900,
            task_still_secs: 300,
        }
    }
}

/// How transactions are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sending {
    /// How many signed transactions may wait for a block at once.
    pub max_in_flight: u32,
    /// After how many seconds of chain time a waiting transaction is replaced by a better paid one.
    pub replace_after_secs: u64,
    /// How often a waiting transaction is handed out again, in milliseconds.
    pub rebroadcast_ms: u64,
    /// What is added to the estimated gas, in percent.
    pub gas_margin_percent: u64,
    /// What all keys may cost together per UTC day of chain time, in wei; no limit unless given.
    pub budget_wei_per_day: Option<u64>,
    /// How much of that budget may go to what others hand in, in percent.
    pub strangers_percent: u8,
    /// How many transactions that others handed in may wait for a nonce.
    pub strangers_queued: u64,
}

impl Default for Sending {
    fn default() -> Self {
        let sending = SendConfig::default();
        Self {
            max_in_flight: sending.max_in_flight,
            replace_after_secs: sending.replace_after_secs,
            rebroadcast_ms: sending.rebroadcast_ms,
            gas_margin_percent: sending.gas_margin_percent,
            budget_wei_per_day: sending.budget_wei_per_day,
            strangers_percent: 50,
            strangers_queued: 1_000,
        }
    }
}

/// How much is taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest deliverable, in bytes.
    pub deliverable_max_bytes: u64,
    /// The bytes of all deliverables together.
    pub deliverables_total_bytes: u64,
    /// The bytes of all deliverables together that no delivery has named yet.
    pub unnamed_total_bytes: u64,
    /// Cases that are asked about at the same time, of no jury more than of another that wants
    /// some.
    pub asking: usize,
    /// Open cases that one relayer works on; what is beyond waits, or is another one's.
    pub cases: usize,
    /// The longest that a client may have a question held open, in seconds.
    pub wait_most_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deliverable_max_bytes: 4 << 20,
            deliverables_total_bytes: 4 << 30,
            unnamed_total_bytes: 256 << 20,
            asking: 256,
            cases: 10_000,
            wait_most_secs: 30,
        }
    }
}

impl Config {
    /// The names that the environment and flags may use, and the keys that may hold secrets.
    pub const LAYERS: Layers = Layers {
        prefix: "SURETY_RELAYER",
        aliases: &[("key_file", "key")],
        secrets: &["chain_rpc", "rpc.*.url", "rpc.*.ws"],
    };

    /// Reads a configuration file, then what the environment and flags say. Relative paths are
    /// relative to the file's folder.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, RelayerError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| RelayerError::Config(format!("{shown}: cannot be read ({})", e.kind())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut config = Self::read((&text, folder), overrides)
            .map_err(|what| RelayerError::Config(format!("{shown}: {what}")))?;
        config.store = folder.join(&config.store);
        config.key = config.key.within(folder);
        config.more_keys = config.more_keys.into_iter().map(|key| key.within(folder)).collect();
        Ok(config)
    }

    pub(crate) fn sending(&self) -> SendConfig {
        SendConfig {
            block_tag: self.block_tag,
            poll_ms: self.poll_ms,
            max_in_flight: self.sending.max_in_flight,
            replace_after_secs: self.sending.replace_after_secs,
            rebroadcast_ms: self.sending.rebroadcast_ms,
            gas_margin_percent: self.sending.gas_margin_percent,
            budget_wei_per_day: self.sending.budget_wei_per_day,
            share: Some(Share { from_rank: STRANGERS, percent: self.sending.strangers_percent }),
            fees: self.fees,
            ..SendConfig::default()
        }
    }

    const fn default_poll_ms() -> u64 {
        500
    }

    const fn default_audit_secs() -> u64 {
        600
    }

    const fn default_rpc_timeout_secs() -> u64 {
        10
    }

    const fn default_stop_secs() -> u64 {
        8
    }

    const fn default_retention_days() -> u64 {
        90
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), String> {
        let quorum = self.rpc_quorum.unwrap_or(1);
        let endpoints = self.rpc.len().max(1);
        let rules = [
            (
                self.chain_rpc.is_some() || !self.rpc.is_empty(),
                "chain_rpc",
                "or [[rpc]] is missing",
            ),
            (
                self.chain_rpc.is_none() || self.rpc.is_empty(),
                "chain_rpc",
                "and [[rpc]] exclude each other: move it there",
            ),
            (
                (1..=endpoints).contains(&quorum),
                "rpc_quorum",
                "must be from 1 to the number of endpoints",
            ),
            (self.rpc.iter().all(|e| e.timeout_ms > 0), "rpc.timeout_ms", "must be at least 1"),
            (self.audit_secs > 0, "audit_secs", "must be at least 1"),
            (!self.escrow.is_zero(), "escrow", "must not be the zero address"),
            (self.poll_ms > 0, "poll_ms", "must be at least 1"),
            (self.rpc_timeout_secs > 0, "rpc_timeout_secs", "must be at least 1"),
            (self.fees.max_fee_wei > 0, "fees.max_fee_wei", "must be at least 1"),
            (self.sending.max_in_flight > 0, "sending.max_in_flight", "must be at least 1"),
            (
                self.sending.strangers_percent <= 100,
                "sending.strangers_percent",
                "must be at most 100",
            ),
            (self.jurors.timeout_secs > 0, "jurors.timeout_secs", "must be at least 1"),
            (self.jurors.retry_ms > 0, "jurors.retry_ms", "must be at least 1"),
            (
                self.leases.renew_ms > 0 && self.leases.renew_ms <= self.leases.ttl_ms / 2,
                "leases.renew_ms",
                "must be at least 1, and at most half of leases.ttl_ms",
            ),
            (self.limits.cases > 0, "limits.cases", "must be at least 1"),
            (self.limits.asking > 0, "limits.asking", "must be at least 1"),
            (
                self.limits.deliverable_max_bytes <= 64 << 20,
                "limits.deliverable_max_bytes",
                "must be at most 67108864",
            ),
        ];
        let rules = rules.into_iter().chain(self.http.rules(self.largest_body()));
        if let Some((_, field, rule)) = rules.chain(self.service_rules()).find(|(holds, ..)| !holds)
        {
            return Err(format!("{field} {rule}"));
        }
        self.batch.check().map_err(|e| format!("batch.{e}"))?;
        let database = self.database.as_ref().map(surety_store::check).transpose();
        database.map_err(|e| format!("database {e}"))?;
        let bucket = self.deliverables.as_ref().map(Bucket::check).transpose();
        bucket.map(drop).map_err(|e| format!("deliverables {e}"))
    }

    /// Those of how it shares its places, of what it shows to others, and of how it stops.
    fn service_rules(&self) -> [(bool, &'static str, &'static str); 4] {
        [
            (self.jurors.turn_secs > 0, "jurors.turn_secs", "must be at least 1"),
            (self.health.unread_secs > 0, "health.unread_secs", "must be at least 1"),
            (self.health.task_still_secs > 59, "health.task_still_secs", "must be at least 60"),
            (self.stop_secs < 12, "stop_secs", "must be less than 12"),
        ]
    }
}

impl FromStr for Config {
    type Err = RelayerError;

    /// Reads TOML. An error is one line: where, and what is wrong.
    fn from_str(text: &str) -> Result<Self, RelayerError> {
        let nothing = Overrides::default();
        Self::read((text, Path::new("")), &nothing).map_err(RelayerError::Config)
    }
}

impl Config {
    fn read(file: (&str, &Path), overrides: &Overrides) -> Result<Self, String> {
        let config: Self = Self::LAYERS.read(file, overrides).map_err(|e| e.to_string())?;
        config.check()?;
        Ok(config)
    }

    /// The largest body that is read anywhere.
    fn largest_body(&self) -> u64 {
        let document = u64::try_from(surety_terms::limits::BODY_BYTES).unwrap_or(u64::MAX);
        self.limits.deliverable_max_bytes.max(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
chain_rpc = "https://node.example/v2/secret"
chain_id = 8453
escrow = "0x0000000000000000000000000000000000000001"
listen = "127.0.0.1:0"
store = "var"
key_file = "key"
"#;

    #[test]
    fn the_shortest_configuration_is_careful() {
        let config: Config = GOOD.parse().unwrap();
        assert_eq!(config.block_tag, BlockTag::Safe);
        assert!(!config.jurors.allow_private_hosts);
        assert!(!format!("{config:?}").contains("secret"));
    }

    /// The same with two endpoints, and something before them.
    fn several(extra: &str) -> String {
        let two = "[[rpc]]\nurl = \"https://a.example/secret\"\nname = \"own\"\n\
                   ws = \"wss://a.example/secret\"\n\
                   [[rpc]]\nurl = \"https://b.example/secret\"\nper_second = 25\n";
        let plain = GOOD.replace("chain_rpc", "# chain_rpc");
        if extra.starts_with('[') {
            format!("{plain}{two}{extra}")
        } else {
            format!("{plain}{extra}\n{two}")
        }
    }

    #[test]
    fn several_endpoints_are_read_and_none_is_shown() {
        let config: Config = several("rpc_quorum = 2").parse().unwrap();
        assert_eq!(config.rpc.len(), 2);
        assert_eq!(config.rpc[0].settings(0).name, "own");
        assert_eq!(config.rpc[1].settings(1).name, "rpc-2");
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn mistakes_are_one_line_that_names_the_key() {
        let with = |extra: &str| format!("{GOOD}{extra}");
        for (text, needed) in [
            (with("colour = 1"), "colour"),
            (with("poll_ms = 0"), "poll_ms must be at least 1"),
            (with("poll_ms = \"x\""), "line 8"),
            (with("[jurors]\npatience = 1"), "patience"),
            (with("[deliverables]\nurl = \"https://b\""), "deliverables must be s3://"),
            (with("database = \"postgres://me:secret@db/x\""), "database must not carry"),
            (with("[fees]\nmax_fee_wei = 0"), "fees.max_fee_wei"),
            (with("[jurors]\nturn_secs = 0"), "jurors.turn_secs must be at least 1"),
            (
                with("[sending]\nstrangers_percent = 101"),
                "sending.strangers_percent must be at most",
            ),
            (with("block_tag = \"earliest\""), "earliest"),
            (GOOD.replace("chain_id = 8453", ""), "chain_id"),
            (
                GOOD.replace("https://node", "node"),
                "line 2: chain_rpc: must be an http or https URL",
            ),
            (with("[http]\nproxy_header = \"a b\""), "http.proxy_header"),
            (with("[http]\nbody_bytes = 1"), "http.body_bytes"),
            (GOOD.replace("chain_rpc", "# chain_rpc"), "chain_rpc or [[rpc]] is missing"),
            (with("[[rpc]]\nurl = \"https://b.example/secret\""), "exclude each other"),
            (with("rpc_quorum = 2"), "rpc_quorum must be from 1"),
            (several("rpc_quorum = 3"), "rpc_quorum must be from 1"),
            (several("[[rpc]]\nurl = \"https://c.example/secret\"\nws = \"c\""), "ws or wss"),
            (several("[[rpc]]\nurl = \"https://c.example/secret\"\nspeed = 1"), "speed"),
        ] {
            let shown = text.parse::<Config>().unwrap_err().to_string();
            assert!(shown.contains(needed), "{shown}");
            assert!(!shown.contains('\n') && !shown.contains("secret"), "{shown}");
        }
    }

    /// The keys of a section, as an error about an unknown one lists them.
    fn keys(section: &str) -> Vec<String> {
        let text = match section {
            "" => format!("no_such_key = 1\n{GOOD}"),
            section => format!("{GOOD}[{section}]\nno_such_key = 1\n"),
        };
        let shown = text.parse::<Config>().unwrap_err().to_string();
        let listed = shown.split_once("expected").unwrap().1;
        let names = listed.split('`').skip(1).step_by(2).map(ToOwned::to_owned);
        // Which of two ways a thing is said.
        let other = ["key_file", "rpc", "rpc_quorum"];
        let mut keys: Vec<String> = names.filter(|name| !other.contains(&name.as_str())).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_readmes_endpoints_have_every_key_and_state_every_default() {
        let readme = include_str!("../README.md");
        let example = readme.split("```toml\n").nth(2).unwrap().split("```").next().unwrap();
        let plain = GOOD.replace("chain_rpc", "# chain_rpc");
        let config: Config = format!("{plain}{example}").parse().unwrap();
        assert_eq!((config.rpc.len(), config.rpc_quorum), (3, Some(2)));
        let unknown = example.replacen("[[rpc]]", "[[rpc]]\nno_such_key = 1", 1);
        let shown = format!("{plain}{unknown}").parse::<Config>().unwrap_err().to_string();
        let listed = shown.split_once("expected").unwrap().1;
        for key in listed.split('`').skip(1).step_by(2) {
            assert!(example.contains(&format!("\n{key} = ")), "{key}");
        }
        let needed = example.lines().filter(|line| !line.contains("# default:"));
        let needed = format!("{plain}{}", needed.collect::<Vec<_>>().join("\n"));
        assert_eq!(needed.parse::<Config>().unwrap(), config);
    }

    #[test]
    fn the_readmes_example_has_every_key_and_states_every_default() {
        let readme = include_str!("../README.md");
        let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let config: Config = example.parse().unwrap();
        let stated: toml::Table = example.parse().unwrap();
        let is_section = |name: &str| name != "key" && stated[name].is_table();
        for section in std::iter::once("").chain(stated.keys().map(String::as_str)) {
            let table = match section {
                "" => &stated,
                name if is_section(name) => stated[name].as_table().unwrap(),
                _ => continue,
            };
            let mut shown: Vec<String> = table.keys().cloned().collect();
            shown.sort();
            assert_eq!(shown, keys(section), "[{section}]");
        }
        let needed = example.lines().filter(|line| !line.contains("# default:"));
        let needed: Config = needed.collect::<Vec<_>>().join("\n").parse().unwrap();
        assert_eq!(needed, config);
    }

    #[test]
    fn a_missing_file_is_named() {
        let path = Path::new("/nowhere/relayer.toml");
        let shown = Config::load(path, &Overrides::default()).unwrap_err().to_string();
        assert!(shown.contains("/nowhere/relayer.toml"), "{shown}");
    }
}
