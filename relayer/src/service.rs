//! Booting a relayer: the world is checked first, then everything starts, and everything stops.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use alloy::providers::DynProvider;
use surety_chain::send::Sender;
use surety_chain::{BlockTag, Rpc, follow};
use surety_store::{Blobs, Store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::escrow::Escrow;
use crate::jurors::Jurors;
use crate::relayer::{Parts, Relayer};
use crate::shelf::Shelf;
use crate::{RelayerError, case, http, store, watch};

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
    store: Store,
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
        if let Err(error) = self.store.leave().await {
            tracing::warn!(%error, "others take over only when the leases have run out");
        }
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

/// Starts a relayer on the configured endpoint.
pub async fn start(config: Config) -> Result<Handle, RelayerError> {
    let timeout = Duration::from_secs(config.rpc_timeout_secs);
    let rpc = Rpc::connect(&config.chain_rpc, timeout)?;
    boot(config, rpc).await
}

/// Starts a relayer on a given view of the chain.
pub async fn start_on(config: Config, chain: DynProvider) -> Result<Handle, RelayerError> {
    boot(config, Rpc::new(chain)).await
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

/// Checks the world, then starts everything. Nothing is left behind when a check fails.
async fn boot(config: Config, rpc: Rpc) -> Result<Handle, RelayerError> {
    let key = config.key.open().await?;
    let escrow =
        Escrow::connect(rpc.clone(), config.chain_id, config.escrow, config.block_tag).await?;
    let head = rpc.head(BlockTag::Latest).await?;
    let store = open_store(&config).await?;
    let (sender, sender_task) =
        Sender::new(store.clone(), rpc, key.into_tx_signer(), config.sending()).await?;
    let blobs = match &config.deliverables {
        None => Blobs::folder(&config.store.join("deliverables"))?,
        Some(bucket) => Blobs::bucket(bucket)?,
    };
    let shelf = Shelf::new(blobs, store.clone(), config.limits);
    let jurors = Jurors::new(config.jurors)?;
    let (listener, local) = listen(config.listen).await?;
    let (stop, cut) = (CancellationToken::new(), CancellationToken::new());
    let ours = store.clone();
    let parts = Parts { config, escrow, store, sender, shelf, jurors, head, stop: stop.clone() };
    let relayer = Arc::new(Relayer::new(parts));
    let weak = Arc::downgrade(&relayer);
    let mut tasks = JoinSet::new();
    tasks.spawn(ours.clone().keep_alive(stop.clone()));
    tasks.spawn(sender_task.run(stop.clone()));
    tasks.spawn(watch::run(Arc::clone(&relayer), stop.clone()));
    tasks.spawn(case::run_all(Arc::clone(&relayer), stop.clone()));
    let mut http = JoinSet::new();
    http.spawn(http::serve(listener, relayer, cut.clone()));
    Ok(Handle {
        url: format!("http://{local}"),
        stop,
        cut,
        tasks,
        http,
        relayer: weak,
        store: ours,
    })
}

async fn open_store(config: &Config) -> Result<Store, RelayerError> {
    let store = match &config.database {
        None => Store::open(&config.store, "relayer", config.leases).await?,
        Some(url) => Store::connect(url, config.leases).await?,
    };
    store.migrate("follow", follow::migrations()).await?;
    store.migrate("relayer", store::migrations()).await?;
    Ok(store)
}

async fn listen(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), RelayerError> {
    let failed = |source| RelayerError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}
