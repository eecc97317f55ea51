//! Booting a relayer: the world is checked first, then everything starts, and everything stops.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use surety_chain::send::{SenderTask, Senders};
use surety_chain::{BlockTag, ChainError, Rpc, follow, wake};
use surety_events::audit::AuditReport;
use surety_jurors::Jurors;
use surety_relayer_metrics::Metrics;
use surety_service::pulse::Beat;
use surety_store::{Blobs, Store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::escrow::Escrow;
use crate::relayer::{Parts, Relayer};
use crate::shelf::Shelf;
use crate::{
    RelayerError, acts, admin, audit as audits, batch, case, http, retention, silence, store,
    vitals, watch,
};

/// How long requests have to end, before stages get their time.
const HTTP_WITHIN: Duration = Duration::from_secs(5);
/// How long everything else may take to let go.
const GONE_WITHIN: Duration = Duration::from_secs(5);

/// A running relayer. Dropping it stops it at once, as a crash would.
#[derive(Debug)]
pub struct Handle {
    url: String,
    stop: CancellationToken,
    /// Ends the tasks that other tasks rely on.
    halt: CancellationToken,
    /// Cuts requests and stages off in the middle.
    cut: CancellationToken,
    /// The work on cases.
    cases: JoinSet<()>,
    /// What cases rely on: the watcher, the sender, the vitals.
    tasks: JoinSet<()>,
    http: JoinSet<()>,
    stop_within: Duration,
    relayer: Weak<Relayer>,
    store: Store,
}

impl Handle {
    /// Where it answers, such as `http://127.0.0.1:7300`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it in order and in bounded time: first no new work, while the requests in progress end;
    /// then stages end or stay as they were; then everything is closed.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        say_stopping();
        let drained = ended(&mut self.http, HTTP_WITHIN);
        let (drained, ended) = tokio::join!(drained, ended(&mut self.cases, self.stop_within));
        if !(drained && ended) {
            say_cut_off();
        }
        self.end().await;
        let left = tokio::time::timeout(GONE_WITHIN, self.store.leave()).await;
        if !matches!(left, Ok(Ok(()))) {
            tracing::warn!("others take over only when this relayer's leases have run out");
        }
    }

    /// Stops it wherever it is, like a crash, and returns when nothing of it is left.
    pub async fn abort(mut self) {
        self.tasks.abort_all();
        self.cases.abort_all();
        self.end().await;
    }

    async fn end(&mut self) {
        self.cut.cancel();
        self.stop.cancel();
        self.halt.cancel();
        for set in [&mut self.http, &mut self.cases, &mut self.tasks] {
            if !ended(set, GONE_WITHIN).await {
                set.abort_all();
            }
        }
        // The store is let go of with the last of it, so that another relayer may open it.
        let gone = async {
            while self.relayer.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        drop(tokio::time::timeout(GONE_WITHIN, gone).await);
    }
}

/// Whether all tasks of a set end in time.
async fn ended(set: &mut JoinSet<()>, within: Duration) -> bool {
    let all = async { while set.join_next().await.is_some() {} };
    tokio::time::timeout(within, all).await.is_ok()
}

fn say_stopping() {
    tracing::info!("told to end: no new work, requests and stages may end");
}

fn say_cut_off() {
    tracing::warn!("requests or stages are cut off; the next start takes them up");
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Connections have tasks of their own, which end by themselves once these ring.
        self.cut.cancel();
        self.stop.cancel();
        self.halt.cancel();
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

/// The configured view of the chain.
pub fn connect(config: &Config) -> Result<Rpc, ChainError> {
    match &config.chain_rpc {
        Some(url) => Rpc::connect(url, Duration::from_secs(config.rpc_timeout_secs)),
        None => Rpc::connect_all(&config.rpc, config.rpc_quorum),
    }
}

/// Compares everything that the store holds with the chain, repairs it and says what was wrong. The
/// relayer on this store must not run.
pub async fn audit(config: Config) -> Result<AuditReport, RelayerError> {
    let rpc = connect(&config)?;
    let (parts, _) = prepare(config, rpc, CancellationToken::new()).await?;
    let store = parts.store.clone();
    let report = audits::whole(&Relayer::new(parts)).await;
    store.leave().await?;
    report
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
    let store = open_store(&config).await?;
    let keys = (first, others);
    let (sender, tasks) = Senders::new(store.clone(), rpc, keys, config.sending()).await?;
    let shelf = Shelf::new(blobs(&config)?, store.clone(), config.limits);
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), escrow.rpc.meter()));
    let jurors =
        Jurors::new(config.jurors, Arc::clone(&metrics)).map_err(|_| RelayerError::Client)?;
    Ok((Parts { config, escrow, store, sender, shelf, jurors, head, metrics, stop }, tasks))
}

/// Checks the world, then starts everything. Nothing is left behind when a check fails.
async fn boot(config: Config, rpc: Rpc) -> Result<Handle, RelayerError> {
    let tokens = [CancellationToken::new(), CancellationToken::new(), CancellationToken::new()];
    let [stop, halt, cut] = tokens;
    let (parts, senders) = prepare(config, rpc, stop.clone()).await?;
    let (listener, local) = listen(parts.config.listen).await?;
    #[cfg(unix)]
    let orders = admin::listen(&parts.config.store)?;
    let stop_within = Duration::from_secs(parts.config.stop_secs);
    let ours = parts.store.clone();
    let relayer = Arc::new(Relayer::new(parts));
    checked(&relayer);
    let beat = |name| relayer.health.pulses.task(name);
    let weak = Arc::downgrade(&relayer);
    let (mut tasks, mut cases, mut http) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for task in senders {
        tasks.spawn(send(task, beat("sender"), halt.clone()));
    }
    for socket in relayer.config.rpc.iter().filter_map(|endpoint| endpoint.ws.clone()) {
        tasks.spawn(wake::on_heads(socket, relayer.heads.clone(), halt.clone()));
    }
    tasks.spawn(ours.clone().keep_alive(halt.clone()));
    tasks.spawn(watch::run(Arc::clone(&relayer), beat("watcher"), halt.clone()));
    tasks.spawn(vitals::run(Arc::clone(&relayer), beat("vitals"), halt.clone()));
    tasks.spawn(audits::run(Arc::clone(&relayer), halt.clone()));
    tasks.spawn(silence::run(Arc::clone(&relayer), halt.clone()));
    tasks.spawn(retention::run(Arc::clone(&relayer), halt.clone()));
    if relayer.config.acts.perform {
        tasks.spawn(acts::run(Arc::clone(&relayer), halt.clone()));
    }
    tasks.spawn(batch::run(Arc::clone(&relayer), stop.clone()));
    cases.spawn(case::run_all(Arc::clone(&relayer), beat("cases"), cut.clone()));
    #[cfg(unix)]
    http.spawn(admin::serve(orders, Arc::clone(&relayer)));
    http.spawn(http::serve(listener, relayer, cut.clone()));
    let url = format!("http://{local}");
    surety_failpoint::here("start.up");
    Ok(Handle { url, stop, halt, cut, cases, tasks, http, stop_within, relayer: weak, store: ours })
}

fn blobs(config: &Config) -> Result<Blobs, RelayerError> {
    Ok(match &config.deliverables {
        None => Blobs::folder(&config.store.join("deliverables"))?,
        Some(bucket) => Blobs::bucket(bucket)?,
    })
}

/// Runs the sender of one key. Its pulse is that of its rounds, good or bad: each has an end.
async fn send(task: SenderTask, beat: Beat, halt: CancellationToken) {
    let mut changes = task.rounds();
    let beats = async {
        loop {
            beat.beat();
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = task.run(halt) => {}
        () = beats => {}
    }
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

async fn open_store(config: &Config) -> Result<Store, RelayerError> {
    let store = match &config.database {
        None => Store::open(&config.store, "relayer", config.leases).await?,
        Some(url) => Store::connect(url, config.leases).await?,
    };
    store.migrate("follow", follow::migrations()).await?;
    store.migrate("events", surety_events::migrations()).await?;
    store.migrate("acts", surety_acts::migrations()).await?;
    store.migrate("relayer", store::migrations()).await?;
    surety_failpoint::here("start.opened");
    Ok(store)
}

async fn listen(listen: SocketAddr) -> Result<(TcpListener, SocketAddr), RelayerError> {
    let failed = |source| RelayerError::Listen { listen, source };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}
