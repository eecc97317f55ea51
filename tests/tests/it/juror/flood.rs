//! The seller's host is flooded from before its delivery until the deal is paid. Nobody needs the
//! host: the bytes are pushed, and the URL is the last resort.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use surety_agent::Ending;
use surety_jury::tally::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::deal::{House, WORK};
use crate::agent::usd;

/// Connections that the seller's host carries at once.
const PLACES: usize = 64;
/// Connections that the flood wants of it at once.
const FLOOD: usize = 256;
/// Between two bytes of a request that never ends.
const DRIP: Duration = Duration::from_millis(200);
/// In which a host that is not flooded has answered.
const PROMPT: Duration = Duration::from_secs(1);

/// The seller's host: a small machine before its agent. Who comes while all places are taken waits.
struct Host {
    address: SocketAddr,
    behind: Arc<Mutex<Option<SocketAddr>>>,
    places: Arc<Semaphore>,
}

impl Host {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let behind: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let places = Arc::new(Semaphore::new(PLACES));
        let (to, free) = (Arc::clone(&behind), Arc::clone(&places));
        tokio::spawn(async move {
            while let Ok(place) = Arc::clone(&free).acquire_owned().await {
                let Ok((guest, _)) = listener.accept().await else { break };
                let to = *to.lock().unwrap();
                tokio::spawn(carry(guest, to, place));
            }
        });
        Self { address, behind, places }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads to this agent from now on.
    fn stand_before(&self, agent: &surety_agent::Handle) {
        let to = agent.url().strip_prefix("http://").unwrap().parse().unwrap();
        *self.behind.lock().unwrap() = Some(to);
    }

    /// Whether somebody honest gets an answer.
    async fn answers(&self) -> bool {
        let asked = reqwest::Client::new().get(format!("{}/livez", self.url())).timeout(PROMPT);
        match asked.send().await {
            Ok(answer) => answer.status().is_success(),
            Err(error) => {
                assert!(error.is_timeout(), "the host is down, not flooded: {error}");
                false
            }
        }
    }
}

/// Carries one connection for as long as it lasts.
async fn carry(mut guest: TcpStream, to: Option<SocketAddr>, _place: OwnedSemaphorePermit) {
    let Some(to) = to else { return };
    if let Ok(mut agent) = TcpStream::connect(to).await {
        drop(copy_bidirectional(&mut guest, &mut agent).await);
    }
}

/// Hundreds of connections, each replaced when it ends: every other one says nothing, the rest drip.
/// Ends when it is dropped.
fn flood(host: SocketAddr) -> JoinSet<()> {
    let mut flood = JoinSet::new();
    for _ in 0..FLOOD / 2 {
        flood.spawn(async move {
            loop {
                hold(host).await;
                sleep(DRIP).await;
            }
        });
        flood.spawn(async move {
            loop {
                drip(host).await;
                sleep(DRIP).await;
            }
        });
    }
    flood
}

/// A connection that says nothing until the host hangs up.
async fn hold(host: SocketAddr) {
    if let Ok(mut stream) = TcpStream::connect(host).await {
        drop(stream.read(&mut [0]).await);
    }
}

/// A request whose head never ends.
async fn drip(host: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(host).await else { return };
    let mut part: &[u8] = b"GET /livez HTTP/1.1\r\nhost: seller\r\nx-drip: ";
    while stream.write_all(part).await.is_ok() {
        part = b"a";
        sleep(DRIP).await;
    }
}

#[tokio::test]
async fn a_deal_is_judged_and_paid_while_its_sellers_host_is_flooded() {
    let host = Host::new().await;
    // Jurors that leave those who push no time: each goes to the host at once, and gets nowhere.
    let house = House::of(|config| config.fetch.grace_secs = 0).await;
    let buyer = house.agent("buyer", "[buyer]").await;
    let flooded = house.folder("flooded");
    let worker =
        format!("until [ -e {} ]; do sleep 0.05; done; printf %s \"{WORK}\"", flooded.display());
    let seller =
        format!("public_url = '{}'\n[seller]\nworker = ['sh', '-c', '''{worker}''']", host.url());
    let seller = house.agent("seller", &seller).await;
    host.stand_before(&seller);
    let deal = house.buy_at(&buyer, &host.url(), house.sheet()).await.unwrap();
    house.until(&buyer, deal, |view| view.opened).await;
    assert!(host.answers().await, "before the flood it serves everybody");

    let flood = flood(host.address);
    let full = async {
        while host.places.available_permits() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(10), full).await.unwrap();
    assert!(!host.answers().await, "the flood leaves nobody in");
    std::fs::write(flooded, "").unwrap();

    for agent in [&buyer, &seller] {
        let view = house.until_ended(agent, deal).await;
        let milestone = &view.milestones[0];
        assert_eq!(milestone.ending, Some(Ending::Accepted));
        let verdict = milestone.verdict.as_ref().unwrap();
        assert_eq!(verdict.outcome, Outcome::Accepted);
        assert!(verdict.seats.count_ones() >= 4 && verdict.met == 1, "{verdict:?}");
    }
    assert!(!host.answers().await, "it was flooded to the end");
    let market = &house.market;
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_100), "paid, and the bond is back");
    assert_eq!(market.balance(buyer.owner()).await, usd(1_000_000 - 100));
    assert_eq!(market.balance(market.world.contracts().escrow).await, 0);
    market.assert_no_ether().await;

    drop(flood);
    buyer.shutdown().await;
    seller.shutdown().await;
    house.close().await;
}
