//! Files and crates stay small enough to be read, lines short enough to be seen.

use std::collections::BTreeMap;

use super::links::prose;
use super::{Problem, Tree};

/// Lines of a file.
const MOST_FILE: usize = 500;

/// Lines of a Solidity function, from its name to its last brace.
const MOST_FUNCTION: usize = 40;

/// Lines of a crate's sources.
const MOST_CRATE: usize = 3_000;

/// Columns of a line.
const MOST_COLUMNS: usize = 100;

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    [solidity(tree), rust(tree), columns(tree)].concat()
}

fn solidity(tree: &Tree) -> Vec<Problem> {
    let sources = || tree.ending(".sol").filter(|(file, _)| file.starts_with("contracts/src/"));
    let mut problems: Vec<_> =
        sources().filter_map(|(file, text)| too_long(file, text.lines().count())).collect();
    problems.extend(sources().flat_map(|(file, text)| long_functions(file, text)));
    problems
}

/// Functions with a body: forge fmt puts the last brace of those, and of nothing in them, at the
/// column where they began.
fn long_functions(file: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut lines = text.lines().zip(1..);
    while let Some((line, first)) = lines.next() {
        let begins = ["    function ", "    constructor(", "    modifier "];
        if !begins.iter().any(|begin| line.starts_with(begin)) || line.ends_with('}') {
            continue;
        }
        // The head goes on to the line that opens the body, or ends without one.
        let head_ends = |line: &str| line.ends_with(['{', ';']);
        let end = if head_ends(line) {
            Some(line)
        } else {
            lines.by_ref().map(|(line, _)| line).find(|line| head_ends(line))
        };
        if end.is_none_or(|end| end.ends_with(';')) {
            continue;
        }
        let last = lines.find(|(line, _)| *line == "    }").map_or(first, |(_, last)| last);
        let count = last - first + 1;
        if count > MOST_FUNCTION {
            let text = format!("a function of {count} lines, more than {MOST_FUNCTION}: split it");
            problems.push(Problem::at(file, first, text));
        }
    }
    problems
}

fn rust(tree: &Tree) -> Vec<Problem> {
    let mut crates = BTreeMap::<&str, usize>::new();
    let mut problems = Vec::new();
    for (file, text) in tree.ending(".rs") {
        let (_, rest) = file.split_once('/').unwrap_or(("", file));
        if is_tests(rest) {
            continue;
        }
        let lines = without_tests(text);
        problems.extend(too_long(file, lines));
        // A crate may stand in another one's folder.
        if let Some((name, _)) = file.split_once("/src/") {
            *crates.entry(name).or_default() += lines;
        }
    }
    // The crate of tests grows with what it tests.
    crates.remove("tests");
    let decided = decided(tree);
    for (name, lines) in crates {
        let most = decided.get(name).copied().unwrap_or(MOST_CRATE);
        if lines > most {
            let text =
                format!("the crate has {lines} lines, more than {most}: split it, or an ADR");
            problems.push(Problem::of(&format!("{name}/Cargo.toml"), text));
        }
    }
    problems
}

/// The limits that an ADR sets for single crates, as ``- crate `agent`: 4500 lines``.
fn decided(tree: &Tree) -> BTreeMap<&str, usize> {
    let adrs = tree.ending(".md").filter(|(file, _)| file.starts_with("docs/adr/"));
    let lines = adrs.flat_map(|(_, text)| text.lines());
    let limits = lines.filter_map(|line| {
        let (name, rest) = line.trim().strip_prefix("- crate `")?.split_once("`: ")?;
        Some((name, rest.split_whitespace().next()?.parse().ok()?))
    });
    limits.collect()
}

fn too_long(file: &str, lines: usize) -> Option<Problem> {
    let text =
        || format!("{lines} lines (tests not counted), more than {MOST_FILE}: split the file");
    (lines > MOST_FILE).then(|| Problem::of(file, text()))
}

/// Whether a module holds only tests: `tests.rs`, or anything in a folder `tests` inside a crate. The
/// crate of that name is a harness, and counts.
fn is_tests(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// The lines of a Rust file outside modules under `#[cfg(test)]`.
fn without_tests(text: &str) -> usize {
    let mut count = 0;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        if !trimmed.starts_with("#[cfg(test)]") && !trimmed.starts_with("#[cfg(all(test,") {
            count += 1;
            continue;
        }
        let indent = line.len() - trimmed.len();
        let Some(item) = lines.find(|line| !line.trim_start().starts_with("#[")) else { break };
        if item.contains("mod ") && item.ends_with('{') {
            // The module ends with the brace at its own indentation; rustfmt sees to that.
            let end = format!("{}}}", " ".repeat(indent));
            lines.by_ref().take_while(|line| *line != end).for_each(drop);
        } else if !item.contains("mod ") {
            count += 2;
        }
    }
    count
}

/// Lines of prose; rustfmt and forge fmt see to code. Tables and addresses cannot be broken.
fn columns(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, text) in tree.ending(".md") {
        let long = prose(text).filter(|(_, line)| {
            let fixed = line.starts_with('|') || line.contains("](") || line.contains("://");
            line.chars().count() > MOST_COLUMNS && !fixed
        });
        problems.extend(long.map(|(line, text)| {
            let columns = text.chars().count();
            Problem::at(file, line, format!("{columns} columns, more than {MOST_COLUMNS}"))
        }));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_of_41_lines_is_long() {
        let body = "        x;\n".repeat(37);
        let head = "    function f(\n        uint256 x\n    ) internal {\n";
        let declared = "    function f(uint256 x) external;\n    function g(\n    ) external;\n";
        let fits =
            format!("{declared}{}{body}    }}\n", head.replacen("\n        uint256 x", "", 1));
        assert_eq!(long_functions("a.sol", &fits), []);
        let long = format!("{declared}{head}{body}    }}\n");
        let problems = long_functions("a.sol", &long);
        assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4]);
    }

    fn lines(count: usize) -> String {
        "let a = 1;\n".repeat(count)
    }

    fn files_of(tree: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(tree)).into_iter().map(|problem| problem.file).collect()
    }

    #[test]
    fn a_file_of_five_hundred_lines_passes_and_one_more_does_not() {
        assert_eq!(files_of(&[("jury/src/a.rs", &lines(500))]), [""; 0]);
        assert_eq!(files_of(&[("jury/src/a.rs", &lines(501))]), ["jury/src/a.rs"]);
        assert_eq!(files_of(&[("contracts/src/A.sol", &lines(501))]), ["contracts/src/A.sol"]);
    }

    #[test]
    fn tests_are_not_counted() {
        let text = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(500), lines(400));
        assert_eq!(files_of(&[("jury/src/a.rs", &text)]), [""; 0]);
        assert_eq!(without_tests(&format!("{text}{}", lines(2))), 502);
    }

    #[test]
    fn a_function_for_tests_is_counted() {
        assert_eq!(without_tests("#[cfg(test)]\nfn a() {\n}\n"), 3);
    }

    #[test]
    fn a_crate_of_more_than_three_thousand_lines_does_not_pass() {
        let text = lines(400);
        let names: Vec<_> = (0..8).map(|i| format!("jury/src/m{i}.rs")).collect();
        let mut files: Vec<_> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
        assert_eq!(files_of(&files), ["jury/Cargo.toml"]);
        files.push(("docs/adr/0001-sizes.md", "- crate `jury`: 3300 lines, because it is tables"));
        assert_eq!(files_of(&files), [""; 0]);
    }

    #[test]
    fn long_prose_does_not_pass_but_tables_and_links_do() {
        let long = "word ".repeat(30);
        let table = format!("|{long}|");
        let link = format!("{long} [a](https://x.example)");
        let text = format!("{long}\n{table}\n{link}\n");
        assert_eq!(files_of(&[("README.md", &text)]), ["README.md"]);
    }
}
