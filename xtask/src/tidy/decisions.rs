//! Each decision record has a number of its own, which its heading says again.

use std::collections::BTreeMap;

use super::{Problem, Tree};

const FOLDER: &str = "docs/adr/";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut numbers = BTreeMap::new();
    let mut problems = Vec::new();
    for (file, text) in tree.ending(".md").filter(|(file, _)| file.starts_with(FOLDER)) {
        let name = file.trim_start_matches(FOLDER);
        let Some(number) = name.split('-').next().and_then(|it| it.parse::<u32>().ok()) else {
            problems.push(Problem::of(file, "has no number: name it like 0001-a-reason.md"));
            continue;
        };
        if !text.starts_with(&format!("# {number}. ")) {
            problems.push(Problem::of(file, format!("does not begin with \"# {number}. \"")));
        }
        if let Some(other) = numbers.insert(number, file) {
            let text = format!("has the number of {other}: take the next one that is free");
            problems.push(Problem::of(file, text));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> usize {
        check(&Tree::of(files)).len()
    }

    #[test]
    fn a_number_is_taken_once() {
        let first = ("docs/adr/0001-a.md", "# 1. A");
        assert_eq!(problems(&[first, ("docs/adr/0002-b.md", "# 2. B")]), 0);
        assert_eq!(problems(&[first, ("docs/adr/0001-b.md", "# 1. B")]), 1);
    }

    #[test]
    fn a_record_has_a_number_and_says_it() {
        assert_eq!(problems(&[("docs/adr/0002-a.md", "# 1. A")]), 1);
        assert_eq!(problems(&[("docs/adr/reason.md", "# 1. A")]), 1);
    }
}
