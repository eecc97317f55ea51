//! What a juror under test is started with.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use alloy::signers::local::PrivateKeySigner;
use surety_dialect::Dialect;
use surety_juror::{BlockTag, Config, FetchConfig, Limits, ProviderConfig};
use surety_keys::KeySource;
use surety_preview::PreviewsConfig;
use surety_prices::PricesConfig;

use crate::Contracts;

/// The configuration of a juror that serves these contracts and looks at its chain often.
///
/// It is free, keeps nothing private, takes its provider and every host at a local address, listens
/// on a free port, and when it is told to stop leaves what is half judged to its next start. A test
/// changes the fields that it is about.
pub fn config(contracts: &Contracts, store: PathBuf, key: PathBuf, provider: &str) -> Config {
    Config {
        chain_rpc: "http://in.process".to_owned(),
        chain_id: contracts.chain_id,
        jury: contracts.jury,
        consumers: vec![contracts.escrow],
        block_tag: BlockTag::Latest,
        listen: "127.0.0.1:0".to_owned(),
        store,
        key: KeySource::File(key),
        poll_ms: 10,
        identities: vec![],
        transcripts: None,
        retention_days: 90,
        provider: ProviderConfig {
            dialect: Dialect::OpenAiChat,
            base_url: provider.parse().expect("a provider has a URL"),
            model: "double-1".to_owned(),
            api_key_env: None,
            timeout_secs: 5,
            max_output_tokens: 500,
            breaker_outages: 5,
            breaker_secs: 1,
        },
        budget: None,
        fetch: FetchConfig { allow_private_hosts: true, ..FetchConfig::default() },
        limits: Limits { stop_secs: 0, ..Limits::default() },
        prices: PricesConfig::default(),
        previews: PreviewsConfig::default(),
    }
}

/// Writes a key where a service finds it, and returns the place.
pub fn key_file(path: &Path, key: &PrivateKeySigner) -> PathBuf {
    std::fs::write(path, format!("{}\n", key.to_bytes())).expect("a key can be written");
    // A juror reads no key that others may read.
    let owners = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, owners).expect("a key can be kept from others");
    path.to_owned()
}
