//! Stores for tests: a folder of its own for SQLite, a schema of its own for PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "in a test a broken store is its failure"
)]

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use url::Url;

use crate::{Leases, Store};

/// The variable that names a PostgreSQL server for tests.
pub const SERVER: &str = "SURETY_POSTGRES";

/// What to do without one.
const REMEDY: &str = "Install PostgreSQL, start it, make a role that may create schemas, and set \
                      SURETY_POSTGRES to postgres://USER@HOST/DATABASE; .ci/run does all of that.";

/// Where a server is looked for when nobody names one: at Debian's socket, under the user's own name.
fn local() -> String {
    let name = std::process::Command::new("id").arg("-un").output();
    let name = name.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!("postgres://{}@%2Fvar%2Frun%2Fpostgresql/postgres", name.unwrap_or_default())
}

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// A database that nobody else uses, gone with this value.
#[derive(Debug)]
pub enum Scratch {
    /// A folder.
    Folder(TempDir),
    /// A schema.
    Schema(Schema),
}

/// A schema of its own on the server, dropped with this value.
#[derive(Debug)]
pub struct Schema {
    name: String,
    server: Url,
}

impl Scratch {
    /// A database of this engine. None, with a notice, when no PostgreSQL server is there and nobody
    /// named one.
    ///
    /// # Panics
    /// When there is no room for it.
    pub async fn new(engine: Engine) -> Option<Self> {
        match engine {
            Engine::Sqlite => Some(Self::Folder(tempfile::tempdir().unwrap())),
            Engine::Postgres => Schema::new().await.map(Self::Schema),
        }
    }

    /// Opens it; in PostgreSQL, as one more process that shares it.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(&self) -> Store {
        self.open_with(Leases::default()).await
    }

    /// The same, with leases that run out sooner or later.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open_with(&self, leases: Leases) -> Store {
        match self {
            Self::Folder(folder) => Store::open(folder.path(), "scratch", leases).await.unwrap(),
            Self::Schema(schema) => Store::connect(&schema.url(), leases).await.unwrap(),
        }
    }
}

impl Schema {
    /// A schema on the server that [`SERVER`] names, or on the local one.
    ///
    /// # Panics
    /// When the named server cannot be used.
    pub async fn new() -> Option<Self> {
        let named = std::env::var_os(SERVER).and_then(|url| url.into_string().ok());
        let server: Url = named.clone().unwrap_or_else(local).parse().unwrap();
        let name = format!("surety_{:016x}", rand::random::<u64>());
        match create(&server, &name).await {
            Ok(()) => Some(Self { name, server }),
            Err(error) if named.is_none() => {
                eprintln!(
                    "notice: not tested on PostgreSQL, no server is here ({error}). {REMEDY}"
                );
                None
            }
            Err(error) => panic!("{SERVER} cannot be used: {error}. {REMEDY}"),
        }
    }

    /// Where processes find it.
    pub fn url(&self) -> Url {
        let mut url = self.server.clone();
        url.query_pairs_mut().append_pair("options[search_path]", &self.name);
        url
    }
}

async fn create(server: &Url, name: &str) -> Result<(), sqlx::Error> {
    let mut conn = PgConnection::connect(server.as_str()).await?;
    conn.execute(AssertSqlSafe(format!("CREATE SCHEMA {name}"))).await?;
    conn.close().await
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), std::mem::take(&mut self.name));
        // The test's runtime may be at its end, so this one is another's.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut conn = PgConnection::connect(server.as_str()).await?;
                conn.execute("SET client_min_messages = warning").await?;
                conn.execute(AssertSqlSafe(format!("DROP SCHEMA {name} CASCADE"))).await
            })
        });
        if !matches!(dropped.join(), Ok(Ok(_))) {
            eprintln!("a test's schema is left on the PostgreSQL server");
        }
    }
}

/// Makes two tests of each function, one for each engine: `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => { $(
        mod $name {
            use $crate::scratch::{Engine, Scratch};

            #[tokio::test]
            async fn sqlite() {
                super::$name(&Scratch::new(Engine::Sqlite).await.unwrap()).await;
            }

            #[tokio::test]
            async fn postgres() {
                if let Some(scratch) = Scratch::new(Engine::Postgres).await {
                    super::$name(&scratch).await;
                }
            }
        }
    )* };
}
