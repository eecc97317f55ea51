//! Relative links in Markdown lead somewhere, anchors too; links to a branch's lines go stale.

use std::collections::BTreeSet;

use super::{Problem, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (file, text) in tree.ending(".md") {
        for (line, target) in links(text) {
            if let Some(problem) = broken(tree, file, text, target) {
                problems.push(Problem::at(file, line, problem));
            }
        }
    }
    problems
}

fn broken(tree: &Tree, file: &str, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        let line_of_branch = target.contains("/blob/") && target.contains("#L");
        return line_of_branch.then(|| format!("{target} is a line of a branch, which moves"));
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let (path, linked) = if path.is_empty() {
        (file.to_owned(), Some(text))
    } else {
        let Some(path) = resolve(file, path) else {
            return Some(format!("{target} leads out of the repository"));
        };
        let linked = tree.text(&path);
        (path, linked)
    };
    if !tree.holds(&path) {
        return Some(format!("{target} leads nowhere"));
    }
    let missing = !anchor.is_empty()
        && path.ends_with(".md")
        && !anchors(linked.unwrap_or_default()).contains(anchor);
    missing.then(|| format!("{path} has no heading #{anchor}"))
}

/// The path from the root that `target` means in `file`; None when it climbs out.
fn resolve(file: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The targets of inline links outside code, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        // Odd pieces between backticks are code.
        for piece in line.split('`').step_by(2) {
            let targets = piece.match_indices("](").filter_map(|(at, found)| {
                let rest = piece.get(at + found.len()..)?;
                rest.get(..rest.find(')')?)?.split_whitespace().next()
            });
            links.extend(targets.map(|target| (number, target)));
        }
    }
    // A link whose text is code ends in a piece that begins with `](`, which the above finds too.
    links
}

/// The lines outside fenced code, counted from 1.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in prose(text) {
        let Some(heading) = line.strip_prefix('#').map(|rest| rest.trim_start_matches('#')) else {
            continue;
        };
        let Some(heading) = heading.strip_prefix(' ') else { continue };
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug: String = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let numbered = (1..).map(|n| format!("{slug}-{n}"));
        let free =
            std::iter::once(slug.clone()).chain(numbered).find(|slug| !anchors.contains(slug));
        anchors.extend(free);
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|problem| problem.text).collect()
    }

    #[test]
    fn links_to_files_folders_and_headings_resolve() {
        let readme = "[a](docs/a.md#the-flow) [b](docs) [c](https://x.example) [d](#here)\n# Here";
        let files = [("README.md", readme), ("docs/a.md", "## The flow\n[up](../README.md)")];
        assert_eq!(problems(&files), [""; 0]);
    }

    #[test]
    fn a_missing_file_is_named() {
        assert_eq!(problems(&[("README.md", "[a](no.md)")]), ["no.md leads nowhere"]);
    }

    #[test]
    fn a_missing_heading_is_named() {
        let files = [("README.md", "[a](a.md#gone)"), ("a.md", "# There")];
        assert_eq!(problems(&files), ["a.md has no heading #gone"]);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(problems(&[("a.md", "`[a](b)`\n```\n[c](d)\n```")]), [""; 0]);
    }

    #[test]
    fn a_link_whose_text_is_code_is_one() {
        assert_eq!(problems(&[("a.md", "[`a`](b.md)")]), ["b.md leads nowhere"]);
    }

    #[test]
    fn a_second_heading_of_the_same_name_is_numbered() {
        let text = "# Why\n# Why\n[first](#why) [second](#why-1)";
        assert_eq!(problems(&[("a.md", text)]), [""; 0]);
    }

    #[test]
    fn a_line_of_a_branch_is_refused() {
        let text = "[a](https://github.com/o/r/blob/main/x.rs#L3)";
        assert_eq!(problems(&[("a.md", text)]).len(), 1);
    }

    #[test]
    fn a_link_out_of_the_repository_is_refused() {
        assert_eq!(
            problems(&[("a.md", "[a](../../b.md)")]),
            ["../../b.md leads out of the repository"]
        );
    }
}
