//! `docs/verification.md`: a section per part between two markers, and the notes about what is not
//! proven.

use std::fs;

use anyhow::Context as _;
use clap::ValueEnum as _;

use super::Part;
use crate::repository::Repository;

/// The page.
pub(crate) const FILE: &str = "docs/verification.md";

/// What a person wrote for it.
pub(crate) const NOTES: &str = "tools/verification-notes.md";

const HEAD: &str = "# Verification

What is proven about the contracts, by what, over which inputs and how long it took; and what is
not. `cargo x deep` writes this page and fails when a claim on it does not hold; `cargo x tidy`
compares it with the sources. Change it there, or in the notes that it ends with.
";

const UNKNOWN: &str = "Not run yet.\n";

/// Replaces the section of one part and leaves the others as they are.
pub(super) fn write(repository: &Repository, part: Part, section: &str) -> anyhow::Result<()> {
    let path = repository.path(FILE);
    let before = fs::read_to_string(&path).unwrap_or_default();
    let notes = fs::read_to_string(repository.path(NOTES)).context(NOTES)?;
    fs::write(&path, page(&before, &notes, (part, section))).with_context(|| FILE.to_owned())
}

fn page(before: &str, notes: &str, (changed, section): (Part, &str)) -> String {
    let sections = [Part::Symbolic, Part::Slither, Part::Model, Part::Mutation].map(|part| {
        let (start, end) = markers(part);
        let old = between(before, &start, &end).unwrap_or(UNKNOWN);
        let body = if part == changed { section } else { old };
        format!("\n## {}\n\n{start}{body}{end}", heading(part))
    });
    format!("{HEAD}{}\n{notes}", sections.concat())
}

fn heading(part: Part) -> &'static str {
    match part {
        Part::Symbolic => "For all inputs",
        Part::Slither => "Static analysis",
        Part::Model => "Random histories",
        Part::Mutation => "What the tests notice",
        Part::Storm => "The relayer in a storm",
        Part::Crash => "The relayer that is killed",
        Part::Simulation => "Whole lives from seeds",
        Part::Soak => "The relayer under load",
    }
}

fn markers(part: Part) -> (String, String) {
    let name = part.to_possible_value().map(|value| value.get_name().to_owned());
    let name = name.unwrap_or_default();
    (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"))
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

/// One cell of a table.
pub(super) fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_did_not_run_keeps_its_section() {
        let first = page("", "## Not proven\n", (Part::Slither, "nothing found\n"));
        let second = page(&first, "## Not proven\n", (Part::Model, "1,000 histories\n"));
        assert!(second.contains("nothing found\n") && second.contains("1,000 histories\n"));
        assert!(second.contains(UNKNOWN) && second.ends_with("## Not proven\n"));
    }

    #[test]
    fn a_section_is_replaced_whole() {
        let first = page("", "", (Part::Slither, "old\n"));
        let second = page(&first, "", (Part::Slither, "new\n"));
        assert!(!second.contains("old\n") && second.matches("new\n").count() == 1);
    }

    #[test]
    fn a_cell_is_one_line_without_bars() {
        assert_eq!(cell("a |\n b"), "a \\| b");
    }
}
