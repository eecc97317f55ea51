//! Where a key is, as a configuration says it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use url::Url;

use crate::{Key, KeyError, Passphrase, file, keystore};

/// The place of one key. In a configuration, a string is the path of a key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A file with the key itself.
    File(PathBuf),
    /// An encrypted file.
    Keystore {
        /// The file.
        path: PathBuf,
        /// What opens it.
        passphrase: Passphrase,
    },
    /// A key that AWS KMS holds.
    Kms {
        /// Its id, alias or ARN.
        key_id: String,
        /// The region, unless AWS's own configuration names it.
        region: Option<String>,
        /// Where KMS answers, unless it is Amazon's endpoint.
        endpoint_url: Option<Url>,
    },
}

/// The table that a configuration holds, before its rules are checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Table {
    /// A key file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// An encrypted file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keystore: Option<PathBuf>,
    /// The file with its passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// The environment variable with its passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_env: Option<String>,
    /// A key in AWS KMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms: Option<String>,
    /// Its region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where KMS answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<Url>,
}

impl KeySource {
    /// Reads the key, or asks KMS for its public side.
    pub async fn open(&self) -> Result<Key, KeyError> {
        match self.clone() {
            Self::File(path) => Ok(file::read(&path)?.into()),
            Self::Keystore { path, passphrase } => {
                // A second of work on purpose, which must not stop the other tasks.
                let read = move || keystore::read(&path, &passphrase);
                let key = tokio::task::spawn_blocking(read).await;
                Ok(key.map_err(|_| KeyError::Signer)??.into())
            }
            #[cfg(feature = "kms")]
            Self::Kms { key_id, region, endpoint_url } => {
                crate::kms::open(key_id, region, endpoint_url).await
            }
            #[cfg(not(feature = "kms"))]
            Self::Kms { key_id, .. } => Err(KeyError::Kms {
                key_id,
                why: "this program was built without it: build with the cargo feature `kms`",
            }),
        }
    }

    /// The same with relative paths looked up in `folder`.
    #[must_use]
    pub fn within(self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            Self::Keystore { path, passphrase } => Self::Keystore {
                path: folder.join(path),
                passphrase: match passphrase {
                    Passphrase::File(path) => Passphrase::File(folder.join(path)),
                    env @ Passphrase::Env(_) => env,
                },
            },
            kms @ Self::Kms { .. } => kms,
        }
    }
}

impl TryFrom<Table> for KeySource {
    type Error = &'static str;

    fn try_from(table: Table) -> Result<Self, &'static str> {
        let Table { file, keystore, passphrase_file, passphrase_env, kms, region, endpoint_url } =
            table;
        let passphrase = match (passphrase_file, passphrase_env) {
            (Some(_), Some(_)) => return Err("give passphrase_file or passphrase_env, not both"),
            (Some(path), None) => Some(Passphrase::File(path)),
            (None, Some(name)) => Some(Passphrase::Env(name)),
            (None, None) => None,
        };
        if kms.is_none() && (region.is_some() || endpoint_url.is_some()) {
            return Err("region and endpoint_url belong to kms");
        }
        if keystore.is_none() && passphrase.is_some() {
            return Err("a passphrase belongs to keystore");
        }
        let web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if endpoint_url.as_ref().is_some_and(|url| !web(url)) {
            return Err("endpoint_url must be an http or https URL");
        }
        match (file, keystore, kms) {
            (Some(path), None, None) => Ok(Self::File(path)),
            (None, Some(path), None) => {
                let passphrase =
                    passphrase.ok_or("a keystore needs passphrase_file or passphrase_env")?;
                Ok(Self::Keystore { path, passphrase })
            }
            (None, None, Some(key_id)) if key_id.is_empty() => Err("kms must not be empty"),
            (None, None, Some(key_id)) => Ok(Self::Kms { key_id, region, endpoint_url }),
            _ => Err("give exactly one of file, keystore and kms"),
        }
    }
}

impl From<KeySource> for Table {
    fn from(source: KeySource) -> Self {
        match source {
            KeySource::File(path) => Self { file: Some(path), ..Self::default() },
            KeySource::Keystore { path, passphrase } => {
                let (passphrase_file, passphrase_env) = match passphrase {
                    Passphrase::File(path) => (Some(path), None),
                    Passphrase::Env(name) => (None, Some(name)),
                };
                Self { keystore: Some(path), passphrase_file, passphrase_env, ..Self::default() }
            }
            KeySource::Kms { key_id, region, endpoint_url } => {
                Self { kms: Some(key_id), region, endpoint_url, ..Self::default() }
            }
        }
    }
}

impl Serialize for KeySource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::File(path) => path.serialize(serializer),
            Self::Keystore { .. } | Self::Kms { .. } => {
                Table::from(self.clone()).serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for KeySource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PathOrTable)
    }
}

struct PathOrTable;

impl<'de> Visitor<'de> for PathOrTable {
    type Value = KeySource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path of a key file, or a table with file, keystore or kms")
    }

    fn visit_str<E: de::Error>(self, path: &str) -> Result<KeySource, E> {
        // Whoever writes the key itself here must not read it in an error.
        if path.is_empty() || path.starts_with("0x") {
            return Err(E::custom("must be the path of a key file, not the key"));
        }
        Ok(KeySource::File(path.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KeySource, A::Error> {
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        table.try_into().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(alias = "key_file")]
        key: KeySource,
    }

    fn read(text: &str) -> Result<KeySource, String> {
        toml::from_str::<Config>(text).map(|config| config.key).map_err(|e| e.message().to_owned())
    }

    #[test]
    fn every_form_is_read_and_written_back() {
        let file = KeySource::File("a".into());
        let keystore = |passphrase| KeySource::Keystore { path: "k".into(), passphrase };
        let kms = |region: Option<&str>, url: Option<&str>| KeySource::Kms {
            key_id: "alias/a".to_owned(),
            region: region.map(ToOwned::to_owned),
            endpoint_url: url.map(|url| url.parse().unwrap()),
        };
        for (text, needed) in [
            ("key_file = 'a'", file.clone()),
            ("[key]\nfile = 'a'", file),
            (
                "[key]\nkeystore = 'k'\npassphrase_file = 'p'",
                keystore(Passphrase::File("p".into())),
            ),
            (
                "[key]\nkeystore = 'k'\npassphrase_env = 'P'",
                keystore(Passphrase::Env("P".to_owned())),
            ),
            ("[key]\nkms = 'alias/a'", kms(None, None)),
            (
                "[key]\nkms = 'alias/a'\nregion = 'r'\nendpoint_url = 'http://h/'",
                kms(Some("r"), Some("http://h/")),
            ),
        ] {
            assert_eq!(read(text), Ok(needed.clone()), "{text}");
            let again = toml::to_string(&Config { key: needed.clone() }).unwrap();
            assert_eq!(read(&again), Ok(needed), "{again}");
        }
    }

    #[test]
    fn a_wrong_table_is_told_the_rule() {
        for (text, needed) in [
            ("key_file = 'a'\n[key]\nfile = 'a'", "duplicate field"),
            ("[key]\n", "exactly one"),
            ("[key]\nfile = 'a'\nkms = 'b'", "exactly one"),
            ("[key]\nkeystore = 'k'", "passphrase_file or passphrase_env"),
            ("[key]\nkeystore = 'k'\npassphrase = 'p'", "unknown field `passphrase`"),
            ("[key]\nkeystore = 'k'\npassphrase_file = 'p'\npassphrase_env = 'P'", "not both"),
            ("[key]\nfile = 'k'\npassphrase_env = 'P'", "belongs to keystore"),
            ("[key]\nfile = 'k'\nregion = 'r'", "belong to kms"),
            ("[key]\nkms = 'k'\nendpoint_url = 'file:///etc'", "http or https"),
            ("[key]\nkms = ''", "must not be empty"),
            ("key = 1", "path of a key file"),
            ("", "missing field"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.contains(needed), "{text}: {fault}");
        }
        let key = format!("0x{}", "11".repeat(32));
        let fault = read(&format!("key_file = '{key}'")).unwrap_err();
        assert!(fault.contains("not the key") && !fault.contains("1111"), "{fault}");
    }

    #[test]
    fn relative_paths_are_looked_up_in_the_folder_of_the_configuration() {
        let source = read("[key]\nkeystore = 'k'\npassphrase_file = '/p'").unwrap();
        let needed = KeySource::Keystore {
            path: "/etc/k".into(),
            passphrase: Passphrase::File("/p".into()),
        };
        assert_eq!(source.within(Path::new("/etc")), needed);
    }
}
