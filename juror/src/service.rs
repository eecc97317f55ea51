//! Starting and stopping a juror.
//!
//! A start checks the world first: key, chain, contracts, registration, then the store. What is
//! wrong stops it with one line.

use std::{path::PathBuf, pin::pin, sync::Arc, time::Duration};

use alloy::{
    primitives::Address,
    providers::{DynProvider, Provider as _, ProviderBuilder},
};
use surety_bindings::jury::Juror;
use surety_judge::{Judge, JudgeError, Provider, Turns};
use surety_jury::{Source, wire::JurorInfo};
use surety_metrics::Metrics;
use surety_preview::Previews;
use surety_prices::Prices;
use surety_privacy::Identities;
use surety_seal::BallotSigner;
use surety_service::{
    serve::{self, Bounds, Ending},
    socket::Http,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    JurorError,
    case::{Desk, OpenCases, follow::Follower},
    chain::{Chain, Moment},
    config::{Config, Secrets},
    http::{self, Door},
    ready::Readiness,
    retention,
    store::Store,
};

/// How long one answer of the chain's endpoint may take.
const RPC_TIME: Duration = Duration::from_secs(20);
/// How long open requests may take to end when the juror stops.
const STOP_TIME: Duration = Duration::from_secs(10);

/// A running juror. Dropping it leaves the juror running.
#[derive(Debug)]
pub struct Handle {
    url: String,
    juror: Address,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
    /// Drops the connections that are still open.
    cut: CancellationToken,
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

    /// Stops it and waits until everything is down. Cases that are being judged have `stop_secs` to
    /// end; then they are left as the store has them, for the next start.
    pub async fn shutdown(self) {
        self.desk.drain(Duration::from_secs(self.desk.limits.stop_secs)).await;
        self.desk.stop.cancel();
        if tokio::time::timeout(STOP_TIME, self.server).await.is_err() {
            tracing::warn!("open requests were cut off");
            self.cut.cancel();
        }
        self.desk.tasks.close();
        self.desk.tasks.wait().await;
        self.desk.previews.close().await;
        self.desk.store.close().await;
    }
}

/// Starts a juror on the configured endpoint.
pub async fn start(config: Config) -> Result<Handle, JurorError> {
    let provider = connect(&config)?;
    start_on(config, provider).await
}

/// The configured endpoint.
pub(crate) fn connect(config: &Config) -> Result<DynProvider, JurorError> {
    let url = config
        .chain_rpc
        .parse()
        .map_err(|_| JurorError::config("chain_rpc", "must be an http or https URL"))?;
    let client = reqwest::Client::builder()
        .timeout(RPC_TIME)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|_| JurorError::Client)?;
    let provider = ProviderBuilder::new().disable_recommended_fillers();
    Ok(provider.connect_reqwest(client, url).erased())
}

/// What a start looks at before it touches anything: key, chain, contracts and registration.
pub(crate) async fn look(
    config: &Config,
    provider: DynProvider,
) -> Result<(Secrets, Chain, Juror), JurorError> {
    config.provider.check_budget(config.budget.as_ref())?;
    let secrets = config.secrets().await?;
    let chain = Chain::new(provider, config);
    let registered = chain.preflight(secrets.key.address()).await?;
    Ok((secrets, chain, registered))
}

/// Starts a juror on a given view of the chain; `chain_rpc` is not used.
pub async fn start_on(config: Config, provider: DynProvider) -> Result<Handle, JurorError> {
    let (secrets, chain, registered) = look(&config, provider).await?;
    let juror = secrets.key.address();
    let store = Store::open(&config.store, config.transcripts.as_ref()).await?;
    let source = Source::of_family(&registered.family);
    let info = info(&config, juror, &registered, source);
    // Cases and previews have a provider's client each: what fails for one does not stop the other.
    let judge = |budget| {
        Ok::<_, JudgeError>(Judge {
            provider: Provider::new(&config.provider, secrets.api_key.clone())?,
            budget,
            family: registered.family.clone(),
            source,
            questions: config.limits.questions,
            bounds: config.fetch.bounds(),
            check_within: Duration::from_secs(config.limits.check_secs),
        })
    };
    let judges = [judge(config.budget.map(|budget| store.budget(budget)))?, judge(None)?];
    let signer = BallotSigner::new(secrets.key, config.chain_id, config.jury);
    warn_without(&secrets.identities);
    let seat = (judges, signer, secrets.identities);
    let (desk, moments) = desk(&config, chain, store, seat).await?;
    let (listener, url) = listen(&config.listen).await?;
    desk.resume().await?;
    let now = desk.moments.borrow().head.timestamp;
    desk.previews.resume(now).await?;
    let every = Duration::from_millis(config.poll_ms);
    desk.tasks.spawn(Follower::new(Arc::clone(&desk), moments).run(every));
    let head = Arc::clone(&desk);
    desk.tasks.spawn(async move {
        head.readiness.follow(head.moments.clone(), head.stop.clone()).await;
    });
    desk.tasks.spawn(retention::run(Arc::clone(&desk), config.retention_days));
    let (previews, head) = (Arc::clone(&desk.previews), desk.moments.clone());
    desk.tasks.spawn(async move { previews.follow(head, |now| now.head.timestamp).await });
    announce(&info, &registered.url, &url);
    let cut = CancellationToken::new();
    let server = serve(listener, &desk, (info, config.certificate()), cut.clone());
    Ok(Handle { url, juror, desk, server, cut })
}

async fn desk(
    config: &Config,
    chain: Chain,
    store: Store,
    ([judge, previewing], signer, identities): ([Judge; 2], BallotSigner, Identities),
) -> Result<(Arc<Desk>, watch::Sender<Moment>), JurorError> {
    let moments = watch::Sender::new(chain.moment().await?);
    let juror = signer.juror();
    let judging = Turns::new(config.limits.judging);
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let previews = Previews::open(
        config.store.join("previews"),
        config.previews.clone(),
        (previewing, judge.budget.clone(), identities.clone()),
        judging.cases(),
        (stop.clone(), tasks.clone()),
    );
    let desk = Desk {
        chain,
        store,
        signer,
        judge,
        fetch: config.fetch.clone(),
        limits: config.limits.clone(),
        moments: moments.subscribe(),
        places: Semaphore::new(config.limits.open_cases),
        judging,
        previews: Arc::new(previews.await?),
        stop,
        tasks,
        open: OpenCases::default(),
        prices: Prices::new(
            (config.chain_id, config.jury, juror),
            &config.prices,
            identities.recipient(),
        ),
        identities,
        metrics: Metrics::default(),
        readiness: Readiness::new(Duration::from_secs(config.limits.stale_secs)),
        closing: CancellationToken::new(),
    };
    Ok((Arc::new(desk), moments))
}

async fn listen(listen: &str) -> Result<(TcpListener, String), JurorError> {
    let wrong =
        |err: std::io::Error| JurorError::Listen { listen: listen.to_owned(), kind: err.kind() };
    let listener = TcpListener::bind(listen).await.map_err(wrong)?;
    let addr = listener.local_addr().map_err(wrong)?;
    Ok((listener, format!("http://{addr}")))
}

fn warn_without(identities: &Identities) {
    if identities.recipient().is_none() {
        tracing::warn!("without `identities` this juror judges public deals only");
    }
}

fn announce(info: &JurorInfo, registered_url: &str, url: &str) {
    tracing::info!(
        juror = %info.juror,
        family = info.family,
        operator = info.operator,
        source = info.source.as_str(),
        registered_url,
        url,
        "juror ready"
    );
}

/// Runs a juror until `end`, which may also come while it starts.
pub async fn run(config: Config, end: impl Future<Output = ()>) -> Result<(), JurorError> {
    let mut end = pin!(end);
    let handle = tokio::select! {
        biased;
        () = &mut end => return Ok(()),
        started = Box::pin(start(config)) => started?,
    };
    end.await;
    handle.shutdown().await;
    Ok(())
}

fn serve(
    listener: TcpListener,
    desk: &Arc<Desk>,
    (info, certificate): (JurorInfo, PathBuf),
    cut: CancellationToken,
) -> JoinHandle<()> {
    let limits = &desk.limits;
    let requests = limits.requests;
    let bounds = Bounds {
        connections: limits.connections,
        connections_per_address: Some(limits.connections_per_address).filter(|most| *most > 0),
        head_within: Duration::from_secs(limits.head_secs),
        ..Http::default().bounds()
    };
    let door = Arc::new(Door {
        desk: Arc::clone(desk),
        info,
        certificate,
        requests: Semaphore::new(requests),
        polls: Semaphore::new(requests.div_ceil(2)),
    });
    let ending = Ending { stop: desk.stop.clone(), cut };
    tokio::spawn(serve::serve(listener, http::router(door), bounds, ending))
}

fn info(config: &Config, juror: Address, registered: &Juror, source: Source) -> JurorInfo {
    JurorInfo {
        juror,
        family: registered.family.clone(),
        operator: registered.operator.clone(),
        source,
        chain_id: config.chain_id,
        jury: config.jury,
        consumers: config.consumers.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        deliverable_max_bytes: u64::try_from(config.fetch.deliverable_max_bytes)
            .unwrap_or(u64::MAX),
    }
}
