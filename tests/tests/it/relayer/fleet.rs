//! Relayers that share a PostgreSQL database, in this process and as processes of their own.
//!
//! ```text
//! each answers about every case    whoever took the delivery
//! one leaves or dies               another goes on where it was
//! one is frozen and thaws          its writes are fenced; nothing is sent twice, nothing is lost
//! ```

use std::fs::{self, File};
use std::process::{Child, Command};

use sqlx::{Connection as _, PgConnection};
use surety_relayer::wire::CaseState;
use surety_tests::actors;

use super::court::{At, Court, eventually};
use super::jurors::Habit;
use crate::crash::program;

const GOOD: Habit = Habit::Votes(0b11, 0);

/// A relayer in a process of its own, killed with this value.
struct Process {
    child: Child,
    name: &'static str,
    url: String,
}

impl At for Process {
    fn url(&self) -> &str {
        &self.url
    }
}

impl Process {
    /// Starts it and waits until it works.
    async fn start(court: &Court, name: &'static str, chain: &str) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = court
            .toml()
            .replace("http://127.0.0.1:1\"", &format!("{chain}\""))
            .replace("127.0.0.1:0", &free.to_string());
        let folder = court.dir.path();
        fs::write(folder.join(format!("{name}.toml")), config).unwrap();
        let child = Command::new(program("surety"))
            .args(["relayer", "run", "--config"])
            .arg(folder.join(format!("{name}.toml")))
            .stderr(File::create(folder.join(format!("{name}.log"))).unwrap())
            .spawn()
            .unwrap();
        let process = Self { child, name, url: format!("http://{free}") };
        eventually(&format!("relayer {name} is ready"), || async {
            let ready = court.http.get(format!("{}/readyz", process.url)).send().await;
            ready.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        process
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    fn log(&self, court: &Court) -> String {
        fs::read_to_string(court.dir.path().join(format!("{}.log", self.name))).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How often the leases of a kind have changed hands.
async fn epoch(court: &Court, kind: &str) -> i64 {
    let url = court.database.as_ref().unwrap().url();
    let mut conn = PgConnection::connect(url.as_str()).await.unwrap();
    let epoch = sqlx::query_scalar("SELECT MAX(epoch) FROM lease WHERE kind = $1").bind(kind);
    epoch.fetch_one(&mut conn).await.unwrap()
}

#[tokio::test]
async fn a_delivery_to_one_relayer_is_seen_at_the_other_and_paid_once() {
    let Some(court) = Court::shared().await else { return };
    let before = court.dollars(actors::seller().address()).await;
    let (first, second) = (court.start().await, court.start().await);
    let id = court.deliver(&second).await;
    assert_eq!(court.over(&first, id).await.state, CaseState::Final);
    assert_eq!(court.over(&second, id).await.ballots.len(), 5);
    assert_eq!(court.dollars(actors::seller().address()).await, before + 55);
    assert_eq!(court.relayed().await, 1);
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test]
async fn when_one_leaves_another_takes_over_at_once() {
    let Some(court) = Court::shared().await else { return };
    court.everyone(Habit::Silent);
    let first = court.start().await;
    let id = court.deliver(&first).await;
    court.reaches(&first, id, CaseState::Asked).await;
    let second = court.start().await;
    first.shutdown().await;
    court.everyone(GOOD);
    assert_eq!(court.over(&second, id).await.state, CaseState::Final);
    assert!(epoch(&court, "case").await > 1 && epoch(&court, "chain").await > 1);
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test]
async fn relayers_that_die_and_join_all_the_time_lose_and_double_nothing() {
    let Some(court) = Court::shared().await else { return };
    let before = court.dollars(actors::seller().address()).await;
    court.everyone(Habit::Silent);
    let mut last = court.start().await;
    let id = court.deliver(&last).await;
    for round in 0..4 {
        let next = court.start().await;
        last.abort().await;
        last = next;
        court.jurors[round].set(GOOD);
    }
    court.everyone(GOOD);
    assert_eq!(court.over(&last, id).await.state, CaseState::Final);
    assert_eq!(court.dollars(actors::seller().address()).await, before + 55);
    assert_eq!(court.relayed().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_relayer_that_thaws_is_fenced_and_takes_over_again_later() {
    let Some(court) = Court::shared().await else { return };
    let seller = actors::seller().address();
    let before = court.dollars(seller).await;
    court.everyone(Habit::Silent);
    let chain = court.node.serve().await;
    let first = Process::start(&court, "first", &chain.url()).await;
    let id = court.deliver(&first).await;
    court.reaches(&first, id, CaseState::Asked).await;
    let second = Process::start(&court, "second", &chain.url()).await;

    // It holds the case, the chain and the key, and is asking its jurors.
    first.signal("-STOP");
    eventually("the other takes everything over", || async {
        epoch(&court, "case").await > 1
            && epoch(&court, "chain").await > 1
            && epoch(&court, "key").await > 1
    })
    .await;
    first.signal("-CONT");
    court.everyone(GOOD);
    assert_eq!(court.over(&second, id).await.state, CaseState::Final);
    eventually("the first is fenced", || async {
        first.log(&court).contains("another instance has taken the case over")
    })
    .await;
    assert_eq!(court.over(&first, id).await.ballots.len(), 5);
    assert_eq!((court.dollars(seller).await, court.relayed().await), (before + 55, 1));

    // And the other way round, with a death instead of a frost.
    drop(second);
    let (status, body) = court.post(&first, "deliveries", &court.delivery(1, &court.work)).await;
    assert!(status.is_success(), "{body}");
    let id = court.case_id(1, &court.work);
    assert_eq!(court.over(&first, id).await.state, CaseState::Final, "{}", first.log(&court));
    assert_eq!((court.dollars(seller).await, court.relayed().await), (before + 110, 2));
    assert!(epoch(&court, "chain").await > 2 && epoch(&court, "key").await > 2);
}
