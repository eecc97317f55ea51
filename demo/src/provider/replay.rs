//! Recorded judges: what a real model answered to this very task, found by what is in the prompt.

use std::collections::HashMap;

use surety_jury::vote::Answer;

use super::opinion;
use super::personality::Vote;
use super::reading::Question;
use surety_qualify::llmbar::{JUDGES, Llmbar, judge_slug};

/// The judges' prompt whose answers are replayed.
pub(crate) const PROMPT: &str = "Metrics_Reference";

/// A fact that can be looked up is true or not.
const WHOLE_PERCENT: usize = 100;

/// The recorded judges, indexed by the texts they were asked about.
#[derive(Debug)]
pub struct Replay {
    data: Llmbar,
    /// Letters and digits of an output, to the items that have it and as which of the two.
    outputs: HashMap<String, Vec<(usize, u8)>>,
}

impl Replay {
    /// Indexes the data set.
    pub fn new(data: Llmbar) -> Self {
        let mut outputs: HashMap<String, Vec<(usize, u8)>> = HashMap::new();
        for (index, item) in data.items().iter().enumerate() {
            outputs.entry(essence(&item.output_1)).or_default().push((index, 1));
            outputs.entry(essence(&item.output_2)).or_default().push((index, 2));
        }
        Self { data, outputs }
    }

    /// Whether this judge was recorded.
    pub fn knows(judge: &str) -> bool {
        JUDGES.iter().any(|known| judge_slug(known) == judge)
    }

    /// The recorded answer about the deliverable in the prompt: met when it is the judge's winner.
    ///
    /// What can be looked up and counted was asked of no judge then, so the rehearsal's heuristics
    /// answer it.
    pub(crate) fn vote(&self, judge: &str, question: &Question) -> Vote {
        if opinion::is_literal(&question.criterion) {
            return Vote::weighed(question, WHOLE_PERCENT);
        }
        let line = question.lines.iter().position(|line| !line.trim().is_empty());
        let (verdict, reasoning) = match self.find(question) {
            None => (Answer::CannotVerify, "This task is not among the recorded ones.".to_owned()),
            Some((id, delivered)) => match self.data.winner(id, judge, PROMPT) {
                None => (Answer::CannotVerify, format!("{judge} gave no stable answer to {id}.")),
                Some(winner) => (
                    if winner == delivered { Answer::Met } else { Answer::NotMet },
                    format!("{judge} preferred output {winner} of {id} in both orders."),
                ),
            },
        };
        Vote { verdict, line, reasoning, injection: false }.denied(question.is_denied)
    }

    /// The item whose output was delivered; its instruction in the prompt decides between equals.
    fn find(&self, question: &Question) -> Option<(&str, u8)> {
        let delivered = essence(&question.lines.join("\n"));
        let candidates = self.outputs.get(&delivered)?;
        let asked = essence(&format!("{} {}", question.criterion, question.instruction));
        let item = |index: usize| self.data.items().get(index);
        let by_instruction = candidates.iter().find(|(index, _)| {
            item(*index).is_some_and(|item| {
                asked.contains(&essence(&item.id)) || asked.contains(&essence(&item.input))
            })
        });
        let (index, which) = match candidates.as_slice() {
            [only] => *only,
            _ => *by_instruction?,
        };
        item(index).map(|item| (item.id.as_str(), which))
    }
}

/// Letters and digits only: the prompt marks lines and strips what cannot be seen.
fn essence(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}
