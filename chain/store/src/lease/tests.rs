//! Instances that take over from each other. Where a test needs an instance to be silent for too
//! long, the time to live is nothing: it is silent from the start.

use crate::scratch::{Engine, Scratch};
use crate::{Lease, Leases, Role, Store, StoreError};

const SILENT: Leases = Leases { ttl_ms: 0, renew_ms: 1 };

crate::on_both!(
    a_claim_again_voids_what_was_begun_under_the_earlier_one,
    a_write_without_a_lease_writes_nothing,
    a_write_under_several_leases_needs_all_of_them,
);

async fn table(store: &Store) {
    let mut tx = store.begin().await.unwrap();
    sqlx::query("CREATE TABLE written (seq BIGINT NOT NULL PRIMARY KEY, epoch BIGINT NOT NULL)")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

/// Writes one row under a lease.
async fn write(store: &Store, lease: &Lease) -> Result<(), StoreError> {
    let mut tx = store.begin_under(lease).await?;
    sqlx::query(
        "INSERT INTO written (seq, epoch)
         VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM written), $1)",
    )
    .bind(lease.epoch)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

async fn epochs(store: &Store) -> Vec<i64> {
    let mut conn = store.read().await.unwrap();
    let rows = sqlx::query_scalar("SELECT epoch FROM written ORDER BY seq");
    rows.fetch_all(&mut *conn).await.unwrap()
}

async fn a_claim_again_voids_what_was_begun_under_the_earlier_one(scratch: &Scratch) {
    let store = scratch.open().await;
    table(&store).await;
    let first = store.claim("key", b"a").await.unwrap().unwrap();
    write(&store, &first).await.unwrap();
    let second = store.claim("key", b"a").await.unwrap().unwrap();
    let other = store.claim("key", b"b").await.unwrap().unwrap();
    let lost = write(&store, &first).await.unwrap_err();
    assert!(matches!(lost, StoreError::LeaseLost { kind: "key" }), "{lost}");
    write(&store, &second).await.unwrap();
    write(&store, &other).await.unwrap();
    assert_eq!(epochs(&store).await, [1, 2, 1]);
}

async fn a_write_without_a_lease_writes_nothing(scratch: &Scratch) {
    let store = scratch.open().await;
    table(&store).await;
    let made_up = Lease::new("key", b"a".to_vec(), 1);
    write(&store, &made_up).await.unwrap_err();
    assert_eq!(epochs(&store).await, Vec::<i64>::new());
}

async fn a_write_under_several_leases_needs_all_of_them(scratch: &Scratch) {
    let store = scratch.open().await;
    let first = store.claim("case", b"a").await.unwrap().unwrap();
    let second = store.claim("case", b"b").await.unwrap().unwrap();
    let both = [first, second];
    store.begin_under_all(&both).await.unwrap().commit().await.unwrap();
    store.claim("case", b"b").await.unwrap().unwrap();
    let lost = store.begin_under_all(&both).await.unwrap_err();
    assert!(matches!(lost, StoreError::LeaseLost { kind: "case" }), "{lost}");
}

#[tokio::test]
async fn a_lease_of_the_living_is_not_taken_and_one_that_is_left_is() {
    let Some(scratch) = Scratch::new(Engine::Postgres).await else { return };
    let (ours, theirs) = (scratch.open().await, scratch.open().await);
    let lease = ours.claim("chain", b"x").await.unwrap().unwrap();
    assert_eq!(theirs.claim("chain", b"x").await.unwrap(), None);
    let mut standby = Role::new(theirs, "chain", b"x");
    assert!(!standby.is_held().await.unwrap());
    ours.leave().await.unwrap();
    assert!(standby.is_held().await.unwrap());
    assert!(matches!(ours.begin_under(&lease).await, Err(StoreError::LeaseLost { .. })));
}

#[tokio::test]
async fn who_was_silent_too_long_writes_nothing_and_stands_by() {
    let Some(scratch) = Scratch::new(Engine::Postgres).await else { return };
    let (frozen, lively) = (scratch.open_with(SILENT).await, scratch.open().await);
    table(&lively).await;
    let mut first = Role::new(frozen.clone(), "chain", b"x");
    assert!(first.is_held().await.unwrap());
    write(&frozen, &first.lease).await.unwrap();
    let mut second = Role::new(lively.clone(), "chain", b"x");
    assert!(second.is_held().await.unwrap());
    // It thaws in the middle of its work, before it looked.
    write(&frozen, &first.lease).await.unwrap_err();
    write(&lively, &second.lease).await.unwrap();
    first.doubt();
    assert!(!first.is_held().await.unwrap());
    assert_eq!(epochs(&lively).await, [1, 2]);
}

/// A process is frozen while its transaction holds the lease's row: its session is cut off.
#[tokio::test]
async fn who_is_frozen_in_a_transaction_holds_up_nobody_for_ever() {
    let Some(scratch) = Scratch::new(Engine::Postgres).await else { return };
    let brief = Leases { ttl_ms: 100, renew_ms: 10 };
    let (frozen, lively) = (scratch.open_with(brief).await, scratch.open().await);
    table(&lively).await;
    let lease = frozen.claim("chain", b"x").await.unwrap().unwrap();
    let mut tx = frozen.begin_under(&lease).await.unwrap();
    sqlx::query("INSERT INTO written (seq, epoch) VALUES (1, 1)").execute(&mut *tx).await.unwrap();
    let mut standby = Role::new(lively.clone(), "chain", b"x");
    while !standby.is_held().await.unwrap() {}
    tx.commit().await.unwrap_err();
    write(&lively, &standby.lease).await.unwrap();
    assert_eq!(epochs(&lively).await, [2]);
}

/// Two instances that take the role from each other all the time: in the order of writing, epochs
/// never go back.
#[tokio::test]
async fn whoever_wins_a_race_later_epochs_write_later() {
    let Some(scratch) = Scratch::new(Engine::Postgres).await else { return };
    let stores = [scratch.open_with(SILENT).await, scratch.open_with(SILENT).await];
    table(&stores[0]).await;
    let racers = stores.clone().map(|store| {
        tokio::spawn(async move {
            let (mut written, mut fenced) = (0, 0);
            for round in 0..150 {
                let Some(lease) = store.claim("key", b"x").await.unwrap() else { continue };
                for _ in 0..=round % 3 {
                    match write(&store, &lease).await {
                        Ok(()) => written += 1,
                        Err(StoreError::LeaseLost { .. }) => fenced += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            (written, fenced)
        })
    });
    let (mut written, mut fenced) = (0, 0);
    for racer in racers {
        let (w, f) = racer.await.unwrap();
        (written, fenced) = (written + w, fenced + f);
    }
    let epochs = epochs(&stores[0]).await;
    assert!(epochs.is_sorted(), "{epochs:?}");
    assert_eq!(epochs.len(), written);
    assert!(written > 0 && fenced > 0, "no race: {written} written, {fenced} fenced");
}
