//! Comparing a configuration with the world, as a start does, and starting nothing.

use alloy::primitives::Address;
use serde::Serialize;
use surety_judge::Provider;

use crate::{Config, JurorError, service};

/// A juror that would start, and what nobody looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Always: the first thing that is not is an error.
    pub good: bool,
    /// The chain that the endpoint serves.
    pub chain_id: u64,
    /// The key's address.
    pub juror: Address,
    /// The family under which it is registered.
    pub family: String,
    /// And the operator.
    pub operator: String,
    /// Where others reach it.
    pub url: String,
    /// What was not looked at, and why.
    pub not_asked: Vec<&'static str>,
}

/// Opens the key, asks the endpoint about chain, contracts and registration, and the provider which
/// models it has. It touches no store, listens nowhere, and asks for nothing that costs.
pub async fn check(config: &Config) -> Result<Checked, JurorError> {
    let (secrets, _, registered) = service::look(config, service::connect(config)?).await?;
    let provider = Provider::new(&config.provider, secrets.api_key)?;
    let mut not_asked = vec![
        "the model: an answer may cost",
        "the store: a juror that runs holds it",
        "the socket: a juror that runs listens there",
    ];
    if config.transcripts.is_some() {
        not_asked.push("the bucket for transcripts: only a write would tell");
    }
    if !provider.look().await? {
        not_asked.push("the provider's key: it lists no models, and all else may cost");
    }
    Ok(Checked {
        good: true,
        chain_id: config.chain_id,
        juror: secrets.key.address(),
        family: registered.family,
        operator: registered.operator,
        url: registered.url,
        not_asked,
    })
}
