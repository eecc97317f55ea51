//! Why a ballot is what it is, criterion by criterion, for a person and for a program.

use serde::Serialize;
use surety_jury::query::Subject;
use surety_jury::vote::{Downgrade, Evidence};
use surety_jury::{Source, ballot::Reason};

use crate::Replayed;

/// A ballot and what led to it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The juror's claimed family.
    pub family: String,
    /// Where its opinions come from.
    pub source: Source,
    /// The version of the prompt in which its model was asked.
    pub template: &'static str,
    /// Why the ballot says what it says, in one word.
    pub reason: Reason,
    /// Each criterion, in the milestone's order.
    pub criteria: Vec<Explained>,
    /// The questions whose answers a program knew.
    pub canaries: Vec<Canary>,
}

/// One criterion.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Its id.
    pub id: String,
    /// The test.
    pub text: String,
    /// Whether it must be met.
    pub mandatory: bool,
    /// What the ballot says: "met", "failed" or "undecided".
    pub ballot: &'static str,
    /// What its program said.
    pub check: Option<Checked>,
    /// How the model was asked, in plain and in denied words, and what it said.
    pub asked: Vec<Asked>,
}

/// What a program said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// The criterion.
    pub criterion: String,
    /// "met", "failed" or "unusable".
    pub outcome: String,
    /// What it found.
    pub detail: String,
}

/// One answer, or the lack of one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// Whether it was asked in denied words, so that MET speaks against the criterion.
    pub negated: bool,
    /// The model that says it answered, or that was asked.
    pub model: String,
    /// How often it was asked.
    pub attempts: u8,
    /// "MET", "`NOT_MET`", "`CANNOT_VERIFY`", "INJECTION", "REFUSAL" or "ERR(name)".
    pub outcome: String,
    /// Why a verdict that the model gave counts as "`CANNOT_VERIFY`": "misquote", "no-evidence",
    /// "contradiction" or "suspicion-unproven".
    pub downgrade: Option<Downgrade>,
    /// The model's reasons.
    pub reasoning: Option<String>,
    /// What it quoted of the deliverable, byte for byte.
    pub quotes: Vec<Evidence>,
}

/// A question whose answer a program knew.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Canary {
    /// The statement.
    pub text: String,
    /// Whether it is true.
    pub is_met: bool,
    /// What was answered.
    pub asked: Vec<Asked>,
}

impl Replayed {
    /// Says why.
    pub fn explain(&self) -> Explanation {
        let bit = |mask: u16, index: u32| mask.checked_shr(index).unwrap_or_default() & 1 == 1;
        let explained = self.milestone.criteria.iter().zip(0_u32..).map(|(criterion, index)| {
            let ballot = match (bit(self.opinion.met, index), bit(self.opinion.failed, index)) {
                (true, _) => "met",
                (_, true) => "failed",
                _ => "undecided",
            };
            Explained {
                id: criterion.id.clone(),
                text: criterion.text.clone(),
                mandatory: criterion.mandatory,
                ballot,
                check: self.checks.iter().find(|check| check.criterion == criterion.id).cloned(),
                asked: self.asked(|subject| *subject == Subject::Criterion(criterion.id.clone())),
            }
        });
        let mut canaries: Vec<Canary> = Vec::new();
        for query in &self.queries {
            if let Subject::Canary { text, is_met } = &query.subject
                && !canaries.iter().any(|canary| canary.text == *text)
            {
                let asked = self.asked(|subject| *subject == query.subject);
                canaries.push(Canary { text: text.clone(), is_met: *is_met, asked });
            }
        }
        Explanation {
            family: self.family.clone(),
            source: self.source,
            template: self.template.name(),
            reason: self.opinion.reason,
            criteria: explained.collect(),
            canaries,
        }
    }

    /// The last answer to each question about a subject: the first valid one ends the asking.
    fn asked(&self, is_it: impl Fn(&Subject) -> bool) -> Vec<Asked> {
        let of = self.queries.iter().filter(|query| is_it(&query.subject));
        let answers = of.filter_map(|query| {
            let of = self.calls.iter().filter(|(call, _)| call.question_id == query.asked.id);
            let (call, vote) =
                of.clone().find(|(_, vote)| vote.is_some()).or_else(|| of.clone().next_back())?;
            Some(Asked {
                negated: query.is_negated,
                model: call.model_reported.as_ref().unwrap_or(&call.model_requested).clone(),
                attempts: call.attempt,
                outcome: call.outcome.clone(),
                downgrade: vote.as_ref().and_then(|vote| vote.downgrade),
                reasoning: vote.as_ref().map(|vote| vote.reasoning.clone()),
                quotes: vote.as_ref().map(|vote| vote.evidence.clone()).unwrap_or_default(),
            })
        });
        let mut answers: Vec<Asked> = answers.collect();
        answers.sort_by_key(|asked| asked.negated);
        answers
    }
}
