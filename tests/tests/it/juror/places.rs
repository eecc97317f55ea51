//! A juror that asks about one case at a time, and a case that holds it up.
//!
//! ```text
//! a service that lets a probe wait  holds no place: others are asked about meanwhile
//! a provider that never answers     holds no checks: who needs no answer goes on
//! no place came free in time        what was not asked has no answer, and the seat is not silent
//! ```

use surety_juror::Handle;
use surety_terms::check::{Method, Origin, Probe};
use surety_terms::{Check, Kind};
use tokio::net::TcpListener;

use super::*;

/// A deliverable that fails the sheet's check.
const WRONG: &[u8] = b"The annual report covers three markets.\nRevenue grew.\n";

/// With more patience than any test has.
async fn start(court: &Court) -> Handle {
    let mut config = court.config();
    config.limits = Limits { judging: 1, ..config.limits };
    (config.provider.timeout_secs, config.fetch.timeout_secs) = (600, 600);
    court.try_start(config).await.unwrap()
}

/// Hands in the case of the sheet as it is now, with its work.
async fn hand_in(court: &Court, juror: &Handle, work: &[u8]) -> B256 {
    let case = court.take(juror, &court.request(work)).await.case_id;
    assert_eq!(court.push(juror, work).await.status(), 204);
    case
}

#[tokio::test]
async fn a_service_that_lets_a_probe_wait_keeps_no_other_case_from_its_ballot() {
    let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // A sheet may hold a name, and no address of this machine.
    let port = service.local_addr().unwrap().port();
    let probe = Probe {
        method: Method::Get,
        origin: Origin::parse(&format!("http://localhost:{port}")),
        path: "/health".to_owned(),
        status: 200,
        pattern: None,
    };
    let mut court = Court::kind().await;
    let honest = court.sheet.clone();
    court.sheet.salt = B256::repeat_byte(2);
    court.sheet.milestones[0].criteria[0].kind = Kind::Check(Check::HttpProbe(probe));
    court.open().await;
    let juror = start(&court).await;
    let waiting = hand_in(&court, &juror, WORK).await;
    let _asked = service.accept().await.unwrap();

    court.sheet = honest;
    let case = hand_in(&court, &juror, WORK).await;
    assert_eq!(court.ballot(&juror, case).await.met, 0b111);
    assert_eq!(court.status(&juror, waiting, 0).await.state, CaseState::Judging);
    juror.shutdown().await;
}

#[tokio::test]
async fn who_finds_no_place_to_ask_in_says_what_it_has_before_the_window_ends() {
    let mut court = Court::new(Double::start(|_, _| Act::Hang).await);
    let juror = start(&court).await;
    hand_in(&court, &juror, WORK).await;
    while court.provider.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    // The only place is taken. A check that decides needs none.
    court.sheet.salt = B256::repeat_byte(2);
    court.sheet.milestones[0].criteria[0].mandatory = true;
    court.open().await;
    let decided = hand_in(&court, &juror, WRONG).await;
    let ballot = court.ballot(&juror, decided).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0, 0b001, 0));

    court.sheet.salt = B256::repeat_byte(3);
    court.open().await;
    let undecided = hand_in(&court, &juror, WORK).await;
    court.go_to(court.deliver_by() + DAY - 4);
    let ballot = court.ballot(&juror, undecided).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0, 0, 4), "the seat is void");
    assert_eq!(court.provider.seen().len(), 2, "only the first case was asked about");
    juror.shutdown().await;
}
