//! Reads the question back out of a juror's prompt, as any reader of the prompt could.

use surety_jury::prompt;

/// What a prompt asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) nonce: String,
    pub(crate) criterion_id: String,
    /// The criterion in plain words.
    pub(crate) criterion: String,
    /// Whether the prompt denies it.
    pub(crate) is_denied: bool,
    /// What the deliverable was made for, as far as the prompt says.
    pub(crate) instruction: String,
    /// The deliverable, line by line from line 1, without the marks.
    pub(crate) lines: Vec<String>,
}

impl Question {
    /// Reads the user message; `None` when the prompt is of another kind.
    pub(crate) fn read(user: &str) -> Option<Self> {
        prompt::Question::parse(user).map(|question| Self::of(&question))
    }

    /// Takes the marks off.
    pub(crate) fn of(question: &prompt::Question) -> Self {
        let lines = question.lines().into_iter().map(|(_, text)| text.to_owned()).collect();
        let asked = question.criterion.text.as_str();
        let (before, after) = prompt::NEGATION.trim_end().split_once("{text}").unwrap_or_default();
        let plain = asked.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        Self {
            nonce: question.nonce.clone(),
            criterion_id: question.criterion.id.clone(),
            criterion: plain.unwrap_or(asked).to_owned(),
            is_denied: plain.is_some(),
            instruction: question.spec_excerpt.clone().unwrap_or_default(),
            lines,
        }
    }
}
