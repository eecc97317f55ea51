//! Files that commands read.

use std::{io::Read as _, path::Path};

use anyhow::{Context as _, Result};

/// Reads a file, or stdin for `-`, of at most `most` bytes and never much more.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>> {
    let bytes = read_within(path, most)?;
    bytes.with_context(|| format!("{}: more than {most} bytes", path.display()))
}

/// The same; None where it has more.
pub(crate) fn read_within(path: &Path, most: usize) -> Result<Option<Vec<u8>>> {
    let place = || path.display().to_string();
    let mut bytes = Vec::new();
    let source: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(place)?)
    };
    let one_more = u64::try_from(most)?.saturating_add(1);
    source.take(one_more).read_to_end(&mut bytes).with_context(place)?;
    Ok((bytes.len() <= most).then_some(bytes))
}
