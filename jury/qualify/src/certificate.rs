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
/// Of so many reported models the names are kept.
pub const MOST_MODELS: usize = 8;
/// How long a measurement says something about a model, in seconds: providers change them silently.
pub const HOLDS_SECS: u64 = 30 * 86_400;

/// Who is asked what. Nothing of it changes while it is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The chain.
    pub chain_id: u64,
    /// The `Jury` contract.
    pub jury: Address,
    /// The juror's key.
    pub juror: Address,
    /// Its claimed family.
    pub family: String,
    /// The wire format.
    pub dialect: String,
    /// The model that is asked for.
    pub model_requested: String,
    /// The most tokens that an answer may have.
    pub max_output_tokens: u32,
    /// The version of the prompt template.
    pub template: String,
    /// Its digest.
    pub template_digest: B256,
    /// The digest of the labelled cases, in their order.
    pub cases_digest: B256,
    /// When it began, in Unix seconds.
    pub begun_at: u64,
}

/// How the cases ended, and what they took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    /// Cases that were judged.
    pub cases: u32,
    /// Cases in which the seat was void.
    pub voided: u32,
    /// Cases in which an instruction to jurors was found.
    pub injections: u32,
    /// How their criteria ended.
    pub score: Score,
    /// Questions that were to be asked.
    pub questions: u32,
    /// Questions that got a valid vote.
    pub votes: u32,
    /// Requests that were sent.
    pub calls: u32,
    /// Questions with a known answer.
    pub canaries: u32,
    /// Those that were answered rightly.
    pub canaries_right: u32,
    /// Those that were answered wrongly.
    pub canaries_wrong: u32,
    /// The models that said they answered, the first eight in alphabetical order.
    pub models_reported: Vec<String>,
    /// Tokens that the provider counted in requests.
    pub input_tokens: u64,
    /// Tokens that it counted in answers.
    pub output_tokens: u64,
    /// Half of the valid votes came within so many milliseconds.
    pub latency_ms_p50: u32,
    /// Of twenty valid votes nineteen came within so many.
    pub latency_ms_p95: u32,
    /// keccak256 over the transcripts' roots, in the order of the cases.
    pub transcripts: B256,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Measured {
    /// Who was asked what.
    pub plan: Plan,
    /// What came of it.
    pub counts: Counts,
    /// What it cost in millionths of a US dollar; null where nobody counted.
    pub cost_micro_usd: Option<u64>,
    /// When it ended, in Unix seconds.
    pub ended_at: u64,
}

/// What follows from the counts; shares in basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Derived {
    /// Where the answers came from: live only where neither the family nor a reported model calls
    /// itself a rehearsal or a replay.
    pub source: Source,
    /// Agreement with humans beyond chance, of answered criteria.
    pub kappa: Option<i16>,
    /// Bad work that was accepted, of all bad work.
    pub false_accepts: Interval,
    /// Good work that was rejected, of all good work.
    pub false_rejects: Interval,
    /// Criteria that were answered.
    pub coverage: Interval,
    /// Questions that got a valid vote.
    pub valid_votes: Interval,
    /// Canaries that were answered rightly.
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

impl Counts {
    /// Whether no part is more than its whole.
    const fn is_possible(&self) -> bool {
        self.voided.saturating_add(self.injections) <= self.cases
            && self.votes <= self.questions
            && self.votes <= self.calls
            && self.canaries <= self.questions
            && self.canaries_right.saturating_add(self.canaries_wrong) <= self.canaries
            && self.cases <= self.score.cases()
            && self.latency_ms_p50 <= self.latency_ms_p95
            && self.models_reported.len() <= MOST_MODELS
    }
}

impl Measured {
    /// What the key signs.
    pub fn digest(&self) -> Result<B256, CertificateError> {
        let Plan { juror, chain_id, jury, .. } = self.plan;
        let document = keccak256(json::canonical(self)?);
        let signed = signed::Qualification { juror, document };
        Ok(signed.eip712_signing_hash(&digest::jury_domain(chain_id, jury)))
    }

    /// What follows from the counts.
    pub fn derived(&self) -> Derived {
        let counts = &self.counts;
        Derived {
            source: self.source(),
            kappa: counts.score.kappa_bps(),
            false_accepts: counts.score.false_accepts(),
            false_rejects: counts.score.false_rejects(),
            coverage: counts.score.coverage(),
            valid_votes: wilson(counts.votes, counts.questions),
            canaries_right: wilson(counts.canaries_right, counts.canaries),
        }
    }

    /// The first moment at which it no longer says anything, in Unix seconds.
    pub const fn holds_until(&self) -> u64 {
        self.ended_at.saturating_add(HOLDS_SECS)
    }

    fn source(&self) -> Source {
        let names = std::iter::once(&self.plan.family).chain(&self.counts.models_reported);
        let mut sources = names.map(|name| Source::of_family(name));
        sources.find(|source| *source != Source::Live).unwrap_or(Source::Live)
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
        let measured = &read.measured;
        let is_possible =
            measured.counts.is_possible() && measured.plan.begun_at <= measured.ended_at;
        if !is_possible || read.derived != measured.derived() {
            return Err(CertificateError::Figures);
        }
        let juror = measured.plan.juror;
        let digest = measured.digest()?;
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

    fn key() -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap()
    }

    fn measured() -> Measured {
        Measured {
            plan: Plan {
                chain_id: 8453,
                jury: Address::repeat_byte(1),
                juror: key().address(),
                family: "acme".to_owned(),
                dialect: "openai-chat".to_owned(),
                model_requested: "a-1".to_owned(),
                max_output_tokens: 2_048,
                template: "j3".to_owned(),
                template_digest: B256::repeat_byte(2),
                cases_digest: B256::repeat_byte(3),
                begun_at: 1_795_000_000,
            },
            counts: Counts {
                cases: 82,
                score: Score {
                    accepted_true: 40,
                    rejected_false: 40,
                    accepted_false: 2,
                    ..Score::default()
                },
                questions: 400,
                votes: 396,
                calls: 410,
                canaries: 164,
                canaries_right: 163,
                canaries_wrong: 1,
                models_reported: vec!["a-1-2026".to_owned()],
                input_tokens: 1 << 40,
                output_tokens: 1,
                latency_ms_p50: 900,
                latency_ms_p95: 2_500,
                transcripts: B256::repeat_byte(4),
                ..Counts::default()
            },
            cost_micro_usd: Some(1_234_567),
            ended_at: 1_795_003_600,
        }
    }

    fn signed(measured: Measured) -> Certificate {
        let signature = key().sign_hash_sync(&measured.digest().unwrap()).unwrap();
        Certificate::new(measured, signature.as_bytes().into())
    }

    fn fault(certificate: &Certificate) -> CertificateError {
        Certificate::parse(&json::canonical(certificate).unwrap()).unwrap_err()
    }

    #[test]
    fn a_certificate_comes_back_as_it_was_signed() {
        let certificate = signed(measured());
        let text = json::canonical(&certificate).unwrap();
        assert_eq!(Certificate::parse(&text).unwrap(), certificate);
        assert_eq!(certificate.derived.canaries_right.share, 9_939);
        assert_eq!(certificate.derived.source, Source::Live);
    }

    #[test]
    fn figures_that_do_not_follow_and_counts_that_nobody_signed_are_refused() {
        let mut better = signed(measured());
        better.derived.false_accepts.share = 0;
        assert!(matches!(fault(&better), CertificateError::Figures));

        let mut forged = measured();
        forged.counts.score.accepted_false = 0;
        forged.counts.score.rejected_false = 42;
        let forged = Certificate::new(forged, signed(measured()).signature);
        assert!(matches!(fault(&forged), CertificateError::Unsigned { .. }));

        let mut high = signed(measured());
        let signature = Signature::from_raw(&high.signature).unwrap();
        let order = alloy::primitives::uint!(
            0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256
        );
        let twin = Signature::new(signature.r(), order - signature.s(), !signature.v());
        high.signature = twin.as_bytes().into();
        assert!(matches!(fault(&high), CertificateError::Unsigned { .. }));
    }

    #[test]
    fn counts_that_contradict_one_another_are_refused_though_they_are_signed() {
        let wrong: [fn(&mut Measured); 6] = [
            |it| it.counts.votes = 401,
            |it| it.counts.canaries_wrong = 2,
            |it| it.counts.voided = 83,
            |it| it.counts.cases = 83,
            |it| it.counts.latency_ms_p50 = 2_501,
            |it| it.ended_at = it.plan.begun_at - 1,
        ];
        for spoil in wrong {
            let mut spoilt = measured();
            spoil(&mut spoilt);
            assert!(matches!(fault(&signed(spoilt)), CertificateError::Figures));
        }
    }

    #[test]
    fn what_no_live_model_answered_is_labelled_whatever_its_family_says() {
        for (family, model, source) in [
            ("acme", "rehearsal-careful", Source::Rehearsal),
            ("acme", "replay-gpt-4", Source::Replay),
            ("rehearsal-a", "a-1", Source::Rehearsal),
        ] {
            let mut it = measured();
            family.clone_into(&mut it.plan.family);
            it.counts.models_reported = vec![model.to_owned()];
            let mut certificate = signed(it);
            assert_eq!(certificate.derived.source, source);
            certificate.derived.source = Source::Live;
            assert!(matches!(fault(&certificate), CertificateError::Figures));
        }
    }
}
