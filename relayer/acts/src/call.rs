//! Calls of the escrow that somebody hands in for a relayer to submit.

use alloy::sol_types::SolCall;
use surety_bindings::escrow::DealEscrow as E;
use surety_terms::Problem;

/// Calldata that is read at most: the signatures of contract wallets, all milestones and a panel's
/// ballots fit. Arguments may point to one part from many places, so that each word of it may take
/// as much memory as all of it.
const MOST_BYTES: usize = 32 << 10;

/// A function's selector, and whether calldata says a call of it in the one way that is taken.
type Taken = ([u8; 4], fn(&[u8]) -> bool);

/// What may be called. All of it pays fixed payees or moves nothing, whoever submits it.
const TAKEN: [Taken; 12] = [
    (E::openCall::SELECTOR, is_canonical::<E::openCall>),
    (E::settleCall::SELECTOR, is_canonical::<E::settleCall>),
    (E::deliverCall::SELECTOR, is_canonical::<E::deliverCall>),
    (E::acceptCall::SELECTOR, is_canonical::<E::acceptCall>),
    (E::concedeCall::SELECTOR, is_canonical::<E::concedeCall>),
    (E::agreeCall::SELECTOR, is_canonical::<E::agreeCall>),
    (E::appealCall::SELECTOR, is_canonical::<E::appealCall>),
    (E::reclaimCall::SELECTOR, is_canonical::<E::reclaimCall>),
    (E::escalateCall::SELECTOR, is_canonical::<E::escalateCall>),
    (E::finalizeCall::SELECTOR, is_canonical::<E::finalizeCall>),
    (E::expireCall::SELECTOR, is_canonical::<E::expireCall>),
    (E::withdrawCall::SELECTOR, is_withdrawal),
];

/// The escrow reads a call in many encodings, with anything behind it. Calldata is a transaction's
/// name, so each of them would be one more transaction, of which all but one revert.
fn is_canonical<C: SolCall>(calldata: &[u8]) -> bool {
    C::abi_decode(calldata).is_ok_and(|call| call.abi_encode() == calldata)
}

/// An owner withdraws as often as it has credit, in the same words. So the call may be numbered: one
/// word may follow, where the escrow does not look.
fn is_withdrawal(calldata: &[u8]) -> bool {
    const SIZE: usize = 4 + 2 * 32;
    let call = calldata.get(..SIZE).filter(|_| calldata.len() == SIZE + 32);
    is_canonical::<E::withdrawCall>(call.unwrap_or(calldata))
}

/// Refuses what a relayer submits for nobody, and what it would submit in other bytes only.
pub fn check(calldata: &[u8]) -> Result<(), Box<Problem>> {
    let taken = TAKEN.iter().find(|(selector, _)| calldata.starts_with(selector));
    let Some((_, is_canonical)) = taken else {
        let detail = "The calldata does not begin with a function that this relayer submits.";
        let rule = "one of open, settle, deliver, accept, concede, agree, appeal, reclaim, \
                    escalate, finalize, expire, withdraw";
        let title = "Not a call for this relayer";
        return Err(Box::new(
            Problem::new("not-allowed", 422, title, detail).with_field("calldata", rule),
        ));
    };
    if calldata.len() > MOST_BYTES {
        let detail = format!("Of calldata at most {MOST_BYTES} bytes are read here.");
        let problem = Problem::new("too-large", 413, "Too large", detail);
        return Err(Box::new(problem.with_field("calldata", "not larger than the limit")));
    }
    if is_canonical(calldata) {
        return Ok(());
    }
    let detail = "Decoded and encoded again, the arguments are other bytes: something is missing, \
                  too much, or not in its place.";
    let problem = Problem::new("not-canonical", 422, "Not the canonical encoding", detail);
    let rule = "must be what the ABI's strict encoding makes of the arguments, and nothing more";
    Err(Box::new(problem.with_field("calldata", rule)))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, Bytes};
    use surety_bindings::escrow::{Requested, Terms};

    use super::*;
    use crate::Act;

    fn slug(calldata: &[u8]) -> Result<(), String> {
        check(calldata).map_err(|problem| problem.slug().to_owned())
    }

    fn refused(slug: &str) -> Result<(), String> {
        Err(slug.to_owned())
    }

    /// Bytes behind a nested list, a list of structs, and words alone.
    fn calls() -> Vec<Vec<u8>> {
        let authorization = Bytes::from_static(&[7; 65]);
        let open = E::openCall {
            terms: Terms::default(),
            buyerAuthorization: authorization.clone(),
            sellerAuthorization: authorization,
        };
        let requested = vec![Requested::default(), Requested::default()];
        let reclaim = Act::Reclaim.calldata(Terms::default(), 1, None, requested);
        let withdraw =
            E::withdrawCall { token_: Address::repeat_byte(1), owner: Address::repeat_byte(2) };
        vec![open.abi_encode(), reclaim.to_vec(), withdraw.abi_encode()]
    }

    #[test]
    fn what_the_abi_says_is_taken_and_the_same_in_other_bytes_is_not() {
        for call in calls() {
            assert_eq!(slug(&call), Ok(()));
            let longer = [&call[..], &[0]].concat();
            // One word more is a withdrawal's number.
            let word = [&call[..], &[0; 64]].concat();
            for other in [&longer[..], &word[..], &call[..call.len() - 1], &call[..4]] {
                assert_eq!(slug(other), refused("not-canonical"));
            }
        }
    }

    #[test]
    fn a_withdrawal_may_have_a_number() {
        let [open, reclaim, withdraw] = <[Vec<u8>; 3]>::try_from(calls()).unwrap();
        let numbered = |call: &[u8]| slug(&[call, &[7; 32]].concat());
        assert_eq!(numbered(&withdraw), Ok(()));
        assert_eq!(numbered(&open), refused("not-canonical"));
        assert_eq!(numbered(&reclaim), refused("not-canonical"));
    }

    #[test]
    fn bytes_that_the_escrow_ignores_or_finds_elsewhere_are_not_taken() {
        let [open, _, withdraw] = <[Vec<u8>; 3]>::try_from(calls()).unwrap();
        // Above an address.
        let mut dirty = withdraw;
        dirty[4] = 1;
        assert_eq!(slug(&dirty), refused("not-canonical"));
        // Behind an argument of 65 bytes.
        let mut dirty = open.clone();
        *dirty.last_mut().unwrap() = 1;
        assert_eq!(slug(&dirty), refused("not-canonical"));
        // The second authorization is where the first one is, and equal to it.
        let mut shared = open;
        let place = |n: usize| 4 + 32 * n..36 + 32 * n;
        let first = shared[place(1)].to_vec();
        shared[place(2)].copy_from_slice(&first);
        assert_eq!(slug(&shared), refused("not-canonical"));
        let call = E::openCall::abi_decode(&shared).unwrap();
        assert_eq!(call.buyerAuthorization, call.sellerAuthorization);
    }

    #[test]
    fn other_functions_and_too_much_of_one_are_refused_before_they_are_read() {
        let long = vec![0; MOST_BYTES];
        for other in [&[][..], &[0x12][..], &long[..4], &long[..]] {
            assert_eq!(slug(other), refused("not-allowed"));
        }
        let long = [&E::openCall::SELECTOR[..], &long].concat();
        assert_eq!(slug(&long), refused("too-large"));
    }

    #[test]
    fn every_function_is_one_of_the_rule_and_in_it_once() {
        let rule = check(&[]).unwrap_err().rule.unwrap();
        let names = rule.trim_start_matches("one of ").split(", ").collect::<Vec<_>>();
        let mut selectors = TAKEN.map(|(selector, _)| selector).to_vec();
        selectors.sort_unstable();
        selectors.dedup();
        assert_eq!(selectors.len(), names.len());
    }
}
