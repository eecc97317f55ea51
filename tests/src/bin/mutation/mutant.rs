//! What a mutant is, and what makes two of them one.

use std::fmt;

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

/// One small change of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mutant {
    /// The deployed contract that it counts for.
    pub(crate) contract: String,
    /// The source, from the root.
    pub(crate) file: String,
    /// The function that it is in; the contract for a constant.
    pub(crate) function: String,
    /// The line, for people.
    pub(crate) line: usize,
    /// What stands there, on one line.
    pub(crate) original: String,
    /// What the mutant has instead, on one line.
    pub(crate) replacement: String,
    /// Which one, when a function has several that look alike; from 1.
    pub(crate) occurrence: usize,
    /// The bytes that change.
    pub(crate) patch: Patch,
}

/// Bytes from `start` to `end` become `text`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Patch {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) text: String,
}

impl Patch {
    /// The source with this change; nothing when the bytes are no text.
    pub(crate) fn apply(&self, source: &str) -> Option<String> {
        Some([source.get(..self.start)?, &self.text, source.get(self.end..)?].concat())
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, original, replacement, .. } = self;
        write!(f, "{file}:{line} `{original}` -> `{replacement}`")
    }
}

impl Mutant {
    /// What identifies a mutant however the lines around it move.
    pub(crate) fn key(&self) -> [&str; 4] {
        [&self.file, &self.function, &self.original, &self.replacement]
    }

    /// A number that depends on the mutant and the seed alone: samples are sorted by it.
    pub(crate) fn lot(&self, seed: u64) -> B256 {
        keccak256(format!("{seed}\0{}\0{}", self.key().join("\0"), self.occurrence))
    }
}

/// `text` on one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Numbers the mutants that look alike.
pub(crate) fn number(mutants: &mut [Mutant]) {
    let mut seen = std::collections::HashMap::new();
    for mutant in mutants {
        let key = mutant.key().map(str::to_owned);
        let count: &mut usize = seen.entry(key).or_default();
        *count += 1;
        mutant.occurrence = *count;
    }
}

/// A sample of `size`: from each contract its share, but at least `least` or all. The same seed draws
/// the same mutants, and a larger sample holds every smaller one.
pub(crate) fn sample(all: &[Mutant], size: usize, least: usize, seed: u64) -> Vec<Mutant> {
    let mut contracts: Vec<_> = all.iter().map(|mutant| mutant.contract.as_str()).collect();
    contracts.sort_unstable();
    contracts.dedup();
    let mut drawn = Vec::new();
    for contract in contracts {
        let mut of: Vec<_> = all.iter().filter(|mutant| mutant.contract == contract).collect();
        of.sort_by_key(|mutant| mutant.lot(seed));
        let share = (of.len() * size).div_ceil(all.len().max(1));
        drawn.extend(of.into_iter().take(share.max(least)).cloned());
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutants(contract: &str, count: usize) -> Vec<Mutant> {
        let of = |line| Mutant {
            contract: contract.to_owned(),
            file: "A.sol".to_owned(),
            function: "f".to_owned(),
            line,
            original: format!("a + {line}"),
            replacement: format!("a - {line}"),
            occurrence: 1,
            patch: Patch { start: 0, end: 1, text: String::new() },
        };
        (0..count).map(of).collect()
    }

    #[test]
    fn a_sample_has_enough_of_each_contract_and_is_the_same_again() {
        let all = [mutants("Small", 40), mutants("Large", 960)].concat();
        let drawn = sample(&all, 100, 30, 7);
        let small = drawn.iter().filter(|mutant| mutant.contract == "Small").count();
        assert_eq!((small, drawn.len()), (30, 126));
        assert_eq!(drawn, sample(&all, 100, 30, 7));
        assert_ne!(drawn, sample(&all, 100, 30, 8));
        assert_eq!(sample(&all, 5_000, 30, 7).len(), 1_000);
    }

    #[test]
    fn mutants_that_look_alike_are_numbered() {
        let mut all = [mutants("A", 1), mutants("A", 2)].concat();
        number(&mut all);
        assert_eq!(all.iter().map(|mutant| mutant.occurrence).collect::<Vec<_>>(), [1, 2, 1]);
    }
}
