//! The secret side: identities, and the files in which they stand.

use std::fmt;
use std::path::Path;

use secrecy::ExposeSecret as _;
use surety_keys::{KeyError, create_private, private_text};
use surety_terms::Recipient;
use zeroize::Zeroizing;

const WHAT: &str = "age identity";

/// What reads files that are encrypted to its recipient. Cannot be printed.
#[derive(Clone)]
pub struct Identity {
    secret: age::x25519::Identity,
    recipient: Recipient,
}

/// Those of one reader, the present one first. Older ones read what was encrypted before.
#[derive(Clone, Debug, Default)]
pub struct Identities(Vec<Identity>);

impl Identity {
    /// A new one.
    pub fn random() -> Self {
        loop {
            // Never a second time: what a secret gives is a recipient.
            if let Some(made) = Self::of(age::x25519::Identity::generate()) {
                return made;
            }
        }
    }

    fn of(secret: age::x25519::Identity) -> Option<Self> {
        let recipient = secret.to_public().to_string().parse().ok()?;
        Some(Self { secret, recipient })
    }

    /// What others encrypt to.
    pub const fn recipient(&self) -> Recipient {
        self.recipient
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("recipient", &self.recipient).finish_non_exhaustive()
    }
}

impl Identities {
    /// The present one first.
    pub const fn new(identities: Vec<Identity>) -> Self {
        Self(identities)
    }

    /// Reads one file each, the present identity's first.
    pub fn read<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Self, KeyError> {
        Ok(Self(paths.into_iter().map(read).collect::<Result<_, _>>()?))
    }

    /// The present recipient; `None` for a reader of public deals only.
    pub fn recipient(&self) -> Option<Recipient> {
        self.0.first().map(Identity::recipient)
    }

    pub(crate) fn as_age(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.0.iter().map(|identity| &identity.secret as &dyn age::Identity)
    }
}

/// Writes a new identity to a file that does not exist yet, readable by its owner only, in the form
/// that `age-keygen` writes.
pub fn create(path: &Path) -> Result<Identity, KeyError> {
    let identity = Identity::random();
    let secret = identity.secret.to_string();
    let text = format!("# public key: {}\n{}\n", identity.recipient, secret.expose_secret());
    create_private(WHAT, path, &Zeroizing::new(text))?;
    Ok(identity)
}

/// Reads an identity from a file that nobody else may read.
pub fn read(path: &Path) -> Result<Identity, KeyError> {
    let text = private_text(WHAT, path)?;
    let mut lines = text.lines().map(str::trim);
    let found = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let identity = found.and_then(|line| line.parse().ok()).and_then(Identity::of);
    identity.ok_or_else(|| KeyError::File {
        what: WHAT,
        path: path.to_owned(),
        rule: "must hold AGE-SECRET-KEY-1 and 58 characters in a line; `surety key identity` makes one"
            .to_owned(),
    })
}

/// The identity of a file, made there if there is none.
pub fn open_or_create(path: &Path) -> Result<Identity, KeyError> {
    if path.exists() { read(path) } else { create(path) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_identity_file_is_its_owners_only_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("juror.age");
        let made = open_or_create(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(open_or_create(&path).unwrap().recipient(), made.recipient());
        assert!(create(&path).is_err(), "never overwritten");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn neither_an_identity_nor_an_error_shows_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let identity = create(&path).unwrap();
        let secret = identity.secret.to_string();
        let secret = secret.expose_secret();
        let printed = format!("{identity:?} {:?}", Identities::new(vec![identity.clone()]));
        assert!(!printed.contains(secret) && printed.contains(&identity.recipient().to_string()));
        let half = format!("{}\n", &secret[..40]);
        std::fs::write(&path, half).unwrap();
        let fault = read(&path).unwrap_err().to_string();
        assert!(!fault.contains(&secret[16..40]) && fault.contains("surety key"), "{fault}");
    }
}
