//! From what a juror found, criterion by criterion, to the masks and the reason of its ballot.
//!
//! Nothing here can turn a failure of the juror, of its provider or of the network into "met":
//! only a check that passed or a verified vote sets a bit in `met`.

use alloy::primitives::B256;
use surety_bindings::jury::Ballot;
use surety_terms::rule::MAX_CRITERIA;

use crate::ballot::Reason;
use crate::check::CheckResult;
use crate::dialect::ProviderFault;
use crate::error::JuryError;
use crate::vote::{Answer, Vote, VoteFault};

/// What a juror found out about one criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// A check passed, or the vote says met.
    Met,
    /// A check failed, or the vote says not met.
    Failed,
    /// The juror cannot say: the vote cannot verify, the provider refused, the check cannot run.
    Abstained,
    /// The provider never gave a valid answer to this criterion, retries included.
    Unanswered,
    /// The vote points at an instruction to the jurors, and the quote is in the deliverable.
    Injection,
}

impl From<&CheckResult> for Finding {
    fn from(result: &CheckResult) -> Self {
        match result {
            CheckResult::Met { .. } => Self::Met,
            CheckResult::Failed { .. } => Self::Failed,
            CheckResult::Unusable { .. } => Self::Abstained,
        }
    }
}

impl From<&Vote> for Finding {
    fn from(vote: &Vote) -> Self {
        if vote.injection.is_some() {
            return Self::Injection;
        }
        match vote.answer {
            Answer::Met => Self::Met,
            Answer::NotMet => Self::Failed,
            Answer::CannotVerify => Self::Abstained,
        }
    }
}

impl From<&ProviderFault> for Finding {
    fn from(fault: &ProviderFault) -> Self {
        if fault.is_refusal() { Self::Abstained } else { Self::Unanswered }
    }
}

impl From<&VoteFault> for Finding {
    fn from(_: &VoteFault) -> Self {
        Self::Unanswered
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
    /// - If the provider answered none of the questions it was asked, the seat is void: it abstains
    ///   on everything, so that a dead provider never decides by its checks alone.
    /// - Otherwise each criterion stands for itself.
    pub fn of(findings: &[Finding]) -> Result<Self, JuryError> {
        let needed = findings.len().clamp(1, MAX_CRITERIA);
        if findings.len() != needed {
            return Err(JuryError::FindingCount { got: findings.len(), needed });
        }
        if findings.contains(&Finding::Injection) {
            return Self::fail_all(findings.len(), Reason::Injection);
        }
        Ok(Self {
            met: mask(findings, Finding::Met),
            failed: mask(findings, Finding::Failed),
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

fn mask(findings: &[Finding], wanted: Finding) -> u16 {
    findings.iter().zip(0_u32..).fold(0, |mask, (finding, bit)| {
        mask | u16::from(*finding == wanted).checked_shl(bit).unwrap_or(0)
    })
}
