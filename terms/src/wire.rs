//! What agents and relayers send each other over HTTP.
//!
//! Bodies that hold a term sheet have a `parse` that also checks the sheet; plain deserialisation
//! does not.

use alloy::primitives::{B256, Bytes, keccak256};
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::Delivery;

use crate::error::TermsError;
use crate::json;
use crate::problem::Problem;
use crate::sheet::TermSheet;
use crate::validate::{self, limits};

/// A seller hands its signed delivery to a relayer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryRequest {
    /// The deal's sheet.
    pub term_sheet: TermSheet,
    /// The seller's statement.
    #[serde(with = "delivery")]
    pub delivery: Delivery,
    /// The seller's signature of the delivery's digest.
    pub signature: Bytes,
}

impl DeliveryRequest {
    /// Reads a body and checks its sheet, that the delivery is for this deal and one of its
    /// milestones, and the sizes. The signature is the reader's to check: a wallet may be a
    /// contract.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let request: Self = json::parse_exact(bytes, limits::BODY_BYTES)?;
        request.term_sheet.validate().map_err(|error| error.under("termSheet"))?;
        validate::delivery(&request.term_sheet, &request.delivery)
            .map_err(|error| error.under("delivery"))?;
        validate::signature("signature", &request.signature)?;
        Ok(request)
    }
}

/// A transaction to the escrow that the relayer is asked to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransactionRequest {
    /// What the escrow is called with.
    pub calldata: Bytes,
}

impl TransactionRequest {
    /// Reads a body.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        json::parse_exact(bytes, limits::BODY_BYTES)
    }

    /// The name under which the relayer keeps it; the same call twice is one transaction.
    pub fn id(&self) -> B256 {
        keccak256(&self.calldata)
    }
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TransactionState {
    /// Stored; not yet sent.
    Queued,
    /// Sent; not yet in a block.
    Sent,
    /// In a block, and it did what it was for.
    Mined,
    /// It cannot work, or it reverted.
    Failed,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransactionStatus {
    /// keccak256 of the calldata.
    pub id: B256,
    /// Where it is.
    pub state: TransactionState,
    /// Its hash, once sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_hash: Option<B256>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// A buyer's signed term sheet, for a seller to sign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    /// The terms.
    pub term_sheet: TermSheet,
    /// The buyer's ERC-3009 signature: its money and its consent.
    pub buyer_authorization: Bytes,
}

impl Offer {
    /// Reads a body and checks its sheet and sizes. The signature is the reader's to check.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let offer: Self = json::parse_exact(bytes, limits::BODY_BYTES)?;
        offer.term_sheet.validate().map_err(|error| error.under("termSheet"))?;
        validate::signature("buyerAuthorization", &offer.buyer_authorization)?;
        Ok(offer)
    }
}

/// A seller's consent to an [`Offer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OfferAnswer {
    /// The seller's ERC-3009 signature for its bond; without a bond, its signature of the deal id.
    pub seller_authorization: Bytes,
}

impl OfferAnswer {
    /// Reads a body.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let answer: Self = json::parse_exact(bytes, limits::BODY_BYTES)?;
        validate::signature("sellerAuthorization", &answer.seller_authorization)?;
        Ok(answer)
    }
}

pub mod delivery {
    //! The JSON form of a [`Delivery`](surety_bindings::escrow::Delivery), unknown fields refused;
    //! for `#[serde(with)]`.

    use alloy::primitives::B256;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use surety_bindings::escrow::Delivery;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Form {
        deal_id: B256,
        milestone: u8,
        deliverable: B256,
        uri: String,
    }

    /// Writes `{dealId, milestone, deliverable, uri}`.
    pub fn serialize<S: Serializer>(delivery: &Delivery, serializer: S) -> Result<S::Ok, S::Error> {
        let Delivery { dealId: deal_id, milestone, deliverable, uri } = delivery.clone();
        Form { deal_id, milestone, deliverable, uri }.serialize(serializer)
    }

    /// Reads `{dealId, milestone, deliverable, uri}`.
    pub fn deserialize<'de, D>(deserializer: D) -> Result<Delivery, D::Error>
    where
        D: Deserializer<'de>,
    {
        let Form { deal_id, milestone, deliverable, uri } = Form::deserialize(deserializer)?;
        Ok(Delivery { dealId: deal_id, milestone, deliverable, uri })
    }
}
