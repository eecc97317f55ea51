//! One juror's signed answer, and the packed form in which ballots reach the chain.
//!
//! Layout: a 2-byte big-endian seat mask, then per seat, ascending, 101 bytes: met 2, failed 2,
//! reason 1, transcript 32, r 32, s 32 with the signature's parity in the top bit (ERC-2098). Ballots
//! on a list of cases have a layout of their own, see [`pack_batch`].

mod batch;

use alloy::primitives::{Address, B256, Bytes, FixedBytes, Signature};
use serde::{Deserialize, Serialize};
use surety_bindings::jury::Ballot;
use surety_terms::digest::ballot_digest;

use crate::error::JuryError;
use crate::tally::{Answers, MAX_SEATS};

pub use batch::{
    BATCH_HEAD_BYTES, LEAF_BYTES, Leaf, SignedBatch, ballot_batch, batch_transcript, pack_batch,
    unpack_batch, verify_batch,
};

/// Bytes of one seat in the packed form.
pub const SEAT_BYTES: usize = 101;
/// Bytes of the seat mask.
const MASK_BYTES: usize = 2;

/// A signature in the 64-byte form of ERC-2098, s low and its top bit the parity.
pub type CompactSignature = FixedBytes<64>;

/// Why a ballot says what it says; for the record, only the masks count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Reason {
    /// The criteria were judged one by one.
    Judged = 0,
    /// The deliverable's bytes could not be had from any source: every criterion is failed.
    Missing = 1,
    /// The bytes match the digest and cannot be read: every criterion is failed.
    Unreadable = 2,
    /// The deliverable tries to instruct its jurors: every criterion is failed.
    Injection = 3,
    /// The seat itself failed (a wrong canary, a contradiction, no provider): an abstention on
    /// everything but hidden criteria that were not revealed, which are met on every ballot.
    Void = 4,
}

impl Reason {
    /// The ballot's byte.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Judged => 0,
            Self::Missing => 1,
            Self::Unreadable => 2,
            Self::Injection => 3,
            Self::Void => 4,
        }
    }
}

impl TryFrom<u8> for Reason {
    type Error = JuryError;

    fn try_from(got: u8) -> Result<Self, JuryError> {
        match got {
            0 => Ok(Self::Judged),
            1 => Ok(Self::Missing),
            2 => Ok(Self::Unreadable),
            3 => Ok(Self::Injection),
            4 => Ok(Self::Void),
            _ => Err(JuryError::ReasonUnknown { got }),
        }
    }
}

/// One seat's ballot with its signature, as packed and unpacked. The case is not packed: the
/// contract computes it from its caller and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedBallot {
    /// The juror's place in the panel, from 0.
    pub seat: u8,
    /// What it signed.
    pub ballot: Ballot,
    /// Its signature.
    pub signature: CompactSignature,
}

impl SignedBallot {
    /// What [`tally`](crate::tally::tally) counts.
    pub const fn answers(&self) -> Answers {
        (self.seat, self.ballot.met, self.ballot.failed)
    }

    /// See [`verify`].
    pub fn verify(&self, chain_id: u64, jury: Address, juror: Address) -> Result<(), JuryError> {
        verify(&self.ballot, &self.signature, &Signer { chain_id, jury, juror })
    }
}

/// Who must have signed a ballot, and for which contract on which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The chain's id.
    pub chain_id: u64,
    /// The `Jury` contract.
    pub jury: Address,
    /// The juror's key.
    pub juror: Address,
}

/// Checks the masks, the reason and that `signer.juror` signed `ballot`.
pub fn verify(
    ballot: &Ballot,
    signature: &CompactSignature,
    signer: &Signer,
) -> Result<(), JuryError> {
    check_masks(ballot)?;
    check_signer(ballot_digest(ballot, signer.chain_id, signer.jury), signature, signer)
}

/// Checks that `signer.juror` signed `digest`.
pub(crate) fn check_signer(
    digest: B256,
    signature: &CompactSignature,
    signer: &Signer,
) -> Result<(), JuryError> {
    let got = recover(digest, signature)?;
    if got == signer.juror {
        Ok(())
    } else {
        Err(JuryError::SignerMismatch { got, needed: signer.juror })
    }
}

/// Checks that the masks are disjoint and the reason is known.
pub fn check_masks(ballot: &Ballot) -> Result<Reason, JuryError> {
    let overlap = ballot.met & ballot.failed;
    if overlap != 0 {
        return Err(JuryError::MasksOverlap { overlap });
    }
    Reason::try_from(ballot.reason)
}

/// Who signed `digest`. Refuses a high s, of which the 64-byte form cannot even tell the parity.
pub fn recover(digest: B256, signature: &CompactSignature) -> Result<Address, JuryError> {
    let malformed = |rule| JuryError::SignatureMalformed { rule };
    let full = Signature::from_erc2098(signature.as_slice());
    if full.r().is_zero() || full.s().is_zero() {
        return Err(malformed("r and s are not zero"));
    }
    if full.normalize_s().is_some() {
        return Err(malformed("s is in the lower half of the curve's order"));
    }
    full.recover_address_from_prehash(&digest).map_err(|_| malformed("it recovers to a key"))
}

/// The 64-byte form of a signature, with s made low.
pub fn compact(signature: &Signature) -> CompactSignature {
    FixedBytes(signature.normalized_s().as_erc2098())
}

/// Packs ballots as `IJury.judge` takes them. Seats must be strictly ascending.
pub fn pack(ballots: &[SignedBallot]) -> Result<Bytes, JuryError> {
    let mut mask = 0_u16;
    let mut packed = vec![0; MASK_BYTES];
    for SignedBallot { seat, ballot, signature } in ballots {
        mask = with_seat(mask, *seat)?;
        check_masks(ballot)?;
        packed.extend_from_slice(&ballot.met.to_be_bytes());
        packed.extend_from_slice(&ballot.failed.to_be_bytes());
        packed.push(ballot.reason);
        packed.extend_from_slice(ballot.transcript.as_slice());
        packed.extend_from_slice(signature.as_slice());
    }
    Ok(under(mask, packed))
}

/// Adds a seat to a mask. Seats must be strictly ascending.
fn with_seat(mask: u16, seat: u8) -> Result<u16, JuryError> {
    let last = mask.checked_ilog2().and_then(|last| u8::try_from(last).ok());
    if last.is_some_and(|last| seat <= last) || usize::from(seat) >= MAX_SEATS {
        return Err(JuryError::SeatInvalid { got: seat, last, most: MAX_SEATS });
    }
    Ok(mask | 1_u16.checked_shl(u32::from(seat)).unwrap_or(0))
}

/// Writes the mask into the room at the head of the packed seats.
fn under(mask: u16, mut packed: Vec<u8>) -> Bytes {
    if let Some(head) = packed.first_chunk_mut::<MASK_BYTES>() {
        *head = mask.to_be_bytes();
    }
    packed.into()
}

/// Reads packed ballots of the case `case_id`. The inverse of [`pack`]; signatures and masks are
/// not judged here, since the contract skips a bad ballot and counts the others.
pub fn unpack(packed: &[u8], case_id: B256) -> Result<Vec<SignedBallot>, JuryError> {
    let malformed = JuryError::BallotsMalformed { got: packed.len(), needed: SEAT_BYTES };
    let seats = split(packed, SEAT_BYTES)?.into_iter();
    seats.map(|(seat, b)| read_seat(seat, b, case_id).ok_or_else(|| malformed.clone())).collect()
}

/// The seats that packed ballots name, each with its `seat_bytes` bytes.
fn split(packed: &[u8], seat_bytes: usize) -> Result<Vec<(u8, &[u8])>, JuryError> {
    let got = packed.len();
    let malformed = |needed| JuryError::BallotsMalformed { got, needed };
    let (mask, rest) = packed.split_first_chunk().ok_or_else(|| malformed(MASK_BYTES))?;
    let mask = u16::from_be_bytes(*mask);
    let count = usize::try_from(mask.count_ones()).unwrap_or(usize::MAX);
    let needed = seat_bytes.saturating_mul(count).saturating_add(MASK_BYTES);
    if got != needed {
        return Err(malformed(needed));
    }
    let seats = (0_u8..16).filter(|seat| mask.checked_shr(u32::from(*seat)).unwrap_or(0) & 1 == 1);
    let seats: Vec<_> = seats.zip(rest.chunks_exact(seat_bytes)).collect();
    match seats.last() {
        Some(&(got, _)) if usize::from(got) >= MAX_SEATS => {
            Err(JuryError::SeatInvalid { got, last: None, most: MAX_SEATS })
        }
        _ => Ok(seats),
    }
}

fn read_seat(seat: u8, bytes: &[u8], case_id: B256) -> Option<SignedBallot> {
    let (met, rest) = bytes.split_first_chunk()?;
    let (failed, rest) = rest.split_first_chunk()?;
    let (&reason, rest) = rest.split_first()?;
    let (transcript, rest) = rest.split_first_chunk::<32>()?;
    let signature = CompactSignature::try_from(rest).ok()?;
    let ballot = Ballot {
        caseId: case_id,
        met: u16::from_be_bytes(*met),
        failed: u16::from_be_bytes(*failed),
        reason,
        transcript: B256::from(*transcript),
    };
    Some(SignedBallot { seat, ballot, signature })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{U256, address, b256};
    use alloy::signers::SignerSync;
    use alloy::signers::local::PrivateKeySigner;
    use proptest::prelude::*;

    use super::*;

    const CHAIN: u64 = 84_532;
    const JURY: Address = address!("0x1111111111111111111111111111111111111111");
    const CASE: B256 = b256!("0x2222222222222222222222222222222222222222222222222222222222222222");

    fn key(byte: u8) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap()
    }

    fn a_ballot() -> Ballot {
        let transcript = B256::repeat_byte(7);
        Ballot { caseId: CASE, met: 0b0101, failed: 0b1010, reason: 0, transcript }
    }

    fn signed(seat: u8, ballot: Ballot) -> SignedBallot {
        let digest = ballot_digest(&ballot, CHAIN, JURY);
        let signature = compact(&key(seat + 1).sign_hash_sync(&digest).unwrap());
        SignedBallot { seat, ballot, signature }
    }

    #[test]
    fn a_jurors_ballot_verifies_and_nothing_else_does() {
        let ballot = signed(0, a_ballot());
        let juror = key(1).address();
        assert_eq!(ballot.verify(CHAIN, JURY, juror), Ok(()));
        let foreign = [
            ballot.verify(1, JURY, juror),
            ballot.verify(CHAIN, Address::ZERO, juror),
            ballot.verify(CHAIN, JURY, key(2).address()),
        ];
        for result in foreign {
            assert!(matches!(result, Err(JuryError::SignerMismatch { .. })), "{result:?}");
        }
        let swaps: [fn(&mut Ballot); 5] = [
            |ballot| ballot.caseId = B256::ZERO,
            |ballot| ballot.met = 0b0100,
            |ballot| ballot.failed = 0b1000,
            |ballot| ballot.reason = 1,
            |ballot| ballot.transcript = B256::ZERO,
        ];
        for swap in swaps {
            let mut other = ballot.clone();
            swap(&mut other.ballot);
            let result = other.verify(CHAIN, JURY, juror);
            assert!(matches!(result, Err(JuryError::SignerMismatch { .. })), "{result:?}");
        }
    }

    #[test]
    fn a_high_s_is_made_low_and_never_accepted_raw() {
        let digest = ballot_digest(&a_ballot(), CHAIN, JURY);
        let order = U256::from_be_bytes(
            b256!("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").0,
        );
        for byte in 1..9 {
            let low = key(byte).sign_hash_sync(&digest).unwrap();
            let high = Signature::new(low.r(), order - low.s(), !low.v());
            assert_eq!(high.recover_address_from_prehash(&digest).unwrap(), key(byte).address());
            assert_eq!(compact(&high), compact(&low));
            assert_eq!(recover(digest, &compact(&high)), Ok(key(byte).address()));
        }
        // The smallest s that is too high and still fits beside the parity bit.
        let mut bytes = compact(&key(1).sign_hash_sync(&digest).unwrap());
        let s: B256 = (order / U256::from(2) + U256::ONE).into();
        bytes[32..].copy_from_slice(s.as_slice());
        let result = recover(digest, &bytes);
        assert!(matches!(result, Err(JuryError::SignatureMalformed { .. })), "{result:?}");
    }

    #[test]
    fn zero_and_impossible_signatures_are_malformed() {
        let digest = ballot_digest(&a_ballot(), CHAIN, JURY);
        let mut r_only = CompactSignature::ZERO;
        r_only[31] = 1;
        let mut s_only = CompactSignature::ZERO;
        s_only[63] = 1;
        let mut beyond_order = CompactSignature::repeat_byte(0xff);
        beyond_order[32] = 0x0f;
        for signature in [CompactSignature::ZERO, r_only, s_only, beyond_order] {
            let result = recover(digest, &signature);
            assert!(matches!(result, Err(JuryError::SignatureMalformed { .. })), "{result:?}");
        }
    }

    #[test]
    fn the_packed_layout_is_the_contracts() {
        let ballot = Ballot { met: 0x0102, failed: 0x0408, reason: 3, ..a_ballot() };
        let signature = CompactSignature::repeat_byte(9);
        let packed = pack(&[
            SignedBallot { seat: 1, ballot: ballot.clone(), signature },
            SignedBallot { seat: 14, ballot, signature },
        ])
        .unwrap();
        assert_eq!(packed.len(), 2 + 2 * SEAT_BYTES);
        assert_eq!(packed[..2], [0b0100_0000, 0b0000_0010]);
        let seat = [&[1, 2, 4, 8, 3][..], &[7; 32], &[9; 64]].concat();
        assert_eq!(packed[2..103], seat);
        assert_eq!(packed[103..], seat);
        assert_eq!(pack(&[]).unwrap()[..], [0, 0]);
    }

    #[test]
    fn only_ascending_seats_of_a_panel_are_packed() {
        let at =
            |seat| SignedBallot { seat, ballot: a_ballot(), signature: CompactSignature::ZERO };
        for (seats, got) in [(vec![1, 0], 0), (vec![2, 2], 2), (vec![15], 15), (vec![255], 255)] {
            let ballots: Vec<SignedBallot> = seats.into_iter().map(at).collect();
            let result = pack(&ballots);
            let wanted =
                matches!(result, Err(JuryError::SeatInvalid { got: seat, .. }) if seat == got);
            assert!(wanted, "{result:?}");
        }
        let mut overlapping = at(0);
        overlapping.ballot.failed |= 1;
        assert_eq!(pack(&[overlapping]), Err(JuryError::MasksOverlap { overlap: 1 }));
        let mut unknown = at(0);
        unknown.ballot.reason = 5;
        assert_eq!(pack(&[unknown]), Err(JuryError::ReasonUnknown { got: 5 }));
    }

    #[test]
    fn packed_ballots_of_a_wrong_length_are_refused() {
        let packed = pack(&[signed(0, a_ballot()), signed(3, a_ballot())]).unwrap();
        for got in (0..packed.len()).chain([packed.len() + 1]) {
            let mut bytes = packed.to_vec();
            bytes.resize(got, 0);
            let needed = if got < 2 { 2 } else { packed.len() };
            assert_eq!(unpack(&bytes, CASE), Err(JuryError::BallotsMalformed { got, needed }));
        }
        let mut outside = vec![0x80, 0];
        outside.resize(2 + SEAT_BYTES, 0);
        assert!(matches!(unpack(&outside, CASE), Err(JuryError::SeatInvalid { got: 15, .. })));
    }

    #[test]
    fn reasons_and_bytes_are_one_to_one() {
        for byte in 0..5 {
            assert_eq!(Reason::try_from(byte).unwrap().byte(), byte);
        }
        assert_eq!(Reason::try_from(5), Err(JuryError::ReasonUnknown { got: 5 }));
    }

    proptest! {
        #[test]
        fn unpacking_is_the_inverse_of_packing(
            seats in prop::collection::btree_set(0_u8..15, 0..15),
            masks in prop::collection::vec(any::<(u16, u16)>(), 15),
            reason in 0_u8..5,
            bytes in any::<[u8; 32]>(),
        ) {
            let ballots: Vec<SignedBallot> = seats.iter().zip(masks).map(|(seat, (met, failed))| {
                let transcript = B256::from(bytes);
                let ballot = Ballot { caseId: CASE, met, failed: failed & !met, reason, transcript };
                SignedBallot { seat: *seat, ballot, signature: CompactSignature::repeat_byte(*seat) }
            }).collect();
            prop_assert_eq!(unpack(&pack(&ballots).unwrap(), CASE).unwrap(), ballots);
        }

        #[test]
        fn hostile_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            head in any::<[u8; 32]>(),
            tail in any::<[u8; 32]>(),
        ) {
            drop(unpack(&bytes, CASE));
            let signature = CompactSignature::from_slice(&[head, tail].concat());
            drop(recover(CASE, &signature));
        }
    }
}
