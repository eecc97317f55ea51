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
    /// Combines one finding per criterion, in the milestone's order.
    ///
    /// - One injection fails every criterion, those that a check passed included.
    /// - If the provider answered none of the questions and could not be asked one, it is down and
    ///   the seat is void: it abstains on everything, so that a dead provider never decides by its
    ///   checks alone.
    /// - Otherwise each criterion stands for itself. A question without an answer costs its own bit
    ///   and no other: a deliverable can be made to time out on one criterion, and must not silence
    ///   what the others found.
    ///
    /// This is the only place that decides so; a juror waits as long as it may and then asks here.
    pub fn of(findings: &[Finding]) -> Result<Self, JuryError> {
        let needed = findings.len().clamp(1, MAX_CRITERIA);
        if findings.len() != needed {
            return Err(JuryError::FindingCount { got: findings.len(), needed });
        }
        if findings.contains(&Finding::Injection) {
            return Self::fail_all(findings.len(), Reason::Injection);
        }
        let heard = findings.iter().any(|finding| finding.is_heard());
        if findings.contains(&Finding::Unanswered) && !heard {
            return Ok(Self::void());
        }
        Ok(Self {
            met: mask(findings, Finding::is_met),
            failed: mask(findings, Finding::is_failed),
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

    /// The seat failed (a wrong canary, no provider): an abstention on everything.
    pub const fn void() -> Self {
        Self { met: 0, failed: 0, reason: Reason::Void }
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

fn mask(findings: &[Finding], wanted: fn(Finding) -> bool) -> u16 {
    findings.iter().zip(0_u32..).fold(0, |mask, (finding, bit)| {
        mask | u16::from(wanted(*finding)).checked_shl(bit).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Finding; 12] = [
        Finding::Unrevealed,
        Finding::Moot,
        Finding::Checked(Some(true)),
        Finding::Checked(Some(false)),
        Finding::Checked(None),
        Finding::Voted(Answer::Met),
        Finding::Voted(Answer::NotMet),
        Finding::Voted(Answer::CannotVerify),
        Finding::Blank,
        Finding::Refused,
        Finding::Unanswered,
        Finding::Injection,
    ];

    #[test]
    fn each_criterion_stands_for_itself() {
        // All but the last, in order: met, -, met, failed, -, met, failed, -, failed, -, -.
        let wanted =
            Opinion { met: 0b000_0010_0101, failed: 0b001_0100_1000, reason: Reason::Judged };
        assert_eq!(Opinion::of(&ALL[..11]), Ok(wanted));
    }

    #[test]
    fn one_injection_fails_every_criterion_even_one_that_a_check_passed() {
        let wanted = Opinion { met: 0, failed: 0b1111_1111_1111, reason: Reason::Injection };
        assert_eq!(Opinion::of(&ALL), Ok(wanted));
    }

    #[test]
    fn a_provider_that_answers_nothing_voids_the_seat_whatever_its_checks_say() {
        let (passed, failed) = (Finding::Checked(Some(true)), Finding::Checked(Some(false)));
        let down = Finding::Unanswered;
        for findings in [vec![down], vec![passed, down, failed], vec![down, down]] {
            assert_eq!(Opinion::of(&findings), Ok(Opinion::void()), "{findings:?}");
        }
        let one_heard = [passed, down, Finding::Refused];
        let wanted = Opinion { met: 1, failed: 0, reason: Reason::Judged };
        assert_eq!(Opinion::of(&one_heard), Ok(wanted));
        let no_question = [passed, failed];
        let wanted = Opinion { met: 1, failed: 2, reason: Reason::Judged };
        assert_eq!(Opinion::of(&no_question), Ok(wanted));
    }

    #[test]
    fn missing_and_unreadable_fail_every_criterion() {
        let failed = |failed, reason| Ok(Opinion { met: 0, failed, reason });
        assert_eq!(Opinion::missing(1), failed(1, Reason::Missing));
        assert_eq!(Opinion::missing(16), failed(u16::MAX, Reason::Missing));
        assert_eq!(Opinion::unreadable(5), failed(0b1_1111, Reason::Unreadable));
    }

    #[test]
    fn a_void_seat_abstains_on_everything() {
        assert_eq!(Opinion::void(), Opinion { met: 0, failed: 0, reason: Reason::Void });
    }

    #[test]
    fn a_milestone_has_one_to_sixteen_criteria() {
        for count in [0, 17, 40] {
            assert!(Opinion::of(&vec![Finding::Blank; count]).is_err());
            assert!(Opinion::missing(count).is_err());
            assert!(Opinion::unreadable(count).is_err());
        }
    }

    #[test]
    fn a_transcripts_outcomes_are_read_back_as_the_same_findings() {
        for answer in [Answer::Met, Answer::NotMet, Answer::CannotVerify] {
            assert_eq!(Finding::from_outcome(answer.as_str()), Some(Finding::Voted(answer)));
        }
        let vote = VoteFault::NonceMismatch;
        assert_eq!(Finding::from_outcome(&vote.outcome()), Some(Finding::from(&vote)));
        for word in ["", "met", "ERR(vote-malformed)", "ERR(empty)", "ERR(timeout)", "PASS"] {
            assert_eq!(Finding::from_outcome(word), None, "{word}");
        }
    }

    #[test]
    fn a_check_that_cannot_run_abstains() {
        let detail = String::new();
        for (result, finding) in [
            (CheckResult::Met { detail: detail.clone() }, Some(true)),
            (CheckResult::Failed { detail: detail.clone() }, Some(false)),
            (CheckResult::Unusable { detail }, None),
        ] {
            assert_eq!(Finding::from(&result), Finding::Checked(finding));
        }
    }

    #[test]
    fn the_ballot_carries_the_opinion() {
        let opinion = Opinion { met: 1, failed: 2, reason: Reason::Judged };
        let (case, root) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let wanted = Ballot { caseId: case, met: 1, failed: 2, reason: 0, transcript: root };
        assert_eq!(opinion.ballot(case, root), wanted);
    }

    #[test]
    fn an_outage_on_one_question_silences_no_other() {
        let (met, failed) = (Finding::Voted(Answer::Met), Finding::Voted(Answer::NotMet));
        let down = Finding::Unanswered;
        let declined = Finding::Voted(Answer::CannotVerify);
        for (findings, masks) in [
            (vec![met, down], (0b01, 0b00)),
            (vec![down, failed], (0b00, 0b10)),
            (vec![down, failed, down, met], (0b1000, 0b0010)),
            (vec![Finding::Checked(Some(false)), down, declined], (0b000, 0b001)),
        ] {
            let (met, failed) = masks;
            let wanted = Opinion { met, failed, reason: Reason::Judged };
            assert_eq!(Opinion::of(&findings), Ok(wanted), "{findings:?}");
        }
    }

    proptest! {
        #[test]
        fn an_unanswered_question_is_an_abstention_or_voids_a_seat_that_heard_nothing(
            findings in prop::collection::vec(prop::sample::select(ALL.to_vec()), 1..=16),
        ) {
            let mut refused = findings.clone();
            for finding in refused.iter_mut().filter(|finding| **finding == Finding::Unanswered) {
                *finding = Finding::Refused;
            }
            let heard = findings.iter().any(|finding| finding.is_heard());
            let down = findings.contains(&Finding::Unanswered) && !heard;
            let wanted = if down { Ok(Opinion::void()) } else { Opinion::of(&refused) };
            prop_assert_eq!(Opinion::of(&findings), wanted);
        }

        #[test]
        fn only_a_finding_of_met_is_ever_met(
            findings in prop::collection::vec(prop::sample::select(ALL.to_vec()), 1..=16),
        ) {
            let opinion = Opinion::of(&findings).unwrap();
            prop_assert_eq!(opinion.met & opinion.failed, 0);
            for (index, finding) in findings.iter().enumerate() {
                let met = opinion.met >> index & 1 == 1;
                prop_assert!(!met || finding.is_met());
            }
            prop_assert_eq!(opinion.met >> (findings.len() - 1) >> 1, 0);
            prop_assert_eq!(opinion.failed >> (findings.len() - 1) >> 1, 0);
        }
    }
}
