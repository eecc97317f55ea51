//! Whether a store is of this version, without changing anything in it.

use surety_chain::{follow, send};
use surety_store::{Store, StoreError};

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
    let found = match &config.database {
        Some(url) => Store::reach(url, config.leases).await,
        None if !config.store.join("relayer.sqlite").exists() => return Ok(StoreState::New),
        None => Store::find(&config.store, "relayer", config.leases).await,
    };
    let found = match found {
        Err(StoreError::InUse { .. }) => return Ok(StoreState::InUse),
        other => other?,
    };
    let (mut behind, mut had) = (0_usize, 0_usize);
    for (owner, migrator) in [
        ("store", surety_store::migrations()),
        ("follow", follow::migrations()),
        ("events", surety_events::migrations()),
        ("acts", surety_acts::migrations()),
        ("relayer", store::migrations()),
        ("send", send::migrations()),
    ] {
        let known: Vec<i64> = migrator.iter().map(|migration| migration.version).collect();
        let applied = found.applied(owner).await?;
        if applied.iter().any(|version| !known.contains(version)) {
            return Ok(StoreState::Ahead);
        }
        had = had.saturating_add(applied.len());
        behind = behind.saturating_add(known.len().saturating_sub(applied.len()));
    }
    found.close().await;
    Ok(match (had, behind) {
        (0, _) => StoreState::New,
        (_, 0) => StoreState::Current,
        (_, behind) => StoreState::Behind(behind),
    })
}
