//! Secrets that stand in files and in the environment.

use std::{
    fmt,
    io::{ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::KeyError;

/// The largest file that is read: no key, keystore or passphrase is longer.
const MOST_BYTES: u64 = 16 << 10;

/// Where a passphrase stands. Never in an argument: others can read those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passphrase {
    /// In the first line of a file that its owner alone may read.
    File(PathBuf),
    /// In the environment variable of this name.
    Env(String),
}

impl Passphrase {
    /// Reads it. A line end does not belong to it, a space does.
    #[expect(clippy::disallowed_methods, reason = "a secret is read when it is needed")]
    pub(crate) fn read(&self) -> Result<Zeroizing<String>, KeyError> {
        match self {
            Self::File(path) => {
                let text = private_text("passphrase_file", path)?;
                let line = text.lines().next().filter(|line| !line.is_empty());
                let line = line.ok_or_else(|| {
                    KeyError::file("passphrase_file", path, "its first line is empty")
                })?;
                Ok(Zeroizing::new(line.to_owned()))
            }
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(Zeroizing::new(value)),
                Ok(_) | Err(_) => Err(KeyError::NoPassphrase { name: name.clone() }),
            },
        }
    }
}

/// Writes a secret to a file that does not exist yet, readable by its owner only. `what` names the
/// kind of file in errors.
pub fn create_private(what: &'static str, path: &Path, text: &str) -> Result<(), KeyError> {
    let fail = |error: &std::io::Error| {
        KeyError::file(what, path, format!("cannot be made ({})", error.kind()))
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| fail(&error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| fail(&error))
}

/// The text of a short file that nobody but its owner may read. `what` names the kind of file in
/// errors.
pub fn private_text(what: &'static str, path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let wrong = |rule: String| KeyError::file(what, path, rule);
    let unreadable = |error: &std::io::Error| {
        wrong(if error.kind() == ErrorKind::NotFound {
            "there is no such file".to_owned()
        } else if error.kind() == ErrorKind::InvalidData {
            "is not text".to_owned()
        } else {
            format!("cannot be read ({})", error.kind())
        })
    };
    // Before it is opened: opening a pipe that nobody writes to never ends.
    let meta = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !meta.is_file() {
        return Err(wrong("is not a file".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Of the open file: the path may lead elsewhere by now.
        let meta = file.metadata().map_err(|error| unreadable(&error))?;
        let mode = meta.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(wrong(format!("is open to others (mode {mode:03o}): chmod 600")));
        }
    }
    let mut text = Zeroizing::new(String::new());
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    let read = read.map_err(|error| unreadable(&error))?;
    if u64::try_from(read).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(wrong(format!("is longer than {MOST_BYTES} bytes")));
    }
    Ok(text)
}

impl fmt::Display for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the first line of {}", path.display()),
            Self::Env(name) => write!(f, "the environment variable {name}"),
        }
    }
}
