//! `docs/verification.md` names every check, every explanation of a finding and the notes, and no check
//! that is gone.

use super::{Problem, Tree};
use crate::deep::mutation::{ARGUMENTS, arguments};
use crate::deep::page::{FILE, NOTES};
use crate::deep::slither::{EXPLANATIONS, explanations};
use crate::deep::symbolic::{FOLDER, checks};

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let files: Vec<_> =
        tree.ending(".t.sol").filter(|(file, _)| file.starts_with(FOLDER)).collect();
    if files.is_empty() {
        return Vec::new();
    }
    let Some(page) = tree.text(FILE) else {
        return vec![Problem::of(FILE, "is missing: run `cargo x deep`")];
    };
    let mut problems = Vec::new();
    let mut names = Vec::new();
    for (file, text) in files {
        for check in checks(text) {
            if !page.contains(&format!("| `{}` |", check.name)) {
                let text = format!("{} is not in {FILE}: run `cargo x deep`", check.name);
                problems.push(Problem::of(file, text));
            }
            if !check.notice.contains(": ") {
                let text = format!("{} does not say for which inputs it holds", check.name);
                problems.push(Problem::of(file, text));
            }
            names.push(check.name);
        }
    }
    let rows = (1..).zip(page.lines()).filter_map(|(line, row)| Some((line, check_in(row)?)));
    problems
        .extend(rows.filter(|(_, name)| !names.iter().any(|known| known == name)).map(
            |(line, name)| Problem::at(FILE, line, format!("{name} is no check in {FOLDER}")),
        ));
    problems.extend(explained(tree, page));
    problems.extend(argued(tree));
    if !tree.text(NOTES).is_some_and(|notes| page.ends_with(notes)) {
        problems.push(Problem::of(FILE, format!("does not end with {NOTES}: run `cargo x deep`")));
    }
    problems
}

/// The check that a row of the table is about.
fn check_in(row: &str) -> Option<&str> {
    let name = row.strip_prefix("| `")?.split('`').next()?;
    name.starts_with("check_").then_some(name)
}

fn explained(tree: &Tree, page: &str) -> Vec<Problem> {
    let list = tree.text(EXPLANATIONS).unwrap_or("[]");
    match explanations(list) {
        Ok(list) => list
            .iter()
            .filter(|entry| !page.contains(&format!("| {} |", entry.why)))
            .map(|entry| {
                let text = format!("not in {FILE}: \"{}\"; run `cargo x deep`", entry.why);
                Problem::of(EXPLANATIONS, text)
            })
            .collect(),
        Err(error) => vec![Problem::of(EXPLANATIONS, error.to_string())],
    }
}

/// An argument for a mutant must be about something that the source still has; whether the mutant still
/// survives is what `cargo x deep` says.
fn argued(tree: &Tree) -> Vec<Problem> {
    let list = tree.text(ARGUMENTS).unwrap_or("[]");
    match arguments(list) {
        Ok(list) => list
            .iter()
            .filter(|entry| !tree.text(&entry.file).is_some_and(|text| entry.stands_in(text)))
            .map(|entry| {
                let text = format!("{} has nothing like that: \"{}\"", entry.file, entry.why);
                Problem::of(ARGUMENTS, text)
            })
            .collect(),
        Err(error) => vec![Problem::of(ARGUMENTS, error.to_string())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str =
        "contract A {\n/// @notice It holds: any input.\nfunction check_it() external {";

    fn problems(source: &str, page: &str) -> usize {
        let tree = Tree::of(&[
            ("contracts/test/symbolic/A.t.sol", source),
            (FILE, page),
            (NOTES, "Not proven: the rest.\n"),
            (EXPLANATIONS, r#"[{"check":"a","file":"b","function":"c","why":"No."}]"#),
        ]);
        check(&tree).len()
    }

    #[test]
    fn a_page_with_everything_is_right() {
        let page = "| `check_it` | It holds |\n| High | a | b | No. |\nNot proven: the rest.\n";
        assert_eq!(problems(SOURCE, page), 0);
    }

    #[test]
    fn a_missing_check_a_missing_reason_and_missing_notes_are_found() {
        assert_eq!(problems(SOURCE, ""), 3);
    }

    #[test]
    fn a_check_that_is_gone_is_found() {
        let page = "| `check_it` |\n| `check_gone` |\n| No. |\nNot proven: the rest.\n";
        assert_eq!(problems(SOURCE, page), 1);
    }

    #[test]
    fn a_check_says_for_which_inputs() {
        let page = "| `check_it` |\n| No. |\nNot proven: the rest.\n";
        assert_eq!(problems(&SOURCE.replace("holds: any", "holds for any"), page), 1);
    }
}
