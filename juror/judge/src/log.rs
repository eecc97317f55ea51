//! A transcript as far as it is written.

use std::collections::HashMap;

use surety_jury::{Entry, Finding, Opinion, Transcript};
use surety_terms::HiddenCriterion;

/// The transcript, and what it says of each criterion.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) transcript: Transcript,
    pub(crate) findings: HashMap<String, Finding>,
    pub(crate) reveals: HashMap<String, Option<HiddenCriterion>>,
    pub(crate) attempts: HashMap<String, u8>,
    pub(crate) opinion: Option<Opinion>,
}

impl Log {
    /// Counts a line as written.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.transcript.push(entry);
        match entry {
            Entry::Case { .. } => {}
            Entry::Reveal { criterion_id, document } => {
                if document.is_none() {
                    self.findings.entry(criterion_id.clone()).or_insert(Finding::Unrevealed);
                }
                self.reveals.insert(criterion_id.clone(), document.clone());
            }
            Entry::Check { criterion_id, outcome, .. } => {
                let passed = match outcome.as_str() {
                    "met" => Some(true),
                    "failed" => Some(false),
                    _ => None,
                };
                let finding = Finding::Checked(passed);
                self.findings.entry(criterion_id.clone()).or_insert(finding);
            }
            Entry::Call(call) => {
                self.attempts.insert(call.criterion_id.clone(), call.attempt);
                // The first valid answer counts.
                if let Some(finding) = Finding::from_outcome(&call.outcome) {
                    self.findings.entry(call.criterion_id.clone()).or_insert(finding);
                }
            }
            Entry::Opinion { met, failed, reason } => {
                self.opinion = Some(Opinion { met: *met, failed: *failed, reason: *reason });
            }
        }
    }
}
