//! The interfaces are the specification of what reverts: every `@custom:reverts` names an error of an
//! interface, every error is named by a function and by a test, and says why and what to do.

use std::collections::BTreeSet;

use super::{Problem, Tree};

const INTERFACES: &str = "contracts/src/interfaces/";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let tested = words_of_tests(tree);
    // An interface has no constructor; the contract says what its own reverts with.
    let contracts = tree.ending(".sol").filter(|(file, _)| file.starts_with("contracts/src/"));
    let constructors = contracts
        .filter(|(file, _)| !file.starts_with(INTERFACES))
        .flat_map(|(_, text)| read(text).reverts)
        .map(|(_, name)| name)
        .collect::<BTreeSet<_>>();
    let files = tree.ending(".sol").filter(|(file, _)| file.starts_with(INTERFACES));
    let interfaces: Vec<_> = files.map(|(file, text)| (file, read(text))).collect();
    // An interface inherits errors, and reverts with those of the contracts that it calls.
    let errors = interfaces.iter().flat_map(|(_, interface)| &interface.errors);
    let declared: BTreeSet<_> = errors.map(|error| error.name).collect();
    let reverts = interfaces.iter().flat_map(|(_, interface)| &interface.reverts);
    let named: BTreeSet<_> = reverts.map(|(_, name)| *name).chain(constructors).collect();
    let mut problems = Vec::new();
    for (file, interface) in &interfaces {
        for (line, name) in &interface.reverts {
            if !declared.contains(name) {
                let text = format!("@custom:reverts {name}: no interface declares such an error");
                problems.push(Problem::at(file, *line, text));
            }
        }
        for error in &interface.errors {
            let faults = [
                (!named.contains(error.name), "is named by no function's @custom:reverts"),
                (!tested.contains(error.name), "appears in no test"),
                (!error.has_notice, "has no @notice"),
                (!error.has_remedy, "has no @custom:remedy"),
            ];
            let faults = faults.into_iter().filter(|(fault, _)| *fault);
            problems.extend(faults.map(|(_, fault)| {
                Problem::at(file, error.line, format!("error {} {fault}", error.name))
            }));
        }
    }
    problems
}

/// An error's declaration.
#[derive(Debug)]
struct Declared<'a> {
    line: usize,
    name: &'a str,
    has_notice: bool,
    has_remedy: bool,
}

#[derive(Debug, Default)]
struct Interface<'a> {
    errors: Vec<Declared<'a>>,
    /// The errors that functions and constructors are said to revert with.
    reverts: Vec<(usize, &'a str)>,
}

fn read(text: &str) -> Interface<'_> {
    let mut interface = Interface::default();
    let (mut has_notice, mut has_remedy) = (false, false);
    // The next word is the name of an error.
    let mut name_follows = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix("///") {
            // forge fmt may wrap a comment anywhere, so a tag may stand anywhere.
            for word in comment.split_whitespace() {
                if name_follows {
                    interface.reverts.push((number, word));
                }
                has_notice |= word == "@notice";
                has_remedy |= word == "@custom:remedy";
                name_follows = word == "@custom:reverts";
            }
            continue;
        }
        if let Some(rest) = line.strip_prefix("error ") {
            let name = rest.split('(').next().unwrap_or_default().trim();
            interface.errors.push(Declared { line: number, name, has_notice, has_remedy });
        }
        (has_notice, has_remedy, name_follows) = (false, false, false);
    }
    interface
}

/// Every identifier in a test.
fn words_of_tests(tree: &Tree) -> BTreeSet<&str> {
    let solidity = tree.ending(".sol").filter(|(file, _)| file.starts_with("contracts/test/"));
    let rust = tree.ending(".rs").filter(|(file, _)| file.starts_with("tests/tests/"));
    let texts = solidity.chain(rust).map(|(_, text)| text);
    texts.flat_map(|text| text.split(|c: char| !c.is_alphanumeric() && c != '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
interface IA {
    /// @notice It is late.
    /// @custom:remedy Come earlier.
    error Late(uint256 nowAt, uint256 deadline);

    /// @notice Acts.
    /// @custom:reverts Late when it is late
    function act() external;
}
";

    fn problems(interface: &str, test: &str) -> Vec<String> {
        let path = format!("{INTERFACES}IA.sol");
        let tree = Tree::of(&[(&path, interface), ("contracts/test/A.t.sol", test)]);
        check(&tree).into_iter().map(|problem| problem.text).collect()
    }

    #[test]
    fn a_documented_and_tested_error_passes() {
        assert_eq!(problems(GOOD, "vm.expectRevert(IA.Late.selector);"), [""; 0]);
    }

    #[test]
    fn an_untested_error_is_named() {
        assert_eq!(problems(GOOD, "IA.Later"), ["error Late appears in no test"]);
    }

    #[test]
    fn an_error_that_no_function_names_is_named() {
        let interface = GOOD.replace("    /// @custom:reverts Late when it is late\n", "");
        let found = problems(&interface, "Late");
        assert_eq!(found, ["error Late is named by no function's @custom:reverts"]);
    }

    #[test]
    fn a_constructor_names_its_errors_in_the_contract() {
        let interface = GOOD.replace("    /// @custom:reverts Late when it is late\n", "");
        let path = format!("{INTERFACES}IA.sol");
        let contract = "/// @custom:reverts Late when it is\nconstructor() {}";
        let tree = Tree::of(&[
            (&path, &interface),
            ("contracts/src/A.sol", contract),
            ("contracts/test/A.t.sol", "Late"),
        ]);
        assert_eq!(check(&tree), []);
    }

    #[test]
    fn an_unknown_error_is_named() {
        let interface = GOOD.replace("reverts Late", "reverts Early");
        let found = problems(&interface, "Late");
        assert!(found.iter().any(|text| text.contains("Early: no interface declares such")));
    }

    #[test]
    fn a_wrapped_comment_is_read_whole() {
        let wrapped = GOOD.replace("late.\n    /// @custom", "late. @custom");
        let wrapped = wrapped.replace("@custom:reverts Late", "@custom:reverts\n    /// Late");
        assert_eq!(problems(&wrapped, "Late"), [""; 0]);
    }

    #[test]
    fn an_error_says_why_and_what_to_do() {
        let interface = GOOD.replace("@custom:remedy Come earlier.", "Come earlier.");
        assert_eq!(problems(&interface, "Late"), ["error Late has no @custom:remedy"]);
        let interface = GOOD.replace("@notice It is late.", "It is late.");
        assert_eq!(problems(&interface, "Late"), ["error Late has no @notice"]);
    }
}
