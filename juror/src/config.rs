//! What an operator configures, and the secrets that the configuration only points to.
//!
//! A configuration is public: it can be printed and compared. Secrets stand elsewhere; this is the
//! only file of the crate that reads them.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use alloy::{eips::BlockNumberOrTag, primitives::Address};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use surety_fetch::Bounds;
use surety_judge::Provider;
pub use surety_judge::{BudgetConfig, ProviderConfig};
use surety_keys::{Key, KeySource};
use surety_preview::PreviewsConfig;
use surety_prices::PricesConfig;
use surety_privacy::Identities;
use surety_store::Bucket;
use surety_terms::limits;
use url::Url;

use crate::JurorError;

/// The least `limits.check_secs`. The dearest test burns all its fuel in less than a second (ADR
/// 13), so a machine that needs more than this stands still.
const CHECK_SECS_LEAST: u64 = 30;

/// How to run one juror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The chain's JSON-RPC endpoint.
    pub chain_rpc: String,
    /// The chain that this juror serves; another answer from the endpoint stops the start.
    pub chain_id: u64,
    /// The `Jury` contract that this juror is registered in.
    pub jury: Address,
    /// The contracts whose cases this juror ballots.
    pub consumers: Vec<Address>,
    /// Which block's facts count as settled enough to spend money on.
    #[serde(default)]
    pub block_tag: BlockTag,
    /// The socket to listen on, such as `127.0.0.1:7301`; port 0 takes a free one.
    pub listen: String,
    /// The folder for the database, the deliverables and the transcripts.
    pub store: PathBuf,
    /// Where the juror's key is. `key_file` names a key file.
    #[serde(alias = "key_file")]
    pub key: KeySource,
    /// How often the chain's head is read.
    #[serde(default = "Config::default_poll_ms")]
    pub poll_ms: u64,
    /// Files with the juror's age identities, the present one first. Without any it judges public
    /// deals only.
    #[serde(default)]
    pub identities: Vec<PathBuf>,
    /// How long deliverables, sheets and transcripts are kept after a case can no longer be judged.
    #[serde(default = "Config::default_retention_days")]
    pub retention_days: u64,
    /// Who answers the criteria that no check can.
    pub provider: ProviderConfig,
    /// What that may cost. Only a provider that charges nothing may be asked without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetConfig>,
    /// A bucket for the transcripts, instead of a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcripts: Option<Bucket>,
    /// How a deliverable is fetched from the delivery's URI.
    #[serde(default)]
    pub fetch: FetchConfig,
    /// How much this juror takes on at once.
    #[serde(default)]
    pub limits: Limits,
    /// What this juror asks; by default nothing.
    #[serde(default)]
    pub prices: PricesConfig,
    /// What this juror says to sellers before they deliver.
    #[serde(default)]
    pub previews: PreviewsConfig,
}

/// The block whose state counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlockTag {
    /// The newest block: for a local chain.
    Latest,
    /// A block that only a fault of the base layer could take back.
    #[default]
    Safe,
    /// A block that nothing takes back.
    Finalized,
}

/// Limits on fetching a deliverable, and on asking the service of a probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FetchConfig {
    /// Whether addresses of private networks may be asked: only on a local chain.
    pub allow_private_hosts: bool,
    /// The largest deliverable this juror reads, pushed or fetched.
    pub deliverable_max_bytes: usize,
    /// How long one fetch may take.
    pub timeout_secs: u64,
    /// How long those who push deliverables have before the delivery's URI is asked.
    pub grace_secs: u64,
}

/// How much a juror takes on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Cases that are worked on at the same time, from the deliverable to the commitment.
    pub open_cases: usize,
    /// Cases that wait for their deliverable at the same time.
    pub waiting_cases: usize,
    /// Cases whose questions are asked at the same time, and as many whose checks run.
    pub judging: usize,
    /// Criteria of one case that are asked at the same time.
    pub questions: usize,
    /// HTTP requests that are served at the same time.
    pub requests: usize,
    /// Connections that are open at the same time.
    pub connections: usize,
    /// Those of one address; any number when it is 0.
    pub connections_per_address: usize,
    /// How long the head of a request may take to come.
    pub head_secs: u64,
    /// How long one WebAssembly test may run before it is broken off and run again later.
    pub check_secs: u64,
    /// How long cases that are being judged have to end when the juror is told to end.
    pub stop_secs: u64,
    /// How long the chain's head may stand still before the juror calls itself not ready.
    pub stale_secs: u64,
}

/// What must never be printed, compared or stored.
pub(crate) struct Secrets {
    /// The juror's key.
    pub(crate) key: Key,
    /// The provider's key, if it needs one.
    pub(crate) api_key: Option<SecretString>,
    /// What reads private deals.
    pub(crate) identities: Identities,
}

impl Config {
    /// Reads a configuration file.
    pub fn load(path: &Path) -> Result<Self, JurorError> {
        let text = std::fs::read_to_string(path)
            .map_err(|err| invalid(path.display(), format!("cannot be read ({})", err.kind())))?;
        text.parse()
    }

    /// The configured provider, with its key from the environment.
    pub fn provider(&self) -> Result<Provider, JurorError> {
        Ok(Provider::new(&self.provider, self.api_key()?)?)
    }

    fn api_key(&self) -> Result<Option<SecretString>, JurorError> {
        self.provider.api_key_env.as_deref().map(read_env).transpose()
    }

    /// Reads the secrets that the configuration points to.
    pub(crate) async fn secrets(&self) -> Result<Secrets, JurorError> {
        let key = self.key.open().await?;
        let api_key = self.api_key()?;
        let identities = Identities::read(self.identities.iter().map(PathBuf::as_path))?;
        Ok(Secrets { key, api_key, identities })
    }

    const fn default_poll_ms() -> u64 {
        1_000
    }

    const fn default_retention_days() -> u64 {
        90
    }

    /// What the types cannot say.
    fn check(&self) -> Result<(), JurorError> {
        let (provider, budget) = (&self.provider, self.budget.as_ref());
        let answer = provider.max_output_tokens;
        let web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
        let rpc = Url::parse(&self.chain_rpc).ok().filter(|url| web(url));
        let rules = [
            (rpc.is_some(), "chain_rpc", "must be an http or https URL"),
            (!self.consumers.is_empty(), "consumers", "must name at least one escrow"),
            (self.poll_ms > 0, "poll_ms", "must be at least 1"),
            (web(&provider.base_url), "provider.base_url", "must be an http or https URL"),
            (!provider.model.is_empty(), "provider.model", "must not be empty"),
            (provider.timeout_secs > 0, "provider.timeout_secs", "must be at least 1"),
            (provider.max_output_tokens > 0, "provider.max_output_tokens", "must be at least 1"),
            (provider.breaker_outages > 0, "provider.breaker_outages", "must be at least 1"),
            (provider.breaker_secs > 0, "provider.breaker_secs", "must be at least 1"),
            (
                budget.is_none_or(|budget| budget.case_micro_usd > budget.worst(0, answer)),
                "budget.case_micro_usd",
                "must be more than one answer of provider.max_output_tokens can cost",
            ),
            (
                budget.is_none_or(|budget| budget.day_micro_usd >= budget.case_micro_usd),
                "budget.day_micro_usd",
                "must be at least budget.case_micro_usd",
            ),
            (self.fetch.timeout_secs > 0, "fetch.timeout_secs", "must be at least 1"),
            (
                self.fetch.deliverable_max_bytes == limits::DELIVERABLE_BYTES,
                "fetch.deliverable_max_bytes",
                "must be 4194304: with another limit it would answer otherwise than its panel",
            ),
            (self.limits.open_cases > 0, "limits.open_cases", "must be at least 1"),
            (self.limits.waiting_cases > 0, "limits.waiting_cases", "must be at least 1"),
            (self.limits.judging > 0, "limits.judging", "must be at least 1"),
            (self.limits.questions > 0, "limits.questions", "must be at least 1"),
            (self.limits.requests > 0, "limits.requests", "must be at least 1"),
            (self.limits.connections > 0, "limits.connections", "must be at least 1"),
            (self.limits.head_secs > 0, "limits.head_secs", "must be at least 1"),
            (self.prices.valid_secs > 0, "prices.valid_secs", "must be at least 1"),
            (
                self.limits.check_secs >= CHECK_SECS_LEAST,
                "limits.check_secs",
                "must be at least 30: the fuel of a test decides, and not the time it takes",
            ),
        ];
        let bucket = self.transcripts.as_ref().map(Bucket::check).transpose();
        bucket.map_err(|err| invalid("transcripts", err))?;
        let previews = self.previews.rules(budget.map(|budget| budget.worst(0, answer)));
        match rules.into_iter().chain(previews).find(|(holds, ..)| !holds) {
            Some((_, field, rule)) => Err(invalid(field, rule)),
            None => Ok(self.provider.check_budget(budget)?),
        }
    }
}

impl FromStr for Config {
    type Err = JurorError;

    fn from_str(text: &str) -> Result<Self, JurorError> {
        let config: Self = toml::from_str(text).map_err(|err| {
            let line = err.span().map_or(1, |span| {
                text.get(..span.start).map_or(1, |head| head.matches('\n').count() + 1)
            });
            invalid(format_args!("line {line}"), err.message().replace('\n', " "))
        })?;
        config.check()?;
        Ok(config)
    }
}

impl From<BlockTag> for BlockNumberOrTag {
    fn from(tag: BlockTag) -> Self {
        match tag {
            BlockTag::Latest => Self::Latest,
            BlockTag::Safe => Self::Safe,
            BlockTag::Finalized => Self::Finalized,
        }
    }
}

impl FetchConfig {
    /// What one request to a stranger's address may cost.
    pub(crate) const fn bounds(&self) -> Bounds {
        Bounds {
            allow_private_hosts: self.allow_private_hosts,
            most_bytes: self.deliverable_max_bytes,
            within: Duration::from_secs(self.timeout_secs),
        }
    }
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            allow_private_hosts: false,
            deliverable_max_bytes: limits::DELIVERABLE_BYTES,
            timeout_secs: 20,
            grace_secs: 5,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_cases: 256,
            waiting_cases: 4_096,
            judging: 8,
            questions: 4,
            requests: 256,
            connections: 2_048,
            connections_per_address: 256,
            head_secs: 30,
            check_secs: 60,
            stop_secs: 10,
            stale_secs: 120,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("juror", &self.key.address()).finish_non_exhaustive()
    }
}

/// Reads a secret from the environment.
#[expect(clippy::disallowed_methods, reason = "config.rs is where the environment is read")]
fn read_env(name: &str) -> Result<SecretString, JurorError> {
    match std::env::var(name) {
        Ok(value) if !value.trim().is_empty() => Ok(SecretString::from(value)),
        Ok(_) | Err(_) => Err(invalid(
            "provider.api_key_env",
            format_args!("names the environment variable {name}, which is not set"),
        )),
    }
}

fn invalid(field: impl fmt::Display, rule: impl fmt::Display) -> JurorError {
    JurorError::Config { field: field.to_string(), rule: rule.to_string() }
}

#[cfg(test)]
mod tests {
    use surety_dialect::Dialect;

    use super::*;

    const MINIMAL: &str = r#"
        chain_rpc = "http://127.0.0.1:8545"
        chain_id = 31337
        jury = "0x1111111111111111111111111111111111111111"
        consumers = ["0x2222222222222222222222222222222222222222"]
        listen = "127.0.0.1:0"
        store = "/var/lib/juror"
        key_file = "/etc/juror.key"

        [budget]
        input_micro_usd = 5000000
        output_micro_usd = 25000000
        case_micro_usd = 2000000
        day_micro_usd = 50000000

        [provider]
        dialect = "anthropic"
        base_url = "https://api.anthropic.com"
        model = "claude-opus-4-7"
    "#;

    fn fault(text: &str) -> String {
        let fault = text.parse::<Config>().unwrap_err().to_string();
        assert!(!fault.contains('\n'), "one line: {fault}");
        fault
    }

    #[test]
    fn a_minimal_configuration_waits_for_safe_blocks_and_fetches_from_public_hosts_only() {
        let config: Config = MINIMAL.parse().unwrap();
        assert_eq!(config.block_tag, BlockTag::Safe);
        assert_eq!(config.provider.dialect, Dialect::Anthropic);
        assert!(!config.fetch.allow_private_hosts);
        assert_eq!(config.limits, Limits::default());
    }

    #[test]
    fn the_readmes_example_has_every_key_and_states_every_default() {
        let readme = include_str!("../README.md");
        let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let config: Config = example.parse().unwrap();
        // The comments are not compared, so the keys are those that TOML sees.
        let stated: toml::Table = example.parse().unwrap();
        assert_eq!(stated, toml::Table::try_from(&config).unwrap());

        let needed: String = example
            .lines()
            .filter(|line| !line.contains("# default:"))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(needed.parse::<Config>().unwrap(), config);
        let left_out = example.lines().count() - needed.lines().count();
        assert_eq!(left_out, 36, "as many keys have a default");
        for dialect in Dialect::ALL {
            assert!(example.contains(&format!("\"{dialect}\"")), "{dialect}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let fault = fault(&MINIMAL.replace("chain_id", "chain_idd"));
        assert!(fault.contains("line 3") && fault.contains("chain_idd"), "{fault}");
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (from, to, field) in [
            ("http://127.0.0.1:8545", "ftp://127.0.0.1", "chain_rpc"),
            ("[\"0x2222222222222222222222222222222222222222\"]", "[]", "consumers"),
            ("https://api.anthropic.com", "file:///etc/passwd", "provider.base_url"),
            ("claude-opus-4-7", "", "provider.model"),
            ("\"anthropic\"", "\"morse\"", "morse"),
            ("31337", "\"31337\"", "line 3"),
        ] {
            let fault = fault(&MINIMAL.replace(from, to));
            assert!(fault.contains(field), "{field}: {fault}");
        }
    }

    #[test]
    fn caps_that_allow_nothing_are_named() {
        // An answer of 2,048 tokens costs 51,200 millionths.
        let caps = |case: u64, day: u64| {
            MINIMAL
                .replace("case_micro_usd = 2000000", &format!("case_micro_usd = {case}"))
                .replace("day_micro_usd = 50000000", &format!("day_micro_usd = {day}"))
        };
        assert!(caps(51_201, 51_201).parse::<Config>().is_ok());
        assert!(fault(&caps(51_200, 51_200)).contains("budget.case_micro_usd"));
        assert!(fault(&caps(51_201, 51_200)).contains("budget.day_micro_usd"));
    }

    #[test]
    fn who_may_charge_is_not_asked_without_a_budget() {
        let (head, rest) = MINIMAL.split_once("[budget]").unwrap();
        let (_, provider) = rest.split_once("[provider]").unwrap();
        let unlimited = format!("{head}[provider]{provider}");
        let fault = fault(&unlimited);
        assert!(fault.starts_with("configuration: budget is missing"), "{fault}");
        for key in ["[budget]", "input_micro_usd", "case_micro_usd", "day_micro_usd"] {
            assert!(fault.contains(key), "{key}: {fault}");
        }
        let local = unlimited
            .replace("\"anthropic\"", "\"ollama\"")
            .replace("https://api.anthropic.com", "http://127.0.0.1:11434")
            .replace("claude-opus-4-7", "llama3.1");
        assert_eq!(local.parse::<Config>().unwrap().budget, None);
        // Prices of 0 say that another machine's answers are free.
        let free = MINIMAL
            .replace("input_micro_usd = 5000000", "input_micro_usd = 0")
            .replace("output_micro_usd = 25000000", "output_micro_usd = 0");
        assert!(free.parse::<Config>().is_ok());
    }

    #[test]
    fn the_time_of_a_test_is_more_than_its_fuel_takes_on_any_machine() {
        let limit = |secs: u64| format!("{MINIMAL}\n[limits]\ncheck_secs = {secs}\n");
        assert!(limit(CHECK_SECS_LEAST).parse::<Config>().is_ok());
        let fault = fault(&limit(CHECK_SECS_LEAST - 1));
        assert!(fault.contains("limits.check_secs must be at least 30"), "{fault}");
        assert!(Limits::default().check_secs >= CHECK_SECS_LEAST);
    }

    #[test]
    fn every_juror_takes_the_same_deliverables() {
        let most = |bytes: usize| format!("{MINIMAL}\n[fetch]\ndeliverable_max_bytes = {bytes}\n");
        assert!(most(limits::DELIVERABLE_BYTES).parse::<Config>().is_ok());
        for bytes in [limits::DELIVERABLE_BYTES - 1, limits::DELIVERABLE_BYTES + 1] {
            let fault = fault(&most(bytes));
            let needed =
                format!("fetch.deliverable_max_bytes must be {}", limits::DELIVERABLE_BYTES);
            assert!(fault.contains(&needed), "{fault}");
        }
    }

    #[test]
    fn a_missing_api_key_is_named_by_its_variable() {
        let text = format!("{MINIMAL}\napi_key_env = \"SURETY_TEST_NO_SUCH_KEY\"");
        let config: Config = text.parse().unwrap();
        let fault =
            config.provider.api_key_env.as_deref().map(read_env).unwrap().unwrap_err().to_string();
        assert!(fault.contains("SURETY_TEST_NO_SUCH_KEY"), "{fault}");
    }
}
