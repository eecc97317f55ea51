//! From transcripts to counts: what a juror answered to labelled cases, and how.

use std::collections::BTreeSet;

use alloy::primitives::Keccak256;
use surety_jury::transcript::{Call, Told};
use surety_jury::{Entry, Finding, JuryError, Opinion, Reason, Record, Transcript};

use crate::case::LabelledCase;
use crate::certificate::{Counts, MOST_MODELS};
use crate::score::Score;

/// The counts of some transcripts, added one by one in the order of their cases.
#[derive(Clone, Debug, Default)]
pub struct Count {
    counts: Counts,
    models: BTreeSet<String>,
    latencies: Vec<u32>,
    roots: Keccak256,
}

impl Count {
    /// Counts a case by its whole transcript.
    pub fn add(&mut self, case: &LabelledCase, transcript: &Transcript) -> Result<(), JuryError> {
        let mut record = Record::default();
        let mut told = Vec::new();
        for entry in transcript.entries()? {
            record.add(&entry);
            match entry {
                Entry::Call(call) => self.call(*call),
                Entry::Questions { questions } => told = questions,
                Entry::Case { .. }
                | Entry::Reveal { .. }
                | Entry::Check { .. }
                | Entry::Opinion { .. } => {}
            }
        }
        let last = transcript.len().saturating_sub(1);
        let unfinished =
            JuryError::TranscriptMalformed { line: last, rule: "it ends with an opinion" };
        let opinion = record.opinion.ok_or(unfinished)?;
        self.roots.update(transcript.root());
        self.questions(&record, &told);
        self.opinion(case, opinion);
        Ok(())
    }

    /// How the criteria ended so far.
    pub const fn score(&self) -> &Score {
        &self.counts.score
    }

    /// Everything that was counted.
    pub fn counts(mut self) -> Counts {
        self.latencies.sort_unstable();
        self.counts.latency_ms_p50 = at(&self.latencies, 50);
        self.counts.latency_ms_p95 = at(&self.latencies, 95);
        self.counts.models_reported = self.models.into_iter().take(MOST_MODELS).collect();
        self.counts.transcripts = self.roots.finalize();
        self.counts
    }

    fn call(&mut self, call: Call) {
        let counts = &mut self.counts;
        add(&mut counts.calls, true);
        let tokens = |sum: u64, tokens: Option<u32>| sum.saturating_add(tokens.unwrap_or(0).into());
        counts.input_tokens = tokens(counts.input_tokens, call.input_tokens);
        counts.output_tokens = tokens(counts.output_tokens, call.output_tokens);
        self.models.extend(call.model_reported);
        if is_vote(Finding::from_outcome(&call.outcome)) {
            self.latencies.push(call.elapsed_ms);
        }
    }

    fn questions(&mut self, record: &Record, told: &[Told]) {
        let counts = &mut self.counts;
        for told in told {
            let answer = record.answer_to(&told.question_id);
            add(&mut counts.questions, true);
            add(&mut counts.votes, is_vote(answer));
            if let Some(truth) = told.truth() {
                let is_right = answer == Some(Finding::Voted(truth));
                let is_wrong = matches!(answer, Some(Finding::Voted(it)) if it.contradicts(truth));
                add(&mut counts.canaries, true);
                add(&mut counts.canaries_right, is_right);
                add(&mut counts.canaries_wrong, is_wrong);
            }
        }
    }

    fn opinion(&mut self, case: &LabelledCase, opinion: Opinion) {
        let counts = &mut self.counts;
        add(&mut counts.cases, true);
        add(&mut counts.voided, opinion.reason == Reason::Void);
        add(&mut counts.injections, opinion.reason == Reason::Injection);
        case.count(&opinion, &mut counts.score);
    }
}

const fn is_vote(finding: Option<Finding>) -> bool {
    matches!(finding, Some(Finding::Voted(_) | Finding::Injection))
}

fn add(count: &mut u32, is_one: bool) {
    *count = count.saturating_add(is_one.into());
}

/// The smallest of some sorted numbers that so many percent of them do not exceed.
fn at(sorted: &[u32], percent: usize) -> u32 {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}
