//! Deliverables, each under its digest.
//!
//! The bytes come first and their row follows; a crash between the two leaves bytes that the next
//! upload replaces by the same. What comes back is hashed again: neither a disk nor a bucket is believed.

use alloy::primitives::{B256, Bytes, keccak256};
use surety_privacy::ciphertext_most;
use surety_store::{Blobs, Store};

use crate::RelayerError;
use crate::config::Limits;
use crate::store::deliverables;

/// The place of deliverables.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    blobs: Blobs,
    store: Store,
    limits: Limits,
}

/// Why bytes were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// They have another digest.
    Digest(B256),
    /// They are more than one deliverable may have.
    Size(u64),
    /// The shelf is full; for deliverables that no delivery names it is full earlier.
    Full,
}

impl Shelf {
    pub(crate) const fn new(blobs: Blobs, store: Store, limits: Limits) -> Self {
        Self { blobs, store, limits }
    }

    /// Takes at most `most` bytes for a digest. The same bytes twice are one deliverable, as old as
    /// the second time.
    pub(crate) async fn put(
        &self,
        digest: B256,
        bytes: Bytes,
        (most, now): (u64, u64),
    ) -> Result<Result<(), NotTaken>, RelayerError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > most {
            return Ok(Err(NotTaken::Size(size)));
        }
        let got = keccak256(&bytes);
        if got != digest {
            return Ok(Err(NotTaken::Digest(got)));
        }
        let name = format!("{digest:x}");
        let (known, named, full) = self.room(digest, size).await?;
        let is_here = known && self.blobs.has(&name).await?;
        if is_here && named {
            return Ok(Ok(()));
        }
        if !is_here {
            if full {
                return Ok(Err(NotTaken::Full));
            }
            self.blobs.put(&name, bytes.into()).await?;
        }
        let mut tx = self.store.begin().await?;
        deliverables::add(&mut tx, digest, (size, named), now).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Whether a digest is on the shelf, whether a delivery names it, and whether so many bytes more
    /// are too many.
    async fn room(&self, digest: B256, size: u64) -> Result<(bool, bool, bool), RelayerError> {
        let mut conn = self.store.read().await?;
        let known = deliverables::has(&mut conn, digest).await?;
        let named = deliverables::is_named(&mut conn, digest).await?;
        let (total, unnamed) = deliverables::totals(&mut conn).await?;
        let full = total.saturating_add(size) > self.limits.deliverables_total_bytes
            || (!named && unnamed.saturating_add(size) > self.limits.unnamed_total_bytes);
        Ok((known, named, full))
    }

    /// Deletes the bytes of a digest; its row is the caller's.
    pub(crate) async fn remove(&self, digest: B256) -> Result<(), RelayerError> {
        Ok(self.blobs.delete(&format!("{digest:x}")).await?)
    }

    /// The bytes of a digest, if they are here. Bytes that do not hash to it are not.
    pub(crate) async fn get(&self, digest: B256) -> Result<Option<Bytes>, RelayerError> {
        // An age file is a little larger than the deliverable in it.
        let most = usize::try_from(self.limits.deliverable_max_bytes).unwrap_or(usize::MAX);
        let most = u64::try_from(ciphertext_most(most)).unwrap_or(u64::MAX);
        let bytes = self.blobs.get(&format!("{digest:x}"), most).await?;
        Ok(bytes.filter(|bytes| keccak256(bytes) == digest).map(Bytes::from))
    }
}
