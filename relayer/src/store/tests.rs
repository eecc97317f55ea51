//! The queries on both databases. What needs whole terms is asked by the relayer's own suite.
#![expect(clippy::cognitive_complexity, reason = "a test tells a story from start to end")]

use std::time::Duration;

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, Bytes, FixedBytes};
use sqlx::SqlitePool;
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use surety_acts::rows;
use surety_bindings::escrow::{Delivery, Milestone, SlowState, Terms};
use surety_bindings::jury::Ballot;
use surety_chain::{follow, send};
use surety_jury::wire::BallotBody;
use surety_jury::{SignedBallot, SignedCommitment, Source};
use surety_record::{self as seats, SeatState};
use surety_store::scratch::{Engine, Scratch};
use surety_store::{Leases, Store, StoreError};

use super::ballots::{self, BallotRow, Kept};
use super::batches;
use super::cases::{self, CaseState};
use super::deals::{self, End, Pin, Place};
use super::deliverables;
use super::phase::{self, Phase};
use super::private::{self, Party};
use crate::acts;

surety_store::on_both!(
    a_case_goes_from_state_to_state_and_back_when_its_end_is_orphaned,
    an_end_is_believed_only_where_it_stands,
    a_state_gives_way_to_newer_ones_only,
    named_deliverables_leave_the_strangers_share,
    what_no_delivery_names_goes_and_the_totals_follow,
    claims_take_the_oldest_open_cases_once,
    a_case_that_is_set_aside_waits_behind_the_others,
    a_private_deal_is_kept_and_forgotten,
    seats_end_once_and_are_counted,
    the_time_to_commit_begins_once_and_ends_for_good,
    what_failed_in_company_goes_alone,
    a_state_without_cases_counts_none,
    an_act_goes_with_the_opening_that_it_follows_from,
    an_opener_is_looked_at_once_when_something_is_due,
);

async fn opened(scratch: &Scratch, leases: Leases) -> Store {
    let store = scratch.open_with(leases).await;
    store.migrate("relayer", super::migrations()).await.unwrap();
    store
}

fn digest(n: u8) -> B256 {
    B256::repeat_byte(n)
}

/// Case `n`, which is about a milestone and a deliverable of its own.
async fn seen(store: &Store, n: u8) -> B256 {
    let delivery = Delivery {
        dealId: digest(0xdd),
        milestone: n,
        deliverable: digest(n),
        uri: "https://seller.example".to_owned(),
    };
    let mut tx = store.begin().await.unwrap();
    cases::seen(&mut tx, digest(n), &delivery, &Bytes::from_static(b"signed"), 1).await.unwrap();
    tx.commit().await.unwrap();
    digest(n)
}

async fn state(store: &Store, id: B256) -> CaseState {
    let row = cases::get(&mut store.read().await.unwrap(), id).await.unwrap();
    row.unwrap().state
}

async fn a_case_goes_from_state_to_state_and_back_when_its_end_is_orphaned(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let id = seen(&store, 1).await;
    seen(&store, 1).await;
    let (ballots, tally) = (
        Bytes::from_static(b"ballots"),
        surety_jury::tally::tally(alloy::primitives::U256::ZERO, 5, &[]),
    );
    let mut tx = store.begin().await.unwrap();
    assert_eq!(cases::of_deal(&mut tx, digest(0xdd)).await.unwrap().len(), 1);
    cases::asked(&mut tx, id).await.unwrap();
    cases::decided(&mut tx, id, (&ballots, &tally), 1_000).await.unwrap();
    assert!(cases::sent(&mut tx, id, digest(9)).await.unwrap());
    // Whoever still believes that it is decided queues nothing.
    assert!(!cases::sent(&mut tx, id, digest(8)).await.unwrap());
    cases::unsent(&mut tx, id).await.unwrap();
    assert!(cases::sent(&mut tx, id, digest(9)).await.unwrap());
    cases::ended(&mut tx, id, 20, Some(1_500)).await.unwrap();
    cases::given_up(&mut tx, id, "never").await.unwrap();
    tx.commit().await.unwrap();
    let row = cases::get(&mut store.read().await.unwrap(), id).await.unwrap().unwrap();
    assert_eq!((row.state, row.reason, row.paid_ms), (CaseState::Final, None, Some(1_500)));
    assert_eq!((row.sending, row.verdict), (Some(digest(9)), Some((ballots, tally))));
    assert_eq!(row.signature, Bytes::from_static(b"signed"));

    let mut tx = store.begin().await.unwrap();
    cases::orphan(&mut tx, 21).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(state(&store, id).await, CaseState::Final);
    let mut tx = store.begin().await.unwrap();
    cases::orphan(&mut tx, 20).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(state(&store, id).await, CaseState::Sent);
}

async fn an_end_is_believed_only_where_it_stands(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let place = (digest(0xdd), 3);
    let end = End {
        ending: 1,
        to_seller: "55000000".to_owned(),
        to_buyer: "0".to_owned(),
        place: Place { block: 20, at: 5_000, tx: digest(8) },
    };
    let mut tx = store.begin().await.unwrap();
    deals::lock(&mut tx, place.0).await.unwrap();
    deals::ended(&mut tx, place, &end).await.unwrap();
    tx.commit().await.unwrap();
    let row = deals::milestone(&mut store.read().await.unwrap(), place).await.unwrap();
    assert_eq!(row.end, Some(end));
    let mut tx = store.begin().await.unwrap();
    assert!(deals::has_ended_in(&mut tx, place, 20).await.unwrap());
    assert!(!deals::has_ended_in(&mut tx, place, 19).await.unwrap());
    deals::orphan(&mut tx, 20).await.unwrap();
    assert!(!deals::has_ended_in(&mut tx, place, 20).await.unwrap());
    assert_eq!(deals::milestones(&mut tx, place.0).await.unwrap().len(), 1);
    assert!(deals::get(&mut tx, place.0).await.unwrap().unwrap().terms.is_none());
}

async fn a_state_gives_way_to_newer_ones_only(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let place = (digest(0xdd), 3);
    let at = |block| Place { block, at: 5_000, tx: digest(8) };
    let state = |status, n| SlowState { status, deliverable: digest(n), ..SlowState::default() };
    let pin = |block| Pin {
        state: state(1, 7),
        uri: "https://seller.example".to_owned(),
        signature: Bytes::from_static(b"signed"),
        block,
    };
    let mut tx = store.begin().await.unwrap();
    deals::delivered(&mut tx, place, &pin(20), at(20)).await.unwrap();
    deals::moved(&mut tx, place, &state(2, 7), at(21)).await.unwrap();
    // A repair may bring the older event late.
    deals::delivered(&mut tx, place, &pin(20), at(20)).await.unwrap();
    let kept = deals::milestone(&mut tx, place).await.unwrap().pin.unwrap();
    assert_eq!((kept.state.status, kept.block), (2, 21));
    assert_eq!((kept.uri, kept.signature), (pin(20).uri, pin(20).signature));
    assert!(deals::has_moved_in(&mut tx, place, 21).await.unwrap());
    assert!(!deals::has_moved_in(&mut tx, place, 20).await.unwrap());
    // A rejection of another delivery takes nothing over from the pinned one.
    deals::moved(&mut tx, place, &state(2, 9), at(22)).await.unwrap();
    let kept = deals::milestone(&mut tx, place).await.unwrap().pin.unwrap();
    assert_eq!((kept.state.deliverable, kept.uri.as_str()), (digest(9), ""));
    deals::orphan(&mut tx, 22).await.unwrap();
    assert!(deals::milestone(&mut tx, place).await.unwrap().pin.is_none());
    deals::delivered(&mut tx, place, &pin(20), at(20)).await.unwrap();
    let kept = deals::milestone(&mut tx, place).await.unwrap().pin.unwrap();
    assert_eq!((kept.state.status, kept.block), (1, 20));
}

async fn named_deliverables_leave_the_strangers_share(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    seen(&store, 1).await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (0, 0));
    for (n, size) in [(1, 10), (2, 5), (2, 5)] {
        let named = deliverables::is_named(&mut tx, digest(n)).await.unwrap();
        assert_eq!(named, n == 1);
        deliverables::add(&mut tx, digest(n), (size, named), 0).await.unwrap();
    }
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (15, 5));
    deliverables::name(&mut tx, digest(2)).await.unwrap();
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (15, 0));
    assert!(deliverables::has(&mut tx, digest(2)).await.unwrap());
    assert!(!deliverables::has(&mut tx, digest(3)).await.unwrap());
}

async fn what_no_delivery_names_goes_and_the_totals_follow(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    seen(&store, 1).await;
    let mut tx = store.begin().await.unwrap();
    // The first came before its delivery was known, the last one twice.
    for (n, size, now) in [(1, 10, 100), (2, 5, 100), (3, 7, 101), (4, 3, 100), (4, 3, 200)] {
        deliverables::add(&mut tx, digest(n), (size, false), now).await.unwrap();
    }
    assert_eq!(deliverables::unnamed(&mut tx, 100).await.unwrap(), [B256::ZERO; 0]);
    assert_eq!(deliverables::unnamed(&mut tx, 200).await.unwrap(), [digest(2), digest(3)]);
    deliverables::name(&mut tx, digest(3)).await.unwrap();
    deliverables::name(&mut tx, digest(3)).await.unwrap();
    assert_eq!(deliverables::unnamed(&mut tx, 200).await.unwrap(), [digest(2)]);
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (25, 18));
    assert!(!deliverables::remove(&mut tx, digest(3), false).await.unwrap());
    assert!(deliverables::remove(&mut tx, digest(2), false).await.unwrap());
    assert!(!deliverables::remove(&mut tx, digest(2), true).await.unwrap());
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (20, 13));
    assert!(deliverables::remove(&mut tx, digest(3), true).await.unwrap());
    for _ in 0..100 {
        deliverables::add(&mut tx, digest(5), (1, false), 300).await.unwrap();
        deliverables::name(&mut tx, digest(5)).await.unwrap();
        deliverables::remove(&mut tx, digest(5), true).await.unwrap();
    }
    tx.commit().await.unwrap();
    // Nothing is lost when the rows of changes become one, and no row is written where they are few.
    let changes = "SELECT COUNT(*) FROM shelf_change";
    for rows in [1, 1] {
        deliverables::fold(&store).await.unwrap();
        let mut conn = store.read().await.unwrap();
        assert_eq!(deliverables::totals(&mut conn).await.unwrap(), (13, 13));
        let found: i64 = sqlx::query_scalar(changes).fetch_one(&mut *conn).await.unwrap();
        assert_eq!(found, rows);
    }
}

async fn a_state_without_cases_counts_none(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    seen(&store, 1).await;
    let mut tx = store.begin().await.unwrap();
    let totals = cases::totals(&mut tx).await.unwrap();
    assert_eq!(totals.len(), 6);
    let some: Vec<_> = totals.into_iter().filter(|(_, count)| *count > 0).collect();
    assert_eq!(some, [(CaseState::Seen, 1)]);
}

/// Claims for a store's instance, and says which cases it got.
async fn claim(store: &Store, most: usize) -> Vec<B256> {
    let mut tx = store.begin().await.unwrap();
    let now = store.now(&mut tx).await.unwrap();
    let leases = cases::claim(&mut tx, store.instance(), now, most).await.unwrap();
    tx.commit().await.unwrap();
    let mut ids: Vec<_> = leases.iter().map(|l| B256::from_slice(l.subject())).collect();
    ids.sort();
    ids
}

async fn claims_take_the_oldest_open_cases_once(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    for n in 1..=5 {
        seen(&store, n).await;
    }
    let mut tx = store.begin().await.unwrap();
    cases::given_up(&mut tx, digest(2), "no verdict").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&store, 2).await, [digest(1), digest(3)]);
    assert_eq!(claim(&store, 2).await, [digest(4), digest(5)]);
    assert_eq!(claim(&store, 2).await, [B256::ZERO; 0]);
    let held = cases::held(&mut store.read().await.unwrap(), store.instance()).await.unwrap();
    assert_eq!(held.len(), 4);
    let mut tx = store.begin_under(&held[0]).await.unwrap();
    cases::asked(&mut tx, digest(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(state(&store, digest(1)).await, CaseState::Asked);
}

async fn a_case_that_is_set_aside_waits_behind_the_others(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    for n in 1..=2 {
        seen(&store, n).await;
    }
    assert_eq!(claim(&store, 1).await, [digest(1)]);
    let held = cases::held(&mut store.read().await.unwrap(), store.instance()).await.unwrap();
    let mut tx = store.begin_under(&held[0]).await.unwrap();
    let now = store.now(&mut tx).await.unwrap();
    assert!(cases::is_one_left(&mut tx, now).await.unwrap());
    cases::set_aside(&mut tx, digest(1)).await.unwrap();
    tx.commit().await.unwrap();
    seen(&store, 3).await;
    // The oldest again, and the newest is not behind it.
    for n in [2, 3, 1] {
        assert_eq!(claim(&store, 1).await, [digest(n)]);
    }
    let late = store.begin_under(&held[0]).await;
    assert!(late.is_err_and(|e| matches!(e, StoreError::LeaseLost { .. })), "its epoch is over");
    let mut conn = store.read().await.unwrap();
    assert!(!cases::is_one_left(&mut conn, now).await.unwrap());
}

async fn a_private_deal_is_kept_and_forgotten(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let (deal, case, file) = (digest(0xdd), seen(&store, 1).await, digest(0xaf));
    let terms = Terms { judgeWithin: U40::from(60), ..Terms::default() };
    let mut tx = store.begin().await.unwrap();
    private::keep_sheet(&mut tx, deal, &terms, (Party::Seller, b"seller's")).await.unwrap();
    private::keep_sheet(&mut tx, deal, &terms, (Party::Seller, b"later")).await.unwrap();
    private::keep_sheet(&mut tx, deal, &terms, (Party::Buyer, b"buyer's")).await.unwrap();
    private::keep_until(&mut tx, deal, &terms).await.unwrap();
    private::keep_upload(&mut tx, (deal, digest(1)), file).await.unwrap();
    deliverables::add(&mut tx, file, (7, true), 0).await.unwrap();
    assert_eq!(
        private::sheets(&mut tx, deal).await.unwrap(),
        [Bytes::from_static(b"buyer's"), Bytes::from_static(b"seller's")]
    );
    assert_eq!(private::upload(&mut tx, (deal, digest(1))).await.unwrap(), Some(file));
    assert_eq!(deals::terms(&mut tx, deal).await.unwrap(), Some(terms));
    assert!(deliverables::is_named(&mut tx, file).await.unwrap());
    // Not before its time, nor while a case is open.
    assert_eq!(private::due_to_delete(&mut tx, 61).await.unwrap(), Vec::<B256>::new());
    cases::given_up(&mut tx, case, "never").await.unwrap();
    assert_eq!(private::due_to_delete(&mut tx, 60).await.unwrap(), Vec::<B256>::new());
    assert_eq!(private::due_to_delete(&mut tx, 61).await.unwrap(), [deal]);
    let mut files = private::files(&mut tx, deal).await.unwrap();
    files.sort();
    assert_eq!(files, [digest(1), file]);
    private::forget(&mut tx, deal, &files).await.unwrap();
    private::forget(&mut tx, deal, &files).await.unwrap();
    assert_eq!(private::due_to_delete(&mut tx, 61).await.unwrap(), Vec::<B256>::new());
    assert_eq!(private::sheets(&mut tx, deal).await.unwrap(), Vec::<Bytes>::new());
    assert!(!deliverables::has(&mut tx, file).await.unwrap());
    tx.commit().await.unwrap();
}

async fn seats_end_once_and_are_counted(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let (case, juror) = (digest(1), Address::repeat_byte(7));
    let commitment = |n| SignedCommitment {
        case_id: case,
        digest: digest(n),
        juror,
        signature: FixedBytes::repeat_byte(n),
    };
    let mut tx = store.begin().await.unwrap();
    assert_eq!(seats::record(&mut tx, juror).await.unwrap(), None);
    for until in [100, 200] {
        seats::asked(&mut tx, case, (3, juror), until).await.unwrap();
    }
    seats::lock(&mut tx, case, juror).await.unwrap();
    seats::committed(&mut tx, &commitment(5)).await.unwrap();
    seats::committed(&mut tx, &commitment(6)).await.unwrap();
    assert_eq!(seats::commitments(&mut tx, case).await.unwrap(), [commitment(5)]);
    assert_eq!(seats::overdue(&mut tx, 99, 8).await.unwrap().len(), 0);
    let overdue = seats::overdue(&mut tx, 100, 8).await.unwrap();
    assert_eq!((overdue.len(), overdue[0].0, overdue[0].1.seat), (1, case, 3));
    let ballot = Ballot { caseId: case, met: 1, failed: 0, reason: 0, transcript: digest(9) };
    let body = BallotBody::new(&ballot, FixedBytes::repeat_byte(1), juror, Source::Live);
    seats::mismatched(&mut tx, &body).await.unwrap();
    seats::end(&mut tx, case, juror, SeatState::Silent).await.unwrap();
    let record = seats::record(&mut tx, juror).await.unwrap().unwrap();
    assert_eq!((record.asked, record.committed, record.mismatched, record.silent), (1, 1, 1, 0));
    tx.commit().await.unwrap();
}

async fn the_time_to_commit_begins_once_and_ends_for_good(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let (case, other) = (seen(&store, 1).await, seen(&store, 2).await);
    let mut tx = store.begin().await.unwrap();
    let before = Phase { asked_at: None, is_over: false };
    assert_eq!(phase::get(&mut tx, case).await.unwrap(), before);
    for now in [100, 200] {
        phase::begin(&mut tx, case, now).await.unwrap();
    }
    assert_eq!(phase::get(&mut tx, case).await.unwrap().asked_at, Some(100));
    phase::end(&mut tx, case).await.unwrap();
    phase::begin(&mut tx, case, 300).await.unwrap();
    let after = Phase { asked_at: Some(100), is_over: true };
    assert_eq!(phase::get(&mut tx, case).await.unwrap(), after);
    assert_eq!(phase::get(&mut tx, other).await.unwrap(), before);
    tx.commit().await.unwrap();
}

async fn what_failed_in_company_goes_alone(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let (case, other) = (seen(&store, 1).await, seen(&store, 2).await);
    let mut tx = store.begin().await.unwrap();
    batches::sent(&mut tx, digest(9), 2).await.unwrap();
    batches::sent(&mut tx, digest(9), 2).await.unwrap();
    assert!(batches::is_batch(&mut tx, digest(9)).await.unwrap());
    assert!(!batches::is_batch(&mut tx, digest(8)).await.unwrap());
    assert!(!batches::is_alone(&mut tx, case).await.unwrap());
    batches::alone(&mut tx, case).await.unwrap();
    assert!(batches::is_alone(&mut tx, case).await.unwrap());
    assert!(!batches::is_alone(&mut tx, other).await.unwrap());
    tx.commit().await.unwrap();
}

/// Two processes hear from one juror at the same time: it gives them different ballots.
#[tokio::test]
async fn of_two_ballots_that_come_at_once_one_counts() {
    let Some(scratch) = Scratch::new(Engine::Postgres).await else { return };
    let (first, second) = (opened(&scratch, Leases::default()).await, scratch.open().await);
    let (case, juror) = (digest(1), Address::repeat_byte(7));
    let mut tx = first.begin().await.unwrap();
    seats::asked(&mut tx, case, (0, juror), 100).await.unwrap();
    tx.commit().await.unwrap();
    let keep = async |store: &Store, met| {
        let mut tx = store.begin().await.unwrap();
        seats::lock(&mut tx, case, juror).await.unwrap();
        let ballot = Ballot { caseId: case, met, failed: 0, reason: 0, transcript: digest(9) };
        let signature = FixedBytes::repeat_byte(1);
        let row = BallotRow {
            juror,
            family: "a".to_owned(),
            operator: "b".to_owned(),
            signed: SignedBallot { seat: 0, ballot, signature },
            counted: true,
        };
        let kept = ballots::keep(&mut tx, &row).await.unwrap();
        // Whoever is second waits here, or would not have seen the first.
        tokio::time::sleep(Duration::from_millis(50)).await;
        tx.commit().await.unwrap();
        kept
    };
    let kept = tokio::join!(keep(&first, 1), keep(&second, 2));
    assert!(matches!(kept, (Kept::First, Kept::Equivocation) | (Kept::Equivocation, Kept::First)));
    let counted = ballots::counted(&mut first.read().await.unwrap(), case).await.unwrap();
    assert_eq!(counted.len(), 1);
}

/// A file as relayers wrote it before several could share a database: the same tables without leases.
#[tokio::test]
async fn a_file_of_an_earlier_version_is_brought_up_to_date() {
    let scratch = Scratch::new(Engine::Sqlite).await.unwrap();
    let Scratch::Folder(folder) = &scratch else { panic!("SQLite is a folder") };
    let file = folder.path().join("scratch.sqlite");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let old = SqlitePool::connect_with(options).await.unwrap();
    for (owner, all, had) in [
        ("follow", follow::migrations(), &[1][..]),
        ("relayer", super::migrations(), &[1, 2, 7]),
        ("send", send::migrations(), &[1, 50]),
    ] {
        let earlier = all.iter().filter(|migration| had.contains(&migration.version)).cloned();
        let mut earlier = Migrator::with_migrations(earlier.collect());
        earlier.dangerous_set_table_name(format!("{owner}_migrations"));
        earlier.run(&old).await.unwrap();
    }
    sqlx::query(
        "INSERT INTO case_file (id, deal, milestone, round, deliverable, uri, signature, state, position)
         VALUES ($1, $1, 0, 1, $1, '', x'01', 'asked', 1)",
    )
    .bind(digest(1).as_slice())
    .execute(&old)
    .await
    .unwrap();
    old.close().await;

    let store = opened(&scratch, Leases::default()).await;
    for (owner, all) in [("follow", follow::migrations()), ("send", send::migrations())] {
        store.migrate(owner, all).await.unwrap();
    }
    assert_eq!(state(&store, digest(1)).await, CaseState::Asked);
    assert_eq!(claim(&store, 2).await, [digest(1)]);
}

#[tokio::test]
async fn instances_share_the_cases_and_take_those_of_the_silent() {
    let Some(scratch) = Scratch::new(Engine::Postgres).await else { return };
    let silent = opened(&scratch, Leases { ttl_ms: 0, renew_ms: 1 }).await;
    let (first, second) = (scratch.open().await, scratch.open().await);
    for n in 1..=40 {
        seen(&first, n).await;
    }
    assert_eq!(claim(&silent, 10).await.len(), 10);
    let (a, b) = tokio::join!(claim(&first, 25), claim(&second, 25));
    let mut all = [a, b, claim(&first, 25).await].concat();
    all.sort();
    assert_eq!(all, (1..=40).map(digest).collect::<Vec<_>>());
    assert_eq!(claim(&silent, 25).await, [B256::ZERO; 0]);
}

async fn an_act_goes_with_the_opening_that_it_follows_from(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    store.migrate("acts", surety_acts::migrations()).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let (deal, place) = (digest(0xdd), Place { block: 7, at: 70, tx: digest(1) });
    let terms = Terms { milestones: vec![Milestone::default()], ..Terms::default() };
    deals::opened(&mut tx, deal, &terms, place).await.unwrap();
    rows::opened_here(&mut tx, deal).await.unwrap();
    acts::plan(&mut tx, deal).await.unwrap();
    assert_eq!(rows::of_deal(&mut tx, deal).await.unwrap().len(), 1);
    deals::orphan(&mut tx, 7).await.unwrap();
    acts::plan(&mut tx, deal).await.unwrap();
    assert!(rows::of_deal(&mut tx, deal).await.unwrap().is_empty());
}

async fn an_opener_is_looked_at_once_when_something_is_due(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    let mut tx = store.begin().await.unwrap();
    let (deal, at) = (digest(0xdd), Place { block: 7, at: 70, tx: digest(1) });
    let milestone = |by: u64| Milestone { deliverBy: U40::from(by), ..Milestone::default() };
    let milestones = vec![milestone(200), milestone(100)];
    let terms = Terms { judgeWithin: U40::from(60), milestones, ..Terms::default() };
    deals::opened(&mut tx, deal, &terms, at).await.unwrap();
    assert!(deals::unmet(&mut tx, 159, 9).await.unwrap().is_empty());
    assert_eq!(deals::unmet(&mut tx, 160, 9).await.unwrap(), [(deal, at.tx)]);
    // What is delivered early is due earlier.
    let state = |until: u64| SlowState { until: U40::from(until), ..SlowState::default() };
    deals::moved(&mut tx, (deal, 0), &state(90), at).await.unwrap();
    deals::moved(&mut tx, (deal, 0), &state(300), at).await.unwrap();
    assert!(deals::unmet(&mut tx, 89, 9).await.unwrap().is_empty());
    assert_eq!(deals::unmet(&mut tx, 90, 9).await.unwrap(), [(deal, at.tx)]);
    deals::met(&mut tx, (deal, at.tx), Some(500)).await.unwrap();
    assert!(deals::unmet(&mut tx, 499, 9).await.unwrap().is_empty());
    deals::met(&mut tx, (deal, digest(2)), None).await.unwrap();
    assert_eq!(deals::unmet(&mut tx, 500, 9).await.unwrap().len(), 1, "another opening");
    deals::met(&mut tx, (deal, at.tx), None).await.unwrap();
    deals::moved(&mut tx, (deal, 0), &state(80), at).await.unwrap();
    assert!(deals::unmet(&mut tx, 9_000, 9).await.unwrap().is_empty());
    // Opened again after a reorganisation, perhaps by somebody else.
    deals::orphan(&mut tx, 7).await.unwrap();
    let at = Place { tx: digest(3), ..at };
    deals::opened(&mut tx, deal, &terms, at).await.unwrap();
    assert_eq!(deals::unmet(&mut tx, 160, 9).await.unwrap(), [(deal, at.tx)]);
}
