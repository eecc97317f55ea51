//! Timed acts that somebody hands in as calldata, to be performed for nothing.

use alloy::sol_types::SolCall as _;
use surety_bindings::escrow::{DealEscrow as E, Terms};

use crate::Act;

impl Act {
    /// Which act calldata calls, if any.
    pub fn called(calldata: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|act| calldata.starts_with(&act.selector()))
    }

    /// The deal's terms, if calldata calls this act as [`Act::calldata`] does without a request.
    /// There is one way to say it: a second one would be a second transaction, which only reverts.
    pub fn plain(self, calldata: &[u8]) -> Option<Terms> {
        let (terms, milestone, state, requested) = match self {
            Self::Reclaim => {
                let call = E::reclaimCall::abi_decode(calldata).ok()?;
                (call.terms, call.milestone, Vec::new(), call.requested)
            }
            Self::Escalate => {
                let call = E::escalateCall::abi_decode(calldata).ok()?;
                (call.terms, call.milestone, call.state, call.requested)
            }
            Self::Finalize => {
                let call = E::finalizeCall::abi_decode(calldata).ok()?;
                (call.terms, call.milestone, call.state, call.requested)
            }
            Self::Expire => {
                let call = E::expireCall::abi_decode(calldata).ok()?;
                (call.terms, call.milestone, call.state, call.requested)
            }
        };
        let state = state.into_iter().next();
        let said = self.calldata(terms.clone(), milestone, state, Vec::new());
        (requested.is_empty() && said[..] == *calldata).then_some(terms)
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Bytes;
    use surety_bindings::escrow::{Requested, SlowState};

    use super::*;

    fn calldata(act: Act, requested: Vec<Requested>) -> Bytes {
        let state = (act != Act::Reclaim).then(SlowState::default);
        act.calldata(Terms::default(), 1, state, requested)
    }

    #[test]
    fn the_call_that_we_would_make_ourselves_is_plain() {
        for act in Act::ALL {
            let plain = calldata(act, vec![]);
            assert_eq!(Act::called(&plain), Some(act));
            assert_eq!(act.plain(&plain), Some(Terms::default()), "{act:?}");
        }
        assert_eq!(Act::called(&E::openCall::SELECTOR), None);
        assert_eq!(Act::called(&[]), None);
    }

    #[test]
    fn the_same_call_in_other_bytes_or_with_a_request_is_not() {
        for act in Act::ALL {
            let plain = calldata(act, vec![]);
            let longer = [&plain[..], &[0]].concat();
            let paid = calldata(act, vec![Requested::default()]);
            for other in [&longer[..], &paid[..], &plain[..40], &act.selector()[..]] {
                assert_eq!(Act::called(other), Some(act));
                assert_eq!(act.plain(other), None, "{act:?}");
            }
        }
        let state = vec![SlowState::default(); 2];
        let two = E::expireCall { terms: Terms::default(), milestone: 1, state, requested: vec![] };
        assert_eq!(Act::Expire.plain(&two.abi_encode()), None);
    }
}
