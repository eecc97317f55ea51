//! The interfaces are the specification of what reverts: every `@custom:reverts` names an error of an
//! interface, which says why and what to do; a function names it, a contract throws, a test expects it.

use std::collections::{BTreeMap, BTreeSet};

use super::solidity::Source;
use super::{Problem, Tree};

const CONTRACTS: &str = "contracts/src/";
const INTERFACES: &str = "contracts/src/interfaces/";
const TESTS: &str = "contracts/test/";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let (thrown, expected) = (thrown(tree), expected(tree));
    let (mut problems, constructors) = contracts(tree);
    let interfaces: Vec<_> = files(tree, INTERFACES).map(|(file, it)| (file, read(it))).collect();
    // An interface inherits errors, and reverts with those of the contracts that it calls.
    let errors = interfaces.iter().flat_map(|(_, interface)| &interface.errors);
    let declared: BTreeSet<_> = errors.map(|error| error.name).collect();
    let reverts = interfaces.iter().flat_map(|(_, interface)| &interface.reverts);
    let named: BTreeSet<_> = reverts.map(|(_, name)| *name).chain(constructors).collect();
    for (file, interface) in &interfaces {
        for (line, name) in &interface.reverts {
            if !declared.contains(name) {
                let text = format!("@custom:reverts {name}: no interface declares such an error");
                problems.push(Problem::at(file, *line, text));
            }
        }
        for error in &interface.errors {
            // Several interfaces have errors of one name.
            let own = (error.interface, error.name);
            let faults = [
                (!named.contains(error.name), "is named by no function's @custom:reverts"),
                (!thrown.contains(&own), "is thrown by no contract"),
                (!expected.contains(&own), "is expected by no test"),
                (!error.has_notice, "has no @notice"),
                (!error.has_remedy, "has no @custom:remedy"),
            ];
            let faults = faults.into_iter().filter(|(fault, _)| *fault);
            problems.extend(faults.map(|(_, fault)| {
                Problem::at(file, error.line, format!("error {} {fault}", error.name))
            }));
        }
    }
    problems.extend(bare(tree));
    problems
}

/// The Solidity files of a folder.
fn files<'a>(tree: &'a Tree, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    tree.ending(".sol").filter(move |(file, _)| file.starts_with(folder))
}

/// Errors that are declared beside the interfaces, and what constructors are said to revert with: an
/// interface has none, so the contract says it.
fn contracts(tree: &Tree) -> (Vec<Problem>, Vec<&str>) {
    let (mut problems, mut reverts) = (Vec::new(), Vec::new());
    for (file, text) in files(tree, CONTRACTS).filter(|(file, _)| !file.starts_with(INTERFACES)) {
        let contract = read(text);
        for error in contract.errors {
            let text = format!("error {} belongs into an interface", error.name);
            problems.push(Problem::at(file, error.line, text));
        }
        reverts.extend(contract.reverts.into_iter().map(|(_, name)| name));
    }
    (problems, reverts)
}

/// What the contracts revert with, by `revert` or by `RefusalLib`, which makes a value of an error.
/// Without an interface before it, an error is one that the contracts of the file inherit.
fn thrown(tree: &Tree) -> BTreeSet<(&str, &str)> {
    let sources: Vec<_> = files(tree, CONTRACTS).map(|(_, text)| Source::read(text)).collect();
    let parents: BTreeMap<_, _> = sources.iter().flat_map(Source::contracts).collect();
    let mut thrown = BTreeSet::new();
    for source in &sources {
        let names = source.contracts().into_iter().map(|(name, _)| name);
        let inherited = ancestors(&parents, names.collect());
        for tail in source.tails() {
            match tail {
                ["revert", interface, ".", name, "(", ..]
                | ["RefusalLib", ".", "encode", "(", interface, ".", name, ".", "selector", ..] => {
                    thrown.insert((*interface, *name));
                }
                ["revert", name, "(", ..]
                | ["RefusalLib", ".", "encode", "(", name, ".", "selector", ..] => {
                    thrown.extend(inherited.iter().map(|interface| (*interface, *name)));
                }
                _ => {}
            }
        }
    }
    thrown
}

/// These contracts and all that they inherit from.
fn ancestors<'a>(
    parents: &BTreeMap<&'a str, Vec<&'a str>>,
    mut names: Vec<&'a str>,
) -> BTreeSet<&'a str> {
    let mut known = BTreeSet::new();
    while let Some(name) = names.pop() {
        if known.insert(name) {
            names.extend(parents.get(name).into_iter().flatten().copied());
        }
    }
    known
}

/// What tests expect: `IFoo.Bar.selector` in the arguments of a call that says so.
/// A name in a comment, or a double that reverts with it, expects nothing.
fn expected(tree: &Tree) -> BTreeSet<(&str, &str)> {
    let tests = files(tree, TESTS).filter(|(file, _)| file.ends_with(".t.sol"));
    let mut expected = BTreeSet::new();
    for source in tests.map(|(_, text)| Source::read(text)) {
        for (at, tail) in source.tails().enumerate() {
            if let [interface, ".", name, ".", "selector", ..] = tail
                && source.callers(at).into_iter().any(expects)
            {
                expected.insert((*interface, *name));
            }
        }
    }
    expected
}

/// Whether a call's arguments are what a test expects. Helpers are called `reverts`, `openReverts`.
fn expects(call: &str) -> bool {
    ["expectRevert", "encodeWithSelector", "assertEq"].contains(&call) || call.ends_with("everts")
}

/// Any revert at all would satisfy `expectRevert()`. A revert without data is `bytes("")`.
fn bare(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, text) in files(tree, TESTS) {
        let source = Source::read(text);
        for (at, tail) in source.tails().enumerate() {
            if let [".", "expectRevert", "(", ")", ..] = tail {
                let text = "expectRevert() takes any revert: name the error, or bytes(\"\")";
                problems.push(Problem::at(file, source.line(at), text));
            }
        }
    }
    problems
}

/// An error's declaration.
#[derive(Debug)]
struct Declared<'a> {
    line: usize,
    interface: &'a str,
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
    let mut found = Interface::default();
    let (mut has_notice, mut has_remedy) = (false, false);
    // The next word is the name of an error.
    let mut name_follows = false;
    let mut interface = "";
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix("///") {
            // forge fmt may wrap a comment anywhere, so a tag may stand anywhere.
            for word in comment.split_whitespace() {
                if name_follows {
                    found.reverts.push((number, word));
                }
                has_notice |= word == "@notice";
                has_remedy |= word == "@custom:remedy";
                name_follows = word == "@custom:reverts";
            }
            continue;
        }
        if let Some(rest) = line.strip_prefix("interface ") {
            interface = rest.split_whitespace().next().unwrap_or_default();
        }
        if let Some(rest) = line.strip_prefix("error ") {
            let name = rest.split('(').next().unwrap_or_default().trim();
            found.errors.push(Declared { line: number, interface, name, has_notice, has_remedy });
        }
        (has_notice, has_remedy, name_follows) = (false, false, false);
    }
    found
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
    function act() external; }
";
    const THROWS: &str = "contract A is B { function act() external { revert Late(2, 1); } }";
    const EXPECTS: &str = "vm.expectRevert(abi.encodeWithSelector(IA.Late.selector, 2, 1));";

    /// What is said of an interface, the contract that inherits it through another, and their test.
    fn problems_of(interface: &str, contract: &str, test: &str) -> Vec<String> {
        let path = format!("{INTERFACES}IA.sol");
        let tree = Tree::of(&[
            (&path, interface),
            ("contracts/src/A.sol", contract),
            ("contracts/src/B.sol", "abstract contract B is IA, EIP712 {}"),
            ("contracts/test/A.t.sol", test),
        ]);
        check(&tree).into_iter().map(|problem| problem.text).collect()
    }

    fn problems(interface: &str) -> Vec<String> {
        problems_of(interface, THROWS, EXPECTS)
    }

    #[test]
    fn an_error_that_is_documented_thrown_and_expected_passes() {
        assert_eq!(problems(GOOD), [""; 0]);
    }

    #[test]
    fn an_error_that_tests_only_name_is_expected_by_none() {
        for test in [
            "",
            "// vm.expectRevert(IA.Late.selector);",
            "/* act\n └── IA.Late.selector */ act(); /// IA.Late.selector",
            "assertTrue(late, \"vm.expectRevert(IA.Late.selector)\");",
            "import {IA} from \"IA.sol\"; fallback() external { revert IA.Late(1, 2); }",
            "bytes4 late = IA.Late.selector; vm.expectRevert(early);",
            "vm.expectRevert(abi.encodeWithSelector(IB.Late.selector, 2, 1));",
            "vm.expectRevert(abi.encodeWithSelector(IA.Later.selector, 2, 1));",
        ] {
            assert_eq!(
                problems_of(GOOD, THROWS, test),
                ["error Late is expected by no test"],
                "{test}"
            );
        }
    }

    #[test]
    fn a_helper_that_expects_says_so_in_its_name() {
        for test in
            ["vm.expectRevert(err(IA.Late.selector, 2));", "reverts(p, f(IA.Late.selector));"]
        {
            assert_eq!(problems_of(GOOD, THROWS, test), [""; 0], "{test}");
        }
        let test = "late(err(IA.Late.selector, 2));";
        assert_eq!(problems_of(GOOD, THROWS, test), ["error Late is expected by no test"]);
    }

    #[test]
    fn a_double_or_a_handler_expects_nothing() {
        let path = format!("{INTERFACES}IA.sol");
        for file in ["contracts/test/doubles/A.sol", "contracts/test/invariant/Handler.sol"] {
            let tree = Tree::of(&[
                (&path, GOOD),
                ("contracts/src/A.sol", "contract A is IA { function a() { revert Late(); } }"),
                (file, EXPECTS),
            ]);
            let found: Vec<_> = check(&tree).into_iter().map(|problem| problem.text).collect();
            assert_eq!(found, ["error Late is expected by no test"], "{file}");
        }
    }

    #[test]
    fn an_error_that_nothing_throws_is_named() {
        for contract in [
            "contract A is B {}",
            "contract A is B { /* revert Late(2, 1); */ // revert Late(2, 1);\n}",
            "contract A is B { string constant WHY = \"revert Late(2, 1);\"; }",
            "contract A is B { bytes4 constant LATE = Late.selector; }",
            "contract A is B { function act() external { revert IB.Late(2, 1); } }",
            "contract A is IB { function act() external { revert Late(2, 1); } }",
            "contract A is B { function act() external { revert Later(2, 1); } }",
        ] {
            let found = problems_of(GOOD, contract, EXPECTS);
            assert_eq!(found, ["error Late is thrown by no contract"], "{contract}");
        }
    }

    #[test]
    fn a_library_throws_by_the_interface_and_a_value_is_thrown_too() {
        for contract in [
            "library A { function a() internal { if (b) revert IA.Late(2, 1); } }",
            "contract A is B { function a() { return RefusalLib.encode(Late.selector, 2, 1); } }",
            "library A { function a() { return\n RefusalLib.encode(IA.Late.selector, 2, 1); } }",
        ] {
            assert_eq!(problems_of(GOOD, contract, EXPECTS), [""; 0], "{contract}");
        }
    }

    #[test]
    fn an_error_beside_the_interfaces_is_named() {
        let contract = format!("{THROWS}\nerror Early(uint256 nowAt);");
        let found = problems_of(GOOD, &contract, EXPECTS);
        assert_eq!(found, ["error Early belongs into an interface"]);
    }

    #[test]
    fn a_test_that_takes_any_revert_is_named() {
        let test = format!("{EXPECTS}\nvm.expectRevert();\nact();");
        let found = problems_of(GOOD, THROWS, &test);
        assert!(matches!(&found[..], [one] if one.starts_with("expectRevert() takes any revert")));
        for fine in [
            "vm.expectRevert(bytes(\"\"));",
            "vm.expectRevert(text(\"Pausable: paused\"));",
            "// vm.expectRevert();",
            "function expectRevert() external;",
        ] {
            let test = format!("{EXPECTS}\n{fine}");
            assert_eq!(problems_of(GOOD, THROWS, &test), [""; 0], "{fine}");
        }
    }

    #[test]
    fn an_error_that_no_function_names_is_named() {
        let interface = GOOD.replace("    /// @custom:reverts Late when it is late\n", "");
        assert_eq!(problems(&interface), ["error Late is named by no function's @custom:reverts"]);
    }

    #[test]
    fn a_constructor_names_its_errors_in_the_contract() {
        let interface = GOOD.replace("    /// @custom:reverts Late when it is late\n", "");
        let contract = format!("/// @custom:reverts Late when it is late\n{THROWS}");
        assert_eq!(problems_of(&interface, &contract, EXPECTS), [""; 0]);
    }

    #[test]
    fn an_unknown_error_is_named() {
        let interface = GOOD.replace("reverts Late", "reverts Early");
        let found = problems(&interface);
        assert!(found.iter().any(|text| text.contains("Early: no interface declares such")));
    }

    #[test]
    fn a_wrapped_comment_is_read_whole() {
        let wrapped = GOOD.replace("late.\n    /// @custom", "late. @custom");
        let wrapped = wrapped.replace("@custom:reverts Late", "@custom:reverts\n    /// Late");
        assert_eq!(problems(&wrapped), [""; 0]);
    }

    #[test]
    fn an_error_says_why_and_what_to_do() {
        let interface = GOOD.replace("@custom:remedy Come earlier.", "Come earlier.");
        assert_eq!(problems(&interface), ["error Late has no @custom:remedy"]);
        let interface = GOOD.replace("@notice It is late.", "It is late.");
        assert_eq!(problems(&interface), ["error Late has no @notice"]);
    }
}
