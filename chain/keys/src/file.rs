//! Key files: 32 bytes as 0x-hex on one line.

use std::path::Path;

use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    KeyError,
    secret::{create_private, private_text},
};

const WHAT: &str = "key file";

/// Reads a private key from a file that nobody else may read.
///
/// Fails with the file's name and the rule that it breaks, never with its content.
pub fn read(path: &Path) -> Result<PrivateKeySigner, KeyError> {
    let text = private_text(WHAT, path)?;
    let wrong =
        || KeyError::file(WHAT, path, "must hold a private key: 0x and 64 hex digits in one line");
    let line = text.trim_end_matches(['\r', '\n']);
    if line.len() != 66 || !line.starts_with("0x") {
        return Err(wrong());
    }
    // The parser's own error would quote the key.
    let mut bytes: B256 = line.parse().map_err(|_| wrong())?;
    let signer = PrivateKeySigner::from_bytes(&bytes);
    bytes.0.zeroize();
    signer.map_err(|_| wrong())
}

/// Writes a new random key to a file that does not exist yet, readable by its owner only.
pub fn create(path: &Path) -> Result<PrivateKeySigner, KeyError> {
    let signer = PrivateKeySigner::random();
    create_private(WHAT, path, &Zeroizing::new(format!("{}\n", signer.to_bytes())))?;
    Ok(signer)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_new_key_reads_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let signer = create(&path).unwrap();
        assert_eq!(read(&path).unwrap().address(), signer.address());
        assert!(create(&path).is_err());
    }

    #[test]
    fn a_key_is_read_from_a_private_file_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path).unwrap();
        chmod(&path, 0o644);
        let fault = read(&path).unwrap_err().to_string();
        assert!(fault.contains("chmod 600"), "{fault}");
        let missing = read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(missing.contains("no such file"), "{missing}");
        assert!(read(folder.path()).unwrap_err().to_string().contains("is not a file"));
    }

    #[test]
    fn a_malformed_key_is_refused_without_being_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for text in [
            String::new(),
            "11".repeat(32),
            format!("0x{}", "zz".repeat(32)),
            format!("0x{}", "11".repeat(31)),
            format!("0x{}\n0x{}", "11".repeat(32), "22".repeat(32)),
            format!("0x{}", "00".repeat(32)),
            "1".repeat(20 << 10),
        ] {
            std::fs::write(&path, &text).unwrap();
            chmod(&path, 0o600);
            let fault = read(&path).unwrap_err().to_string();
            assert!(!fault.contains("1111"), "{fault}");
        }
        std::fs::write(&path, [0xff; 66]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("is not text"));
    }
}
