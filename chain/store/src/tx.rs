//! A write in progress, and its way to the disk.
//!
//! SQLite can flush its log within each commit, one commit after the other. Here a commit appends to
//! the log and then waits for a flush of the log's file that began after it: commits that come at once
//! share one. The promise is the same, a commit that returned survives a power cut; readers see it a
//! few milliseconds before that. The log is one file in one order, so whoever acts after a commit of
//! its own has also flushed whatever it read before.
//!
//! When a flush fails, what it was for can be read and may not be on the disk. So the store then reads
//! and writes nothing more: nobody acts on it before the next start has read what is there.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::{Any, Transaction};
use tokio::sync::{Mutex, watch};
use tokio::task::spawn_blocking;

use crate::{Conn, StoreError};

/// A write in progress. Dropped without a commit, it never was.
#[derive(Debug)]
pub struct Tx {
    inner: Transaction<'static, Any>,
    /// What a commit waits for; none where the server flushes.
    log: Option<Arc<Log>>,
}

impl Tx {
    pub(crate) const fn new(inner: Transaction<'static, Any>, log: Option<Arc<Log>>) -> Self {
        Self { inner, log }
    }

    /// Returns when the write is on the disk. An error says nothing about whether it is.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        let Some(log) = self.log else { return self.inner.commit().await };
        log.expect_whole().map_err(io::Error::other)?;
        self.inner.commit().await?;
        Ok(log.flush().await.map_err(io::Error::other)?)
    }

    /// Undoes it.
    pub async fn rollback(self) -> Result<(), sqlx::Error> {
        self.inner.rollback().await
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.inner
    }
}

/// The log of a SQLite database.
///
/// A flush belongs to nobody: it runs to its end and says so, whoever began it. Were it a lock that
/// commits wait for in a queue, one whose future nobody polls at the moment (as in a `select!` whose
/// other branch is at work) would have its turn and keep it, and every commit would wait for ever.
#[derive(Debug)]
pub(crate) struct Log {
    path: Arc<PathBuf>,
    /// Commits that the file has.
    commits: AtomicU64,
    /// How many of those are on the disk, or that a flush failed. The next one may succeed although
    /// pages were lost, so it is not tried.
    flushed: Arc<watch::Sender<Option<u64>>>,
    /// Held by the flush in progress.
    turn: Arc<Mutex<()>>,
}

impl Log {
    /// The log of a database that is at `path`, or will be.
    pub(crate) fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self {
            path: Arc::new(path.into()),
            commits: AtomicU64::new(0),
            flushed: Arc::new(watch::Sender::new(Some(0))),
            turn: Arc::default(),
        }
    }

    /// Fails once a flush has.
    pub(crate) fn expect_whole(&self) -> Result<(), StoreError> {
        self.flushed.borrow().map(drop).ok_or(StoreError::Flush)
    }

    /// Waits until everything that was committed before the call is on the disk.
    async fn flush(&self) -> Result<(), StoreError> {
        let ours = self.commits.fetch_add(1, Ordering::AcqRel) + 1;
        let mut flushed = self.flushed.subscribe();
        loop {
            match *flushed.borrow_and_update() {
                None => return Err(StoreError::Flush),
                Some(count) if count >= ours => return Ok(()),
                Some(_) => {}
            }
            self.begin();
            // The sender is ours, so there is no error here.
            drop(flushed.changed().await);
        }
    }

    /// Begins a flush, unless one is in progress: that one began before this commit, and when it says
    /// that it is done the next one can begin.
    fn begin(&self) {
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else { return };
        let all = self.commits.load(Ordering::Acquire);
        let (path, flushed) = (Arc::clone(&self.path), Arc::clone(&self.flushed));
        drop(spawn_blocking(move || {
            let outcome = sync(&path);
            // Before anybody hears of it and wants the turn.
            drop(turn);
            match outcome {
                Ok(()) => flushed.send_modify(|count| *count = count.map(|count| count.max(all))),
                Err(error) => {
                    tracing::error!(%error, "the log cannot be flushed: nothing more is read or written");
                    flushed.send_replace(None);
                }
            }
        }));
    }
}

/// Flushes the file that has the name now. SQLite removes a log only after it has flushed what it held
/// into the database, so without a file there is nothing left to do; and it takes no lock on this file
/// that closing it here would release.
fn sync(path: &Path) -> io::Result<()> {
    match File::options().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        file => {
            file?.sync_data()?;
            sync_name(path)
        }
    }
}

/// Flushes the folder: a log that SQLite has just made has to be found again. On Windows, where a
/// folder cannot be opened, the file's flush does that.
fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Leases, Store};

    #[tokio::test]
    async fn commits_that_wait_for_the_same_flush_share_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::of(&dir.path().join("t.sqlite"));
        let file = dir.path().join("t.sqlite-wal");
        File::create(&file).unwrap();
        let held = Arc::clone(&log.turn).try_lock_owned().unwrap();
        let (first, second) = (log.flush(), log.flush());
        tokio::pin!(first, second);
        // Both have committed and wait for the flush that is in progress.
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending());
        drop(held);
        log.flushed.send_replace(Some(0));
        first.await.unwrap();
        // A flush would fail now.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        second.await.unwrap();
        assert_eq!(*log.flushed.borrow(), Some(2));
    }

    #[tokio::test]
    async fn a_commit_that_nobody_polls_holds_up_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::of(&dir.path().join("t.sqlite"));
        let held = Arc::clone(&log.turn).try_lock_owned().unwrap();
        let forgotten = log.flush();
        tokio::pin!(forgotten);
        assert!(futures::poll!(&mut forgotten).is_pending());
        drop(held);
        log.flush().await.unwrap();
        log.flush().await.unwrap();
        forgotten.await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_flushed_after_a_flush_that_failed() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::of(&dir.path().join("t.sqlite"));
        // A folder cannot be opened for writing.
        std::fs::create_dir(dir.path().join("t.sqlite-wal")).unwrap();
        log.flush().await.unwrap_err();
        std::fs::remove_dir(dir.path().join("t.sqlite-wal")).unwrap();
        let error = log.flush().await.unwrap_err();
        assert!(error.to_string().contains("look at the disk"), "{error}");
    }

    #[tokio::test]
    async fn a_store_whose_flush_failed_reads_and_writes_nothing_more() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), "t", Leases::default()).await.unwrap();
        let (first, log) = (store.begin().await.unwrap(), dir.path().join("t.sqlite-wal"));
        // SQLite has the file open, and the flush looks for its name.
        std::fs::remove_file(&log).unwrap();
        std::fs::create_dir(&log).unwrap();
        first.commit().await.unwrap_err();
        assert!(matches!(store.begin().await, Err(StoreError::Flush)));
        assert!(matches!(store.read().await, Err(StoreError::Flush)));
        assert!(!StoreError::Flush.retryable());
    }

    #[tokio::test]
    async fn a_write_that_was_begun_before_a_flush_failed_is_not_committed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), "t", Leases::default()).await.unwrap();
        let mut late = store.begin().await.unwrap();
        sqlx::query("CREATE TABLE late (n BIGINT)").execute(&mut *late).await.unwrap();
        let log = late.log.clone().unwrap();
        log.flushed.send_replace(None);
        late.commit().await.unwrap_err();
        log.flushed.send_replace(Some(u64::MAX));
        let tables = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'late'";
        let mut conn = store.read().await.unwrap();
        let count: i64 = sqlx::query_scalar(tables).fetch_one(&mut *conn).await.unwrap();
        assert_eq!(count, 0);
    }

    #[tokio::test]
    async fn a_log_that_is_gone_was_flushed() {
        let dir = tempfile::tempdir().unwrap();
        Log::of(&dir.path().join("t.sqlite")).flush().await.unwrap();
    }
}
