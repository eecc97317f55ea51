//! The commitment to a sealed ballot: what a juror binds itself to before anybody sees its answer.
//!
//! The digest is keccak256 of a fixed text, the ballot's digest and 32 random bytes, so it names one
//! ballot of one case and tells nothing about it. The juror's signature over case and digest says
//! who is bound. The chain never sees either: whoever collects ballots compares.

use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::SolStruct as _;
use serde::{Deserialize, Serialize};
use surety_terms::digest::jury_domain;

use crate::ballot::{CompactSignature, Signer, check_signer};
use crate::error::JuryError;

mod signed {
    //! What the key signs. No contract reads it, so it is defined here.
    alloy::sol! {
        #[derive(Debug)]
        struct Commitment {
            bytes32 caseId;
            bytes32 digest;
        }
    }
}

/// Keeps this digest apart from every other one.
const TAG: &[u8] = b"Surety sealed ballot v1";

/// The digest that commits to a ballot, by the ballot's own digest and 32 random bytes.
pub fn seal(ballot: B256, salt: B256) -> B256 {
    keccak256([TAG, ballot.as_slice(), salt.as_slice()].concat())
}

/// What a juror signs for a commitment.
pub fn commitment_digest(case_id: B256, digest: B256, (chain_id, jury): (u64, Address)) -> B256 {
    let commitment = signed::Commitment { caseId: case_id, digest };
    commitment.eip712_signing_hash(&jury_domain(chain_id, jury))
}

/// A commitment with the signature of the juror that it binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedCommitment {
    /// The case.
    pub case_id: B256,
    /// What [`seal`] gives.
    pub digest: B256,
    /// Who is bound.
    pub juror: Address,
    /// 64 bytes (ERC-2098) over [`commitment_digest`].
    pub signature: CompactSignature,
}

impl SignedCommitment {
    /// The seat of `panel` that this binds to `case_id`, for a `Jury` on a chain.
    pub fn seat(
        &self,
        case_id: B256,
        panel: &[Address],
        (chain_id, jury): (u64, Address),
    ) -> Result<u8, JuryError> {
        if self.case_id != case_id {
            return Err(JuryError::CaseMismatch { got: self.case_id, needed: case_id });
        }
        let juror = self.juror;
        let seat = panel.iter().position(|key| *key == juror).and_then(|at| u8::try_from(at).ok());
        let seat = seat.ok_or(JuryError::SeatMissing { juror })?;
        let digest = commitment_digest(case_id, self.digest, (chain_id, jury));
        check_signer(digest, &self.signature, &Signer { chain_id, jury, juror })?;
        Ok(seat)
    }
}

#[cfg(test)]
mod tests {
    use alloy::signers::{SignerSync as _, local::PrivateKeySigner};

    use super::*;
    use crate::ballot::compact;

    const PLACE: (u64, Address) = (31_337, Address::repeat_byte(1));
    const CASE: B256 = B256::repeat_byte(3);

    fn key(byte: u8) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap()
    }

    fn panel() -> [Address; 3] {
        [5, 6, 7].map(|byte| key(byte).address())
    }

    fn commitment(signer: u8) -> SignedCommitment {
        let digest = seal(B256::repeat_byte(4), B256::repeat_byte(9));
        let bytes = key(signer).sign_hash_sync(&commitment_digest(CASE, digest, PLACE)).unwrap();
        let juror = key(signer).address();
        SignedCommitment { case_id: CASE, digest, juror, signature: compact(&bytes) }
    }

    #[test]
    fn a_seal_depends_on_each_bit_of_ballot_and_salt() {
        let honest = seal(B256::ZERO, B256::ZERO);
        for bit in 0..256 {
            let mut one = B256::ZERO;
            one.0[bit / 8] = 1 << (bit % 8);
            assert_ne!(seal(one, B256::ZERO), honest);
            assert_ne!(seal(B256::ZERO, one), honest);
            assert_ne!(seal(one, B256::ZERO), seal(B256::ZERO, one));
        }
    }

    #[test]
    fn a_commitment_binds_the_seat_whose_key_signed_it() {
        for (seat, signer) in [(0, 5), (1, 6), (2, 7)] {
            assert_eq!(commitment(signer).seat(CASE, &panel(), PLACE), Ok(seat));
        }
    }

    #[test]
    fn what_the_juror_did_not_sign_for_this_case_binds_nobody() {
        let other = B256::repeat_byte(8);
        let changes: [fn(&mut SignedCommitment); 3] = [
            |it| it.digest = B256::ZERO,
            |it| it.juror = key(6).address(),
            |it| it.signature.0[40] ^= 1,
        ];
        for change in changes {
            let mut forged = commitment(5);
            change(&mut forged);
            assert!(forged.seat(CASE, &panel(), PLACE).is_err(), "{forged:?}");
        }
        let mismatch = JuryError::CaseMismatch { got: CASE, needed: other };
        assert_eq!(commitment(5).seat(other, &panel(), PLACE), Err(mismatch));
        let moved = SignedCommitment { case_id: other, ..commitment(5) };
        assert!(moved.seat(other, &panel(), PLACE).is_err());
        let missing = JuryError::SeatMissing { juror: key(8).address() };
        assert_eq!(commitment(8).seat(CASE, &panel(), PLACE), Err(missing));
        for place in [(1, PLACE.1), (PLACE.0, Address::ZERO)] {
            assert!(commitment(5).seat(CASE, &panel(), place).is_err());
        }
    }
}
