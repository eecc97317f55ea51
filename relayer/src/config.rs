//! What an operator configures. Secrets stay in files; the configuration only names them.
//!
//! This is the only file of the crate that reads a configuration, a key file or the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use alloy::primitives::Address;
use serde::Deserialize;
use surety_chain::send::{FeeCaps, SendConfig};
use surety_chain::{BlockTag, EndpointConfig, RpcUrl};
use surety_keys::KeySource;

use crate::RelayerError;

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
    /// Limits on what gas may cost.
    #[serde(default)]
    pub fees: FeeCaps,
    /// How transactions are sent.
    #[serde(default)]
    pub sending: Sending,
    /// How jurors are asked.
    #[serde(default)]
    pub jurors: Jurors,
    /// How much is taken on.
    #[serde(default)]
    pub limits: Limits,
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
}

impl Default for Sending {
    fn default() -> Self {
        let SendConfig {
            max_in_flight,
            replace_after_secs,
            rebroadcast_ms,
            gas_margin_percent,
            budget_wei_per_day,
            ..
        } = SendConfig::default();
        Self {
            max_in_flight,
            replace_after_secs,
            rebroadcast_ms,
            gas_margin_percent,
            budget_wei_per_day,
        }
    }
}

/// How jurors are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jurors {
    /// Whether jurors on private networks may be asked: only on a local chain. Anybody can register
    /// a juror under any URL, so this keeps strangers from probing the relayer's own network.
    pub allow_private_hosts: bool,
    /// How long a juror may take to answer one request, in seconds, waiting aside.
    pub timeout_secs: u64,
    /// How long a juror is asked to hold a question open, in seconds.
    pub wait_secs: u64,
    /// How long to wait for the other ballots once the verdict stands, in milliseconds.
    pub grace_ms: u64,
    /// The first pause before a juror that failed is asked again, in milliseconds; it doubles.
    pub retry_ms: u64,
    /// The longest such pause, in milliseconds.
    pub retry_most_ms: u64,
}

impl Default for Jurors {
    fn default() -> Self {
        Self {
            allow_private_hosts: false,
            timeout_secs: 10,
            wait_secs: 20,
            grace_ms: 300,
            retry_ms: 250,
            retry_most_ms: 15_000,
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
    /// Cases that are asked about at the same time.
    pub asking: usize,
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
            wait_most_secs: 30,
        }
    }
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, RelayerError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| RelayerError::Config(format!("{shown}: cannot be read ({})", e.kind())))?;
        let mut config =
            Self::read(&text).map_err(|what| RelayerError::Config(format!("{shown}: {what}")))?;
        if let Some(folder) = path.parent() {
            config.store = folder.join(&config.store);
            config.key = config.key.within(folder);
            config.more_keys = config.more_keys.into_iter().map(|k| k.within(folder)).collect();
        }
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
            (self.jurors.timeout_secs > 0, "jurors.timeout_secs", "must be at least 1"),
            (self.jurors.retry_ms > 0, "jurors.retry_ms", "must be at least 1"),
            (self.limits.asking > 0, "limits.asking", "must be at least 1"),
            (
                self.limits.deliverable_max_bytes <= 64 << 20,
                "limits.deliverable_max_bytes",
                "must be at most 67108864",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            None => Ok(()),
            Some((_, field, rule)) => Err(format!("{field} {rule}")),
        }
    }
}

impl FromStr for Config {
    type Err = RelayerError;

    /// Reads TOML. An error is one line: where, and what is wrong.
    fn from_str(text: &str) -> Result<Self, RelayerError> {
        Self::read(text).map_err(RelayerError::Config)
    }
}

impl Config {
    fn read(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| {
            let line = e
                .span()
                .and_then(|span| text.get(..span.start))
                .map(|before| format!("line {}: ", before.matches('\n').count() + 1));
            let what = e.message().split('\n').collect::<Vec<_>>().join(" ");
            format!("{}{what}", line.unwrap_or_default())
        })?;
        config.check()?;
        Ok(config)
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
            (with("[fees]\nmax_fee_wei = 0"), "fees.max_fee_wei"),
            (with("block_tag = \"earliest\""), "earliest"),
            (GOOD.replace("chain_id = 8453", ""), "chain_id"),
            (GOOD.replace("https://node", "node"), "line 2: must be an http or https URL"),
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

    #[test]
    fn a_missing_file_is_named() {
        let shown = Config::load(Path::new("/nowhere/relayer.toml")).unwrap_err().to_string();
        assert!(shown.contains("/nowhere/relayer.toml"), "{shown}");
    }
}
