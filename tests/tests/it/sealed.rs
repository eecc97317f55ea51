//! Sealed ballots from end to end: five real jurors, the real relayer, a real chain.
//!
//! Each juror stands behind a door with a fixed address, so that it can die and come back.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy::primitives::B256;
use alloy::providers::Provider as _;
use serde_json::{Value, json};
use surety_juror::Handle;
use surety_jury::Outcome;
use surety_relayer::wire::{CaseState, CaseView};
use surety_tests::{actors, seat};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::cli::result;
use crate::juror::provider::{Act, Double};
use crate::relayer::court::{Court, eventually};

const HALF_DAY: Duration = Duration::from_hours(12);

/// A fixed address that leads to whoever stands behind it.
struct Door {
    url: String,
    behind: Arc<Mutex<Option<SocketAddr>>>,
}

impl Door {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let to = Arc::clone(&behind);
        tokio::spawn(async move {
            while let Ok((mut guest, _)) = listener.accept().await {
                let Some(to) = *to.lock().unwrap() else { continue };
                tokio::spawn(async move {
                    if let Ok(mut host) = TcpStream::connect(to).await {
                        drop(copy_bidirectional(&mut guest, &mut host).await);
                    }
                });
            }
        });
        Self { url, behind }
    }
}

/// A deal, a provider, and room for five jurors.
struct House {
    court: Court,
    doors: Vec<Door>,
    provider: Double,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let mut doors = Vec::new();
        for _ in 0..5 {
            doors.push(Door::new().await);
        }
        let urls: Vec<String> = doors.iter().map(|door| door.url.clone()).collect();
        let court = Court::unopened_at(&urls).await;
        court.open().await;
        let provider = Double::start(|_, _| Act::Vote("MET")).await;
        Self { court, doors, provider, folder: tempfile::tempdir().unwrap() }
    }

    /// Starts the juror on a seat, behind its door.
    async fn start(&self, seat: usize) -> Handle {
        let provider = self.court.node.provider().erased();
        let place = |name: &str| self.folder.path().join(format!("{name}-{seat}"));
        let key = seat::key_file(&place("key"), &actors::juror(seat));
        let config = seat::config(&self.court.contracts, place("store"), key, &self.provider.url);
        let juror = surety_juror::start_on(config, provider).await.unwrap();
        let at = juror.url().strip_prefix("http://").unwrap().parse().unwrap();
        *self.doors[seat].behind.lock().unwrap() = Some(at);
        juror
    }

    async fn start_all(&self, seats: &[usize]) -> Vec<Handle> {
        let mut jurors = Vec::new();
        for seat in seats {
            jurors.push(self.start(*seat).await);
        }
        jurors
    }

    /// What the relayer knows once so many seats have committed.
    async fn committed(
        &self,
        relayer: &surety_relayer::Handle,
        case: B256,
        count: usize,
    ) -> CaseView {
        eventually("the commitments", || async {
            self.court.case(relayer, case, 0).await.commitments.len() == count
        })
        .await;
        self.court.case(relayer, case, 0).await
    }

    /// What a juror shows of a case.
    async fn shown(&self, juror: &Handle, case: B256) -> Value {
        let url = format!("{}/v1/cases/{case}", juror.url());
        self.court.http.get(url).send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn five_jurors_commit_then_reveal_and_the_seller_is_paid() {
    let house = House::new().await;
    let jurors = house.start_all(&[0, 1, 2, 3, 4]).await;
    let relayer = house.court.start().await;
    let case = house.court.deliver(&relayer).await;
    let view = house.court.over(&relayer, case).await;
    assert_eq!(view.state, CaseState::Final);
    assert_eq!(view.verdict.unwrap().outcome, Outcome::Accepted);
    assert!(view.commitments.len() >= 4 && view.ballots.len() >= 4);
    let first = actors::juror(usize::from(view.ballots[0].seat)).address().to_string();
    let shown = result(&["relayer", "jurors", &first, "--relayer", relayer.url()]).await;
    assert_eq!((&shown[0]["asked"], &shown[0]["revealed"]), (&json!(1), &json!(1)), "{shown}");
    for ballot in &view.ballots {
        let record = house.court.record(&relayer, ballot.seat.into()).await;
        assert_eq!((record.asked, record.committed, record.revealed), (1, 1, 1));
        assert_eq!((record.silent, record.mismatched, record.unsealed), (0, 0, 0));
        let shown = house.shown(&jurors[usize::from(ballot.seat)], case).await;
        assert_eq!(shown["ballot"]["signature"], serde_json::to_value(ballot.signature).unwrap());
        assert!(shown["ballot"]["salt"].is_string());
    }
}

#[tokio::test]
async fn one_dead_juror_still_settles() {
    let house = House::new().await;
    let _jurors = house.start_all(&[0, 1, 3, 4]).await;
    let relayer = house.court.start().await;
    let case = house.court.deliver(&relayer).await;
    let view = house.court.over(&relayer, case).await;
    assert_eq!((view.state, view.ballots.len()), (CaseState::Final, 4));
    let dead = house.court.record(&relayer, 2).await;
    assert_eq!((dead.asked, dead.committed, dead.silent), (1, 0, 0));
}

#[tokio::test]
async fn a_relayer_with_less_than_a_quorum_learns_nothing_before_half_of_the_time() {
    let house = House::new().await;
    let jurors = house.start_all(&[0, 1, 2]).await;
    let relayer = house.court.start().await;
    let case = house.court.deliver(&relayer).await;
    house.committed(&relayer, case, 3).await;
    let half = house.court.sheet.milestones[0].deliver_by + HALF_DAY.as_secs();
    let node = &house.court.node;
    node.advance(Duration::from_secs(half - 1 - node.now()));
    // Long enough for jurors and relayer to see the time and talk.
    tokio::time::sleep(Duration::from_millis(500)).await;
    for juror in &jurors {
        let shown = house.shown(juror, case).await;
        assert_eq!(shown["state"], "committed");
        assert_eq!(shown.get("ballot"), None);
    }
    assert_eq!(house.court.case(&relayer, case, 0).await.ballots, []);

    node.advance(Duration::from_secs(1));
    eventually("the ballots", || async {
        house.court.case(&relayer, case, 0).await.ballots.len() == 3
    })
    .await;
    assert_eq!(house.court.case(&relayer, case, 0).await.state, CaseState::Asked);
    for seat in 0..3 {
        assert_eq!(house.court.record(&relayer, seat).await.revealed, 1);
    }
    node.advance(HALF_DAY);
    let view = house.court.over(&relayer, case).await;
    assert_eq!(view.reason.unwrap(), "no verdict: 3 of 4 needed ballots when the time was over");
}

#[tokio::test]
async fn a_juror_that_dies_between_commitment_and_reveal_keeps_its_word() {
    let house = House::new().await;
    let mut jurors = house.start_all(&[0, 1, 2]).await;
    let relayer = house.court.start().await;
    let case = house.court.deliver(&relayer).await;
    let before = house.committed(&relayer, case, 3).await.commitments;
    jurors.remove(0).shutdown().await;
    let first = house.start(0).await;
    assert_eq!(
        house.shown(&first, case).await["commitment"],
        serde_json::to_value(before[0]).unwrap()
    );
    let _fourth = house.start(3).await;
    let view = house.court.over(&relayer, case).await;
    assert_eq!(view.state, CaseState::Final);
    assert_eq!(view.commitments[..3], before[..]);
    let record = house.court.record(&relayer, 0).await;
    assert_eq!((record.revealed, record.mismatched), (1, 0));
}

#[tokio::test]
async fn a_relayer_that_dies_between_commitment_and_reveal_goes_on_with_what_it_stored() {
    let house = House::new().await;
    let jurors = house.start_all(&[0, 1, 2]).await;
    let relayer = house.court.start().await;
    let case = house.court.deliver(&relayer).await;
    let before = house.committed(&relayer, case, 3).await.commitments;
    relayer.abort().await;
    let relayer = house.court.start().await;
    assert_eq!(house.court.case(&relayer, case, 0).await.commitments, before);
    let _fourth = house.start(3).await;
    assert_eq!(house.court.over(&relayer, case).await.state, CaseState::Final);
    for seat in 0..4 {
        assert_eq!(house.court.record(&relayer, seat).await.revealed, 1);
    }
    drop(jurors);
}
