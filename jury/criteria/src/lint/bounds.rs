//! Numbers with a unit in a claim: "at least five sources" is five or more of `source`.

use super::wording::Words;
use super::words;

/// How much of a unit there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// The unit, in the singular.
    pub(super) unit: String,
    /// At least so many.
    pub(super) least: u64,
    /// At most so many.
    pub(super) most: u64,
    /// The other words of the claim, sorted: what the number is about.
    pub(super) about: Vec<String>,
}

/// A number in digits or in a word up to twelve.
pub(super) fn number(word: &str) -> Option<u64> {
    let names = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    let value = names.iter().position(|name| *name == word);
    match value {
        Some(value) => u64::try_from(value).ok(),
        None => word.replace(',', "").parse().ok(),
    }
}

/// The bounds that a claim sets.
pub(super) fn of(text: &Words) -> Vec<Bound> {
    let plain: Vec<&str> = text.plain().collect();
    let mut found = Vec::new();
    for index in 0..plain.len() {
        let Some(rest) = plain.get(index..) else { continue };
        let Some((least, most, used)) = range(rest) else { continue };
        let Some(unit) = rest.get(used).map(|word| singular(word)) else { continue };
        let mut about: Vec<String> = plain
            .get(..index)
            .unwrap_or_default()
            .iter()
            .chain(rest.get(used.saturating_add(1)..).unwrap_or_default())
            .map(|word| singular(word))
            .filter(|word| !is_stop(word))
            .collect();
        about.sort_unstable();
        found.push(Bound { unit, least, most, about });
    }
    found
}

/// The range that a claim's words begin with, and how many words that are.
fn range(rest: &[&str]) -> Option<(u64, u64, usize)> {
    let at = |index: usize| rest.get(index).copied().and_then(number);
    match rest {
        ["at", "least", ..] => Some((at(2)?, u64::MAX, 3)),
        ["at", "most", ..] => Some((0, at(2)?, 3)),
        ["no" | "not", "more" | "longer", "than", ..] => Some((0, at(3)?, 4)),
        ["no" | "not", "fewer" | "less" | "shorter", "than", ..] => Some((at(3)?, u64::MAX, 4)),
        ["more" | "longer", "than", ..] => Some((at(2)?.checked_add(1)?, u64::MAX, 3)),
        ["fewer" | "less" | "shorter", "than", ..] => Some((0, at(2)?.checked_sub(1)?, 3)),
        ["exactly", ..] => Some((at(1)?, at(1)?, 2)),
        ["between", _, "and", ..] => Some((at(1)?, at(3)?, 4)),
        _ => None,
    }
}

/// A word without the s of a plural or of a verb.
pub(super) fn singular(word: &str) -> String {
    match word.strip_suffix("ies") {
        Some(stem) if stem.len() > 1 => format!("{stem}y"),
        _ if word.ends_with("ss") || word.len() < 3 => word.to_owned(),
        _ => word.strip_suffix('s').unwrap_or(word).to_owned(),
    }
}

/// Whether a word tells no two claims apart.
pub(super) fn is_stop(word: &str) -> bool {
    words::STOP.contains(&word)
}
