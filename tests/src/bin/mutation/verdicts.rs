//! What became of mutants, in one committed file: a line each, in the order of their identities.
//!
//! A thousand verdicts cost hours, so a run begins with those that still stand. A verdict is appended
//! when it is found; a run that comes to an end sorts the file and drops what stands no more.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy::primitives::{B128, B256};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::judge::Verdict;
use super::mutant::Mutant;
use super::tree::Tree;

/// A verdict as it is kept. Half a digest tells mutants of one repository apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    mutant: B128,
    rests_on: B128,
    verdict: Verdict,
}

/// The verdicts that stand.
#[derive(Debug)]
pub(crate) struct Verdicts {
    path: PathBuf,
    kept: Mutex<BTreeMap<B128, Kept>>,
}

impl Verdicts {
    /// Those of the file that are about one of `mutants` and rest on what is still there.
    pub(crate) fn read(path: &Path, tree: &Tree, mutants: &[Mutant]) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.with_context(|| path.display().to_string())?,
        };
        let mut lines = BTreeMap::new();
        for (line, number) in text.lines().zip(1..) {
            let kept: Kept = serde_json::from_str(line)
                .with_context(|| format!("{}, line {number}: remove it", path.display()))?;
            lines.insert(kept.mutant, kept);
        }
        let standing = mutants.iter().filter_map(|mutant| lines.remove(&identity(tree, mutant)));
        let standing = standing.filter(|kept| kept.rests_on == rests_on(tree, &kept.verdict));
        let kept = standing.map(|kept| (kept.mutant, kept)).collect();
        Ok(Self { path: path.to_path_buf(), kept: Mutex::new(kept) })
    }

    /// What a mutant's verdict is, if there is one that stands.
    pub(crate) fn of(&self, tree: &Tree, mutant: &Mutant) -> Option<Verdict> {
        self.kept().get(&identity(tree, mutant)).map(|kept| kept.verdict.clone())
    }

    /// Keeps a verdict.
    pub(crate) fn add(
        &self,
        tree: &Tree,
        mutant: &Mutant,
        verdict: &Verdict,
    ) -> anyhow::Result<()> {
        let kept = Kept {
            mutant: identity(tree, mutant),
            rests_on: rests_on(tree, verdict),
            verdict: verdict.clone(),
        };
        let line = serde_json::to_string(&kept)? + "\n";
        let mut known = self.kept();
        let mut file = fs::File::options().create(true).append(true).open(&self.path)?;
        file.write_all(line.as_bytes())?;
        known.insert(kept.mutant, kept);
        Ok(())
    }

    /// Writes the file in order.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let mut text = String::new();
        for kept in self.kept().values() {
            text += &serde_json::to_string(kept)?;
            text.push('\n');
        }
        Ok(fs::write(&self.path, text)?)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<B128, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn identity(tree: &Tree, mutant: &Mutant) -> B128 {
    half(tree.identity(mutant))
}

fn rests_on(tree: &Tree, verdict: &Verdict) -> B128 {
    half(tree.rests_on(verdict))
}

fn half(digest: B256) -> B128 {
    let (half, _) = digest.0.split_at(16);
    B128::from_slice(half)
}
