//! A party's request to perform an act for a fee.

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, Bytes};
use alloy::sol_types::Eip712Domain;
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::{Consent, Request, Requested};
use surety_terms::limits::BODY_BYTES;
use surety_terms::{TermsError, Usdc, digest, json};

use crate::Act;

/// What a party signs as the escrow's `Request`, with the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActRequest {
    /// What is to be performed.
    pub action: Act,
    /// The deal.
    pub deal_id: B256,
    /// The milestone, from 0.
    pub milestone: u8,
    /// 2 while the appeal panel has the milestone, else 1.
    pub round: u8,
    /// The standing verdict, 0 for none.
    pub standing: u8,
    /// What whoever performs it gets from the party, in base units.
    pub fee: Usdc,
    /// The signature is worth nothing from this moment on, in Unix seconds.
    pub valid_until: u64,
    /// Who asks: the buyer or the seller.
    pub party: Address,
    /// Its signature of the request.
    pub signature: Bytes,
    /// How the escrow pulls the fee where neither the act nor a credit pays it; else empty.
    #[serde(default)]
    pub authorization: Bytes,
}

impl ActRequest {
    /// Reads a body.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        json::parse_strict(bytes, BODY_BYTES)
    }

    /// What the party signs.
    pub fn request(&self) -> Request {
        Request {
            action: self.action.selector().into(),
            dealId: self.deal_id,
            milestone: self.milestone,
            round: self.round,
            standing: self.standing,
            fee: self.fee.into(),
            validUntil: U40::saturating_from(self.valid_until),
        }
    }

    /// Its digest in the escrow's domain.
    pub fn digest(&self, domain: &Eip712Domain) -> B256 {
        digest::request_digest(&self.request(), domain)
    }

    /// What the escrow takes.
    pub fn requested(&self) -> Requested {
        let consent = Consent {
            fee: self.fee.into(),
            validUntil: U40::saturating_from(self.valid_until),
            signature: self.signature.clone(),
            authorization: self.authorization.clone(),
        };
        Requested { party: self.party, consent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_and_says_what_was_signed() {
        let deal = B256::repeat_byte(7);
        let party = Address::repeat_byte(8);
        let text = format!(
            r#"{{"action":"reclaim","dealId":"{deal}","milestone":1,"round":1,"standing":0,
                "fee":"250000","validUntil":1800000000,"party":"{party:#x}","signature":"0x01"}}"#
        );
        let asked = ActRequest::parse(text.as_bytes()).unwrap();
        let request = asked.request();
        assert_eq!(request.action.0, Act::Reclaim.selector());
        assert_eq!((request.dealId, request.milestone), (deal, 1));
        assert_eq!(Usdc::from(request.fee), Usdc::new(250_000).unwrap());
        let requested = asked.requested();
        assert_eq!((requested.party, requested.consent.fee), (party, request.fee));
        assert!(requested.consent.authorization.is_empty());
        for broken in [text.replace("reclaim", "deliver"), text.replace("\"round\":1,", "")] {
            assert!(ActRequest::parse(broken.as_bytes()).is_err(), "{broken}");
        }
    }
}
