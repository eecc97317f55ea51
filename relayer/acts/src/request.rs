//! A party's request to perform an act for a fee.

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::Eip712Domain;
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::{Consent, Request, Requested, SlowState};
use surety_terms::limits::BODY_BYTES;
use surety_terms::{Authorization, Problem, TermsError, Usdc, digest, json};

use crate::{Act, Due, named_round};

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

    /// What is to be signed for an act on a milestone in this state.
    pub fn unsigned(
        action: Act,
        (deal_id, milestone): (B256, u8),
        state: Option<&SlowState>,
        (party, fee, valid_until): (Address, Usdc, u64),
    ) -> Self {
        let (round, standing) = fitting(state);
        let (signature, authorization) = (Bytes::new(), Bytes::new());
        Self {
            action,
            deal_id,
            milestone,
            round,
            standing,
            fee,
            valid_until,
            party,
            signature,
            authorization,
        }
    }

    /// Refuses what the chain does not allow `now`, and what was signed for another state than the
    /// one in which the act is due.
    pub fn check(
        &self,
        due: Option<Due>,
        state: Option<&SlowState>,
        now: u64,
    ) -> Result<(), Box<Problem>> {
        let allowed = due.map_or("nothing", |due| due.act.as_str());
        let Some(due) = due.filter(|due| due.act == self.action) else {
            let detail = format!("In this state time allows {allowed}.");
            return refuse("act-not-possible", detail, "action", format!("must be {allowed}"));
        };
        if now < due.at {
            let at = due.at;
            let detail = format!("It is {now} on the chain; the act is possible from {at} on.");
            let rule = format!("must be asked for from {at} on");
            return refuse("too-early", detail, "action", rule);
        }
        let (round, standing) = fitting(state);
        for (field, got, needed) in
            [("round", self.round, round), ("standing", self.standing, standing)]
        {
            if got != needed {
                let detail =
                    format!("The {field} is {needed} in the milestone's state, not {got}.");
                return refuse("state-mismatch", detail, field, format!("must be {needed}"));
            }
        }
        if now >= self.valid_until {
            let until = self.valid_until;
            let detail = format!("It is {now} on the chain; the signature was good until {until}.");
            let rule = "must be later than the chain's time".to_owned();
            return refuse("consent-expired", detail, "validUntil", rule);
        }
        Ok(())
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

    /// What lets the escrow pull the fee from the party's wallet, where nothing else pays it. Whoever
    /// has it has the party's consent to the fee, and to nothing more.
    pub fn pull(&self, domain: &Eip712Domain) -> Authorization {
        Authorization {
            from: self.party,
            to: domain.verifying_contract.unwrap_or_default(),
            value: U256::from(self.fee.base_units()),
            valid_after: 0,
            valid_before: self.valid_until,
            nonce: self.digest(domain),
        }
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

/// The round and the standing verdict that a request names in a state.
fn fitting(state: Option<&SlowState>) -> (u8, u8) {
    (named_round(state), state.map_or(0, |state| state.standing))
}

fn refuse(
    slug: &str,
    detail: String,
    field: &'static str,
    rule: String,
) -> Result<(), Box<Problem>> {
    Err(Box::new(Problem::new(slug, 409, "Not possible now", detail).with_field(field, rule)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_made_for_a_state_fits_it_and_no_other() {
        let judged = SlowState { status: 2, standing: 1, ..SlowState::default() };
        let appealed = SlowState { status: 3, standing: 2, ..SlowState::default() };
        let due = |act, at| Some(Due { act, at });
        let place = (B256::repeat_byte(7), 1);
        let from = (Address::repeat_byte(8), Usdc::from_whole(1), 900);
        for (act, state, names) in [
            (Act::Reclaim, None, (1, 0)),
            (Act::Finalize, Some(&judged), (1, 1)),
            (Act::Expire, Some(&appealed), (2, 2)),
        ] {
            let asked = ActRequest::unsigned(act, place, state, from);
            assert_eq!((asked.round, asked.standing), names);
            let refused = |due, state, now| asked.check(due, state, now).unwrap_err();
            assert_eq!(asked.check(due(act, 100), state, 100), Ok(()));
            assert_eq!(refused(due(act, 101), state, 100).slug(), "too-early");
            assert_eq!(refused(due(act, 100), state, 900).slug(), "consent-expired");
            assert_eq!(refused(None, state, 100).slug(), "act-not-possible");
            let other = if act == Act::Expire { None } else { Some(&appealed) };
            assert_eq!(refused(due(act, 100), other, 100).slug(), "state-mismatch");
        }
    }

    #[test]
    fn the_escrow_may_pull_the_fee_that_was_signed_and_no_more() {
        let (escrow, party) = (Address::repeat_byte(1), Address::repeat_byte(8));
        let domain = digest::escrow_domain(31_337, escrow);
        let from = (party, Usdc::from_whole(2), 900);
        let asked = ActRequest::unsigned(Act::Escalate, (B256::repeat_byte(7), 0), None, from);
        let pulls = asked.pull(&domain);
        assert_eq!((pulls.from, pulls.to, pulls.value), (party, escrow, U256::from(2_000_000)));
        assert_eq!((pulls.valid_before, pulls.nonce), (900, asked.digest(&domain)));
    }

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
