//! An HTTP/1 socket that strangers cannot exhaust.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::flood::household;

/// After a failed accept, such as without free file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// How much one socket takes on.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// Connections of one address at once; none where a proxy is every connection's peer.
    pub connections_per_address: Option<usize>,
    /// The time in which the head of a request has to come.
    pub head_within: Duration,
    /// Connections that are open.
    pub open: Gauge,
    /// Connections that were closed at once, since there were too many.
    pub turned_away: Counter,
}

/// The connections that are open, by address.
#[derive(Debug, Default)]
struct Open(Mutex<HashMap<IpAddr, usize>>);

/// One place among the connections.
#[derive(Debug)]
struct Place {
    open: Arc<Open>,
    address: IpAddr,
    gauge: Gauge,
}

impl Place {
    fn take(open: &Arc<Open>, address: IpAddr, bounds: &Bounds) -> Option<Self> {
        let mut map = open.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = map.values().sum();
        let own = map.entry(address).or_default();
        let full = bounds.connections_per_address.is_some_and(|most| *own >= most);
        if full || all >= bounds.connections {
            return None;
        }
        *own = own.saturating_add(1);
        bounds.open.inc();
        Some(Self { open: Arc::clone(open), address, gauge: bounds.open.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut map = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = map.get_mut(&self.address) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                map.remove(&self.address);
            }
        }
        self.gauge.dec();
    }
}

/// When to end.
#[derive(Debug, Clone)]
pub struct Ending {
    /// No new connection or request; those in progress may end.
    pub stop: CancellationToken,
    /// Connections are dropped, whatever they are at.
    pub cut: CancellationToken,
}

/// Serves until it is told to end and every connection is gone. Handlers find the peer's address as
/// [`ConnectInfo`].
pub async fn serve(listener: TcpListener, app: Router, bounds: Bounds, ending: Ending) {
    let (connections, open) = (TaskTracker::new(), Arc::new(Open::default()));
    loop {
        let accepted = tokio::select! {
            () = ending.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        match Place::take(&open, household(peer.ip()), &bounds) {
            Some(place) => {
                let talk = talk((stream, peer), app.clone(), bounds.head_within, ending.clone());
                connections.spawn(async move {
                    talk.await;
                    drop(place);
                });
            }
            None => {
                bounds.turned_away.inc();
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn talk(
    (stream, peer): (TcpStream, SocketAddr),
    app: Router,
    head_within: Duration,
    ending: Ending,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        app.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // A connection that fails is the client's to notice.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = ending.stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = ending.cut.cancelled() => {}
    }
}
