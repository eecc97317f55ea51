//! Leases: which instance works on what, so that nothing is worked on twice or by nobody.
//!
//! Every instance that shares a database says again and again that it lives. A lease belongs to the
//! instance that holds it as long as that instance lives; once it has not been heard of for the time
//! to live, another one may take its leases, one by one, each with the next epoch.
//!
//! Invariant: a transaction that began with [`Store::begin_under`] commits only while its lease has
//! its epoch. The lease's row is locked by it, so a successor waits for it or finds it ended. A process
//! that was frozen, and thaws when others have long taken over, writes nothing.
//!
//! Time is the database's: instances need no common clock.

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use serde::Deserialize;
use sqlx::Row as _;
use tokio_util::sync::CancellationToken;

use crate::{Conn, Store, StoreError, Tx};

/// How leases run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Leases {
    /// After so many milliseconds without a sign of life, others take over.
    pub ttl_ms: u64,
    /// How often an instance gives a sign of life, in milliseconds.
    pub renew_ms: u64,
}

impl Default for Leases {
    fn default() -> Self {
        Self { ttl_ms: 15_000, renew_ms: 5_000 }
    }
}

/// What an instance holds. Losing the value loses nothing: the row says who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    kind: &'static str,
    subject: Vec<u8>,
    epoch: i64,
}

impl Lease {
    /// A lease on one of many things, as a claim of many returned it.
    pub const fn new(kind: &'static str, subject: Vec<u8>, epoch: i64) -> Self {
        Self { kind, subject, epoch }
    }

    /// What it is on.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }
}

impl Store {
    /// Says that this instance lives.
    pub async fn beat(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let now = self.now(&mut tx).await?;
        sqlx::query(
            "INSERT INTO instance (id, until_ms) VALUES ($1, $2)
             ON CONFLICT (id) DO UPDATE SET until_ms = excluded.until_ms",
        )
        .bind(self.instance())
        .bind(now.saturating_add(millis(self.leases().ttl_ms)))
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    /// Says so again and again, until `stop`.
    pub async fn keep_alive(self, stop: CancellationToken) {
        let pause = Duration::from_millis(self.leases().renew_ms.max(1));
        stop.run_until_cancelled_owned(async move {
            loop {
                if let Err(error) = self.beat().await {
                    tracing::warn!(%error, "the store did not hear that this instance lives");
                }
                tokio::time::sleep(pause).await;
            }
        })
        .await;
    }

    /// Says that this instance ends: others need not wait for its leases to run out.
    pub async fn leave(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM instance WHERE id = $1")
            .bind(self.instance())
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Forgets the dead. Whoever opens a database alone knows that everybody else is.
    pub(crate) async fn join(&self) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let now = if self.is_shared() { self.now(&mut tx).await? } else { i64::MAX };
        sqlx::query("DELETE FROM instance WHERE until_ms <= $1")
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.beat().await
    }

    /// The database's time, in milliseconds.
    pub async fn now(&self, conn: &mut Conn) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(self.clock()).fetch_one(conn).await?)
    }

    /// Takes a lease that nobody holds who lives; with it, whatever this instance began under an
    /// earlier epoch is void. None while somebody else holds it.
    pub async fn claim(
        &self,
        kind: &'static str,
        subject: &[u8],
    ) -> Result<Option<Lease>, StoreError> {
        let mut tx = self.begin().await?;
        let now = self.now(&mut tx).await?;
        let epoch: Option<i64> = sqlx::query_scalar(
            "INSERT INTO lease (kind, subject, holder, epoch) VALUES ($1, $2, $3, 1)
             ON CONFLICT (kind, subject) DO UPDATE
             SET holder = excluded.holder, epoch = lease.epoch + 1
             WHERE lease.holder = excluded.holder OR NOT EXISTS (
               SELECT 1 FROM instance i WHERE i.id = lease.holder AND i.until_ms > $4)
             RETURNING epoch",
        )
        .bind(kind)
        .bind(subject)
        .bind(self.instance())
        .bind(now)
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(epoch.map(|epoch| Lease::new(kind, subject.to_vec(), epoch)))
    }

    /// Begins a write that commits only while the lease is held. [`StoreError::LeaseLost`] says that
    /// another instance has taken over, and that this one has to stop.
    pub async fn begin_under(&self, lease: &Lease) -> Result<Tx, StoreError> {
        self.begin_under_all(std::slice::from_ref(lease)).await
    }

    /// The same for several leases: the write commits only while all of them are held.
    pub async fn begin_under_all(&self, leases: &[Lease]) -> Result<Tx, StoreError> {
        let mut tx = self.begin().await?;
        for lease in leases {
            // An update, since it locks the row in both databases.
            let held = sqlx::query(
                "UPDATE lease SET epoch = epoch
                 WHERE kind = $1 AND subject = $2 AND epoch = $3 AND holder = $4",
            )
            .bind(lease.kind)
            .bind(&lease.subject[..])
            .bind(lease.epoch)
            .bind(self.instance())
            .execute(&mut *tx)
            .await?;
            if held.rows_affected() != 1 {
                tx.rollback().await?;
                return Err(StoreError::LeaseLost { kind: lease.kind });
            }
        }
        Ok(tx)
    }

    /// Whether somebody who lives holds a lease, and whether it is this one. Locks nothing.
    async fn look(&self, lease: &Lease) -> Result<Standing, StoreError> {
        let mut conn = self.read().await?;
        let now = self.now(&mut conn).await?;
        let row = sqlx::query(
            "SELECT holder, epoch FROM lease l WHERE kind = $1 AND subject = $2 AND EXISTS (
               SELECT 1 FROM instance i WHERE i.id = l.holder AND i.until_ms > $3)",
        )
        .bind(lease.kind)
        .bind(&lease.subject[..])
        .bind(now)
        .fetch_optional(&mut *conn)
        .await?;
        let Some(row) = row else { return Ok(Standing::Vacant) };
        let ours = row.try_get::<&str, _>("holder")? == self.instance();
        Ok(match row.try_get::<i64, _>("epoch")? {
            epoch if ours && epoch == lease.epoch => Standing::Held,
            _ if ours => Standing::Vacant,
            _ => Standing::Others,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Held,
    Others,
    Vacant,
}

/// A task that one instance does and the others stand by for.
#[derive(Debug)]
pub struct Role {
    store: Store,
    lease: Lease,
    /// When the row was last seen to say what we think.
    looked: Option<Instant>,
}

impl Role {
    /// The role of, for example, following a chain (`kind`) for one escrow (`subject`).
    pub fn new(store: Store, kind: &'static str, subject: &[u8]) -> Self {
        Self { store, lease: Lease::new(kind, subject.to_vec(), 0), looked: None }
    }

    /// Whether this instance has the role, or can take it now. Ask before each round of work.
    pub async fn is_held(&mut self) -> Result<bool, StoreError> {
        let often = Duration::from_millis(self.store.leases().renew_ms);
        if self.looked.is_some_and(|at| at.elapsed() < often) {
            return Ok(true);
        }
        self.looked = None;
        match self.store.look(&self.lease).await? {
            Standing::Others => return Ok(false),
            Standing::Held => {}
            Standing::Vacant => {
                let claimed = self.store.claim(self.lease.kind, &self.lease.subject).await?;
                let Some(lease) = claimed else { return Ok(false) };
                tracing::info!(kind = lease.kind, epoch = lease.epoch, "this instance takes over");
                self.lease = lease;
            }
        }
        self.looked = Some(Instant::now());
        Ok(true)
    }

    /// Begins a write of this role, see [`Store::begin_under`].
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.store.begin_under(&self.lease).await
    }

    /// The work failed, perhaps since another instance has the role: look at the row before more.
    pub const fn doubt(&mut self) {
        self.looked = None;
    }
}

fn millis(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
