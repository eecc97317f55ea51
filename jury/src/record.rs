//! What the lines of a transcript say so far, and what follows from them.
//!
//! A juror that judges and whoever replays its transcript come to the same opinion, since both ask
//! here and nowhere else.

use std::collections::HashMap;

use surety_terms::{Criterion, HiddenCriterion, Kind, MilestoneSheet};

use crate::error::JuryError;
use crate::opinion::{CanaryFound, Finding, Found, Opinion};
use crate::prompt::Nonce;
use crate::query::{Query, Subject, queries};
use crate::transcript::{Entry, Told, Transcript};
use crate::view::View;

/// How many answers to one question may be unreadable before it counts as declined.
const UNREADABLE_MOST: u8 = 2;
/// The outcomes of answers that came and cannot be read: asked for without end, they would let whoever
/// stands between juror and model throw away every answer that it does not like.
const UNREADABLE: [&str; 6] = [
    "ERR(vote-malformed)",
    "ERR(empty)",
    "ERR(not-json)",
    "ERR(error-body)",
    "ERR(wrong-shape)",
    "ERR(too-large)",
];

/// A transcript as far as it is written, and what it says of each criterion and question.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// The lines.
    pub transcript: Transcript,
    /// How often each question was asked, by its id.
    pub attempts: HashMap<String, u8>,
    /// What was revealed of each hidden criterion, by its id.
    pub reveals: HashMap<String, Option<HiddenCriterion>>,
    /// The opinion that ends it.
    pub opinion: Option<Opinion>,
    /// What programs and reveals say of a criterion, by its id.
    checked: HashMap<String, Finding>,
    /// The first valid answer to each question, by its id.
    answers: HashMap<String, Finding>,
    unreadable: HashMap<String, u8>,
}

impl Record {
    /// Counts a line as written.
    pub fn add(&mut self, entry: &Entry) {
        self.transcript.push(entry);
        match entry {
            Entry::Case { .. } | Entry::Questions { .. } => {}
            Entry::Reveal { criterion_id, document } => {
                if document.is_none() {
                    self.checked.entry(criterion_id.clone()).or_insert(Finding::Unrevealed);
                }
                self.reveals.insert(criterion_id.clone(), document.clone());
            }
            Entry::Check { criterion_id, outcome, .. } => {
                let passed = match outcome.as_str() {
                    "met" => Some(true),
                    "failed" => Some(false),
                    _ => None,
                };
                self.checked.entry(criterion_id.clone()).or_insert(Finding::Checked(passed));
            }
            Entry::Call(call) => {
                self.attempts.insert(call.question_id.clone(), call.attempt);
                self.hear(&call.question_id, &call.outcome);
            }
            Entry::Opinion { met, failed, reason } => {
                self.opinion = Some(Opinion { met: *met, failed: *failed, reason: *reason });
            }
        }
    }

    /// The first valid answer counts. One that cannot be read may be asked for once more.
    fn hear(&mut self, question_id: &str, outcome: &str) {
        let finding = Finding::from_outcome(outcome).or_else(|| {
            let unreadable = UNREADABLE.contains(&outcome);
            let count = self.unreadable.entry(question_id.to_owned()).or_default();
            *count = count.saturating_add(u8::from(unreadable));
            (*count >= UNREADABLE_MOST).then_some(Finding::Refused)
        });
        if let Some(finding) = finding {
            self.answers.entry(question_id.to_owned()).or_insert(finding);
        }
    }

    /// What is judged: a criterion that was revealed stands where it was hidden.
    #[must_use]
    pub fn opened(&self, milestone: &MilestoneSheet) -> MilestoneSheet {
        let mut milestone = milestone.clone();
        for criterion in milestone.criteria.iter_mut().filter(|criterion| criterion.is_hidden()) {
            if let Some(Some(document)) = self.reveals.get(&criterion.id) {
                criterion.text.clone_from(&document.text);
                criterion.kind = document.kind.clone();
            }
        }
        milestone
    }

    /// What a model has to be asked: nothing when the deliverable is blank or no text, or when a
    /// mandatory check failed.
    pub fn queries(
        &self,
        milestone: &MilestoneSheet,
        view: Option<&View>,
        nonce: &Nonce,
    ) -> Vec<Query> {
        let Some(view) = view else { return Vec::new() };
        if self.spared(milestone, Some(view)).is_some() {
            return Vec::new();
        }
        queries(milestone, view, nonce)
    }

    /// The answer to a question, if it has one.
    pub fn answer(&self, query: &Query) -> Option<Finding> {
        self.answer_to(&query.asked.id)
    }

    /// The answer to the question of an id, if it has one.
    pub fn answer_to(&self, question_id: &str) -> Option<Finding> {
        self.answers.get(question_id).copied()
    }

    /// What a program says of a criterion, if it ran.
    pub fn checked(&self, criterion: &Criterion) -> Option<Finding> {
        self.checked.get(&criterion.id).copied()
    }

    /// Whether no further answer would change the ballot: an instruction was found, a canary was
    /// answered wrongly, or the answers to a pair contradict each other.
    pub fn is_decided(&self, queries: &[Query]) -> bool {
        queries.iter().any(|query| match (self.answer(query), query.truth()) {
            (Some(Finding::Injection), _) => true,
            (Some(Finding::Voted(answer)), Some(truth)) => answer.contradicts(truth),
            _ => self.found(queries, |subject| *subject == query.subject).is_contradictory(),
        })
    }

    /// What everything adds up to; a question that has no answer could not be asked.
    pub fn opinion(
        &self,
        milestone: &MilestoneSheet,
        view: Option<&View>,
        queries: &[Query],
    ) -> Result<Opinion, JuryError> {
        let spared = self.spared(milestone, view);
        let found = |criterion: &Criterion| match criterion.kind {
            Kind::Llm => spared.map_or_else(
                || {
                    self.found(
                        queries,
                        |subject| matches!(subject, Subject::Criterion(id) if *id == criterion.id),
                    )
                },
                Found::from,
            ),
            Kind::Check(_) | Kind::Hidden { .. } => {
                self.checked(criterion).unwrap_or(Finding::Unanswered).into()
            }
        };
        let criteria: Vec<Found> = milestone.criteria.iter().map(found).collect();
        let open = |found: &Found| found.plain == Finding::Unanswered;
        // The bytes match their digest and are no text: programs may have read them, a model cannot.
        if view.is_none() && criteria.iter().any(open) {
            return Opinion::unreadable(criteria.len());
        }
        let canary = |is_met: bool| {
            let is_it = |subject: &Subject| matches!(subject, Subject::Canary { is_met: got, .. } if *got == is_met);
            let there = queries.iter().any(|query| is_it(&query.subject));
            there.then(|| CanaryFound { is_met, found: self.found(queries, is_it) })
        };
        let canaries: Vec<CanaryFound> = [true, false].into_iter().filter_map(canary).collect();
        Opinion::of(&criteria, &canaries)
    }

    /// The answers to the questions about one subject.
    fn found(&self, queries: &[Query], is_it: impl Fn(&Subject) -> bool) -> Found {
        let mut found = Found { plain: Finding::Unanswered, negated: None };
        for query in queries.iter().filter(|query| is_it(&query.subject)) {
            let answer = self.answer(query).unwrap_or(Finding::Unanswered);
            if query.is_negated {
                found.negated = Some(answer);
            } else {
                found.plain = answer;
            }
        }
        found
    }

    fn spared(&self, milestone: &MilestoneSheet, view: Option<&View>) -> Option<Finding> {
        let blank = view.is_some_and(View::is_blank);
        Finding::sparing_models(milestone, blank, &self.checked)
    }
}

/// The line that says at the end what each question was about.
pub fn told(queries: &[Query]) -> Entry {
    let told = queries.iter().map(|query| Told {
        question_id: query.asked.id.clone(),
        subject: query.subject.clone(),
        is_negated: query.is_negated,
    });
    Entry::Questions { questions: told.collect() }
}

/// Recomputes the opinion from a whole transcript, the signed milestone and the deliverable, and
/// refuses a transcript that says anything else. Without a deliverable the juror says it was missing.
pub fn replay(
    transcript: &Transcript,
    milestone: &MilestoneSheet,
    deliverable: Option<&[u8]>,
) -> Result<Opinion, JuryError> {
    let malformed = |line, rule| JuryError::TranscriptMalformed { line, rule };
    let entries = transcript.entries()?;
    let mut record = Record::default();
    for entry in &entries {
        record.add(entry);
    }
    let last = entries.len().saturating_sub(1);
    let Some(Entry::Case { nonce, view_digest, .. }) = entries.first() else {
        return Err(malformed(0, "a transcript begins with its case"));
    };
    let opinion = match deliverable {
        None => Opinion::missing(milestone.criteria.len())?,
        Some(bytes) => {
            let view = View::of(bytes).ok();
            if view.as_ref().map(View::digest) != *view_digest {
                return Err(malformed(0, "the view is that of the deliverable"));
            }
            let opened = record.opened(milestone);
            let nonce = Nonce::try_from(nonce.clone())?;
            let queries = record.queries(&opened, view.as_ref(), &nonce);
            let shown = entries.iter().find(|entry| matches!(entry, Entry::Questions { .. }));
            if shown != (!queries.is_empty()).then(|| told(&queries)).as_ref() {
                return Err(malformed(last.saturating_sub(1), "it ends with the true questions"));
            }
            record.opinion(&opened, view.as_ref(), &queries)?
        }
    };
    if record.opinion == Some(opinion) {
        Ok(opinion)
    } else {
        Err(malformed(last, "it ends with the opinion that follows from it"))
    }
}
