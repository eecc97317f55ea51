//! Why there is no key, or no signature.

use std::path::PathBuf;

/// What is wrong and what to do, in one line that never repeats a secret or a foreign text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file with a key or a passphrase cannot be used.
    #[error("{what} {}: {rule}", path.display())]
    File {
        /// What the file holds.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        rule: String,
    },
    /// An environment variable holds no passphrase.
    #[error("passphrase_env names the environment variable {name}, which is not set")]
    NoPassphrase {
        /// The variable.
        name: String,
    },
    /// KMS gives no key.
    #[error("AWS KMS key {key_id}: {why}")]
    Kms {
        /// The key's id as configured.
        key_id: String,
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// KMS did not sign.
    #[error("AWS KMS did not sign: {why}")]
    KmsUnsigned {
        /// What is wrong, and what to do.
        why: &'static str,
    },
    /// The key did not sign.
    #[error("the key did not sign")]
    Signer,
}

impl KeyError {
    pub(crate) fn file(
        what: &'static str,
        path: &std::path::Path,
        rule: impl Into<String>,
    ) -> Self {
        Self::File { what, path: path.to_owned(), rule: rule.into() }
    }
}
