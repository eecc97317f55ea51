//! Key files: 32 bytes as 0x-hex on one line.

use std::path::Path;

use alloy::signers::local::PrivateKeySigner;
pub use surety_chain::key::read;
use zeroize::Zeroizing;

use crate::Error;

/// Writes a new random key to a file that does not exist yet, readable by its owner only.
pub fn create(path: &Path) -> Result<PrivateKeySigner, Error> {
    use std::io::Write as _;

    let fail = |e: &std::io::Error| Error::Config {
        what: path.display().to_string(),
        why: format!("cannot create the key file: {}", e.kind()),
    };
    let signer = PrivateKeySigner::random();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| fail(&e))?;
    let text = Zeroizing::new(format!("{}\n", signer.to_bytes()));
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| fail(&e))?;
    Ok(signer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_reads_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let signer = create(&path).unwrap();
        assert_eq!(read(&path).unwrap().address(), signer.address());
        assert!(create(&path).is_err());
    }
}
