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
        case.count(opinion, &mut counts.score);
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

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    fn call(question_id: &str, outcome: &str, elapsed_ms: u32, model: &str) -> Entry {
        Entry::Call(Box::new(Call {
            question_id: question_id.to_owned(),
            attempt: 1,
            host: "127.0.0.1".to_owned(),
            dialect: "ollama".to_owned(),
            max_output_tokens: 500,
            model_requested: "a".to_owned(),
            model_reported: Some(model.to_owned()),
            request_digest: B256::ZERO,
            response_digest: None,
            status: Some(200),
            elapsed_ms,
            input_tokens: Some(7),
            output_tokens: None,
            outcome: outcome.to_owned(),
        }))
    }

    fn case() -> LabelledCase {
        let criteria = r#"[{"text":"A.","met":true},{"text":"B.","met":false}]"#;
        let text =
            format!(r#"{{"id":"a","description":"","criteria":{criteria},"deliverable":"x"}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_first_valid_vote_counts_and_each_attempt_costs() {
        let told =
            |id: &str, subject| Told { question_id: id.to_owned(), subject, is_negated: false };
        let canary = |is_met| surety_jury::Subject::Canary { text: String::new(), is_met };
        let questions = vec![
            told("0", surety_jury::Subject::Criterion("c1".to_owned())),
            told("1", canary(true)),
            told("2", canary(false)),
            told("3", canary(false)),
        ];
        let mut transcript = Transcript::new();
        for entry in [
            call("0", "ERR(timeout)", 60_000, "m-9"),
            call("0", "MET", 400, "m-8"),
            call("1", "MET", 100, "m-8"),
            call("2", "CANNOT_VERIFY", 300, "m-8"),
            call("3", "MET", 200, "m-8"),
            Entry::Questions { questions },
        ] {
            transcript.push(&entry);
        }
        let mut count = Count::default();
        assert!(count.clone().add(&case(), &transcript).is_err(), "it has no end yet");
        transcript.push(&Opinion { met: 1, failed: 0, reason: Reason::Judged }.into());
        count.add(&case(), &transcript).unwrap();
        let counts = count.counts();
        let wanted = Score { accepted_true: 1, undetermined_false: 1, ..Score::default() };
        assert_eq!(counts.score, wanted);
        assert_eq!((counts.cases, counts.questions, counts.votes, counts.calls), (1, 4, 4, 5));
        assert_eq!((counts.canaries, counts.canaries_right, counts.canaries_wrong), (3, 1, 1));
        assert_eq!((counts.input_tokens, counts.output_tokens), (35, 0));
        assert_eq!((counts.latency_ms_p50, counts.latency_ms_p95), (200, 400));
        assert_eq!(counts.models_reported, ["m-8", "m-9"]);
        assert_eq!(counts.transcripts, alloy::primitives::keccak256(transcript.root()));
    }

    #[test]
    fn a_rank_is_the_least_number_that_enough_do_not_exceed() {
        let numbers: Vec<u32> = (1..=20).collect();
        assert_eq!((at(&numbers, 50), at(&numbers, 95)), (10, 19));
        assert_eq!((at(&[7], 50), at(&[7], 95), at(&[], 50)), (7, 7, 0));
    }
}
