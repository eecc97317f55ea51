//! Random histories of the model and of forge's invariants, side by side, for as long as there is.

use std::time::Duration;

use super::Report;
use crate::histories::{self, Extent};
use crate::repository::Repository;

pub(super) fn run(repository: &Repository, time: Duration) -> anyhow::Result<Report> {
    let outcome = histories::run(repository, Extent::Within(time))?;
    let verdict = if outcome.problems.is_empty() {
        "Every history ended as the model of `tests/` says, and kept forge's invariants"
    } else {
        "**Not proven**: a history ended otherwise than it should"
    };
    let told: Vec<_> = outcome.told.iter().map(|line| item(line)).collect();
    let section = format!("{verdict}:\n\n{}", told.concat());
    Ok(Report { section, problems: outcome.problems })
}

/// An item of a list, within the page's width.
fn item(text: &str) -> String {
    let (mut item, mut column) = (String::from("-"), 1);
    for word in text.split(' ') {
        if column + 1 + word.len() > 100 {
            item.push_str("\n ");
            column = 1;
        }
        item.push(' ');
        item.push_str(word);
        column += 1 + word.len();
    }
    item + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_wrapped_and_keeps_its_words() {
        let text = "12 histories ".repeat(20);
        let item = item(text.trim_end());
        assert!(item.lines().all(|line| line.len() <= 100));
        assert!(
            item.lines().skip(1).all(|line| line.starts_with("  1") || line.starts_with("  h"))
        );
        assert_eq!(item.split_whitespace().skip(1).collect::<Vec<_>>().join(" "), text.trim_end());
    }
}
