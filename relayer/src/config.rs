//! What an operator configures. Secrets stay in files; the configuration only names them.
//!
//! This is the only file of the crate that reads a configuration, a key file or the environment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use alloy::primitives::Address;
use serde::Deserialize;
use surety_chain::send::{FeeCaps, SendConfig};
use surety_chain::{BlockTag, RpcUrl};
use surety_keys::KeySource;
use surety_store::{Bucket, Leases};
use url::Url;

use crate::RelayerError;

/// How to run one relayer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The chain's JSON-RPC endpoint. It may carry a key and is never printed.
    pub chain_rpc: RpcUrl,
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
    /// How often the chain is read, in milliseconds.
    #[serde(default = "Config::default_poll_ms")]
    pub poll_ms: u64,
    /// How long one call to the chain's endpoint may take, in seconds.
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
}

impl Default for Sending {
    fn default() -> Self {
        let SendConfig {
            max_in_flight,
            replace_after_secs,
            rebroadcast_ms,
            gas_margin_percent,
            ..
        } = SendConfig::default();
        Self { max_in_flight, replace_after_secs, rebroadcast_ms, gas_margin_percent }
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
            fees: self.fees,
            ..SendConfig::default()
        }
    }

    const fn default_poll_ms() -> u64 {
        500
    }

    const fn default_rpc_timeout_secs() -> u64 {
        10
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), String> {
        let rules = [
            (!self.escrow.is_zero(), "escrow", "must not be the zero address"),
            (self.poll_ms > 0, "poll_ms", "must be at least 1"),
            (self.rpc_timeout_secs > 0, "rpc_timeout_secs", "must be at least 1"),
            (self.fees.max_fee_wei > 0, "fees.max_fee_wei", "must be at least 1"),
            (self.sending.max_in_flight > 0, "sending.max_in_flight", "must be at least 1"),
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
        if let Some((_, field, rule)) = rules.into_iter().find(|(holds, ..)| !holds) {
            return Err(format!("{field} {rule}"));
        }
        let database = self.database.as_ref().map(surety_store::check).transpose();
        database.map_err(|e| format!("database {e}"))?;
        let bucket = self.deliverables.as_ref().map(Bucket::check).transpose();
        bucket.map(drop).map_err(|e| format!("deliverables {e}"))
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
            (with("block_tag = \"earliest\""), "earliest"),
            (GOOD.replace("chain_id = 8453", ""), "chain_id"),
            (GOOD.replace("https://node", "node"), "line 2: must be an http or https URL"),
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
