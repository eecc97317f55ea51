#![doc = include_str!("../README.md")]

mod checks;

use serde::Serialize;
use surety_relayer::Config;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should be.
    Good,
    /// A relayer would start; its operator should know.
    Warning,
    /// A relayer would not start, or could not work.
    Bad,
}

impl Grade {
    /// The word that JSON and tables show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// One look at the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it is.
    pub grade: Grade,
    /// What was found, and what to do. It never holds an endpoint or a secret.
    pub detail: String,
}

impl Check {
    pub(crate) fn new(name: &'static str, grade: Grade, detail: impl Into<String>) -> Self {
        Self { name, grade, detail: detail.into() }
    }
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether nothing is bad.
    pub good: bool,
    /// The chain that is configured.
    pub chain_id: u64,
    /// The checks, in the order of a start.
    pub checks: Vec<Check>,
}

/// Looks at the world. `now` is the wall clock, in seconds since 1970.
pub async fn preflight(config: &Config, now: u64) -> Report {
    let mut checks = vec![checks::store(config).await];
    let keys = checks::keys(config).await;
    let addresses = keys.as_ref().ok().cloned().unwrap_or_default();
    checks.push(match keys {
        Ok(keys) => {
            let keys: Vec<_> = keys.iter().map(ToString::to_string).collect();
            Check::new("key", Grade::Good, keys.join(", "))
        }
        Err(fault) => Check::new("key", Grade::Bad, fault),
    });
    match checks::connect(config).await {
        Ok((rpc, check)) => {
            checks.push(check);
            checks.extend(checks::contracts(config, &rpc).await);
            checks.extend(checks::blocks(config, &rpc, now).await);
            for address in addresses {
                checks.push(checks::balance(config, &rpc, address).await);
            }
        }
        Err(check) => checks.push(check),
    }
    let good = checks.iter().all(|check| check.grade != Grade::Bad);
    Report { good, chain_id: config.chain_id, checks }
}
