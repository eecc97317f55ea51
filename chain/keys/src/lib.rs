#![doc = include_str!("../README.md")]

#[cfg(all(test, feature = "kms"))]
#[path = "tests/double.rs"]
mod double;
mod error;
pub mod file;
pub mod keystore;
#[cfg(feature = "kms")]
mod kms;
mod secret;
mod source;

use std::{fmt, sync::Arc};

use alloy::{
    network::{FullSigner, TxSigner},
    primitives::{Address, B256, Signature},
    signers::local::PrivateKeySigner,
};

pub use error::KeyError;
#[cfg(feature = "kms")]
use kms::unsigned;
pub use secret::{Passphrase, create_private, private_text};
pub use source::{KeySource, Table};

/// A key that signs: held here, or by AWS KMS. Its secret cannot be printed.
#[derive(Clone)]
pub struct Key(Arc<dyn FullSigner<Signature> + Send + Sync>);

impl Key {
    /// The key's address.
    pub fn address(&self) -> Address {
        TxSigner::address(&*self.0)
    }

    /// Signs a digest. The signature's s is low.
    ///
    /// A key in KMS can fail here for as long as KMS cannot be reached; the same call may succeed
    /// later.
    pub async fn sign(&self, digest: &B256) -> Result<Signature, KeyError> {
        let signed = self.0.sign_hash(digest).await.map_err(|error| unsigned(&error))?;
        Ok(signed.normalized_s())
    }

    /// The same key for whoever sends transactions.
    pub fn into_tx_signer(self) -> Arc<dyn TxSigner<Signature> + Send + Sync> {
        self.0
    }
}

/// A local key signs every digest.
#[cfg(not(feature = "kms"))]
const fn unsigned(_: &alloy::signers::Error) -> KeyError {
    KeyError::Signer
}

impl From<PrivateKeySigner> for Key {
    fn from(signer: PrivateKeySigner) -> Self {
        Self(Arc::new(signer))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("address", &self.address()).finish_non_exhaustive()
    }
}
