//! A write in progress, and its way to the disk.
//!
//! SQLite can flush its log within each commit, one commit after the other. Here a commit appends to
//! the log and then waits for a flush of the log's file that began after it: commits that come at once
//! share one. The promise is the same, a commit that returned survives a power cut; readers see it a
//! few milliseconds before that. The log is one file in one order, so whoever acts after a commit of
//! its own has also flushed whatever it read before.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::{Any, Transaction};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::Conn;

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
        self.inner.commit().await?;
        match self.log {
            Some(log) => log.flush().await.map_err(sqlx::Error::Io),
            None => Ok(()),
        }
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
#[derive(Debug)]
pub(crate) struct Log {
    path: Arc<PathBuf>,
    /// Commits that the file has.
    commits: AtomicU64,
    /// How many of those are on the disk.
    flushed: Mutex<u64>,
    /// A flush failed. The next one may succeed although pages were lost, so it is not tried.
    broken: Arc<AtomicBool>,
}

impl Log {
    /// The log of a database that is at `path`, or will be.
    pub(crate) fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self {
            path: Arc::new(path.into()),
            commits: AtomicU64::new(0),
            flushed: Mutex::new(0),
            broken: Arc::default(),
        }
    }

    /// Waits until everything that was committed before the call is on the disk.
    async fn flush(&self) -> io::Result<()> {
        let ours = self.commits.fetch_add(1, Ordering::AcqRel) + 1;
        let mut flushed = self.flushed.lock().await;
        if self.broken.load(Ordering::Acquire) {
            return Err(io::Error::other("a flush failed: look at the disk, then start again"));
        }
        // Whoever held the lock has done it, if it began after our commit.
        if *flushed >= ours {
            return Ok(());
        }
        let all = self.commits.load(Ordering::Acquire);
        let (path, broken) = (Arc::clone(&self.path), Arc::clone(&self.broken));
        let flush = move || {
            let outcome = sync(&path);
            broken.fetch_or(outcome.is_err(), Ordering::AcqRel);
            outcome
        };
        spawn_blocking(flush).await.map_err(io::Error::other)??;
        *flushed = all;
        Ok(())
    }
}

/// Flushes the file that has the name now. SQLite removes a log only after it has flushed what it held
/// into the database, so without a file there is nothing left to do; and it takes no lock on this file
/// that closing it here would release.
fn sync(path: &Path) -> io::Result<()> {
    match File::options().write(true).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        file => file?.sync_data(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flush_covers_every_commit_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::of(&dir.path().join("t.sqlite"));
        let file = dir.path().join("t.sqlite-wal");
        File::create(&file).unwrap();
        let held = log.flushed.lock().await;
        let (first, second) = (log.flush(), log.flush());
        tokio::pin!(first, second);
        // Both have committed and wait.
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending());
        drop(held);
        first.await.unwrap();
        // A flush would fail now.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        second.await.unwrap();
        assert_eq!(*log.flushed.lock().await, 2);
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
        assert_eq!(*log.flushed.lock().await, 0);
    }

    #[tokio::test]
    async fn a_log_that_is_gone_was_flushed() {
        let dir = tempfile::tempdir().unwrap();
        Log::of(&dir.path().join("t.sqlite")).flush().await.unwrap();
    }
}
