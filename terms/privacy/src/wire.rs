//! What agents, relayers and jurors send each other about a private deal.
//!
//! A relayer needs the terms, which the chain shows to everybody, and carries the sheet as an age
//! file. It cannot compare an age file with a digest, so whoever hands one in signs for it.

use std::fmt;

use alloy::primitives::{B256, Bytes, keccak256};
use alloy::sol_types::{Eip712Domain, SolStruct as _, SolValue as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use surety_bindings::escrow::{Delivery, Terms};
use surety_terms::{Fault, TermsError, json, limits};

/// Bytes of a body that brings a private case to a juror: two sheets, in base64.
pub const CASE_BYTES: usize = 1 << 20;
/// The sheets of one case: one of each party.
const SHEETS: usize = 2;

mod signed {
    //! What the sender of an age file signs. No contract reads it, so it is defined here.
    alloy::sol! {
        #[derive(Debug)]
        struct Upload {
            bytes32 dealId;
            bytes32 content;
            bytes32 ciphertext;
        }
    }
}

/// What a party signs for an age file, in the escrow's domain: that it holds, for this deal, the
/// sheet or the deliverable with the digest `content`.
pub fn upload_digest(deal: B256, content: B256, file: &[u8], domain: &Eip712Domain) -> B256 {
    let upload = signed::Upload { dealId: deal, content, ciphertext: keccak256(file) };
    upload.eip712_signing_hash(domain)
}

/// An age file in JSON: standard base64.
#[derive(Clone, PartialEq, Eq)]
pub struct AgeFile(pub Vec<u8>);

/// A party shows a private deal's sheet to a relayer, which cannot read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateSheet {
    /// The ABI encoding of the terms, as the chain shows them.
    pub terms: Bytes,
    /// The sheet's RFC 8785 bytes, encrypted to both parties and the jurors.
    pub age_file: AgeFile,
    /// The buyer's or the seller's signature of [`upload_digest`].
    pub signature: Bytes,
}

/// A seller hands a signed delivery of a private deal to a relayer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateDeliveryRequest {
    /// The deal's sheet.
    pub private_sheet: PrivateSheet,
    /// The seller's statement. Its digest is that of the plain bytes.
    #[serde(with = "surety_terms::wire::delivery")]
    pub delivery: Delivery,
    /// The seller's signature of the delivery's digest.
    pub signature: Bytes,
}

/// A relayer asks a juror to judge a delivery of a private deal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateCaseRequest {
    /// The deal's sheet as each party encrypted it, one or two; the first that the juror can read
    /// counts, so that no party can keep a sheet from it.
    pub private_sheets: Vec<AgeFile>,
    /// The seller's statement.
    #[serde(with = "surety_terms::wire::delivery")]
    pub delivery: Delivery,
    /// The seller's signature of the delivery's digest; empty when the chain vouches for it.
    pub signature: Bytes,
    /// 1 for the panel, 2 for the appeal panel.
    pub round: u8,
}

/// A hidden criterion that was revealed in a private case, as a juror shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateReveal {
    /// The id of the criterion whose commitment it opens.
    pub criterion_id: String,
    /// What was committed to, encrypted to both parties.
    pub age_file: AgeFile,
}

/// Whether a body speaks of a private deal. One that is no JSON does not.
pub fn names_private_sheet(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Peek {
        private_sheet: Option<IgnoredAny>,
        private_sheets: Option<IgnoredAny>,
    }
    let peek = serde_json::from_slice::<Peek>(body);
    peek.is_ok_and(|peek| peek.private_sheet.is_some() || peek.private_sheets.is_some())
}

impl PrivateSheet {
    /// Reads a body; [`PrivateSheet::terms`] and the signature are the reader's to check.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let sheet: Self = json::parse_exact(bytes, limits::BODY_BYTES)?;
        sheet.check()?;
        Ok(sheet)
    }

    /// The terms. Whether they are a deal's, their digest says.
    pub fn terms(&self) -> Result<Terms, TermsError> {
        // Exactly as we would write it: terms have one spelling.
        let terms = Terms::abi_decode(&self.terms).ok();
        let terms = terms.filter(|terms| terms.abi_encode() == *self.terms);
        let why = "not the ABI encoding of terms".to_owned();
        terms.ok_or_else(|| TermsError::at("terms", Fault::Shape { why }))
    }

    fn check(&self) -> Result<(), TermsError> {
        at_most("ageFile", self.age_file.0.len(), crate::ciphertext_most(limits::SHEET_BYTES))?;
        at_most("signature", self.signature.len(), limits::SIGNATURE_BYTES)?;
        self.terms().map(drop)
    }
}

impl PrivateDeliveryRequest {
    /// Reads a body and checks its sizes, and that the delivery could be one of these terms.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let request: Self = json::parse_exact(bytes, limits::BODY_BYTES)?;
        request.private_sheet.check().map_err(|error| error.under("privateSheet"))?;
        let count = request.private_sheet.terms()?.milestones.len();
        let got = request.delivery.milestone;
        if usize::from(got) >= count {
            return Err(TermsError::at(
                "delivery.milestone",
                Fault::MilestoneUnknown { got, count },
            ));
        }
        if request.delivery.deliverable.is_zero() {
            return Err(TermsError::at("delivery.deliverable", Fault::Zero));
        }
        let uri = request.delivery.uri.chars().count();
        at_most("delivery.uri", uri, limits::URI_CHARS)?;
        at_most("signature", request.signature.len(), limits::SIGNATURE_BYTES)?;
        Ok(request)
    }
}

impl PrivateCaseRequest {
    /// Reads a body and checks its sizes.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let request: Self = json::parse_exact(bytes, CASE_BYTES)?;
        at_most("privateSheets", request.private_sheets.len(), SHEETS)?;
        Ok(request)
    }
}

fn at_most(field: &str, got: usize, most: usize) -> Result<(), TermsError> {
    if got > most { Err(TermsError::at(field, Fault::TooLarge { got, most })) } else { Ok(()) }
}

impl fmt::Debug for AgeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgeFile({} bytes)", self.0.len())
    }
}

impl Serialize for AgeFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for AgeFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text);
        bytes.map(Self).map_err(|_| D::Error::custom("not standard base64"))
    }
}

#[cfg(test)]
mod tests {
    use surety_terms::{digest, sample};

    use super::*;

    fn request() -> PrivateDeliveryRequest {
        let sheet = sample::example();
        let private_sheet = PrivateSheet {
            terms: sheet.terms().abi_encode().into(),
            age_file: AgeFile(b"age-encryption.org/v1\n".to_vec()),
            signature: Bytes::from(vec![1; 65]),
        };
        let delivery = Delivery {
            dealId: sheet.deal_id(),
            milestone: 0,
            deliverable: B256::repeat_byte(1),
            uri: String::new(),
        };
        PrivateDeliveryRequest { private_sheet, delivery, signature: Bytes::from(vec![2; 65]) }
    }

    #[test]
    fn a_request_reads_back_and_its_terms_are_the_sheets() {
        let body = serde_json::to_vec(&request()).unwrap();
        assert!(names_private_sheet(&body));
        let read = PrivateDeliveryRequest::parse(&body).unwrap();
        assert_eq!(read, request());
        let sheet = sample::example();
        let terms = read.private_sheet.terms().unwrap();
        assert_eq!(digest::deal_id(&terms, &sheet.domain()), sheet.deal_id());
        assert!(!String::from_utf8(body).unwrap().contains(&sheet.title));
    }

    #[test]
    fn what_is_malformed_is_refused_by_field() {
        type Change = fn(&mut PrivateDeliveryRequest);
        let cases: [(&str, Change); 7] = [
            ("terms", |request| request.private_sheet.terms = Bytes::from(vec![1; 40])),
            ("terms", |r| {
                r.private_sheet.terms = [&r.private_sheet.terms[..], &[0; 32]].concat().into();
            }),
            ("privateSheet.ageFile", |r| r.private_sheet.age_file = AgeFile(vec![0; 300_000])),
            ("delivery.milestone", |request| request.delivery.milestone = 1),
            ("delivery.deliverable", |request| request.delivery.deliverable = B256::ZERO),
            ("delivery.uri", |request| request.delivery.uri = "x".repeat(1_025)),
            ("signature", |request| request.signature = Bytes::from(vec![0; 5_000])),
        ];
        for (field, change) in cases {
            let mut request = request();
            change(&mut request);
            let body = serde_json::to_vec(&request).unwrap();
            let error = PrivateDeliveryRequest::parse(&body).unwrap_err();
            assert!(error.field.ends_with(field), "{field}: {error}");
        }
        assert!(!names_private_sheet(b"{}") && !names_private_sheet(b"\xff"));
    }

    #[test]
    fn an_upload_is_signed_for_one_deal_one_content_and_one_file() {
        let domain = sample::example().domain();
        let [a, b] = [1, 2].map(B256::repeat_byte);
        let digest = upload_digest(a, b, b"file", &domain);
        for other in [
            upload_digest(b, b, b"file", &domain),
            upload_digest(a, a, b"file", &domain),
            upload_digest(a, b, b"fils", &domain),
        ] {
            assert_ne!(other, digest);
        }
    }
}
