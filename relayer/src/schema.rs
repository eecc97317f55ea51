//! Whether a store is of this version, without changing anything in it.

use sqlx::Row as _;
use surety_chain::store::Store;
use surety_chain::{ChainError, follow, send};

use crate::config::Config;
use crate::{RelayerError, store};

/// What a start would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreState {
    /// Nothing: the start makes it.
    New,
    /// A relayer works on it.
    InUse,
    /// Its tables are this version's.
    Current,
    /// So many migrations are still to be applied; the start applies them.
    Behind(usize),
    /// A later version has changed it: this version must not.
    Ahead,
}

/// Looks at the configured store.
pub async fn store_state(config: &Config) -> Result<StoreState, RelayerError> {
    if !config.store.join("relayer.sqlite").exists() {
        return Ok(StoreState::New);
    }
    let opened = match Store::open(&config.store, "relayer").await {
        Err(ChainError::StoreInUse { .. }) => return Ok(StoreState::InUse),
        other => other?,
    };
    let mut behind = 0_usize;
    for (owner, migrator) in [
        ("follow", follow::migrations()),
        ("relayer", store::migrations()),
        ("send", send::migrations()),
    ] {
        let known: Vec<i64> = migrator.iter().map(|migration| migration.version).collect();
        let applied = applied(&opened, owner).await?;
        if applied.iter().any(|version| !known.contains(version)) {
            return Ok(StoreState::Ahead);
        }
        behind = behind.saturating_add(known.len().saturating_sub(applied.len()));
    }
    opened.close().await;
    Ok(if behind == 0 { StoreState::Current } else { StoreState::Behind(behind) })
}

/// The migrations that an owner's tables have had.
async fn applied(store: &Store, owner: &str) -> Result<Vec<i64>, RelayerError> {
    let mut conn = store.read().await?;
    let table = format!("{owner}_migrations");
    let there = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1")
        .bind(&table)
        .fetch_optional(&mut *conn)
        .await?;
    if there.is_none() {
        return Ok(Vec::new());
    }
    let query = sqlx::AssertSqlSafe(format!("SELECT version FROM {table}"));
    let rows = sqlx::query(query).fetch_all(&mut *conn).await?;
    rows.iter().map(|row| Ok(row.try_get("version")?)).collect()
}
