//! Private keys from files.

use std::path::Path;

use alloy::primitives::B256;
use alloy::signers::local::PrivateKeySigner;
use zeroize::{Zeroize as _, Zeroizing};

use crate::ChainError;

/// Reads a private key: one line of 0x and 64 hexadecimal digits.
///
/// Fails with the file's name and the rule that it breaks, never with its content.
pub fn read(path: &Path) -> Result<PrivateKeySigner, ChainError> {
    let bad = |what| ChainError::Key { path: path.to_path_buf(), what };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|e| {
        let kind = e.kind();
        bad(if kind == std::io::ErrorKind::NotFound {
            "there is no such file"
        } else if kind == std::io::ErrorKind::InvalidData {
            "is not text"
        } else {
            "may not be read"
        })
    })?);
    let line = text.trim();
    if line.len() != 66 || !line.starts_with("0x") {
        return Err(bad("must hold one line: 0x and 64 hexadecimal digits"));
    }
    let mut bytes: B256 = line.parse().map_err(|_| bad("must hold hexadecimal digits after 0x"))?;
    let signer = PrivateKeySigner::from_bytes(&bytes);
    bytes.0.zeroize();
    signer.map_err(|_| bad("is not a valid private key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_key_is_read_and_a_bad_one_names_the_rule() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let good = format!("0x{}\n", "11".repeat(32));
        for (text, needed) in [
            (good.as_str(), None),
            ("1111", Some("must hold one line")),
            (&format!("0x{}", "zz".repeat(32)), Some("hexadecimal digits after 0x")),
            (&format!("0x{}", "00".repeat(32)), Some("not a valid private key")),
        ] {
            std::fs::write(&file, text).unwrap();
            match (read(&file), needed) {
                (Ok(_), None) => {}
                (Err(e), Some(needed)) => {
                    let shown = e.to_string();
                    assert!(shown.contains(needed), "{shown}");
                    assert!(!shown.contains(text.trim()), "{shown}");
                }
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
        let missing = read(&dir.path().join("none")).unwrap_err().to_string();
        assert!(missing.contains("no such file"), "{missing}");
    }
}
