//! Booting a relayer: the world is checked first, then everything starts, and everything stops.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use surety_chain::send::{SenderTask, Senders};
use surety_chain::store::Store;
use surety_chain::{BlockTag, ChainError, Rpc, follow, wake};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::escrow::Escrow;
use crate::jurors::Jurors;
use crate::relayer::{Parts, Relayer};
use crate::shelf::Shelf;
use crate::{RelayerError, audit as audits, case, http, store, watch};
use surety_events::audit::AuditReport;

/// A running relayer. Dropping it stops it at once, as a crash would.
#[derive(Debug)]
pub struct Handle {
    url: String,
    stop: CancellationToken,
    /// Cuts requests off in the middle.
    cut: CancellationToken,
    tasks: JoinSet<()>,
    http: JoinSet<()>,
    relayer: Weak<Relayer>,
}

impl Handle {
    /// Where it answers, such as `http://127.0.0.1:7300`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it in order: no new requests, stages end where they are, then everything is closed.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        while self.http.join_next().await.is_some() {}
        while self.tasks.join_next().await.is_some() {}
        self.gone().await;
    }

    /// Stops it wherever it is, like a crash, and returns when nothing of it is left.
    pub async fn abort(mut self) {
        self.tasks.shutdown().await;
        self.cut.cancel();
        self.stop.cancel();
        while self.http.join_next().await.is_some() {}
        self.gone().await;
    }

    /// Waits until the store is let go of, so that another relayer may open it.
    async fn gone(&self) {
        while self.relayer.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
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

/// Starts a relayer on the configured endpoints.
pub async fn start(config: Config) -> Result<Handle, RelayerError> {
    let rpc = connect(&config)?;
    boot(config, rpc).await
}

/// Starts a relayer on a given view of the chain: one provider, or several endpoints.
pub async fn start_on(config: Config, chain: impl Into<Rpc>) -> Result<Handle, RelayerError> {
    boot(config, chain.into()).await
}

fn connect(config: &Config) -> Result<Rpc, ChainError> {
    match &config.chain_rpc {
        Some(url) => Rpc::connect(url, Duration::from_secs(config.rpc_timeout_secs)),
        None => Rpc::connect_all(&config.rpc, config.rpc_quorum),
    }
}

/// Compares everything that the store holds with the chain, repairs it and says what was wrong. The
/// relayer on this store must not run.
pub async fn audit(config: Config) -> Result<AuditReport, RelayerError> {
    let rpc = connect(&config)?;
    let parts = prepare(config, rpc, CancellationToken::new()).await?.0;
    audits::whole(&Relayer::new(parts)).await
}

/// Runs a relayer until `end`, which may also come while it starts.
pub async fn run(config: Config, end: impl Future<Output = ()>) -> Result<(), RelayerError> {
    let mut end = pin!(end);
    let handle = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        started = Box::pin(start(config)) => started?,
    };
    tracing::info!(url = handle.url(), "the relayer is up");
    end.await;
    handle.shutdown().await;
    Ok(())
}

/// Checks the world and makes what a relayer is made of.
async fn prepare(
    config: Config,
    rpc: Rpc,
    stop: CancellationToken,
) -> Result<(Parts, Vec<SenderTask>), RelayerError> {
    let first = config.key.open().await?.into_tx_signer();
    let mut others = Vec::new();
    for key in &config.more_keys {
        others.push(key.open().await?.into_tx_signer());
    }
    let escrow =
        Escrow::connect(rpc.clone(), config.chain_id, config.escrow, config.block_tag).await?;
    let head = rpc.head(BlockTag::Latest).await?;
    let store = open_store(&config.store).await?;
    let (sender, tasks) =
        Senders::new(store.clone(), rpc, (first, others), config.sending()).await?;
    let shelf = Shelf::open(config.store.join("deliverables"), store.clone(), config.limits)?;
    let jurors = Jurors::new(config.jurors)?;
    Ok((Parts { config, escrow, store, sender, shelf, jurors, head, stop }, tasks))
}

/// Checks the world, then starts everything. Nothing is left behind when a check fails.
async fn boot(config: Config, rpc: Rpc) -> Result<Handle, RelayerError> {
    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let (parts, senders) = prepare(config, rpc, stop.clone()).await?;
    let (listener, local) = listen(parts.config.listen).await?;
    let relayer = Arc::new(Relayer::new(parts));
    checked(&relayer);
    let weak = Arc::downgrade(&relayer);
    let mut tasks = JoinSet::new();
    for task in senders {
        tasks.spawn(task.run(stop.clone()));
    }
    for socket in relayer.config.rpc.iter().filter_map(|endpoint| endpoint.ws.clone()) {
        tasks.spawn(wake::on_heads(socket, relayer.heads.clone(), stop.clone()));
    }
    tasks.spawn(watch::run(Arc::clone(&relayer), stop.clone()));
    tasks.spawn(audits::run(Arc::clone(&relayer), stop.clone()));
    tasks.spawn(case::run_all(Arc::clone(&relayer), stop.clone()));
    let mut http = JoinSet::new();
    http.spawn(http::serve(listener, relayer, cut.clone()));
    Ok(Handle { url: format!("http://{local}"), stop, cut, tasks, http, relayer: weak })
}

/// Says what the start found.
fn checked(relayer: &Relayer) {
    let rpc = &relayer.escrow.rpc;
    let (endpoints, quorum) = (rpc.reports().len(), rpc.quorum());
    let keys: Vec<_> = relayer.sender.addresses().collect();
    tracing::info!(endpoints, quorum, ?keys, "the chain, the escrow and the keys are there");
    if quorum == 1 {
        alone();
    }
}

fn alone() {
    tracing::warn!("one endpoint's word counts for every fact of the chain: name three");
}

async fn open_store(folder: &Path) -> Result<Store, RelayerError> {
    let store = Store::open(folder, "relayer").await?;
    store.migrate("follow", follow::migrations()).await?;
    store.migrate("events", surety_events::migrations()).await?;
    store.migrate("relayer", store::migrations()).await?;
    Ok(store)
}

async fn listen(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), RelayerError> {
    let failed = |source| RelayerError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}
