//! The queries on both databases. What needs whole terms is asked by the relayer's own suite.
#![expect(clippy::cognitive_complexity, reason = "a test tells a story from start to end")]

use alloy::primitives::{B256, Bytes};
use surety_bindings::escrow::Delivery;
use surety_store::scratch::{Engine, Scratch};
use surety_store::{Leases, Store};

use super::cases::{self, CaseState};
use super::deals::{self, End, Place};
use super::deliverables;

surety_store::on_both!(
    a_case_goes_from_state_to_state_and_back_when_its_end_is_orphaned,
    an_end_is_believed_only_where_it_stands,
    named_deliverables_leave_the_strangers_share,
    claims_take_the_oldest_open_cases_once,
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
    cases::sent(&mut tx, id, digest(9)).await.unwrap();
    cases::unsent(&mut tx, id).await.unwrap();
    cases::sent(&mut tx, id, digest(9)).await.unwrap();
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

async fn named_deliverables_leave_the_strangers_share(scratch: &Scratch) {
    let store = opened(scratch, Leases::default()).await;
    seen(&store, 1).await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (0, 0));
    for (n, size) in [(1, 10), (2, 5), (2, 5)] {
        let named = deliverables::is_named(&mut tx, digest(n)).await.unwrap();
        assert_eq!(named, n == 1);
        deliverables::add(&mut tx, digest(n), size, named).await.unwrap();
    }
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (15, 5));
    deliverables::name(&mut tx, digest(2)).await.unwrap();
    assert_eq!(deliverables::totals(&mut tx).await.unwrap(), (15, 0));
    assert!(deliverables::has(&mut tx, digest(2)).await.unwrap());
    assert!(!deliverables::has(&mut tx, digest(3)).await.unwrap());
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
