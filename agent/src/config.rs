//! The agent's configuration: one TOML file, unknown keys refused, secrets only by file name.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, B256};
use serde::Deserialize;
use surety_chain::RpcUrl;
use surety_service::socket::Http;
use surety_terms::{Bps, Usdc, limits};
use url::Url;

use crate::Error;

/// What `surety agent run --config FILE` reads.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// File with the owner's private key: 32 bytes as 0x-hex on one line.
    pub key_file: PathBuf,
    /// JSON-RPC endpoint that this agent trusts for every fact about the chain.
    pub chain_rpc: RpcUrl,
    /// The chain that the endpoint must serve.
    pub chain_id: u64,
    /// The only escrow this agent signs for.
    pub escrow: Address,
    /// The relayer that sends this agent's transactions and has its deliveries judged.
    pub relayer_url: Url,
    /// Where the agent's HTTP interface listens.
    pub listen: SocketAddr,
    /// Where others reach that interface; `http://<listen>` when absent.
    #[serde(default)]
    pub public_url: Option<Url>,
    /// Folder of the database and of the deliverables.
    pub store: PathBuf,
    /// How often the chain's head is read, in milliseconds.
    #[serde(default = "default_poll_ms")]
    pub poll_ms: u64,
    /// How long one transaction may take until it is tried again, in seconds.
    #[serde(default = "default_patience_secs")]
    pub patience_secs: u64,
    /// Whether deliverables may be pushed to jurors on private networks: only on a local chain.
    /// Anybody can register a juror under any URL.
    #[serde(default)]
    pub allow_private_hosts: bool,
    /// File with the owner's age identity, which reads its private deals; `identity.age` in the store
    /// when absent. It is made at the first start.
    #[serde(default)]
    pub identity_file: Option<PathBuf>,
    /// Whether deals are signed as they are whose sheet has no recipients: everybody can read them.
    #[serde(default)]
    pub public_deals: bool,
    /// File with the token of the principal's interface. Without it only this machine may use it.
    #[serde(default)]
    pub principal_token_file: Option<PathBuf>,
    /// How much strangers may cost at the socket.
    #[serde(default)]
    pub http: Http,
    /// Present if the agent sells.
    #[serde(default)]
    pub seller: Option<Seller>,
    /// Present if the agent buys.
    #[serde(default)]
    pub buyer: Option<Buyer>,
}

/// What the principal allows and needs when the agent sells.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seller {
    /// Program and arguments. It reads `{"termSheet","milestone"}` and writes the deliverable.
    pub worker: Vec<String>,
    /// How long the program may run, in seconds.
    #[serde(default = "default_worker_timeout_secs")]
    pub worker_timeout_secs: u64,
    /// How many programs may run at once.
    #[serde(default = "default_worker_limit")]
    pub worker_limit: usize,
    /// The largest deliverable, in bytes.
    #[serde(default = "default_deliverable_max_bytes")]
    pub deliverable_max_bytes: usize,
    /// The smallest total worth signing for.
    #[serde(default)]
    pub minimum_total: Usdc,
    /// The largest bond the principal risks in one deal.
    #[serde(default)]
    pub max_bond: Option<Usdc>,
    /// The only juries to sign for; any registered one when absent.
    #[serde(default)]
    pub accepted_juries: Option<Vec<B256>>,
    /// The shortest time for judging that is acceptable, in seconds.
    #[serde(default)]
    pub min_judge_within_secs: u64,
    /// The part of any milestone that optional hidden criteria may weigh, in basis points; mandatory
    /// ones are signed at 10000 only.
    #[serde(default)]
    pub max_hidden_bps: Bps,
    /// How long before `deliverBy` a delivery without a verdict is put on the chain, in seconds.
    #[serde(default = "default_deliver_margin_secs")]
    pub deliver_margin_secs: u64,
    /// How many signed offers may wait to be opened.
    #[serde(default = "default_max_waiting_offers")]
    pub max_waiting_offers: u32,
}

/// What the principal allows when the agent buys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    /// The largest total of one deal.
    #[serde(default)]
    pub max_total: Option<Usdc>,
    /// The only juries to sign for; any registered one when absent.
    #[serde(default)]
    pub accepted_juries: Option<Vec<B256>>,
    /// The shortest time for judging that is acceptable, in seconds.
    #[serde(default)]
    pub min_judge_within_secs: u64,
}

impl Config {
    /// Reads a configuration file. Relative paths in it are relative to its folder.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::Config { what: path.display().to_string(), why: e.to_string() })?;
        let mut config = Self::parse(&text)
            .map_err(|why| Error::Config { what: path.display().to_string(), why })?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        for file in [&mut config.key_file, &mut config.store] {
            *file = folder.join(&*file);
        }
        config.identity_file = config.identity_file.map(|file| folder.join(file));
        config.principal_token_file = config.principal_token_file.map(|file| folder.join(file));
        Ok(config)
    }

    /// Parses a configuration; the error is one line.
    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| one_line(&e, text))?;
        if !matches!(config.relayer_url.scheme(), "http" | "https") {
            return Err("relayer_url: needs an http or https URL".to_owned());
        }
        let largest_body = u64::try_from(limits::BODY_BYTES).unwrap_or(u64::MAX);
        let rules = config.http.rules(largest_body);
        if let Some((_, field, rule)) = rules.into_iter().find(|(holds, ..)| !holds) {
            return Err(format!("{field}: {rule}"));
        }
        if config.http.proxy_header.is_some() && config.principal_token_file.is_none() {
            let why = "needs principal_token_file, since behind a proxy everybody may seem to be \
                       on this machine";
            return Err(format!("http.proxy_header: {why}"));
        }
        if config.poll_ms == 0 {
            return Err("poll_ms: must be at least 1".to_owned());
        }
        if config.seller.is_none() && config.buyer.is_none() {
            return Err("needs a [seller] or a [buyer] section, or both".to_owned());
        }
        if let Some(seller) = &config.seller {
            if seller.worker.is_empty() {
                return Err("seller.worker: needs at least the program's name".to_owned());
            }
            if seller.worker_limit == 0 {
                return Err("seller.worker_limit: must be at least 1".to_owned());
            }
        }
        Ok(config)
    }
}

/// The first line of a TOML error and where it stands. The text itself may hold a secret.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or("").matches('\n').count());
    let message = error.message().lines().next().unwrap_or("malformed").to_owned();
    line.map_or(message.clone(), |line| format!("line {}: {message}", line.saturating_add(1)))
}

const fn default_poll_ms() -> u64 {
    1_000
}

const fn default_patience_secs() -> u64 {
    120
}

const fn default_worker_timeout_secs() -> u64 {
    600
}

const fn default_worker_limit() -> usize {
    4
}

const fn default_deliverable_max_bytes() -> usize {
    limits::DELIVERABLE_BYTES
}

const fn default_deliver_margin_secs() -> u64 {
    600
}

const fn default_max_waiting_offers() -> u32 {
    1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
key_file = "agent.key"
chain_rpc = "http://127.0.0.1:8545"
chain_id = 31337
escrow = "0x0000000000000000000000000000000000000001"
relayer_url = "http://127.0.0.1:9000"
listen = "127.0.0.1:0"
store = "data"

[seller]
worker = ["./write-summary"]
minimum_total = "1000000"
"#;

    #[test]
    fn a_small_file_gets_the_defaults() {
        let config = Config::parse(GOOD).unwrap();
        assert_eq!(config.poll_ms, 1_000);
        let seller = config.seller.unwrap();
        assert_eq!(seller.minimum_total.to_string(), "1.00 USDC");
        assert_eq!(seller.deliver_margin_secs, 600);
        assert!(config.buyer.is_none());
    }

    #[test]
    fn the_readmes_example_is_a_good_configuration() {
        let readme = include_str!("../README.md");
        let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let example = example.replace("\"https://...\"", "\"https://relayer.example\"");
        let example = example
            .replace("escrow = \"0x...\"", &format!("escrow = \"{}\"", Address::ZERO))
            .replace("[\"0x...\"]", &format!("[\"{}\"]", B256::ZERO));
        let config = Config::parse(&example).unwrap();
        assert!(config.seller.is_some() && config.buyer.is_some());
    }

    #[test]
    fn the_readmes_limits_of_the_socket_are_all_there_are_and_the_defaults() {
        let readme = include_str!("../README.md");
        let (_, stated) = readme.split_once("[http]").unwrap();
        let (stated, _) = stated.split_once("\n\n").unwrap();
        let example = format!("principal_token_file = 'token'{GOOD}\n[http]{stated}");
        let stated: toml::Table = stated.split_once('\n').unwrap().1.parse().unwrap();
        let config = Config::parse(&example).unwrap();
        assert_eq!(config.http.proxy_header.as_deref(), Some("x-forwarded-for"));
        assert_eq!(Http { proxy_header: None, ..config.http }, Http::default());
        let unknown = Config::parse(&format!("{GOOD}\n[http]\nno_such_key = 1")).unwrap_err();
        let (_, listed) = unknown.split_once("expected").unwrap();
        let listed: Vec<&str> = listed.split('`').skip(1).step_by(2).collect();
        assert_eq!(listed.len(), stated.len(), "{unknown}");
        assert!(listed.iter().all(|key| stated.contains_key(*key)), "{unknown}");
    }

    #[test]
    fn a_socket_that_serves_nobody_is_refused() {
        for (key, refused) in [("head_secs", "0"), ("body_bytes", "1"), ("proxy_header", "'a'")] {
            let text = format!("{GOOD}\n[http]\n{key} = {refused}");
            let error = Config::parse(&text).unwrap_err();
            assert!(error.starts_with(&format!("http.{key}: ")), "{error}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_in_one_line_that_names_it() {
        let error = Config::parse(&format!("{GOOD}\nmax_price = 1")).unwrap_err();
        assert!(error.contains("max_price") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn an_agent_without_a_role_is_refused() {
        let text = GOOD.split("[seller]").next().unwrap();
        assert!(Config::parse(text).unwrap_err().contains("[seller]"));
    }

    #[test]
    fn a_url_of_another_scheme_is_refused() {
        let error =
            Config::parse(&GOOD.replace("http://127.0.0.1:9000", "file:///etc")).unwrap_err();
        assert_eq!(error, "relayer_url: needs an http or https URL");
    }
}
