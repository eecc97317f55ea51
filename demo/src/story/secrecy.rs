//! Whether what is private stayed private: nothing that a service keeps holds a text of a sheet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::bytes::Regex;
use surety_terms::TermSheet;

use super::cast::Cast;
use crate::error::DemoError;

/// Shorter texts may stand in a file by chance.
const LEAST_CHARS: usize = 16;
/// So much of a text is looked for.
const MOST_CHARS: usize = 200;
/// How many texts are looked for at once: a pattern has a limit.
const AT_ONCE: usize = 50;

/// What was looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Searched {
    pub(super) texts: usize,
    pub(super) files: usize,
}

/// The texts of a sheet that only its parties and jurors may read.
pub(super) fn texts(sheet: &TermSheet) -> impl Iterator<Item = &str> {
    let parts = sheet.milestones.iter().flat_map(|part| {
        let criteria = part.criteria.iter().map(|criterion| criterion.text.as_str());
        [part.title.as_str(), part.description.as_str()].into_iter().chain(criteria)
    });
    let all = [sheet.title.as_str(), sheet.summary.as_str()].into_iter().chain(parts);
    // As far as the first character that JSON would write in another way.
    let plain = all.map(|text| text.split(['"', '\\', '\n', '\r', '\t']).next().unwrap_or(""));
    let short = plain.map(|text| {
        let end = text.char_indices().nth(MOST_CHARS).map_or(text.len(), |(end, _)| end);
        text.get(..end).unwrap_or(text)
    });
    short.filter(|text| text.chars().count() >= LEAST_CHARS)
}

/// Looks through the stores of the relayer and of every juror; a text that lies there in the clear
/// is an error.
pub(super) fn search(
    cast: &Cast,
    folder: &Path,
    texts: &BTreeSet<String>,
) -> Result<Searched, DemoError> {
    let mut files = Vec::new();
    for store in cast.stores() {
        list(&folder.join(store), &mut files)?;
    }
    let texts_escaped: Vec<String> = texts.iter().map(|text| regex::escape(text)).collect();
    for some in texts_escaped.chunks(AT_ONCE) {
        let pattern = Regex::new(&some.join("|"))
            .map_err(|error| DemoError::Story(format!("the texts to look for: {error}")))?;
        for file in &files {
            // What a service deletes meanwhile holds nothing.
            let Ok(bytes) = std::fs::read(file) else { continue };
            if let Some(found) = pattern.find(&bytes) {
                let text = String::from_utf8_lossy(found.as_bytes());
                let place = file.display();
                let what = format!("{place} holds a private text in the clear: {text:?}");
                return Err(DemoError::Story(what));
            }
        }
    }
    Ok(Searched { texts: texts.len(), files: files.len() })
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), DemoError> {
    for entry in std::fs::read_dir(folder).map_err(DemoError::file(folder))? {
        let path = entry.map_err(DemoError::file(folder))?.path();
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
