//! Deliverables on disk, each under its digest.
//!
//! A file appears whole or not at all: it is written beside its place, flushed to the disk and
//! renamed. Its row follows; a crash between the two leaves a file that the next upload replaces.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use alloy::primitives::{B256, Bytes, keccak256};
use surety_chain::store::Store;

use crate::RelayerError;
use crate::config::Limits;
use crate::store::deliverables;

/// The folder of deliverables.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    folder: PathBuf,
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
    pub(crate) fn open(
        folder: PathBuf,
        store: Store,
        limits: Limits,
    ) -> Result<Self, RelayerError> {
        std::fs::create_dir_all(&folder)
            .map_err(|source| RelayerError::File { path: folder.clone(), source })?;
        Ok(Self { folder, store, limits })
    }

    fn place(&self, digest: B256) -> PathBuf {
        self.folder.join(format!("{digest:x}"))
    }

    /// Takes at most `most` bytes for a digest. The same bytes twice are one deliverable.
    pub(crate) async fn put(
        &self,
        digest: B256,
        bytes: Bytes,
        most: u64,
    ) -> Result<Result<(), NotTaken>, RelayerError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > most {
            return Ok(Err(NotTaken::Size(size)));
        }
        let got = keccak256(&bytes);
        if got != digest {
            return Ok(Err(NotTaken::Digest(got)));
        }
        let named = {
            let mut conn = self.store.read().await?;
            if deliverables::has(&mut conn, digest).await? && self.place(digest).exists() {
                return Ok(Ok(()));
            }
            let named = deliverables::is_named(&mut conn, digest).await?;
            let (total, unnamed) = deliverables::totals(&mut conn).await?;
            let full = total.saturating_add(size) > self.limits.deliverables_total_bytes
                || (!named && unnamed.saturating_add(size) > self.limits.unnamed_total_bytes);
            if full {
                return Ok(Err(NotTaken::Full));
            }
            named
        };
        let place = self.place(digest);
        let written = place.clone();
        tokio::task::spawn_blocking(move || write_whole(&written, &bytes))
            .await
            .unwrap_or_else(|_| Err(std::io::Error::other("the writer was stopped")))
            .map_err(|source| RelayerError::File { path: place, source })?;
        let mut tx = self.store.begin().await?;
        deliverables::add(&mut tx, digest, size, named).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Deletes the bytes of a digest; its row is the caller's.
    pub(crate) async fn remove(&self, digest: B256) -> Result<(), RelayerError> {
        let path = self.place(digest);
        match tokio::fs::remove_file(&path).await {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(RelayerError::File { path, source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// The bytes of a digest, if they are here. A file that does not hash to its name is not.
    pub(crate) async fn get(&self, digest: B256) -> Result<Option<Bytes>, RelayerError> {
        let path = self.place(digest);
        match tokio::fs::read(&path).await {
            Ok(bytes) if keccak256(&bytes) == digest => Ok(Some(bytes.into())),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(RelayerError::File { path, source }),
        }
    }
}

fn write_whole(place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    // Two uploads of one digest may race: each writes its own file, the renames agree.
    let beside = place.with_extension(format!("{:x}.tmp", rand_suffix(place)));
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, place)?;
    std::fs::File::open(folder)?.sync_all()
}

fn rand_suffix(place: &Path) -> u64 {
    use std::hash::BuildHasher as _;
    std::collections::hash_map::RandomState::new().hash_one(place)
}
