//! From what a juror found, criterion by criterion, to the masks and the reason of its ballot.
//!
//! Nothing here can turn a failure of the juror, of its provider or of the network into "met":
//! only a check that passed, a verified vote, or a buyer that does not reveal what it hid sets a bit
//! in `met`.

use std::collections::HashMap;

use alloy::primitives::B256;
use surety_bindings::jury::Ballot;
use surety_criteria::CheckResult;
use surety_terms::rule::MAX_CRITERIA;
use surety_terms::{Kind, MilestoneSheet};

use crate::ballot::Reason;
use crate::error::JuryError;
use crate::vote::{Answer, Vote, VoteFault};

/// What a juror found out about one criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// A deterministic check: passed, failed, or `None` when it cannot run at all.
    Checked(Option<bool>),
    /// A hidden criterion that the buyer did not reveal, or not as it was committed to: met.
    Unrevealed,
    /// A mandatory check failed, so that the milestone is lost whatever a model would say: no model
    /// is asked, an abstention.
    Moot,
    /// The model's vote, after all its checks.
    Voted(Answer),
    /// The deliverable holds nothing to judge ([`View::is_blank`](crate::View::is_blank)), so no
    /// model was asked: failed.
    Blank,
    /// The model was asked and gave no valid vote: it declined, was filtered or cut off, or
    /// answered something else. What a deliverable says can bring that about, so it costs this
    /// criterion an abstention and no more: nobody silences a failed check with it.
    Refused,
    /// The provider could not be asked, retries included: an abstention, and the whole seat is void
    /// when no other question was answered either.
    Unanswered,
    /// The vote points at an instruction to the jurors, and the quote is in the deliverable.
    Injection,
}

impl Finding {
    const fn is_met(self) -> bool {
        matches!(self, Self::Checked(Some(true)) | Self::Voted(Answer::Met) | Self::Unrevealed)
    }

    const fn is_failed(self) -> bool {
        matches!(self, Self::Checked(Some(false)) | Self::Voted(Answer::NotMet) | Self::Blank)
    }

    /// The finding that a [`Call`](crate::transcript::Call)'s outcome settles; none for a fault
    /// after which the question may be asked again, and for a word that no call has.
    pub fn from_outcome(outcome: &str) -> Option<Self> {
        match outcome {
            "MET" => Some(Self::Voted(Answer::Met)),
            "NOT_MET" => Some(Self::Voted(Answer::NotMet)),
            "CANNOT_VERIFY" => Some(Self::Voted(Answer::CannotVerify)),
            "INJECTION" => Some(Self::Injection),
            "REFUSAL"
            | "ERR(filtered)"
            | "ERR(truncated)"
            | "ERR(unexpected-stop)"
            | "ERR(ambiguous)"
            | "ERR(bad-request)"
            | "ERR(nonce-mismatch)"
            | "ERR(criterion-mismatch)"
            | "ERR(reasoning-too-long)"
            | "ERR(evidence-too-long)" => Some(Self::Refused),
            _ => None,
        }
    }

    /// What stands for every question to a model that need not be asked: the deliverable is blank, or
    /// a mandatory check failed that needs the deliverable only, so that every juror knows it.
    pub fn sparing_models(
        milestone: &MilestoneSheet,
        blank: bool,
        findings: &HashMap<String, Self>,
    ) -> Option<Self> {
        let lost = milestone.criteria.iter().any(|criterion| {
            let program = matches!(&criterion.kind, Kind::Check(check) if check.is_offline());
            let finding = findings.get(&criterion.id);
            criterion.mandatory && program && finding == Some(&Self::Checked(Some(false)))
        });
        if blank { Some(Self::Blank) } else { lost.then_some(Self::Moot) }
    }

    /// Whether the provider gave an answer, be it a refusal.
    const fn is_heard(self) -> bool {
        matches!(self, Self::Voted(_) | Self::Refused | Self::Injection)
    }
}

impl From<&CheckResult> for Finding {
    fn from(result: &CheckResult) -> Self {
        match result {
            CheckResult::Met { .. } => Self::Checked(Some(true)),
            CheckResult::Failed { .. } => Self::Checked(Some(false)),
            CheckResult::Unusable { .. } => Self::Checked(None),
        }
    }
}

impl From<&Vote> for Finding {
    fn from(vote: &Vote) -> Self {
        if vote.injection.is_some() { Self::Injection } else { Self::Voted(vote.answer) }
    }
}

impl From<&VoteFault> for Finding {
    fn from(_: &VoteFault) -> Self {
        Self::Refused
    }
}

/// What was found about one criterion or canary, in plain words and, where it was asked so, in denied
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The answer to the plain question, or what a program says.
    pub plain: Finding,
    /// The answer to the denied question, where there is one.
    pub negated: Option<Finding>,
}

/// What was answered about a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CanaryFound {
    /// Whether its statement is true.
    pub is_met: bool,
    /// The answers.
    pub found: Found,
}

impl From<Finding> for Found {
    fn from(plain: Finding) -> Self {
        Self { plain, negated: None }
    }
}

impl Found {
    fn all(self) -> impl Iterator<Item = Finding> {
        [Some(self.plain), self.negated].into_iter().flatten()
    }

    /// Whether both questions were answered and the answers exclude each other: whoever says so reads
    /// nothing, or answers to somebody else.
    pub(crate) const fn is_contradictory(self) -> bool {
        use Answer::{Met, NotMet};
        matches!(
            (self.plain, self.negated),
            (Finding::Voted(Met), Some(Finding::Voted(Met)))
                | (Finding::Voted(NotMet), Some(Finding::Voted(NotMet)))
        )
    }

    /// Met needs both answers. Failed needs only that the other one does not contradict it: what a
    /// deliverable can provoke on one question must not silence what was found on the other.
    fn settled(self) -> Finding {
        let denied = Some(Finding::Voted(Answer::NotMet));
        let is_half = self.negated.is_some() && self.negated != denied;
        if self.plain == Finding::Voted(Answer::Met) && is_half {
            Finding::Voted(Answer::CannotVerify)
        } else {
            self.plain
        }
    }
}

impl CanaryFound {
    /// Every answer with the one that is true.
    fn answers(self) -> impl Iterator<Item = (Finding, Answer)> {
        let truth = |is_met| if is_met { Answer::Met } else { Answer::NotMet };
        let negated = self.found.negated.map(|finding| (finding, truth(!self.is_met)));
        [Some((self.found.plain, truth(self.is_met))), negated].into_iter().flatten()
    }
}

/// The content of a ballot: two disjoint masks and the reason for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opinion {
    /// Bit i: criterion i is met.
    pub met: u16,
    /// Bit i: criterion i is failed.
    pub failed: u16,
    /// Why.
    pub reason: Reason,
}

impl Opinion {
    /// Combines what was found about each criterion, in the milestone's order, and about the
    /// canaries, of which there are some wherever a model was asked.
    ///
    /// - One canary that was answered wrongly voids the seat, and so does one pair whose answers
    ///   contradict each other: it abstains on everything, since whoever answers in its place answers
    ///   not for the deliverable.
    /// - One injection fails every criterion, those that a check passed included.
    /// - If the provider answered none of the questions and could not be asked one, it is down and
    ///   the seat is void: it abstains on everything, so that a dead provider never decides by its
    ///   checks alone.
    /// - What the buyer hid and did not reveal is met on a void seat's ballot too: no model is asked,
    ///   and every juror says the same.
    /// - Otherwise each criterion stands for itself. A question without an answer costs its own bit
    ///   and no other: a deliverable can be made to time out on one criterion, and must not silence
    ///   what the others found.
    /// - A model's "met" counts only if every canary was answered, and rightly. Its "not met" counts
    ///   beside a canary without an answer: whoever provokes a refusal silences nothing by it.
    ///
    /// This is the only place that decides so; a juror waits as long as it may and then asks here.
    pub fn of(criteria: &[Found], canaries: &[CanaryFound]) -> Result<Self, JuryError> {
        let needed = criteria.len().clamp(1, MAX_CRITERIA);
        if criteria.len() != needed {
            return Err(JuryError::FindingCount { got: criteria.len(), needed });
        }
        let told: Vec<(Finding, Answer)> =
            canaries.iter().flat_map(|canary| canary.answers()).collect();
        let is_wrong = |(finding, truth): &(Finding, Answer)| matches!(finding, Finding::Voted(answer) if answer.contradicts(*truth));
        let is_contradictory = criteria.iter().any(|found| found.is_contradictory());
        if is_contradictory || told.iter().any(is_wrong) {
            return Ok(Self::voided(criteria));
        }
        let all = || {
            let criteria = criteria.iter().flat_map(|found| found.all());
            criteria.chain(told.iter().map(|(finding, _)| *finding))
        };
        if all().any(|finding| finding == Finding::Injection) {
            return Self::fail_all(criteria.len(), Reason::Injection);
        }
        if all().any(|finding| finding == Finding::Unanswered) && !all().any(Finding::is_heard) {
            return Ok(Self::voided(criteria));
        }
        let is_proven = !told.is_empty()
            && told.iter().all(|(finding, truth)| *finding == Finding::Voted(*truth));
        let settled: Vec<Finding> = criteria.iter().map(|found| found.settled()).collect();
        let counts = |finding: Finding| is_proven || finding != Finding::Voted(Answer::Met);
        Ok(Self {
            met: mask(&settled, |finding| finding.is_met() && counts(finding)),
            failed: mask(&settled, Finding::is_failed),
            reason: Reason::Judged,
        })
    }

    /// The bytes could not be had: what the seller withholds is failed.
    pub fn missing(criteria: usize) -> Result<Self, JuryError> {
        Self::fail_all(criteria, Reason::Missing)
    }

    /// The bytes match the digest and cannot be read.
    pub fn unreadable(criteria: usize) -> Result<Self, JuryError> {
        Self::fail_all(criteria, Reason::Unreadable)
    }

    /// The seat failed (a wrong canary, a contradiction, no provider): an abstention on everything,
    /// where nothing is hidden.
    pub const fn void() -> Self {
        Self { met: 0, failed: 0, reason: Reason::Void }
    }

    /// A void seat, which still says of what was not revealed what every juror says.
    fn voided(criteria: &[Found]) -> Self {
        let plain: Vec<Finding> = criteria.iter().map(|found| found.plain).collect();
        Self { met: mask(&plain, |finding| finding == Finding::Unrevealed), ..Self::void() }
    }

    /// The ballot to sign for `case_id`, over the root of the stored transcript.
    pub fn ballot(&self, case_id: B256, transcript: B256) -> Ballot {
        Ballot {
            caseId: case_id,
            met: self.met,
            failed: self.failed,
            reason: self.reason.byte(),
            transcript,
        }
    }

    fn fail_all(criteria: usize, reason: Reason) -> Result<Self, JuryError> {
        let needed = criteria.clamp(1, MAX_CRITERIA);
        if criteria != needed {
            return Err(JuryError::FindingCount { got: criteria, needed });
        }
        let spare = u32::try_from(MAX_CRITERIA.saturating_sub(criteria)).unwrap_or(0);
        Ok(Self { met: 0, failed: u16::MAX.checked_shr(spare).unwrap_or(0), reason })
    }
}

fn mask(findings: &[Finding], wanted: impl Fn(Finding) -> bool) -> u16 {
    findings.iter().zip(0_u32..).fold(0, |mask, (finding, bit)| {
        mask | u16::from(wanted(*finding)).checked_shl(bit).unwrap_or(0)
    })
}

#[cfg(test)]
pub(crate) mod tests;
