//! What relayers and jurors send each other over HTTP.

use alloy::primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::Delivery;
use surety_bindings::jury::{Ballot, BallotBatch};
use surety_terms::digest::ballot_digest;
use surety_terms::{Problem, TermSheet};

use crate::ballot::{CompactSignature, Reason, Signer, verify};
use crate::commitment::{SignedCommitment, seal};
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
    /// The seller's signature of the delivery's digest. Empty when the seller pinned the delivery on
    /// the chain itself: then the chain says where the bytes are, and the delivery's URI is not read.
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
    /// Its ballot is there and sealed: the commitment is shown, the ballot is not yet.
    Committed,
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
    /// What binds the juror to its ballot, in the states "committed" and "ballot".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<SignedCommitment>,
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
    /// What opens the commitment to it; absent of a ballot that was never sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<B256>,
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
            salt: None,
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

    /// Whether this is the ballot that `commitment`, a digest, commits to.
    pub fn opens(&self, commitment: B256, chain_id: u64, jury: Address) -> bool {
        let digest = ballot_digest(&self.ballot(), chain_id, jury);
        self.salt.is_some_and(|salt| seal(digest, salt) == commitment)
    }
}

/// Commitments to one case, for a juror that waits for q of them before it shows its ballot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Commitments {
    /// At most one per seat.
    pub commitments: Vec<SignedCommitment>,
}

/// A relayer asks a juror to sign its answers to a list of cases at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchRequest {
    /// The cases, in the order of the settlement's items, each once.
    pub cases: Vec<B256>,
}

impl BatchRequest {
    /// The most cases that a list may have.
    pub const MOST: usize = 256;
}

/// A juror's answers to such a list under its one signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchBody {
    /// Five bytes per case, as its single ballot says; absent where it shows none.
    pub votes: Bytes,
    /// What stands for the transcripts of the single ballots.
    pub transcript: B256,
    /// 64 bytes (ERC-2098).
    pub signature: CompactSignature,
    /// Whose answers.
    pub juror: Address,
}

impl BatchBody {
    /// The struct that is signed, for the list that was asked about.
    pub fn batch(&self, cases: &[B256]) -> BallotBatch {
        let (votes, transcript) = (self.votes.clone(), self.transcript);
        BallotBatch { cases: cases.to_vec(), votes, transcript }
    }
}

/// What a question about a case is held open for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitFor {
    /// Until the ballot is shown, or none will come.
    #[default]
    Ballot,
    /// Until the juror has committed, too.
    Commitment,
}

impl WaitFor {
    /// Whether a state is what is waited for.
    pub const fn is_met_by(self, state: CaseState) -> bool {
        state.is_final() || matches!((self, state), (Self::Commitment, CaseState::Committed))
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

#[cfg(test)]
mod tests {
    use alloy::signers::SignerSync;
    use alloy::signers::local::PrivateKeySigner;
    use serde_json::{Value, json};

    use super::*;
    use crate::ballot::compact;
    use crate::opinion::Opinion;

    const JURY: Address = Address::repeat_byte(1);

    fn a_body() -> BallotBody {
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap();
        let opinion = Opinion { met: 1, failed: 2, reason: Reason::Judged };
        let ballot = opinion.ballot(B256::repeat_byte(3), B256::repeat_byte(4));
        let signature = key.sign_hash_sync(&ballot_digest(&ballot, 31_337, JURY)).unwrap();
        BallotBody::new(&ballot, compact(&signature), key.address(), Source::Rehearsal)
    }

    fn a_status() -> CaseStatus {
        let case_id = B256::repeat_byte(3);
        CaseStatus {
            case_id,
            state: CaseState::Ballot,
            commitment: None,
            ballot: Some(a_body()),
            problem: None,
        }
    }

    #[test]
    fn a_status_has_the_documented_json() {
        let body = a_body();
        let wanted = json!({
            "caseId": format!("0x{}", "03".repeat(32)),
            "state": "ballot",
            "ballot": {
                "caseId": format!("0x{}", "03".repeat(32)),
                "met": 1,
                "failed": 2,
                "reason": 0,
                "transcript": format!("0x{}", "04".repeat(32)),
                "signature": body.signature.to_string(),
                "juror": body.juror.to_string().to_lowercase(),
                "source": "rehearsal",
            },
        });
        assert_eq!(serde_json::to_value(a_status()).unwrap(), wanted);
        assert_eq!(serde_json::from_value::<CaseStatus>(wanted).unwrap(), a_status());
        let states = [
            (CaseState::AwaitingDeliverable, "awaiting-deliverable", false),
            (CaseState::Judging, "judging", false),
            (CaseState::Committed, "committed", false),
            (CaseState::Ballot, "ballot", true),
            (CaseState::Silent, "silent", true),
            (CaseState::Refused, "refused", true),
        ];
        for (state, word, last) in states {
            assert_eq!(serde_json::to_value(state).unwrap(), word);
            assert_eq!(state.is_final(), last);
            assert_eq!(WaitFor::Ballot.is_met_by(state), last);
            let committed = state == CaseState::Committed;
            assert_eq!(WaitFor::Commitment.is_met_by(state), last || committed);
        }
        assert_eq!(serde_json::to_value(WaitFor::Commitment).unwrap(), "commitment");
    }

    #[test]
    fn a_commitment_is_opened_by_its_ballot_and_its_salt_only() {
        let salt = B256::repeat_byte(5);
        let digest = ballot_digest(&a_body().ballot(), 31_337, JURY);
        let commitment = seal(digest, salt);
        let sealed = BallotBody { salt: Some(salt), ..a_body() };
        assert!(sealed.opens(commitment, 31_337, JURY));
        let json = serde_json::to_value(&sealed).unwrap();
        assert_eq!(json["salt"], format!("0x{}", "05".repeat(32)));
        for other in [
            a_body(),
            BallotBody { salt: Some(B256::ZERO), ..a_body() },
            BallotBody { met: 0, salt: Some(salt), ..a_body() },
            BallotBody { transcript: B256::ZERO, salt: Some(salt), ..a_body() },
        ] {
            assert!(!other.opens(commitment, 31_337, JURY), "{other:?}");
        }
        assert!(!sealed.opens(commitment, 1, JURY));
        assert!(!sealed.opens(B256::ZERO, 31_337, JURY));
    }

    #[test]
    fn unknown_fields_and_short_signatures_are_refused() {
        let read = |value: Value| serde_json::from_value::<BallotBody>(value);
        let mut body = serde_json::to_value(a_body()).unwrap();
        assert_eq!(read(body.clone()).unwrap(), a_body());
        body["confidence"] = json!(1);
        assert!(read(body.clone()).is_err());
        body.as_object_mut().unwrap().remove("confidence");
        body["signature"] = json!("0x00");
        assert!(read(body.clone()).is_err());
        body["signature"] = json!(a_body().signature);
        body["met"] = json!(65_536);
        assert!(read(body).is_err());
    }

    #[test]
    fn a_body_verifies_only_as_its_jurors_ballot() {
        assert_eq!(a_body().verify(31_337, JURY), Ok(()));
        let changes: [fn(&mut BallotBody); 4] = [
            |body| body.met = 0,
            |body| body.case_id = B256::ZERO,
            |body| body.juror = Address::ZERO,
            |body| body.signature.0[40] ^= 1,
        ];
        for change in changes {
            let mut body = a_body();
            change(&mut body);
            assert!(body.verify(31_337, JURY).is_err());
        }
        assert!(a_body().verify(1, JURY).is_err());
        let both = BallotBody { failed: 3, ..a_body() };
        assert_eq!(both.verify(31_337, JURY), Err(JuryError::MasksOverlap { overlap: 1 }));
    }
}
