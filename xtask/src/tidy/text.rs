//! What every source file must have or must not: the licence's line, no ignored test, no open end that
//! nobody keeps.

use super::{Problem, Tree};

/// The first line of every Solidity file.
const SPDX: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0";

/// Written in pieces, so that this file keeps its own rules.
const IGNORE: &str = concat!("#[", "ignore");
const OPEN_END: &str = concat!("TO", "DO");

/// The files in which open ends are looked for.
const SOURCES: [&str; 8] = [".rs", ".sol", ".js", ".mjs", ".ts", ".toml", ".sh", ".ci/run"];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, text) in tree.ending(".sol") {
        if text.lines().next() != Some(SPDX) {
            problems.push(Problem::of(file, format!("the first line must be `{SPDX}`")));
        }
    }
    for (file, text) in tree.ending(".rs") {
        problems.extend((1..).zip(text.lines()).filter(|(_, line)| line.contains(IGNORE)).map(
            |(line, _)| Problem::at(file, line, "an ignored test tests nothing: mend or delete it"),
        ));
    }
    for (file, text) in SOURCES.iter().flat_map(|end| tree.ending(end)) {
        problems.extend((1..).zip(text.lines()).filter(|(_, line)| is_open_end(line)).map(
            |(line, _)| {
                Problem::at(file, line, format!("{OPEN_END} needs an issue: {OPEN_END}(#12)"))
            },
        ));
    }
    problems
}

fn is_open_end(line: &str) -> bool {
    line.match_indices(OPEN_END).any(|(at, found)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + found.len()..).unwrap_or_default();
        let word = before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
            && after.chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let number = after.strip_prefix("(#").and_then(|rest| rest.split_once(')'));
        let known = number.is_some_and(|(n, _)| n.parse::<u32>().is_ok());
        word && !known
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(file: &str, text: &str) -> usize {
        check(&Tree::of(&[(file, text)])).len()
    }

    #[test]
    fn a_contract_begins_with_its_licence() {
        assert_eq!(count("contracts/src/A.sol", &format!("{SPDX}\npragma solidity 0.8.37;")), 0);
        assert_eq!(count("contracts/src/A.sol", "pragma solidity 0.8.37;"), 1);
        assert_eq!(count("contracts/src/A.sol", "// SPDX-License-Identifier: MIT\n"), 1);
    }

    #[test]
    fn an_ignored_test_is_refused() {
        assert_eq!(count("a.rs", &format!("{IGNORE}]\nfn a() {{}}")), 1);
    }

    #[test]
    fn an_open_end_needs_an_issue() {
        assert_eq!(count("a.rs", &format!("// {OPEN_END}: later")), 1);
        assert_eq!(count("a.rs", &format!("// {OPEN_END}(#12): later")), 0);
        assert_eq!(count("a.rs", &format!("// {OPEN_END}(#soon): later")), 1);
        assert_eq!(count("a.rs", &format!("let MAS{OPEN_END}N = 1;")), 0);
    }
}
