//! A juror's ballots, out of its store and into another one. The juror does not run meanwhile: the
//! store has one owner.

use std::collections::BTreeSet;

use alloy::primitives::B256;
use surety_interchange::{Document, Owner, sqlite};
use surety_keys::Key;
use surety_seal::BallotSigner;

use crate::{Config, JurorError, store::Store};

pub use surety_interchange::sqlite::Merged;

/// Everything that the juror answered. An answer that a crash left unsigned is signed first.
pub async fn export(config: &Config, key: &Key) -> Result<Document, JurorError> {
    let store = Store::open(&config.store, config.transcripts.as_ref()).await?;
    let signer = BallotSigner::new(key.clone(), config.chain_id, config.jury);
    for row in store.ballots().unsigned().await? {
        signer.finish(store.ballots(), row).await?;
    }
    let owner = owner(config, key);
    let entries = sqlite::entries(store.pool(), owner, &config.consumers).await?;
    let document = Document::new(owner, entries)?;
    store.close().await;
    Ok(document)
}

/// Adds a document's ballots to the store. `on_chain` are the cases for which the chain shows that
/// this juror's ballot was counted: a store without one of them is too old to sign from.
pub async fn import(
    config: &Config,
    key: &Key,
    document: &Document,
    on_chain: &BTreeSet<B256>,
) -> Result<Merged, JurorError> {
    document.expect_owner(owner(config, key))?;
    let store = Store::open(&config.store, config.transcripts.as_ref()).await?;
    let merged = sqlite::merge(store.pool(), document, on_chain).await?;
    store.close().await;
    Ok(merged)
}

fn owner(config: &Config, key: &Key) -> Owner {
    Owner { chain_id: config.chain_id, jury: config.jury, juror: key.address() }
}
