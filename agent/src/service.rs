//! One function boots the agent, and it checks the world first.

use std::{pin::pin, sync::Arc, time::Duration};

use alloy::{primitives::Address, providers::DynProvider};
use surety_chain::Rpc;
use surety_keys::file;
use surety_service::{
    guard::Guard,
    serve::{self, Ending},
};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::{
    Chain, Config, Error, Session,
    blobs::Blobs,
    driver::Driver,
    http::{self, Shared},
    jurors::Jurors,
    negotiate::Negotiator,
    perform::Context,
    readers::Readers,
    relayer::Client,
    store::Store,
};

/// How long one answer of the chain's endpoint may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long open requests may take to end when the agent stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A running agent. Dropping it stops the agent without waiting.
#[derive(Debug)]
pub struct Handle {
    url: String,
    owner: Address,
    stop: CancellationToken,
    /// Drops the connections that are still open.
    cut: CancellationToken,
    tasks: JoinSet<()>,
}

impl Handle {
    /// Where its HTTP interface answers, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its owner's address.
    pub const fn owner(&self) -> Address {
        self.owner
    }

    /// Stops the agent and waits until it has.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            tracing::warn!("open requests are cut off");
            self.cut.cancel();
            while self.tasks.join_next().await.is_some() {}
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Connections have tasks of their own, which end by themselves once these ring.
        self.cut.cancel();
        self.stop.cancel();
    }
}

/// Starts an agent on the configured endpoint.
pub async fn start(config: Config) -> Result<Handle, Error> {
    let rpc = Rpc::connect(&config.chain_rpc, ANSWER_WITHIN)?;
    boot(config, rpc).await
}

/// Starts an agent on a given view of the chain.
pub async fn start_on(config: Config, provider: DynProvider) -> Result<Handle, Error> {
    boot(config, Rpc::new(provider)).await
}

/// Checks the world, then starts the loop and the HTTP interface.
async fn boot(config: Config, rpc: Rpc) -> Result<Handle, Error> {
    let session = session(&config, rpc).await?;
    let token = config.principal_token_file.as_deref().map(read_token).transpose()?;
    let store = Store::open(&config.store).await?;
    let blobs = Blobs::open(config.store.join("deliverables"))?;
    let listen = |e: std::io::Error| Error::Listen { listen: config.listen, why: e.to_string() };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let url = format!("http://{}", listener.local_addr().map_err(listen)?);
    let public_url = config.public_url.as_ref().map_or(&*url, |url| url.as_str());
    let owner = session.owner();
    let readers = Arc::new(Readers::open(&config, store.clone())?);
    let negotiator = Negotiator::new(session.clone(), store.clone(), Arc::clone(&readers), &config);
    let negotiator = Arc::new(negotiator);
    let context = Arc::new(Context {
        session,
        store,
        blobs,
        readers,
        jurors: Jurors::new(config.allow_private_hosts)?,
        negotiator: Arc::clone(&negotiator),
        seller: config.seller.clone(),
        public_url: public_url.trim_end_matches('/').to_owned(),
        poll: Duration::from_millis(config.poll_ms),
    });
    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let mut tasks = JoinSet::new();
    tasks.spawn(Driver::new(Arc::clone(&context)).run(stop.clone()));
    let shared = Arc::new(Shared { context, negotiator, token });
    let router = http::router(shared, &Guard::new(config.http.limits()));
    let ending = Ending { stop: stop.clone(), cut: cut.clone() };
    tasks.spawn(serve::serve(listener, router, config.http.bounds(), ending));
    tracing::info!(%owner, %url, "the agent runs");
    Ok(Handle { url, owner, stop, cut, tasks })
}

/// Checks a configuration against the world, and starts nothing.
pub async fn check(config: &Config) -> Result<Address, Error> {
    let rpc = Rpc::connect(&config.chain_rpc, ANSWER_WITHIN)?;
    Ok(session(config, rpc).await?.owner())
}

/// Runs an agent until `end`, which may also come while it starts.
pub async fn run(config: Config, end: impl Future<Output = ()>) -> Result<(), Error> {
    let mut end = pin!(end);
    let handle = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        started = Box::pin(start(config)) => started?,
    };
    end.await;
    tracing::info!("the agent stops");
    handle.shutdown().await;
    Ok(())
}

/// Joins the configured key, chain and relayer.
async fn session(config: &Config, rpc: Rpc) -> Result<Session, Error> {
    let signer = file::read(&config.key_file)?;
    let chain = Chain::connect(rpc, config.chain_id, config.escrow).await?;
    let relayer = Client::new(&config.relayer_url)?;
    let poll = Duration::from_millis(config.poll_ms);
    Ok(Session::new(signer, chain, relayer)
        .with_pace(poll, Duration::from_secs(config.patience_secs)))
}

/// Reads the principal's token.
fn read_token(path: &std::path::Path) -> Result<Zeroizing<String>, Error> {
    let fail = |why: &str| Error::Config { what: path.display().to_string(), why: why.to_owned() };
    let text = Zeroizing::new(
        std::fs::read_to_string(path).map_err(|_| fail("the principal's token cannot be read"))?,
    );
    let token = Zeroizing::new(text.trim().to_owned());
    if token.len() < 16 {
        return Err(fail("the principal's token needs at least 16 characters"));
    }
    Ok(token)
}
