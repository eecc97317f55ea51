//! Reads the question back out of a juror's prompt, as any reader of the prompt could.

use surety_jury::prompt;

/// What a prompt asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) nonce: String,
    pub(crate) criterion_id: String,
    pub(crate) criterion: String,
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
        Self {
            nonce: question.nonce.clone(),
            criterion_id: question.criterion.id.clone(),
            criterion: question.criterion.text.clone(),
            instruction: question.spec_excerpt.clone(),
            lines,
        }
    }
}
