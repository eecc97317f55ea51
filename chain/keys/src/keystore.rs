//! Encrypted key files in the web3 secret storage form.

use std::path::Path;

use alloy::signers::{
    k256::elliptic_curve::rand_core::OsRng,
    local::{LocalSignerError, PrivateKeySigner},
};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{KeyError, Passphrase, secret::private_text};

const WHAT: &str = "keystore";
/// The most memory that a file's scrypt parameters may ask for, in bytes.
const MOST_MEMORY: u64 = 1 << 30;
/// The most rounds of PBKDF2 that a file may ask for.
const MOST_ROUNDS: u64 = 20_000_000;

/// As much of a keystore as has to be known before it is decrypted.
#[derive(Deserialize)]
struct Keystore {
    version: u64,
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    kdf: String,
    kdfparams: KdfParams,
}

#[derive(Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Deserialize)]
struct KdfParams {
    dklen: u64,
    n: Option<u64>,
    r: Option<u64>,
    p: Option<u64>,
    c: Option<u64>,
    prf: Option<String>,
}

/// Decrypts a keystore. Takes a second or so: that is what protects the key.
pub fn read(path: &Path, passphrase: &Passphrase) -> Result<PrivateKeySigner, KeyError> {
    let text = private_text(WHAT, path)?;
    check(&text).map_err(|rule| KeyError::file(WHAT, path, rule))?;
    let phrase = passphrase.read()?;
    // It reads the file again; what it then finds may at worst fail. Its own error could quote it.
    PrivateKeySigner::decrypt_keystore(path, phrase.as_bytes()).map_err(|error| {
        let rule = if matches!(&error, LocalSignerError::EthKeystoreError(_)) {
            format!("the passphrase in {passphrase} does not open it")
        } else {
            "holds no valid private key".to_owned()
        };
        KeyError::file(WHAT, path, rule)
    })
}

/// Encrypts a key into a file that does not exist yet, readable by its owner only.
pub fn create(
    path: &Path,
    passphrase: &Passphrase,
    key: &PrivateKeySigner,
) -> Result<(), KeyError> {
    let fail = |error: &std::io::Error| {
        KeyError::file(WHAT, path, format!("cannot be made ({})", error.kind()))
    };
    let phrase = passphrase.read()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    // Whole or not at all, and never over another key: written aside, then linked to its name.
    let aside = tempfile::tempdir_in(parent).map_err(|error| fail(&error))?;
    let (bytes, name) = (Zeroizing::new(key.to_bytes().0), "keystore");
    PrivateKeySigner::encrypt_keystore(aside.path(), &mut OsRng, *bytes, &*phrase, Some(name))
        .map_err(|_| KeyError::file(WHAT, path, "cannot be encrypted or written"))?;
    let made = aside.path().join(name);
    seal(&made).map_err(|error| fail(&error))?;
    std::fs::hard_link(&made, path).map_err(|error| fail(&error))
}

/// Makes a file private and durable.
fn seal(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    std::fs::File::open(path)?.sync_all()
}

/// Refuses what the decryption would panic on, or spend hours or gigabytes on.
fn check(text: &str) -> Result<(), &'static str> {
    let file: Keystore = serde_json::from_str(text)
        .map_err(|_| "is no web3 secret storage document: JSON with crypto and version")?;
    if file.version != 3 {
        return Err("must have version 3");
    }
    let Crypto { cipher, cipherparams, ciphertext, kdf, kdfparams } = file.crypto;
    if cipher != "aes-128-ctr" || cipherparams.iv.len() != 32 {
        return Err("must be encrypted with aes-128-ctr and an iv of 16 bytes");
    }
    if ciphertext.len() != 64 {
        return Err("must hold a key of 32 bytes");
    }
    if kdfparams.dklen != 32 {
        return Err("crypto.kdfparams.dklen must be 32");
    }
    match (kdf.as_str(), kdfparams) {
        ("scrypt", KdfParams { n: Some(n), r: Some(r), p: Some(p), c: None, .. }) => {
            let memory = n.checked_mul(r).and_then(|blocks| blocks.checked_mul(128));
            let bounded = memory.is_some_and(|memory| memory <= MOST_MEMORY);
            // RFC 7914 bounds N by r; the library refuses what is beyond.
            let sane = n.is_power_of_two() && n > 1 && (1..=64).contains(&r);
            let sane = sane && u64::from(n.ilog2()) < r.saturating_mul(16);
            if bounded && sane && (1..=16).contains(&p) {
                Ok(())
            } else {
                Err("its scrypt parameters are out of range (at most 1 GiB of memory)")
            }
        }
        ("pbkdf2", KdfParams { c: Some(c), prf: Some(prf), n: None, .. }) => {
            if prf == "hmac-sha256" && (1..=MOST_ROUNDS).contains(&c) {
                Ok(())
            } else {
                Err("its pbkdf2 parameters are out of range (hmac-sha256, at most 20000000 rounds)")
            }
        }
        _ => Err("crypto.kdf must be scrypt or pbkdf2, with its own parameters only"),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

    use alloy::primitives::{B256, address};
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    const PHRASE: &str = "testpassword";

    fn private(folder: &TempDir, name: &str, text: &str) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn phrase(folder: &TempDir, text: &str) -> Passphrase {
        Passphrase::File(private(folder, "pass", text))
    }

    /// The PBKDF2 document of the Web3 Secret Storage Definition; and its scrypt document with an r of
    /// 8, as programs write it, so that its other parts fit no more.
    fn published() -> [Value; 2] {
        let id = "3198bc9c-6672-5ab3-d995-4942343ae5b6";
        let pbkdf2 = json!({
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "6087dab2f9fdbbfaddc31a909735c1e6" },
            "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
            "kdf": "pbkdf2",
            "kdfparams": {
                "c": 262_144, "dklen": 32, "prf": "hmac-sha256",
                "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
            },
            "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
        });
        let scrypt = json!({
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": "83dbcc02d8ccb40e466191a123791e0e" },
            "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
            "kdf": "scrypt",
            "kdfparams": {
                "dklen": 32, "n": 262_144, "r": 8, "p": 1,
                "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
            },
            "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
        });
        [pbkdf2, scrypt].map(|crypto| json!({ "crypto": crypto, "id": id, "version": 3 }))
    }

    #[test]
    fn the_published_document_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = private(&folder, "store", &published()[0].to_string());
        let key = read(&path, &phrase(&folder, PHRASE)).unwrap();
        assert_eq!(key.address(), address!("008aeeda4d805471df9b2a5b0f38a0c3bcba786b"));
    }

    #[test]
    fn a_written_keystore_opens_with_its_passphrase_only_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11)).unwrap();
        let path = folder.path().join("store");
        create(&path, &phrase(&folder, "first\n"), &key).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read(&path, &phrase(&folder, "first")).unwrap(), key);
        let wrong = read(&path, &phrase(&folder, "second")).unwrap_err().to_string();
        assert!(wrong.contains("does not open it") && !wrong.contains("second"), "{wrong}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&"11".repeat(32)));
        assert!(create(&path, &phrase(&folder, "first"), &key).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left aside");
    }

    #[test]
    fn an_empty_or_missing_passphrase_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = private(&folder, "store", &published()[0].to_string());
        let empty = read(&path, &phrase(&folder, "\n")).unwrap_err().to_string();
        assert!(empty.contains("first line is empty"), "{empty}");
        let unset = Passphrase::Env("SURETY_TEST_NO_SUCH_PASSPHRASE".to_owned());
        let unset = read(&path, &unset).unwrap_err().to_string();
        assert!(unset.contains("SURETY_TEST_NO_SUCH_PASSPHRASE"), "{unset}");
    }

    #[test]
    fn what_would_panic_or_never_end_is_refused_before_the_passphrase_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let nobody = Passphrase::File(folder.path().join("none"));
        let [pbkdf2, scrypt] = published();
        for (document, place, value) in [
            (&scrypt, "/version", json!(1)),
            (&scrypt, "/crypto/cipher", json!("aes-256-gcm")),
            (&scrypt, "/crypto/cipherparams/iv", json!("00")),
            (&scrypt, "/crypto/ciphertext", json!("")),
            (&scrypt, "/crypto/kdfparams/dklen", json!(16)),
            (&scrypt, "/crypto/kdfparams/n", json!(1_u64 << 31)),
            (&scrypt, "/crypto/kdfparams/n", json!(1000)),
            (&scrypt, "/crypto/kdfparams/r", json!(1)),
            (&scrypt, "/crypto/kdfparams/r", json!(u64::MAX)),
            (&scrypt, "/crypto/kdfparams/p", json!(0)),
            (&scrypt, "/crypto/kdf", json!("pbkdf2")),
            (&pbkdf2, "/crypto/kdfparams/c", json!(0)),
            (&pbkdf2, "/crypto/kdfparams/c", json!(u32::MAX)),
            (&pbkdf2, "/crypto/kdfparams/prf", json!("md5")),
            (&pbkdf2, "/crypto", json!([])),
        ] {
            let mut document = document.clone();
            *document.pointer_mut(place).unwrap() = value.clone();
            let path = private(&folder, "store", &document.to_string());
            let fault = read(&path, &nobody).unwrap_err().to_string();
            assert!(fault.starts_with("keystore "), "{place} {value}: {fault}");
        }
    }
}
