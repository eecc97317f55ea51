//! One juror's answers to a list of cases under one signature.

use alloy::primitives::{Address, B256, Bytes, keccak256};
use surety_bindings::jury::{Ballot, BallotBatch};
use surety_terms::digest::ballot_batch_digest;

use super::{CompactSignature, MASK_BYTES, Reason, Signer, check_masks, check_signer};
use super::{split, under, with_seat};
use crate::error::JuryError;
use crate::tally::Answers;

/// Bytes of one seat in the packed form, without its votes.
pub const BATCH_HEAD_BYTES: usize = 96;
/// Bytes of one case's vote.
pub const LEAF_BYTES: usize = 5;

/// What a juror says of one case of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    /// The juror has no ballot on the case: not counted, and no evidence against it.
    Absent,
    /// What its ballot says. Two zero masks are an abstention, which is counted.
    Answer {
        /// Mask of the criteria that are met.
        met: u16,
        /// Mask of the criteria that are failed.
        failed: u16,
        /// For the record.
        reason: Reason,
    },
}

impl Leaf {
    /// The bytes of [`Leaf::Absent`]: masks that no ballot can have.
    const ABSENT: [u8; LEAF_BYTES] = [0xff, 0xff, 0xff, 0xff, 0];

    /// What a single ballot says. Refuses masks that overlap, and an unknown reason.
    pub fn of(ballot: &Ballot) -> Result<Self, JuryError> {
        let reason = check_masks(ballot)?;
        Ok(Self::Answer { met: ballot.met, failed: ballot.failed, reason })
    }

    /// The vote's bytes: met 2, failed 2, reason 1.
    pub const fn bytes(self) -> [u8; LEAF_BYTES] {
        let Self::Answer { met, failed, reason } = self else { return Self::ABSENT };
        let ([a, b], [c, d]) = (met.to_be_bytes(), failed.to_be_bytes());
        [a, b, c, d, reason.byte()]
    }
}

/// What a juror signs for a list of cases, in the order of the list. Refuses masks that overlap.
pub fn ballot_batch(leaves: &[(B256, Leaf)], transcript: B256) -> Result<BallotBatch, JuryError> {
    let overlaps = leaves.iter().find_map(|(_, leaf)| match *leaf {
        Leaf::Answer { met, failed, .. } if met & failed != 0 => Some(met & failed),
        Leaf::Answer { .. } | Leaf::Absent => None,
    });
    if let Some(overlap) = overlaps {
        return Err(JuryError::MasksOverlap { overlap });
    }
    let cases = leaves.iter().map(|(case, _)| *case).collect();
    let votes: Vec<u8> = leaves.iter().flat_map(|(_, leaf)| leaf.bytes()).collect();
    Ok(BallotBatch { cases, votes: votes.into(), transcript })
}

/// What stands for all transcripts of a list: the hash of the roots that the single ballots carry, in
/// the order of the list, zero where the juror is absent.
pub fn batch_transcript(roots: &[B256]) -> B256 {
    keccak256(roots.iter().flat_map(|root| root.0).collect::<Vec<u8>>())
}

/// One seat's ballots on a list of cases with their one signature.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedBatch {
    /// The juror's place in the panel, from 0.
    pub seat: u8,
    /// What it signed.
    pub batch: BallotBatch,
    /// Its signature.
    pub signature: CompactSignature,
}

impl SignedBatch {
    /// What [`tally`](crate::tally::tally) counts for the case at `index` of the list; nothing when
    /// the juror is absent, its masks overlap, or the list is shorter.
    pub fn answers(&self, index: usize) -> Option<Answers> {
        let vote = self.batch.votes.chunks_exact(LEAF_BYTES).nth(index)?;
        let (met, rest) = vote.split_first_chunk()?;
        let (met, failed) = (u16::from_be_bytes(*met), u16::from_be_bytes(*rest.first_chunk()?));
        (met & failed == 0).then_some((self.seat, met, failed))
    }

    /// See [`verify_batch`].
    pub fn verify(&self, chain_id: u64, jury: Address, juror: Address) -> Result<(), JuryError> {
        verify_batch(&self.batch, &self.signature, &Signer { chain_id, jury, juror })
    }
}

/// Checks that there is one vote per case and that `signer.juror` signed them all.
pub fn verify_batch(
    batch: &BallotBatch,
    signature: &CompactSignature,
    signer: &Signer,
) -> Result<(), JuryError> {
    check_votes(batch)?;
    check_signer(ballot_batch_digest(batch, signer.chain_id, signer.jury), signature, signer)
}

fn check_votes(batch: &BallotBatch) -> Result<(), JuryError> {
    let (got, needed) = (batch.votes.len(), batch.cases.len().saturating_mul(LEAF_BYTES));
    if got == needed { Ok(()) } else { Err(JuryError::VotesMalformed { got, needed }) }
}

/// Packs batches as `IJury.judgeBatch` takes them: a 2-byte big-endian seat mask, then per seat,
/// ascending, transcript 32, r 32, s 32 with the parity in its top bit, and per case met 2, failed
/// 2, reason 1.
///
/// All seats must have signed the same list: the contract hashes the list that it is asked about,
/// and skips a seat that signed another.
pub fn pack_batch(batches: &[SignedBatch]) -> Result<Bytes, JuryError> {
    let mut mask = 0_u16;
    let mut packed = vec![0; MASK_BYTES];
    for SignedBatch { seat, batch, signature } in batches {
        mask = with_seat(mask, *seat)?;
        check_votes(batch)?;
        if batches.first().is_some_and(|first| first.batch.cases != batch.cases) {
            return Err(JuryError::CasesDiffer { seat: *seat });
        }
        packed.extend_from_slice(batch.transcript.as_slice());
        packed.extend_from_slice(signature.as_slice());
        packed.extend_from_slice(&batch.votes);
    }
    Ok(under(mask, packed))
}

/// Reads packed batches over the list `cases`. The inverse of [`pack_batch`]; signatures and masks
/// are not judged here, since the contract skips a bad seat and counts the others.
pub fn unpack_batch(packed: &[u8], cases: &[B256]) -> Result<Vec<SignedBatch>, JuryError> {
    let needed = cases.len().saturating_mul(LEAF_BYTES).saturating_add(BATCH_HEAD_BYTES);
    let malformed = JuryError::BallotsMalformed { got: packed.len(), needed };
    let seats = split(packed, needed)?.into_iter();
    seats.map(|(seat, b)| read_batch(seat, b, cases).ok_or_else(|| malformed.clone())).collect()
}

fn read_batch(seat: u8, bytes: &[u8], cases: &[B256]) -> Option<SignedBatch> {
    let (transcript, rest) = bytes.split_first_chunk::<32>()?;
    let (signature, votes) = rest.split_first_chunk::<64>()?;
    let batch = BallotBatch {
        cases: cases.to_vec(),
        votes: votes.to_vec().into(),
        transcript: B256::from(*transcript),
    };
    Some(SignedBatch { seat, batch, signature: CompactSignature::from(*signature) })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;
    use alloy::signers::SignerSync;
    use alloy::signers::local::PrivateKeySigner;
    use proptest::prelude::*;

    use super::super::compact;
    use super::*;

    const CHAIN: u64 = 84_532;
    const JURY: Address = address!("0x1111111111111111111111111111111111111111");
    const MET: Leaf = Leaf::Answer { met: 0b0101, failed: 0b1010, reason: Reason::Judged };

    fn key(byte: u8) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap()
    }

    fn cases(count: u8) -> Vec<B256> {
        (0..count).map(|case| keccak256([case])).collect()
    }

    fn batch(leaves: &[Leaf]) -> BallotBatch {
        let leaves: Vec<_> =
            (0..).map(|i: u8| keccak256([i])).zip(leaves.iter().copied()).collect();
        ballot_batch(&leaves, B256::repeat_byte(7)).unwrap()
    }

    fn signed(seat: u8, batch: BallotBatch) -> SignedBatch {
        let digest = ballot_batch_digest(&batch, CHAIN, JURY);
        let signature = compact(&key(seat + 1).sign_hash_sync(&digest).unwrap());
        SignedBatch { seat, batch, signature }
    }

    #[test]
    fn a_jurors_batch_verifies_and_nothing_else_does() {
        let good = signed(0, batch(&[MET, Leaf::Absent]));
        let juror = key(1).address();
        assert_eq!(good.verify(CHAIN, JURY, juror), Ok(()));
        let foreign = [
            good.verify(1, JURY, juror),
            good.verify(CHAIN, Address::ZERO, juror),
            good.verify(CHAIN, JURY, key(2).address()),
        ];
        for result in foreign {
            assert!(matches!(result, Err(JuryError::SignerMismatch { .. })), "{result:?}");
        }
        let swaps: [fn(&mut BallotBatch); 3] = [
            |batch| batch.cases.reverse(),
            |batch| batch.votes = vec![0; 10].into(),
            |batch| batch.transcript = B256::ZERO,
        ];
        for swap in swaps {
            let mut other = good.clone();
            swap(&mut other.batch);
            let result = other.verify(CHAIN, JURY, juror);
            assert!(matches!(result, Err(JuryError::SignerMismatch { .. })), "{result:?}");
        }
        let mut cut = good;
        cut.batch.cases.pop();
        let malformed = JuryError::VotesMalformed { got: 10, needed: 5 };
        assert_eq!(cut.verify(CHAIN, JURY, juror), Err(malformed.clone()));
        assert_eq!(pack_batch(&[cut]), Err(malformed));
    }

    #[test]
    fn absent_is_not_counted_and_an_abstention_is() {
        let abstained = Leaf::Answer { met: 0, failed: 0, reason: Reason::Void };
        let batch = signed(3, batch(&[MET, Leaf::Absent, abstained]));
        assert_eq!(batch.answers(0), Some((3, 0b0101, 0b1010)));
        assert_eq!(batch.answers(1), None);
        assert_eq!(batch.answers(2), Some((3, 0, 0)));
        assert_eq!(batch.answers(3), None);
    }

    #[test]
    fn a_leaf_is_what_the_single_ballot_says() {
        let transcript = B256::repeat_byte(7);
        let ballot =
            Ballot { caseId: B256::ZERO, met: 0x0102, failed: 0x0408, reason: 3, transcript };
        let leaf = Leaf::of(&ballot).unwrap();
        assert_eq!(leaf.bytes(), [1, 2, 4, 8, 3]);
        let unknown = Ballot { reason: 5, ..ballot };
        assert_eq!(Leaf::of(&unknown), Err(JuryError::ReasonUnknown { got: 5 }));
        let overlapping = Ballot { met: 0x0502, ..ballot };
        assert_eq!(Leaf::of(&overlapping), Err(JuryError::MasksOverlap { overlap: 0x0400 }));
        let leaf = Leaf::Answer { met: 3, failed: 2, reason: Reason::Judged };
        let result = ballot_batch(&[(B256::ZERO, leaf)], transcript);
        assert_eq!(result, Err(JuryError::MasksOverlap { overlap: 2 }));
    }

    #[test]
    fn one_root_stands_for_all_transcripts_in_their_order() {
        let roots = [B256::repeat_byte(1), B256::ZERO];
        let bytes = [[1; 32], [0; 32]].concat();
        assert_eq!(batch_transcript(&roots), keccak256(bytes));
        let [first, second] = roots;
        assert_ne!(batch_transcript(&roots), batch_transcript(&[second, first]));
    }

    #[test]
    fn the_packed_layout_is_the_contracts() {
        let leaf = Leaf::Answer { met: 0x0102, failed: 0x0408, reason: Reason::Injection };
        let batch = batch(&[leaf, Leaf::Absent]);
        let signature = CompactSignature::repeat_byte(9);
        let packed = pack_batch(&[
            SignedBatch { seat: 1, batch: batch.clone(), signature },
            SignedBatch { seat: 14, batch, signature },
        ])
        .unwrap();
        let seat = [&[7; 32][..], &[9; 64], &[1, 2, 4, 8, 3], &[255, 255, 255, 255, 0]].concat();
        assert_eq!(seat.len(), BATCH_HEAD_BYTES + 2 * LEAF_BYTES);
        assert_eq!(packed, [&[0b0100_0000, 0b0000_0010][..], &seat, &seat].concat());
        assert_eq!(pack_batch(&[]).unwrap()[..], [0, 0]);
    }

    #[test]
    fn only_ascending_seats_over_one_list_are_packed() {
        let at = |seat| SignedBatch {
            seat,
            batch: batch(&[MET, MET]),
            signature: CompactSignature::ZERO,
        };
        for (seats, got) in [(vec![1, 0], 0), (vec![2, 2], 2), (vec![15], 15), (vec![255], 255)] {
            let batches: Vec<SignedBatch> = seats.into_iter().map(at).collect();
            let result = pack_batch(&batches);
            let wanted =
                matches!(result, Err(JuryError::SeatInvalid { got: seat, .. }) if seat == got);
            assert!(wanted, "{result:?}");
        }
        let mut reordered = at(4);
        reordered.batch.cases.reverse();
        let result = pack_batch(&[at(1), at(2), reordered]);
        assert_eq!(result, Err(JuryError::CasesDiffer { seat: 4 }));
    }

    #[test]
    fn packed_batches_of_a_wrong_length_are_refused() {
        let both = batch(&[MET, Leaf::Absent]);
        let packed = pack_batch(&[signed(0, both.clone()), signed(3, both)]).unwrap();
        for got in (0..packed.len()).chain([packed.len() + 1]) {
            let mut bytes = packed.to_vec();
            bytes.resize(got, 0);
            let needed = if got < 2 { 2 } else { packed.len() };
            let result = unpack_batch(&bytes, &cases(2));
            assert_eq!(result, Err(JuryError::BallotsMalformed { got, needed }));
        }
        let mut outside = vec![0x80, 0];
        outside.resize(2 + BATCH_HEAD_BYTES, 0);
        let result = unpack_batch(&outside, &[]);
        assert!(matches!(result, Err(JuryError::SeatInvalid { got: 15, .. })), "{result:?}");
    }

    proptest! {
        #[test]
        fn unpacking_is_the_inverse_of_packing(
            seats in prop::collection::btree_set(0_u8..15, 0..15),
            votes in prop::collection::vec(any::<[u8; 5]>(), 0..6),
            bytes in any::<[u8; 32]>(),
        ) {
            let count = u8::try_from(votes.len()).unwrap();
            let batches: Vec<SignedBatch> = seats.iter().map(|seat| {
                let batch = BallotBatch {
                    cases: cases(count),
                    votes: votes.concat().into(),
                    transcript: B256::from(bytes),
                };
                SignedBatch { seat: *seat, batch, signature: CompactSignature::repeat_byte(*seat) }
            }).collect();
            let packed = pack_batch(&batches).unwrap();
            prop_assert_eq!(unpack_batch(&packed, &cases(count)).unwrap(), batches);
        }

        #[test]
        fn hostile_bytes_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            count in 0_u8..6,
            index in any::<usize>(),
        ) {
            for batch in unpack_batch(&bytes, &cases(count)).unwrap_or_default() {
                prop_assert!(batch.answers(index).is_none_or(|(seat, ..)| seat == batch.seat));
                drop(batch.verify(CHAIN, JURY, Address::ZERO));
            }
        }
    }
}
