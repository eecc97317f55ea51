//! Hidden criteria: the sheet holds a commitment, the buyer reveals the document after the delivery.
//!
//! A seller that knows a test can write to the test. So a buyer may commit to one: text and program
//! stay hidden, while weight, `mandatory` and the public criterion that it tests are signed in the
//! open. What is not revealed in time, or does not match, counts as met: hiding costs only whoever
//! hides.

use alloy::primitives::{B256, keccak256};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Fault, TermsError};
use crate::json;
use crate::schema as spelled;
use crate::sheet::{Criterion, Kind, MilestoneSheet};
use crate::validate::{self, limits};

/// What a commitment begins with, so that it is one of nothing else.
const DOMAIN: &[u8] = b"surety/hidden-criterion/1\0";

/// The part of a hidden criterion that stays hidden until the delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HiddenCriterion {
    /// 32 random bytes, so that nobody finds the text by trying texts.
    #[schemars(schema_with = "spelled::digest")]
    pub salt: B256,
    /// The question: what a deliverable must be to meet it.
    #[schemars(length(min = 1, max = 600))]
    pub text: String,
    /// Who answers it; not hidden once more.
    pub kind: Kind,
}

/// A hidden criterion on its way to a juror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reveal {
    /// The id of the criterion whose commitment it opens.
    pub criterion_id: String,
    /// What was committed to.
    pub document: HiddenCriterion,
}

impl HiddenCriterion {
    /// Reads and checks a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let document: Self = json::parse_exact(bytes, limits::SHEET_BYTES)?;
        document.validate()?;
        Ok(document)
    }

    /// Whether the document could stand in a sheet.
    pub fn validate(&self) -> Result<(), TermsError> {
        if self.salt.is_zero() {
            return Err(TermsError::at("salt", Fault::Zero));
        }
        validate::asked("", &self.text, &self.kind)?;
        if matches!(self.kind, Kind::Hidden { .. }) {
            return Err(TermsError::at("kind", Fault::HiddenTwice));
        }
        Ok(())
    }

    /// keccak256 of the domain and the document's RFC 8785 bytes.
    pub fn commitment(&self) -> B256 {
        keccak256([DOMAIN, &json::canonical(self).unwrap_or_default()].concat())
    }
}

impl Reveal {
    /// Reads and checks a reveal.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let reveal: Self = json::parse_exact(bytes, limits::SHEET_BYTES)?;
        reveal.document.validate().map_err(|error| error.under("document"))?;
        Ok(reveal)
    }

    /// The criterion of `milestone` as it reads once revealed; a fault when the document is not the
    /// one that was committed to.
    pub fn open(&self, milestone: &MilestoneSheet) -> Result<Criterion, TermsError> {
        let unknown = || {
            let got = self.criterion_id.clone();
            TermsError::at("criterionId", Fault::CriterionUnknown { got })
        };
        let criterion = milestone.criteria.iter().find(|item| item.id == self.criterion_id);
        let criterion = criterion.ok_or_else(unknown)?;
        let Kind::Hidden { commitment, .. } = &criterion.kind else { return Err(unknown()) };
        let got = self.document.commitment();
        if got != *commitment {
            let fault = Fault::CommitmentMismatch { got, needed: *commitment };
            return Err(TermsError::at("document", fault));
        }
        self.document.validate().map_err(|error| error.under("document"))?;
        let HiddenCriterion { text, kind, .. } = self.document.clone();
        Ok(Criterion { text, kind, ..criterion.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Check, Expect};
    use crate::sample;

    fn document() -> HiddenCriterion {
        HiddenCriterion {
            salt: B256::repeat_byte(7),
            text: "Names the authors of the paper.".to_owned(),
            kind: Kind::Llm,
        }
    }

    fn milestone(document: &HiddenCriterion) -> MilestoneSheet {
        let mut part = sample::example().milestones.remove(0);
        let commitment = document.commitment();
        part.criteria[1].kind = Kind::Hidden { commitment, of: "faithful".to_owned() };
        part
    }

    fn reveal(document: HiddenCriterion) -> Reveal {
        Reveal { criterion_id: "titled".to_owned(), document }
    }

    #[test]
    fn a_commitment_is_pinned() {
        let digest = document().commitment().to_string();
        assert_eq!(digest, "0x3b594f46b0706fb9f7bef0e90dee83da185c92a7c34cd77d55b5a8494c4d25a1");
    }

    #[test]
    fn what_was_committed_to_takes_the_criterions_place() {
        let part = milestone(&document());
        let opened = reveal(document()).open(&part).unwrap();
        assert_eq!(opened.text, document().text);
        assert_eq!(opened.kind, Kind::Llm);
        let public = &part.criteria[1];
        assert_eq!((opened.weight_bps, opened.mandatory), (public.weight_bps, public.mandatory));
    }

    #[test]
    fn nothing_else_does() {
        let part = milestone(&document());
        let slug = |reveal: Reveal| reveal.open(&part).unwrap_err().fault.slug();
        for other in [
            HiddenCriterion { salt: B256::repeat_byte(8), ..document() },
            HiddenCriterion { text: "Names the authors of the paper!".to_owned(), ..document() },
            HiddenCriterion {
                kind: Kind::Check(Check::Regex { pattern: "a".into(), expect: Expect::Match }),
                ..document()
            },
        ] {
            assert_eq!(slug(reveal(other)), "commitment-mismatch");
        }
        for id in ["faithful", "nowhere", ""] {
            let stray = Reveal { criterion_id: id.to_owned(), document: document() };
            assert_eq!(slug(stray), "criterion-unknown", "{id}");
        }
    }

    #[test]
    fn a_document_that_could_not_stand_in_a_sheet_opens_nothing() {
        let kind = Kind::Hidden { commitment: B256::repeat_byte(1), of: "faithful".to_owned() };
        for (bad, slug) in [
            (HiddenCriterion { salt: B256::ZERO, ..document() }, "zero"),
            (HiddenCriterion { text: " ".to_owned(), ..document() }, "text-empty"),
            (HiddenCriterion { kind, ..document() }, "hidden-twice"),
        ] {
            let part = milestone(&bad);
            assert_eq!(reveal(bad.clone()).open(&part).unwrap_err().fault.slug(), slug);
            let bytes = json::canonical(&reveal(bad)).unwrap();
            assert_eq!(Reveal::parse(&bytes).unwrap_err().fault.slug(), slug);
        }
        let bytes = json::canonical(&reveal(document())).unwrap();
        assert_eq!(Reveal::parse(&bytes), Ok(reveal(document())));
    }
}
