//! Opening a database, and beginning reads and writes.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, AssertSqlSafe, Executor as _};
use url::Url;

use crate::tx::Log;
use crate::{Leases, StoreError, Tx};

/// What a connection to SQLite begins with. A commit survives a power cut, since [`Tx`] waits for the
/// log's flush: a signed transaction must be on disk before it leaves the process.
const SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";

/// The same for PostgreSQL, whatever its server is configured to. A process that is frozen in the
/// middle of a transaction is cut off when its leases run out: it would hold up its successor.
fn writes(leases: Leases) -> String {
    let most = leases.ttl_ms.clamp(1_000, 60_000);
    format!(
        "SET synchronous_commit = on; SET lock_timeout = {most};
         SET idle_in_transaction_session_timeout = {most}"
    )
}

/// A connection that cannot write.
const READER: &str = "SET default_transaction_read_only = on";

/// Connections to PostgreSQL that write at the same time.
const WRITERS: u32 = 8;

/// Connections that read at the same time.
const READERS: u32 = 8;

/// A service's database. Cloning is cheap.
///
/// In SQLite, writes go through one connection that begins every transaction with the write lock, so
/// a write never fails half way because another one was first. In PostgreSQL, writes run beside each
/// other and committed rows are read; whoever decides by what it reads locks the row first.
#[derive(Clone, Debug)]
pub struct Store {
    writer: AnyPool,
    reader: AnyPool,
    dialect: Dialect,
    /// Names this process among those that share the database.
    instance: Arc<str>,
    leases: Leases,
    /// Held as long as any clone lives, so that a second process refuses to start. None where
    /// processes share a database.
    lock: Option<Arc<File>>,
    /// What commits wait for. None where a server flushes.
    log: Option<Arc<Log>>,
}

/// What SQLite and PostgreSQL do not agree about.
#[derive(Clone, Copy, Debug)]
struct Dialect {
    /// How a write begins.
    begin: &'static str,
    /// The time in milliseconds.
    clock: &'static str,
    /// How many tables have a name.
    tables: &'static str,
}

const IN_SQLITE: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    clock: "SELECT CAST(unixepoch('subsec') * 1000 AS BIGINT)",
    tables: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
};

const IN_POSTGRES: Dialect = Dialect {
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    clock: "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    tables: "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = $1",
};

impl Store {
    /// Opens `<dir>/<name>.sqlite`, creating both, and locks it for this process.
    pub async fn open(dir: &Path, name: &str, leases: Leases) -> Result<Self, StoreError> {
        Self::find(dir, name, leases).await?.joined().await
    }

    /// The same without a change of its tables, for whoever only looks.
    pub async fn find(dir: &Path, name: &str, leases: Leases) -> Result<Self, StoreError> {
        let folder = |source| StoreError::Folder { path: dir.to_path_buf(), source };
        std::fs::create_dir_all(dir).map_err(folder)?;
        let dir = dir.canonicalize().map_err(folder)?;
        let lock = File::create(dir.join(format!("{name}.lock"))).map_err(folder)?;
        lock.try_lock().map_err(|_| StoreError::InUse { path: dir.clone() })?;
        let file = dir.join(format!("{name}.sqlite"));
        let log = Some(Arc::new(Log::of(&file)));
        let file = Url::from_file_path(file)
            .map_err(|()| StoreError::Url("the store's folder must have an absolute path"))?;
        let url = format!("sqlite://{}", file.path());
        let writer = pool(&format!("{url}?mode=rwc"), 1, SQLITE.to_owned()).await?;
        let reader = pool(&format!("{url}?mode=ro"), READERS, SQLITE.to_owned()).await?;
        let lock = Some(Arc::new(lock));
        let (dialect, instance) = (IN_SQLITE, instance());
        Ok(Self { writer, reader, dialect, instance, leases, lock, log })
    }

    /// Connects to a PostgreSQL database, such as `postgres://relayer@db.example/relayer`, which
    /// other processes may use at the same time. A password comes from `PGPASSWORD` or a password
    /// file, never from the URL.
    pub async fn connect(url: &Url, leases: Leases) -> Result<Self, StoreError> {
        Self::reach(url, leases).await?.joined().await
    }

    /// The same without a change of its tables, for whoever only looks.
    pub async fn reach(url: &Url, leases: Leases) -> Result<Self, StoreError> {
        check(url)?;
        let writer = pool(url.as_str(), WRITERS, writes(leases)).await?;
        let reader = pool(url.as_str(), READERS, READER.to_owned()).await?;
        let (dialect, instance) = (IN_POSTGRES, instance());
        Ok(Self { writer, reader, dialect, instance, leases, lock: None, log: None })
    }

    async fn joined(self) -> Result<Self, StoreError> {
        self.migrate("store", migrations()).await?;
        self.join().await?;
        Ok(self)
    }

    /// The name of this process among those that share the database.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    pub(crate) const fn leases(&self) -> Leases {
        self.leases
    }

    pub(crate) const fn clock(&self) -> &'static str {
        self.dialect.clock
    }

    /// Whether other processes may use this database at the same time.
    pub const fn is_shared(&self) -> bool {
        self.lock.is_none()
    }

    /// Brings one crate's tables up to date. Each crate keeps its own list of what was applied, in
    /// `<owner>_migrations`, so that crates can share a database without sharing a numbering.
    pub async fn migrate(&self, owner: &str, mut migrator: Migrator) -> Result<(), StoreError> {
        migrator.dangerous_set_table_name(format!("{owner}_migrations"));
        migrator.run(&self.writer).await?;
        // A reader of SQLite that knows the columns of before prepares `SELECT *` for so many, is given
        // more, and panics in its driver. One look, and it has read the schema again.
        self.applied(owner).await.map(drop)
    }

    /// The migrations that an owner's tables have had.
    pub async fn applied(&self, owner: &str) -> Result<Vec<i64>, StoreError> {
        let mut conn = self.read().await?;
        let table = format!("{owner}_migrations");
        let tables = sqlx::query_scalar::<_, i64>(self.dialect.tables).bind(&table);
        if tables.fetch_one(&mut *conn).await? == 0 {
            return Ok(Vec::new());
        }
        let versions = AssertSqlSafe(format!("SELECT version FROM {table}"));
        Ok(sqlx::query_scalar(versions).fetch_all(&mut *conn).await?)
    }

    /// Fails when nothing can be written, such as on a full or read-only disk.
    pub async fn expect_writable(&self) -> Result<(), StoreError> {
        self.beat().await
    }

    /// Begins a write. In SQLite it waits for the write in progress, if any.
    pub async fn begin(&self) -> Result<Tx, StoreError> {
        self.expect_whole()?;
        Ok(Tx::new(self.writer.begin_with(self.dialect.begin).await?, self.log.clone()))
    }

    /// A connection that sees everything committed and cannot write.
    pub async fn read(&self) -> Result<PoolConnection<Any>, StoreError> {
        self.expect_whole()?;
        Ok(self.reader.acquire().await?)
    }

    fn expect_whole(&self) -> Result<(), StoreError> {
        self.log.as_ref().map_or(Ok(()), |log| log.expect_whole())
    }

    /// Waits until all connections are closed; everybody who still asks for one gets an error.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// The tables of this crate, as owner `store`; opening a store brings them up to date.
pub fn migrations() -> Migrator {
    sqlx::migrate!()
}

/// Says what is wrong with a URL, before anything connects to it.
pub fn check(url: &Url) -> Result<(), StoreError> {
    let rules = [
        (
            matches!(url.scheme(), "postgres" | "postgresql"),
            "must be a postgres:// URL; without one the database is a file in the store's folder",
        ),
        (
            url.password().is_none() && url.query_pairs().all(|(key, _)| key != "password"),
            "must not carry a password: set PGPASSWORD, or write a password file (PGPASSFILE)",
        ),
    ];
    match rules.into_iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, rule)) => Err(StoreError::Url(rule)),
    }
}

fn instance() -> Arc<str> {
    format!("{:032x}", rand::random::<u128>()).into()
}

async fn pool(url: &str, most: u32, first: String) -> Result<AnyPool, StoreError> {
    install_default_drivers();
    let options = AnyPoolOptions::new().max_connections(most).after_connect(move |conn, _| {
        let first = AssertSqlSafe(first.clone());
        Box::pin(async move {
            conn.execute(first).await?;
            Ok(())
        })
    });
    Ok(options.connect(url).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_opener_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = Store::open(dir.path(), "t", Leases::default()).await.unwrap();
        let second = Store::open(dir.path(), "t", Leases::default()).await.unwrap_err();
        assert!(matches!(second, StoreError::InUse { .. }), "{second}");
        drop(first);
        Store::open(dir.path(), "t", Leases::default()).await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_may_have_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let odd = dir.path().join("a ? b # c % d");
        let store = Store::open(&odd, "t", Leases::default()).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.execute("CREATE TABLE t (n BIGINT)").await.unwrap();
        tx.commit().await.unwrap();
        assert!(odd.join("t.sqlite").exists());
    }

    #[test]
    fn a_url_with_a_password_or_of_another_database_is_refused() {
        for (url, needed) in [
            ("postgres://me:secret@db/relayer", "PGPASSWORD"),
            ("postgres://me@db/relayer?password=secret", "PGPASSWORD"),
            ("mysql://me@db/relayer", "postgres://"),
            ("sqlite:///var/x", "postgres://"),
        ] {
            let shown = check(&url.parse().unwrap()).unwrap_err().to_string();
            assert!(shown.contains(needed) && !shown.contains("secret"), "{shown}");
        }
        check(&"postgres://me@db/relayer".parse().unwrap()).unwrap();
    }
}
