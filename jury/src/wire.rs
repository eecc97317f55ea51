//! What relayers and jurors send each other over HTTP.

use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::Delivery;
use surety_bindings::jury::Ballot;
use surety_terms::{Problem, TermSheet};

use crate::ballot::{CompactSignature, Reason, Signer, verify};
use crate::error::JuryError;
use crate::source::Source;

/// A relayer asks a juror to judge a delivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseRequest {
    /// The deal's sheet.
    pub term_sheet: TermSheet,
    /// The seller's statement.
    #[serde(with = "surety_terms::wire::delivery")]
    pub delivery: Delivery,
    /// The seller's signature of the delivery's digest.
    pub signature: Bytes,
    /// 1 for the panel, 2 for the appeal panel.
    pub round: u8,
}

/// How far a juror is with a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseState {
    /// It knows the case and lacks the deliverable's bytes.
    AwaitingDeliverable,
    /// It is at work.
    Judging,
    /// Its ballot is there.
    Ballot,
    /// It will give no ballot on this case: it came too late, or another digest was first.
    Silent,
    /// The request is wrong, or not for this juror.
    Refused,
}

impl CaseState {
    /// Whether nothing more will come.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ballot | Self::Silent | Self::Refused)
    }
}

/// What a juror says about a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseStatus {
    /// The case.
    pub case_id: B256,
    /// How far it is.
    pub state: CaseState,
    /// The ballot, in the state "ballot".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ballot: Option<BallotBody>,
    /// Why there is none, in the states "silent" and "refused".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A signed ballot as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BallotBody {
    /// The case.
    pub case_id: B256,
    /// Bit i: criterion i is met.
    pub met: u16,
    /// Bit i: criterion i is failed.
    pub failed: u16,
    /// Why, as the ballot's byte.
    pub reason: u8,
    /// The transcript's root.
    pub transcript: B256,
    /// 64 bytes (ERC-2098).
    pub signature: CompactSignature,
    /// Whose ballot.
    pub juror: Address,
    /// Where its opinion comes from, by its family.
    pub source: Source,
}

impl BallotBody {
    /// The body of a ballot that `juror` signed.
    pub const fn new(
        ballot: &Ballot,
        signature: CompactSignature,
        juror: Address,
        source: Source,
    ) -> Self {
        Self {
            case_id: ballot.caseId,
            met: ballot.met,
            failed: ballot.failed,
            reason: ballot.reason,
            transcript: ballot.transcript,
            signature,
            juror,
            source,
        }
    }

    /// The struct that is signed.
    pub const fn ballot(&self) -> Ballot {
        Ballot {
            caseId: self.case_id,
            met: self.met,
            failed: self.failed,
            reason: self.reason,
            transcript: self.transcript,
        }
    }

    /// The reason, if it is a known one.
    pub fn reason(&self) -> Result<Reason, JuryError> {
        Reason::try_from(self.reason)
    }

    /// Checks masks, reason and that `self.juror` signed it for this contract on this chain.
    /// Whether that juror holds a seat, and whether this is the case asked about, is the caller's.
    pub fn verify(&self, chain_id: u64, jury: Address) -> Result<(), JuryError> {
        let signer = Signer { chain_id, jury, juror: self.juror };
        verify(&self.ballot(), &self.signature, &signer)
    }
}

/// Who a juror is and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JurorInfo {
    /// Its key.
    pub juror: Address,
    /// Its claimed family.
    pub family: String,
    /// Its claimed operator.
    pub operator: String,
    /// Where its opinions come from, by its family.
    pub source: Source,
    /// The chain it reads.
    pub chain_id: u64,
    /// The `Jury` contract it is registered in.
    pub jury: Address,
    /// The contracts it ballots for.
    pub consumers: Vec<Address>,
    /// The software's version.
    pub version: String,
    /// The largest deliverable it takes.
    pub deliverable_max_bytes: u64,
}
