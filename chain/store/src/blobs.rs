//! Bytes under their names: in a folder, or in a store that speaks S3.
//!
//! A blob appears whole or not at all, and a put that returned survives a power cut. What it means,
//! and whether the bytes that come back are the right ones, is the caller's to know.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Place;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::StoreError;

/// A bucket of a store that speaks S3. Credentials come from the environment (`AWS_ACCESS_KEY_ID` and
/// `AWS_SECRET_ACCESS_KEY`, a web identity token file, or what the machine's role gives out).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// `s3://bucket/prefix`.
    pub url: Url,
    /// Where the store is, unless it is Amazon's. Plain `http` only where that is meant.
    #[serde(default)]
    pub endpoint: Option<Url>,
    /// Its region.
    #[serde(default = "Bucket::default_region")]
    pub region: String,
    /// Whether the bucket's name is in the path instead of the host.
    #[serde(default)]
    pub path_style: bool,
}

impl Bucket {
    fn default_region() -> String {
        "us-east-1".to_owned()
    }

    /// Says what is wrong with it, before anything connects.
    pub fn check(&self) -> Result<(), StoreError> {
        let plain = |url: &Url| {
            url.username().is_empty() && url.password().is_none() && url.query().is_none()
        };
        let endpoint = self.endpoint.as_ref();
        let rules = [
            (
                self.url.scheme() == "s3" && self.url.host_str().is_some(),
                "must be s3://bucket or s3://bucket/prefix",
            ),
            (
                endpoint.is_none_or(|url| matches!(url.scheme(), "http" | "https")),
                "must have an http or https endpoint",
            ),
            (
                plain(&self.url) && endpoint.is_none_or(plain),
                "must not carry credentials: they come from the environment",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, rule)) => Err(StoreError::Url(rule)),
        }
    }
}

/// A place for bytes. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Where they are, if in a folder.
    folder: Option<Arc<Path>>,
}

impl Blobs {
    /// A folder, which is made if it is missing.
    pub fn folder(dir: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(dir)
            .map_err(|source| StoreError::Folder { path: dir.to_path_buf(), source })?;
        let store = LocalFileSystem::new_with_prefix(dir).map_err(|e| failed(&e))?;
        Ok(Self { store: Arc::new(store.with_fsync(true)), folder: Some(dir.into()) })
    }

    /// A bucket, with the credentials of the environment.
    pub fn bucket(bucket: &Bucket) -> Result<Self, StoreError> {
        Self::build(bucket, AmazonS3Builder::from_env())
    }

    fn build(bucket: &Bucket, builder: AmazonS3Builder) -> Result<Self, StoreError> {
        bucket.check()?;
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(20),
            ..RetryConfig::default()
        };
        let mut builder = builder
            .with_bucket_name(bucket.url.host_str().unwrap_or_default())
            .with_region(&bucket.region)
            .with_virtual_hosted_style_request(!bucket.path_style)
            .with_retry(retry);
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder
                .with_endpoint(endpoint.as_str().trim_end_matches('/'))
                .with_allow_http(endpoint.scheme() == "http");
        }
        let store = builder.build().map_err(|e| failed(&e))?;
        let prefix = bucket.url.path().trim_matches('/');
        Ok(Self {
            store: if prefix.is_empty() {
                Arc::new(store)
            } else {
                Arc::new(PrefixStore::new(store, prefix))
            },
            folder: None,
        })
    }

    /// Keeps bytes under a name; what was there is replaced as a whole.
    pub async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let put = self.store.put(&Place::from(name), PutPayload::from(bytes)).await;
        put.map(drop).map_err(|e| failed(&e))
    }

    /// The bytes under a name; none when there are none, or more than `most`.
    pub async fn get(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let found = match self.store.get(&Place::from(name)).await {
            Ok(found) if found.meta.size > most => return Ok(None),
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        Ok(Some(found.bytes().await.map_err(|e| failed(&e))?.into()))
    }

    /// Deletes the bytes under a name, if there are any.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        match self.store.delete(&Place::from(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// Deletes everything whose name begins with this and a slash.
    pub async fn delete_under(&self, prefix: &str) -> Result<(), StoreError> {
        if let Some(folder) = &self.folder {
            // What a crash left half written is not listed, and goes with the rest.
            let path = folder.join(prefix);
            return match tokio::fs::remove_dir_all(&path).await {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    Err(StoreError::Folder { path, source })
                }
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let mut found = self.store.list(Some(&Place::from(prefix)));
        while let Some(meta) = found.try_next().await.map_err(|e| failed(&e))? {
            self.delete(meta.location.as_ref()).await?;
        }
        Ok(())
    }

    /// Whether there are bytes under a name.
    pub async fn has(&self, name: &str) -> Result<bool, StoreError> {
        match self.store.head(&Place::from(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// What went wrong, in our words: a store's own may hold what signs its requests.
fn failed(error: &object_store::Error) -> StoreError {
    use object_store::Error as E;
    StoreError::Blobs(if matches!(error, E::Unauthenticated { .. } | E::PermissionDenied { .. }) {
        "it refuses our credentials"
    } else if matches!(error, E::NotFound { .. }) {
        "there is no such bucket or folder"
    } else {
        "it does not answer as it should; is it reachable, and has it room?"
    })
}

#[cfg(test)]
mod tests {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use hyper_util::server::conn::auto;
    use s3s::auth::SimpleAuth;
    use s3s::service::S3ServiceBuilder;
    use s3s_fs::FileSystem;

    use super::*;

    /// A server that speaks S3 over HTTP, checks signatures and keeps `bucket` in a folder.
    async fn server(root: &Path) -> Url {
        std::fs::create_dir_all(root.join("bucket")).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(root).unwrap());
        service.set_auth(SimpleAuth::from_single("key-id", "key-secret"));
        let service = service.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let http = auto::Builder::new(TokioExecutor::new());
            while let Ok((socket, _)) = listener.accept().await {
                let serving = http.serve_connection(TokioIo::new(socket), service.clone());
                tokio::spawn(serving.into_owned());
            }
        });
        url.parse().unwrap()
    }

    fn bucket(endpoint: Url) -> Bucket {
        Bucket {
            url: "s3://bucket/deliverables".parse().unwrap(),
            endpoint: Some(endpoint),
            region: Bucket::default_region(),
            path_style: true,
        }
    }

    fn client(endpoint: Url, secret: &str) -> Blobs {
        let builder = AmazonS3Builder::new().with_access_key_id("key-id");
        Blobs::build(&bucket(endpoint), builder.with_secret_access_key(secret)).unwrap()
    }

    async fn keeps_bytes(blobs: &Blobs) {
        assert_eq!(blobs.get("ab01", 10).await.unwrap(), None);
        assert!(!blobs.has("ab01").await.unwrap());
        blobs.put("ab01", b"bytes".to_vec()).await.unwrap();
        blobs.put("ab01", b"others".to_vec()).await.unwrap();
        assert!(blobs.has("ab01").await.unwrap());
        assert_eq!(blobs.get("ab01", 6).await.unwrap(), Some(b"others".to_vec()));
        assert_eq!(blobs.get("ab01", 5).await.unwrap(), None, "more than was asked for");
        keeps_large_ones(blobs).await;
    }

    async fn keeps_large_ones(blobs: &Blobs) {
        let large = vec![7; 3 << 20];
        blobs.put("ab02", large.clone()).await.unwrap();
        assert_eq!(blobs.get("ab02", 4 << 20).await.unwrap(), Some(large));
        blobs.put("ab03", vec![1]).await.unwrap();
        for _ in 0..2 {
            blobs.delete("ab03").await.unwrap();
            assert!(!blobs.has("ab03").await.unwrap());
        }
        forgets_what_belongs_together(blobs).await;
    }

    async fn forgets_what_belongs_together(blobs: &Blobs) {
        for name in ["c1/a.jsonl", "c1/blobs/b", "c1-2", "c12/a"] {
            blobs.put(name, vec![1]).await.unwrap();
        }
        for _ in 0..2 {
            blobs.delete_under("c1").await.unwrap();
        }
        for (name, stays) in
            [("c1/a.jsonl", false), ("c1/blobs/b", false), ("c1-2", true), ("c12/a", true)]
        {
            assert_eq!(blobs.has(name).await.unwrap(), stays, "{name}");
        }
        blobs.delete("c1-2").await.unwrap();
        blobs.delete_under("c12").await.unwrap();
    }

    #[tokio::test]
    async fn a_folder_keeps_bytes() {
        let dir = tempfile::tempdir().unwrap();
        keeps_bytes(&Blobs::folder(&dir.path().join("new")).unwrap()).await;
        let names: Vec<_> = std::fs::read_dir(dir.path().join("new"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "something is left beside the blobs: {names:?}");
    }

    #[tokio::test]
    async fn a_bucket_keeps_bytes_under_its_prefix() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = server(dir.path()).await;
        keeps_bytes(&client(endpoint, "key-secret")).await;
        assert!(dir.path().join("bucket/deliverables/ab01").exists());
    }

    #[tokio::test]
    async fn wrong_credentials_are_an_error_that_shows_none() {
        let dir = tempfile::tempdir().unwrap();
        let endpoint = server(dir.path()).await;
        let error = client(endpoint, "wrong-secret").put("ab01", vec![1]).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("secret") && !shown.contains("key-id"), "{shown}");
        assert!(error.retryable() && shown.contains("credentials"), "{shown}");
    }

    #[test]
    fn a_bucket_that_carries_credentials_or_is_none_is_refused() {
        let good = bucket("http://127.0.0.1:9".parse().unwrap());
        good.check().unwrap();
        for (url, endpoint) in [
            ("s3://me:secret@b/x", "http://h"),
            ("https://b/x", "http://h"),
            ("s3://b", "ftp://h"),
            ("s3://b", "http://me:secret@h"),
            ("s3://b?secret=1", "http://h"),
        ] {
            let bad = Bucket {
                url: url.parse().unwrap(),
                endpoint: Some(endpoint.parse().unwrap()),
                ..good.clone()
            };
            assert!(!bad.check().unwrap_err().to_string().contains("secret"), "{url} {endpoint}");
        }
    }
}
