//! The README's table of addresses is `script/deployments`, no more and no less.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Problem, Tree};

const README: &str = "README.md";
const FOLDER: &str = "script/deployments/";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let readme = tree.text(README).unwrap_or_default();
    let rows: Vec<_> =
        (1..).zip(readme.lines()).filter(|(_, line)| line.starts_with('|')).collect();
    let shown: Vec<_> = rows
        .iter()
        .flat_map(|(line, row)| addresses(row).into_iter().map(|address| (*line, address)))
        .collect();
    if shown.is_empty() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut listed = BTreeSet::new();
    for (file, text) in tree.ending(".json").filter(|(file, _)| file.starts_with(FOLDER)) {
        let Ok(deployment) = serde_json::from_str::<Value>(text) else {
            problems.push(Problem::of(file, "is not JSON"));
            continue;
        };
        let contracts = deployment["contracts"].as_object().into_iter().flatten();
        for (name, address) in contracts.filter_map(|(name, at)| Some((name, at.as_str()?))) {
            let address = address.to_lowercase();
            if !shown.iter().any(|(_, shown)| *shown == address) {
                let text = format!("{name} at {address} is not in the table of {README}");
                problems.push(Problem::of(file, text));
            }
            listed.insert(address);
        }
    }
    let strangers = shown.iter().filter(|(_, address)| !listed.contains(address));
    problems.extend(strangers.map(|(line, address)| {
        Problem::at(README, *line, format!("{address} is in no file of {FOLDER}"))
    }));
    problems
}

/// The addresses in a line, in lower case.
fn addresses(line: &str) -> Vec<String> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    let addresses = words.filter(|word| {
        let digits = word.strip_prefix("0x").unwrap_or_default();
        digits.len() == 40 && digits.chars().all(|c| c.is_ascii_hexdigit())
    });
    addresses.map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "0x1111111111111111111111111111111111111111";
    const TWO: &str = "0x2222222222222222222222222222222222222222";

    fn problems(shown: &str, listed: &str) -> usize {
        let readme = format!("text\n| Base | 8453 | `{shown}` |\n");
        let file = format!(r#"{{"token":{{"address":"0x33"}},"contracts":{{"jury":"{listed}"}}}}"#);
        check(&Tree::of(&[(README, &readme), ("script/deployments/8453.json", &file)])).len()
    }

    #[test]
    fn the_same_addresses_pass() {
        assert_eq!(problems(ONE, ONE), 0);
    }

    #[test]
    fn another_address_is_missing_on_both_sides() {
        assert_eq!(problems(ONE, TWO), 2);
    }

    #[test]
    fn a_readme_without_addresses_is_not_compared() {
        assert_eq!(problems("none", ONE), 0);
    }
}
