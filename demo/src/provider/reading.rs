//! Reads the question back out of a juror's prompt, as any reader of the prompt could.

use serde_json::Value;

/// What a prompt asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) nonce: String,
    pub(crate) criterion_id: String,
    pub(crate) criterion: String,
    /// What the deliverable was made for, as far as the prompt says.
    pub(crate) instruction: String,
    /// The deliverable, line by line, without the marks.
    pub(crate) lines: Vec<String>,
    /// The number that the prompt gives the first line.
    pub(crate) first_line: usize,
}

/// The sign between a line's mark, its number and its text.
const MARK: char = '⟂';

impl Question {
    /// Finds the JSON document in the user message; `None` when the prompt is of another kind.
    pub(crate) fn read(user: &str) -> Option<Self> {
        let start = user.find('{')?;
        let mut documents =
            serde_json::Deserializer::from_str(user.get(start..)?).into_iter::<Value>();
        let document = documents.next()?.ok()?;
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
        let marked = document.pointer("/deliverable/lines").and_then(Value::as_array)?;
        let lines: Vec<(usize, String)> =
            marked.iter().filter_map(Value::as_str).enumerate().map(unmark).collect();
        Some(Self {
            nonce: text("/nonce").or_else(|| text("/deliverable/tag"))?.to_owned(),
            criterion_id: text("/criterion/id")?.to_owned(),
            criterion: text("/criterion/text")?.to_owned(),
            instruction: text("/spec_excerpt").unwrap_or_default().to_owned(),
            first_line: lines.first().map_or(1, |(number, _)| *number),
            lines: lines.into_iter().map(|(_, text)| text).collect(),
        })
    }
}

/// `tag⟂0001⟂ text` is line 1; a line without marks counts from 1.
fn unmark((index, line): (usize, &str)) -> (usize, String) {
    let mut parts = line.splitn(3, MARK);
    let (_, number, text) = (parts.next(), parts.next(), parts.next());
    match (number.and_then(|number| number.trim().parse().ok()), text) {
        (Some(number), Some(text)) => (number, text.strip_prefix(' ').unwrap_or(text).to_owned()),
        _ => (index.saturating_add(1), line.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_taken_off_and_numbers_kept() {
        assert_eq!(unmark((0, "ab⟂0007⟂   indented")), (7, "  indented".to_owned()));
        assert_eq!(unmark((4, "plain")), (5, "plain".to_owned()));
    }
}
