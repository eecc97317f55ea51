//! What a juror measured of its own seat, under its signature.
//!
//! Everything that follows from the counts is computed from them again by whoever reads it, so a
//! certificate cannot say more than its counts do. The counts are the juror's word: providers do not
//! sign their answers. The transcripts' root lets it be asked for every one of them.

use alloy::primitives::{Address, B256, Bytes, Signature, keccak256};
use alloy::sol_types::SolStruct as _;
use serde::{Deserialize, Serialize};
use surety_jury::Source;
use surety_terms::{digest, json};

use crate::error::CertificateError;
use crate::interval::{Interval, wilson};
use crate::score::Score;

mod signed {
    //! What the key signs. No contract reads it, so it is defined here.
    alloy::sol! {
        #[derive(Debug)]
        struct Qualification {
            address juror;
            bytes32 document;
        }
    }
}

/// The largest certificate that is read.
pub const MOST_BYTES: usize = 16 << 10;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measured {
    /// The chain.
    pub chain_id: u64,
    /// The `Jury` contract.
    pub jury: Address,
    /// The juror's key.
    pub juror: Address,
    /// Its claimed family.
    pub family: String,
    /// Where its opinions come from.
    pub source: Source,
    /// The model that was asked for.
    pub model: String,
    /// The digest of the prompt template.
    pub template_digest: B256,
    /// The digest of the labelled cases, in their order.
    pub cases_digest: B256,
    /// How the cases ended.
    pub score: Score,
    /// Questions that were asked.
    pub questions: u32,
    /// Questions that got a valid vote.
    pub votes: u32,
    /// Canaries that were asked.
    pub canaries: u32,
    /// Canaries that were answered wrongly.
    pub canaries_wrong: u32,
    /// Tokens that the provider counted in requests.
    pub input_tokens: u64,
    /// Tokens that it counted in answers.
    pub output_tokens: u64,
    /// Half of the answers came within so many milliseconds.
    pub latency_ms_p50: u32,
    /// Of twenty answers nineteen came within so many.
    pub latency_ms_p95: u32,
    /// keccak256 over the transcripts' roots, in the order of the cases.
    pub transcripts: B256,
    /// When it was measured, in Unix seconds.
    pub measured_at: u64,
}

/// What follows from the counts, in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Derived {
    /// Agreement with humans beyond chance, of answered cases.
    pub kappa: Option<i16>,
    /// Bad work that was accepted, of all bad work.
    pub false_accepts: Interval,
    /// Good work that was rejected, of all good work.
    pub false_rejects: Interval,
    /// Cases that were answered.
    pub coverage: Interval,
    /// Questions that got a valid vote.
    pub valid_votes: Interval,
    /// Canaries that were not answered wrongly.
    pub canaries_right: Interval,
}

/// A measurement, what follows from it, and the juror's signature. Read it with
/// [`Certificate::parse`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// The counts.
    pub measured: Measured,
    /// What follows from them.
    pub derived: Derived,
    /// The juror's signature of [`Measured::digest`].
    pub signature: Bytes,
}

impl Measured {
    /// What the key signs.
    pub fn digest(&self) -> Result<B256, CertificateError> {
        let document = keccak256(json::canonical(self)?);
        let signed = signed::Qualification { juror: self.juror, document };
        Ok(signed.eip712_signing_hash(&digest::jury_domain(self.chain_id, self.jury)))
    }

    /// What follows from the counts.
    pub fn derived(&self) -> Derived {
        Derived {
            kappa: self.score.kappa_bps(),
            false_accepts: self.score.false_accepts(),
            false_rejects: self.score.false_rejects(),
            coverage: self.score.coverage(),
            valid_votes: wilson(self.votes, self.questions),
            canaries_right: wilson(
                self.canaries.saturating_sub(self.canaries_wrong),
                self.canaries,
            ),
        }
    }
}

impl Certificate {
    /// A measurement with its juror's signature.
    pub fn new(measured: Measured, signature: Bytes) -> Self {
        let derived = measured.derived();
        Self { measured, derived, signature }
    }

    /// Reads a certificate, and refuses one that its juror did not sign or whose figures do not
    /// follow from its counts.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let read: Self = json::parse_exact(bytes, MOST_BYTES)?;
        if read.derived != read.measured.derived() {
            return Err(CertificateError::Figures);
        }
        let juror = read.measured.juror;
        let digest = read.measured.digest()?;
        let signature = Signature::from_raw(&read.signature).ok();
        let signature = signature.filter(|signature| signature.normalize_s().is_none());
        let signer = signature.and_then(|it| it.recover_address_from_prehash(&digest).ok());
        if signer != Some(juror) {
            return Err(CertificateError::Unsigned { juror });
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use alloy::signers::{SignerSync as _, local::PrivateKeySigner};

    use super::*;

    fn measured(juror: Address) -> Measured {
        Measured {
            chain_id: 8453,
            jury: Address::repeat_byte(1),
            juror,
            family: "rehearsal-a".to_owned(),
            source: Source::Rehearsal,
            model: "a-1".to_owned(),
            template_digest: B256::repeat_byte(2),
            cases_digest: B256::repeat_byte(3),
            score: Score {
                accepted_true: 40,
                rejected_false: 40,
                accepted_false: 2,
                ..Score::default()
            },
            questions: 400,
            votes: 396,
            canaries: 164,
            canaries_wrong: 1,
            input_tokens: 1 << 40,
            output_tokens: 1,
            latency_ms_p50: 900,
            latency_ms_p95: 2_500,
            transcripts: B256::repeat_byte(4),
            measured_at: 1_795_000_000,
        }
    }

    fn certificate() -> Certificate {
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap();
        let measured = measured(key.address());
        let signature = key.sign_hash_sync(&measured.digest().unwrap()).unwrap();
        Certificate::new(measured, signature.as_bytes().into())
    }

    #[test]
    fn a_certificate_comes_back_as_it_was_signed() {
        let certificate = certificate();
        let text = json::canonical(&certificate).unwrap();
        assert_eq!(Certificate::parse(&text).unwrap(), certificate);
        assert_eq!(certificate.derived.canaries_right.share, 9_939);
    }

    #[test]
    fn figures_that_do_not_follow_and_counts_that_nobody_signed_are_refused() {
        let mut better = certificate();
        better.derived.false_accepts.share = 0;
        let text = json::canonical(&better).unwrap();
        assert!(matches!(Certificate::parse(&text), Err(CertificateError::Figures)));

        let mut measured = certificate().measured;
        measured.score.accepted_false = 0;
        let forged = Certificate::new(measured, certificate().signature);
        let text = json::canonical(&forged).unwrap();
        assert!(matches!(Certificate::parse(&text), Err(CertificateError::Unsigned { .. })));
    }
}
