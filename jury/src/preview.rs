//! A preview: a seller asks a juror what it would say of a deliverable, before it delivers.
//!
//! It binds nobody. What the seller signs is a struct of its own in a domain of its own, which no
//! contract reads: it is never a delivery. A juror signs nothing: no answer is ever a ballot, or
//! evidence against whoever gave it. Answers are coarse, since each of them tells an attacker
//! something too.

use alloy::primitives::{Address, B256, Bytes, aliases::U40, keccak256};
use alloy::sol_types::{Eip712Domain, SolStruct as _, eip712_domain};
use serde::{Deserialize, Serialize};
use surety_terms::{Fault, MilestoneSheet, TermSheet, TermsError, json, limits};

use crate::ballot::Reason;
use crate::opinion::Opinion;
use crate::source::Source;

mod signed {
    //! What the seller signs. No contract reads it, so it is defined here.
    alloy::sol! {
        #[derive(Debug)]
        struct Preview {
            bytes32 dealId;
            uint8 milestone;
            bytes32 deliverable;
            uint40 validUntil;
        }
    }
}

/// The longest time for which a request may be signed, in seconds.
pub const VALID_SECS_MOST: u64 = 86_400;

/// A seller's question to a juror.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviewRequest {
    /// The deal's sheet.
    pub term_sheet: TermSheet,
    /// The milestone, from 0.
    pub milestone: u8,
    /// The bytes themselves.
    pub deliverable: Bytes,
    /// The first moment at which the request counts for nothing, in Unix seconds.
    pub valid_until: u64,
    /// The seller's signature of [`PreviewRequest::id`].
    pub signature: Bytes,
}

impl PreviewRequest {
    /// The largest body of a request about at most so many bytes.
    pub const fn body_bytes(deliverable_most: usize) -> usize {
        // Two digits for each byte, beside the sheet and the signature.
        limits::SHEET_BYTES
            .saturating_add(deliverable_most.saturating_mul(2))
            .saturating_add(limits::SIGNATURE_BYTES.saturating_mul(3))
    }

    /// Reads a body and checks its sheet, its milestone and the sizes. The signature is the reader's
    /// to check: a wallet may be a contract.
    pub fn parse(bytes: &[u8], deliverable_most: usize) -> Result<Self, TermsError> {
        let request: Self = json::parse_exact(bytes, Self::body_bytes(deliverable_most))?;
        let Self { term_sheet: sheet, milestone, deliverable, valid_until, signature } = &request;
        sheet.validate().map_err(|error| error.under("termSheet"))?;
        let count = sheet.milestones.len();
        if usize::from(*milestone) >= count {
            let fault = Fault::MilestoneUnknown { got: *milestone, count };
            return Err(TermsError::at("milestone", fault));
        }
        let sized = [
            ("deliverable", deliverable.len(), deliverable_most),
            ("signature", signature.len(), limits::SIGNATURE_BYTES),
        ];
        if let Some((field, got, most)) = sized.into_iter().find(|(_, got, most)| got > most) {
            return Err(TermsError::at(field, Fault::TooLarge { got, most }));
        }
        // Beyond 40 bits the digest would not cover it.
        if *valid_until > limits::TIME {
            let fault = Fault::OutOfRange { got: *valid_until, least: 0, most: limits::TIME };
            return Err(TermsError::at("validUntil", fault));
        }
        Ok(request)
    }

    /// What is judged; none for a request that [`PreviewRequest::parse`] refuses.
    pub fn part(&self) -> Option<&MilestoneSheet> {
        self.term_sheet.milestones.get(usize::from(self.milestone))
    }

    /// keccak256 of the bytes.
    pub fn digest(&self) -> B256 {
        keccak256(&self.deliverable)
    }

    /// What the seller signs, and the name of this preview: the same request again is the same
    /// preview.
    pub fn id(&self) -> B256 {
        let preview = signed::Preview {
            dealId: self.term_sheet.deal_id(),
            milestone: self.milestone,
            deliverable: self.digest(),
            validUntil: U40::saturating_from(self.valid_until),
        };
        preview.eip712_signing_hash(&domain(self.term_sheet.chain_id, self.term_sheet.escrow))
    }
}

/// The EIP-712 domain of previews of an escrow's deals.
fn domain(chain_id: u64, escrow: Address) -> Eip712Domain {
    eip712_domain! {
        name: "Surety Preview",
        version: "1",
        chain_id: chain_id,
        verifying_contract: escrow,
    }
}

/// How far a juror is with a preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PreviewState {
    /// Its time to answer has not come.
    Pending,
    /// It answers.
    Answered,
    /// It gives no answer about this deliverable, and no more previews of the deal.
    Refused,
}

/// What a juror would say of a criterion. No reason, no quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forecast {
    /// It would call it met.
    Met,
    /// It would call it failed.
    Failed,
    /// It cannot tell, did not come to it, or must not say, as of a hidden criterion.
    Undecided,
}

/// One criterion of a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Previewed {
    /// The criterion.
    pub id: String,
    /// What the juror would say of it.
    pub forecast: Forecast,
}

/// What a juror says about a preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PreviewStatus {
    /// The preview.
    pub preview_id: B256,
    /// How far it is.
    pub state: PreviewState,
    /// When the answer is shown, whatever is known before, in Unix seconds of the chain.
    pub answers_at: u64,
    /// The criteria in the sheet's order, in the state "answered"; else none.
    pub criteria: Vec<Previewed>,
    /// Where the juror's opinions come from, by its family.
    pub source: Source,
}

/// What is kept of an opinion: no more than is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coarse {
    /// Bit i: criterion i would be met.
    pub met: u16,
    /// Bit i: criterion i would be failed.
    pub failed: u16,
    /// An instruction to the jurors was found: nothing is answered.
    pub is_refused: bool,
}

impl Coarse {
    /// What may be told of an opinion. Of a hidden criterion, which was not asked, nothing is.
    pub fn of(opinion: &Opinion, milestone: &MilestoneSheet) -> Self {
        if opinion.reason == Reason::Injection {
            return Self { is_refused: true, ..Self::default() };
        }
        let hidden = milestone.criteria.iter().zip(0_u32..);
        let told = hidden
            .filter(|(criterion, _)| !criterion.is_hidden())
            .fold(0, |mask, (_, bit)| mask | 1_u16.checked_shl(bit).unwrap_or_default());
        Self { met: opinion.met & told, failed: opinion.failed & told, is_refused: false }
    }

    /// The same, criterion by criterion.
    pub fn criteria(self, milestone: &MilestoneSheet) -> Vec<Previewed> {
        let has = |mask: u16, bit: u32| mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1);
        let forecast = |bit| {
            if has(self.met, bit) {
                Forecast::Met
            } else if has(self.failed, bit) {
                Forecast::Failed
            } else {
                Forecast::Undecided
            }
        };
        let criteria = milestone.criteria.iter().zip(0_u32..);
        let told = criteria.map(|(criterion, bit)| Previewed {
            id: criterion.id.clone(),
            forecast: forecast(bit),
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use surety_bindings::escrow::Delivery;
    use surety_terms::{Bps, Criterion, Kind, Usdc, digest, sample};

    use super::*;

    fn request() -> PreviewRequest {
        PreviewRequest {
            term_sheet: sample::example(),
            milestone: 0,
            deliverable: Bytes::from_static(b"A summary."),
            valid_until: 1_000,
            signature: Bytes::from(vec![1; 65]),
        }
    }

    fn body(request: &PreviewRequest) -> Vec<u8> {
        serde_json::to_vec(request).unwrap()
    }

    fn read(request: &PreviewRequest) -> Result<PreviewRequest, TermsError> {
        PreviewRequest::parse(&body(request), 100)
    }

    type Change = fn(&mut PreviewRequest);

    #[test]
    fn a_request_reads_back_and_one_that_is_too_large_or_too_far_names_its_field() {
        assert_eq!(read(&request()), Ok(request()));
        let changes: [(Change, &str); 5] = [
            (|it| it.milestone = 16, "milestone"),
            (|it| it.deliverable = vec![0; 101].into(), "deliverable"),
            (|it| it.signature = vec![0; 4_097].into(), "signature"),
            (|it| it.valid_until = 1 << 40, "validUntil"),
            (|it| it.term_sheet.title.clear(), "termSheet.title"),
        ];
        for (change, field) in changes {
            let mut bad = request();
            change(&mut bad);
            assert_eq!(read(&bad).unwrap_err().field, field);
        }
        let most = PreviewRequest { deliverable: vec![0; 100].into(), ..request() };
        assert_eq!(read(&most), Ok(most));
    }

    #[test]
    fn every_field_makes_another_preview_and_none_is_a_delivery() {
        let id = request().id();
        let changes: [Change; 4] = [
            |it| it.milestone = 1,
            |it| it.deliverable = Bytes::from_static(b"Another summary."),
            |it| it.valid_until = 1_001,
            |it| it.term_sheet.salt = B256::repeat_byte(9),
        ];
        for change in changes {
            let mut other = request();
            change(&mut other);
            assert_ne!(other.id(), id);
        }
        let resigned = PreviewRequest { signature: Bytes::new(), ..request() };
        assert_eq!(resigned.id(), id, "the signature names nothing");
        let sheet = request().term_sheet;
        let delivery = Delivery {
            dealId: sheet.deal_id(),
            milestone: 0,
            deliverable: request().digest(),
            uri: String::new(),
        };
        assert_ne!(digest::delivery_digest(&delivery, &sheet.domain()), id);
    }

    fn milestone() -> MilestoneSheet {
        let criterion = |id: &str, kind| Criterion {
            id: id.to_owned(),
            text: "A.".to_owned(),
            weight_bps: Bps::ZERO,
            mandatory: false,
            evidence_required: false,
            kind,
        };
        let hidden = Kind::Hidden { commitment: B256::ZERO, of: "a".to_owned() };
        MilestoneSheet {
            title: String::new(),
            description: String::new(),
            amount: Usdc::ZERO,
            deliver_by: 0,
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria: vec![
                criterion("a", Kind::Llm),
                criterion("b", Kind::Llm),
                criterion("c", hidden),
                criterion("d", Kind::Llm),
            ],
        }
    }

    #[test]
    fn no_more_is_told_than_the_bits_and_nothing_of_what_is_hidden() {
        let opinion = Opinion { met: 0b0101, failed: 0b0010, reason: Reason::Judged };
        let told = Coarse::of(&opinion, &milestone()).criteria(&milestone());
        let forecasts: Vec<Forecast> = told.iter().map(|it| it.forecast).collect();
        let [met, failed, unsure] = [Forecast::Met, Forecast::Failed, Forecast::Undecided];
        assert_eq!(forecasts, [met, failed, unsure, unsure]);
        let void = Coarse::of(&Opinion::void(), &milestone());
        assert_eq!(void, Coarse::default(), "a wrong canary looks like a provider that is down");
        let injected = Opinion { met: 0, failed: 0b1111, reason: Reason::Injection };
        let refused = Coarse { is_refused: true, ..Coarse::default() };
        assert_eq!(Coarse::of(&injected, &milestone()), refused);
    }
}
