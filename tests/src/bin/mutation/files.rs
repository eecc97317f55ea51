//! Files of the tree: read whole folders, copy them, tell whether they changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use alloy::primitives::{B256, Keccak256};
use anyhow::Context as _;

/// Texts by their paths from the root.
pub(crate) type Texts = BTreeMap<String, Vec<u8>>;

/// Every file at or below `paths`.
pub(crate) fn read(root: &Path, paths: &[&str]) -> anyhow::Result<Texts> {
    let mut texts = Texts::new();
    for path in paths {
        collect(root, path, &mut texts).with_context(|| format!("cannot read {path}"))?;
    }
    Ok(texts)
}

fn collect(root: &Path, path: &str, texts: &mut Texts) -> anyhow::Result<()> {
    let full = root.join(path);
    if full.is_file() {
        texts.insert(path.to_owned(), fs::read(full)?);
        return Ok(());
    }
    for entry in fs::read_dir(full)? {
        let name = entry?.file_name();
        collect(root, &format!("{path}/{}", name.to_string_lossy()), texts)?;
    }
    Ok(())
}

/// What changes when any path or text does.
pub(crate) fn digest<'a>(texts: impl IntoIterator<Item = (&'a String, &'a Vec<u8>)>) -> B256 {
    let mut hasher = Keccak256::new();
    for (path, text) in texts {
        hasher.update(path.len().to_be_bytes());
        hasher.update(path);
        hasher.update(text.len().to_be_bytes());
        hasher.update(text);
    }
    hasher.finalize()
}

/// Makes the folders of `root` hold these files and no others, and touches only what differs.
pub(crate) fn mirror(root: &Path, folders: &[&str], texts: &Texts) -> anyhow::Result<()> {
    for folder in folders.iter().filter(|folder| root.join(folder).exists()) {
        for path in read(root, &[folder])?.into_keys().filter(|path| !texts.contains_key(path)) {
            fs::remove_file(root.join(path))?;
        }
    }
    for (path, text) in texts {
        write(&root.join(path), text)?;
    }
    Ok(())
}

/// Writes a file that differs.
pub(crate) fn write(path: &Path, text: &[u8]) -> anyhow::Result<()> {
    if fs::read(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
