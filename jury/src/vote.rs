//! A model's answer to one criterion, read strictly and checked against the deliverable.
//!
//! The model's word is not enough. A quote counts only if it stands verbatim on the line that the
//! vote names. An answer with a quote that the deliverable does not hold byte for byte, MET without a
//! required quote, an answer against its own evidence, and MET beside an unproven suspicion of
//! injection all become "cannot verify".

use serde::{Deserialize, Serialize};
use surety_terms::json;
use thiserror::Error;

use crate::prompt::Prompt;
use crate::view::View;

/// The vote's JSON Schema, the strict subset that every provider takes. Its field order makes a
/// model give evidence and reasons before its verdict.
pub const SCHEMA_TEXT: &str = include_str!("prompt/j3-vote.schema.json");

/// A longer answer is no vote.
pub const MAX_VOTE_BYTES: usize = 64 * 1024;
/// The longest reasoning, in characters.
pub const MAX_REASONING_CHARS: usize = 2_000;
/// The shortest quote that counts, in characters. So a criterion that requires evidence cannot be
/// met by a deliverable whose every line is shorter: write such a criterion without.
pub const MIN_QUOTE_CHARS: usize = 12;
/// The longest quote that counts, in characters.
pub const MAX_QUOTE_CHARS: usize = 300;
/// More pieces of evidence are no vote.
pub const MAX_EVIDENCE: usize = 32;

/// What a vote says about its criterion, after all checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Answer {
    /// The criterion is met.
    Met,
    /// It is not.
    NotMet,
    /// The deliverable does not tell.
    CannotVerify,
}

impl Answer {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "MET",
            Self::NotMet => "NOT_MET",
            Self::CannotVerify => "CANNOT_VERIFY",
        }
    }

    /// Whether one says met and the other not met.
    pub const fn contradicts(self, other: Self) -> bool {
        matches!((self, other), (Self::Met, Self::NotMet) | (Self::NotMet, Self::Met))
    }
}

/// What a piece of evidence speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Supports {
    /// For MET.
    Met,
    /// For `NOT_MET`.
    NotMet,
}

/// A quote from the deliverable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The line of the view, from 1.
    pub line: u32,
    /// The quoted text.
    pub quote: String,
    /// What it speaks for.
    pub supports: Supports,
}

impl Evidence {
    /// Whether the quote is of the right length and stands verbatim on its line, so that it counts.
    pub fn is_verbatim(&self, view: &View) -> bool {
        let chars = self.quote.chars().count();
        (MIN_QUOTE_CHARS..=MAX_QUOTE_CHARS).contains(&chars)
            && view.line(self.line).is_some_and(|line| line.contains(self.quote.as_str()))
    }

    /// Whether the quote stands nowhere in what the model was shown, from which hidden characters
    /// were stripped and whose tags are none of it. A quote that is too short, or stands on another
    /// line, counts for nothing and is still no invention.
    fn is_misquote(&self, view: &View) -> bool {
        !self.is_verbatim(view) && !view.holds(&self.quote)
    }
}

/// The vote as a model writes it; every field required, none besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoteForm {
    /// The question's nonce.
    pub nonce: String,
    /// The question's criterion.
    pub criterion_id: String,
    /// Quotes.
    pub evidence: Vec<Evidence>,
    /// Why.
    pub reasoning: String,
    /// Whether the deliverable tries to instruct its jurors.
    pub injection_suspected: bool,
    /// The answer.
    pub verdict: Answer,
}

/// Why a MET or `NOT_MET` became "cannot verify".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downgrade {
    /// A quote stands nowhere in the deliverable byte for byte, whether one is required or not:
    /// whoever invents what it has read may not have read it.
    Misquote,
    /// The criterion requires evidence and no quote for MET is verbatim.
    NoEvidence,
    /// Every verified quote speaks against the verdict.
    Contradiction,
    /// Injection is suspected and no verified quote shows it, so MET may be the injection's word.
    SuspicionUnproven,
}

/// A vote after all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The answer that counts.
    pub answer: Answer,
    /// The answer that the model gave.
    pub given: Answer,
    /// Why the two differ, if they do.
    pub downgrade: Option<Downgrade>,
    /// The quotes that are verbatim.
    pub evidence: Vec<Evidence>,
    /// How many quotes were not.
    pub quotes_refused: usize,
    /// The verified quote of an instruction to the jurors, if the model suspects one and shows it. It
    /// stands whatever else the vote quotes, or the instruction could order a misquote beside it.
    pub injection: Option<Evidence>,
    /// Why, in the model's words.
    pub reasoning: String,
}

/// Why a text is no vote. No such text ever counts as an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoteFault {
    /// Not one JSON object of the vote's form: too long, malformed, a duplicate, unknown, missing
    /// or mistyped field, text around it.
    #[error("the answer is no vote: {why}")]
    Malformed {
        /// What the reader says; holds no foreign text beyond an excerpt.
        why: String,
    },
    /// The nonce is another question's, or invented.
    #[error("the answer's nonce is not the question's")]
    NonceMismatch,
    /// The answer is to another criterion.
    #[error("the answer is not to the criterion {needed:?}")]
    CriterionMismatch {
        /// The criterion that was asked.
        needed: String,
    },
    /// The reasoning is too long.
    #[error("the reasoning has {got} characters, allowed are {most}")]
    ReasoningTooLong {
        /// Its length.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// There is too much evidence.
    #[error("the answer has {got} quotes, allowed are {most}")]
    EvidenceTooLong {
        /// How many.
        got: usize,
        /// The limit.
        most: usize,
    },
}

impl VoteFault {
    /// Whether the same question may be asked once more. Only an unreadable text is: whatever could
    /// be read stands, so that nobody re-rolls an answer.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Malformed { .. })
    }

    /// A short name for transcripts and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "vote-malformed",
            Self::NonceMismatch => "nonce-mismatch",
            Self::CriterionMismatch { .. } => "criterion-mismatch",
            Self::ReasoningTooLong { .. } => "reasoning-too-long",
            Self::EvidenceTooLong { .. } => "evidence-too-long",
        }
    }

    /// The word for the transcript: "ERR(name)".
    pub fn outcome(&self) -> String {
        format!("ERR({})", self.name())
    }
}

impl Vote {
    /// Reads a model's answer to `prompt` about the deliverable in `view`.
    pub fn read(text: &str, prompt: &Prompt, view: &View) -> Result<Self, VoteFault> {
        let form: VoteForm = json::parse_strict(text.as_bytes(), MAX_VOTE_BYTES)
            .map_err(|error| VoteFault::Malformed { why: error.to_string() })?;
        if form.nonce != prompt.nonce.as_str() {
            return Err(VoteFault::NonceMismatch);
        }
        if form.criterion_id != prompt.criterion_id {
            return Err(VoteFault::CriterionMismatch { needed: prompt.criterion_id.clone() });
        }
        let got = form.reasoning.chars().count();
        if got > MAX_REASONING_CHARS {
            return Err(VoteFault::ReasoningTooLong { got, most: MAX_REASONING_CHARS });
        }
        let got = form.evidence.len();
        if got > MAX_EVIDENCE {
            return Err(VoteFault::EvidenceTooLong { got, most: MAX_EVIDENCE });
        }
        Ok(Self::check(form, prompt.evidence_required, view))
    }

    fn check(form: VoteForm, evidence_required: bool, view: &View) -> Self {
        let all = form.evidence.len();
        let is_misquoted = form.evidence.iter().any(|piece| piece.is_misquote(view));
        let mut evidence = form.evidence;
        evidence.retain(|piece| piece.is_verbatim(view));
        let quoted = |side| evidence.iter().find(|piece| piece.supports == side).cloned();
        let (for_met, against) = (quoted(Supports::Met), quoted(Supports::NotMet));
        let injection = against.clone().filter(|_| form.injection_suspected);
        let contradicts = match form.verdict {
            Answer::Met => for_met.is_none() && against.is_some(),
            Answer::NotMet => for_met.is_some() && against.is_none(),
            Answer::CannotVerify => false,
        };
        let met = form.verdict == Answer::Met;
        let downgrade = if is_misquoted && form.verdict != Answer::CannotVerify {
            Some(Downgrade::Misquote)
        } else if contradicts {
            Some(Downgrade::Contradiction)
        } else if met && evidence_required && for_met.is_none() {
            Some(Downgrade::NoEvidence)
        } else if met && form.injection_suspected {
            Some(Downgrade::SuspicionUnproven)
        } else {
            None
        };
        Self {
            answer: if downgrade.is_some() { Answer::CannotVerify } else { form.verdict },
            given: form.verdict,
            downgrade,
            quotes_refused: all.saturating_sub(evidence.len()),
            evidence,
            injection,
            reasoning: form.reasoning,
        }
    }

    /// The word for the transcript: "MET", "`NOT_MET`", "`CANNOT_VERIFY`" or "INJECTION".
    pub const fn outcome(&self) -> &'static str {
        if self.injection.is_some() { "INJECTION" } else { self.answer.as_str() }
    }
}

#[cfg(test)]
mod tests;
