//! Deliverables by their digest, one file each.

use std::path::PathBuf;

use alloy::primitives::{B256, keccak256};

use crate::Error;

/// A folder of content-addressed files.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Uses a folder, which is created if it is missing.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        std::fs::create_dir_all(&folder).map_err(|_| Error::Store("the deliverables' folder"))?;
        Ok(Self { folder })
    }

    /// Keeps bytes and returns their digest. The file is whole or absent, also after a crash.
    pub(crate) async fn put(&self, bytes: Vec<u8>) -> Result<B256, Error> {
        let digest = keccak256(&bytes);
        let path = self.folder.join(digest.to_string());
        let draft = self.folder.join(format!("{digest}.{}", B256::random()));
        let write = move || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&draft)?;
            std::io::Write::write_all(&mut file, &bytes)?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => Ok(digest),
            Ok(Err(_)) | Err(_) => Err(Error::Store("writing a deliverable")),
        }
    }

    /// The bytes with this digest, if they are here.
    pub(crate) async fn get(&self, digest: B256) -> Result<Option<Vec<u8>>, Error> {
        match tokio::fs::read(self.folder.join(digest.to_string())).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(Error::Store("reading a deliverable")),
        }
    }
}
