//! Each named failure point stands in the sources once, and no other name does: a point that nobody
//! passes would be a row of the crash matrix that proves nothing.

use std::collections::BTreeMap;

use super::{Problem, Tree};

const LIST: &str = "chain/failpoint/src/lib.rs";

/// How a point begins in the sources.
const HERE: &str = "surety_failpoint::here(\"";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(list) = tree.text(LIST) else { return Vec::new() };
    let mut counts: BTreeMap<&str, usize> = names(list).map(|name| (name, 0)).collect();
    let mut problems = Vec::new();
    for (file, text) in tree.ending(".rs").filter(|(file, _)| !file.starts_with("xtask/")) {
        for (number, line) in (1..).zip(text.lines()) {
            for rest in line.split(HERE).skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                match counts.get_mut(name) {
                    Some(count) => *count += 1,
                    None => problems.push(Problem::at(
                        file,
                        number,
                        format!("{name} is no point of {LIST}"),
                    )),
                }
            }
        }
    }
    let wrong = counts.into_iter().filter(|(_, count)| *count != 1);
    problems.extend(wrong.map(|(name, count)| {
        Problem::of(LIST, format!("{name} stands in the sources {count} times, not once"))
    }));
    problems
}

/// The names between the list's brackets, one a line.
fn names(list: &str) -> impl Iterator<Item = &str> {
    let lines = list.lines().skip_while(|line| !line.starts_with("pub const POINTS"));
    let lines = lines.skip(1).take_while(|line| !line.starts_with("];"));
    lines.filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix("\","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> Vec<String> {
        let list = "pub const POINTS: &[&str] = &[\n    \"a.written\",\n    \"a.stored\",\n];\n";
        let tree = Tree::of(&[(LIST, list), ("relayer/src/a.rs", source)]);
        check(&tree).into_iter().map(|problem| problem.text).collect()
    }

    #[test]
    fn each_point_once_is_right() {
        let source = format!("{HERE}a.written\");\n{HERE}a.stored\");\n");
        assert_eq!(problems(&source), [""; 0]);
    }

    #[test]
    fn a_point_that_is_missing_twice_or_unknown_is_found() {
        let source = format!("{HERE}a.stored\");\n{HERE}a.stored\");\n{HERE}b\");\n");
        assert_eq!(problems(&source).len(), 3);
    }
}
