//! Every call that changes something has its page: a heading in `docs/operations` that names the
//! contract and the function, as ``# `DealEscrow.open` ``. A heading that names none is one too many.

use std::collections::BTreeSet;

use super::links::prose;
use super::{Problem, Tree};

const PAGES: &str = "docs/operations/";
const CONTRACTS: &str = "contracts/src/";
const INTERFACES: &str = "contracts/src/interfaces/I";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let (mut problems, mut calls, mut views) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let headings: Vec<_> = headings(tree).collect();
    for (file, text) in tree.ending(".sol") {
        let Some(contract) = contract(tree, file) else { continue };
        for (line, name, is_view) in functions(text) {
            let name = format!("{contract}.{name}");
            if is_view {
                views.insert(name);
                continue;
            }
            if !headings.iter().any(|(_, _, heading)| *heading == name) {
                let text = format!("{name} has no page: no heading `{name}` in {PAGES}");
                problems.push(Problem::at(file, line, text));
            }
            calls.insert(name);
        }
    }
    let strangers = headings
        .iter()
        .filter(|(_, _, heading)| !calls.contains(*heading) && !views.contains(*heading));
    problems.extend(strangers.map(|(file, line, heading)| {
        Problem::at(file, *line, format!("no interface has a function {heading}"))
    }));
    problems
}

/// The contract whose interface a file is, if we have that contract.
fn contract<'a>(tree: &Tree, file: &'a str) -> Option<&'a str> {
    let name = match file.strip_prefix(INTERFACES)?.strip_suffix(".sol")? {
        "DealOperations" => "DealEscrow",
        name => name,
    };
    tree.holds(&format!("{CONTRACTS}{name}.sol")).then_some(name)
}

/// The functions of an interface: line, name, and whether it only reads. forge fmt begins each on a
/// line of its own, four columns in.
fn functions(text: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let mut line = 1;
    text.split("\n    function ").enumerate().filter_map(move |(index, piece)| {
        let here = line;
        line += piece.matches('\n').count() + 1;
        if index == 0 {
            return None;
        }
        let head = piece.split(';').next()?;
        let name = head.split('(').next()?;
        let reads = head.split_whitespace().any(|word| word == "view" || word == "pure");
        Some((here, name, reads))
    })
}

/// What headings of the pages name in code with a dot between: file, line, name.
fn headings(tree: &Tree) -> impl Iterator<Item = (&str, usize, &str)> {
    let pages = tree.ending(".md").filter(|(file, _)| file.starts_with(PAGES));
    pages.flat_map(|(file, text)| {
        let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
        headings.flat_map(move |(number, line)| {
            let code = line.split('`').skip(1).step_by(2);
            code.filter(|name| name.contains('.')).map(move |name| (file, number, name))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERFACE: &str = "\
interface IA {
    /// @notice Acts, unlike a function that reads.
    function act(
        uint256 what
    ) external;

    function look() external view returns (uint256);
} // The end.
";

    fn problems(page: &str) -> Vec<(usize, String)> {
        let tree = Tree::of(&[
            ("contracts/src/interfaces/IA.sol", INTERFACE),
            ("contracts/src/interfaces/IB.sol", "interface IB {\n    function b() external;\n}\n"),
            ("contracts/src/A.sol", "contract A is IA {}"),
            ("docs/operations/act.md", page),
        ]);
        check(&tree).into_iter().map(|problem| (problem.line, problem.text)).collect()
    }

    #[test]
    fn a_call_with_a_page_passes_and_a_view_needs_none() {
        assert_eq!(problems("# `A.act`\n"), []);
        assert_eq!(problems("# `A.act` and `A.look`\n"), []);
    }

    #[test]
    fn a_call_without_a_page_is_named() {
        let text = "A.act has no page: no heading `A.act` in docs/operations/";
        assert_eq!(problems("# About `A.look`\n"), [(3, text.to_owned())]);
    }

    #[test]
    fn a_page_of_no_function_is_named() {
        let found = problems("# `A.act`\n\n## `A.gone`\n");
        assert_eq!(found, [(3, "no interface has a function A.gone".to_owned())]);
    }
}
