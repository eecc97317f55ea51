//! One juror's signed answer, and the packed form in which ballots reach the chain.
//!
//! Layout: a 2-byte big-endian seat mask, then per seat, ascending, 101 bytes: met 2, failed 2,
//! reason 1, transcript 32, r 32, s 32 with the signature's parity in the top bit (ERC-2098).

use alloy::primitives::{Address, B256, Bytes, FixedBytes, Signature};
use serde::{Deserialize, Serialize};
use surety_bindings::jury::Ballot;
use surety_terms::digest::ballot_digest;

use crate::error::JuryError;
use crate::tally::{Answers, MAX_SEATS};

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
    /// The seat itself failed (a wrong canary, no provider): an abstention on everything.
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
    let got = recover(ballot_digest(ballot, signer.chain_id, signer.jury), signature)?;
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
    let mut last = None;
    let mut mask = 0_u16;
    let mut packed = vec![0; MASK_BYTES];
    for SignedBallot { seat, ballot, signature } in ballots {
        if last.is_some_and(|last| *seat <= last) || usize::from(*seat) >= MAX_SEATS {
            return Err(JuryError::SeatInvalid { got: *seat, last, most: MAX_SEATS });
        }
        check_masks(ballot)?;
        last = Some(*seat);
        mask |= 1_u16.checked_shl(u32::from(*seat)).unwrap_or(0);
        packed.extend_from_slice(&ballot.met.to_be_bytes());
        packed.extend_from_slice(&ballot.failed.to_be_bytes());
        packed.push(ballot.reason);
        packed.extend_from_slice(ballot.transcript.as_slice());
        packed.extend_from_slice(signature.as_slice());
    }
    if let Some(head) = packed.first_chunk_mut::<MASK_BYTES>() {
        *head = mask.to_be_bytes();
    }
    Ok(packed.into())
}

/// Reads packed ballots of the case `case_id`. The inverse of [`pack`]; signatures and masks are
/// not judged here, since the contract skips a bad ballot and counts the others.
pub fn unpack(packed: &[u8], case_id: B256) -> Result<Vec<SignedBallot>, JuryError> {
    let got = packed.len();
    let malformed = |needed| JuryError::BallotsMalformed { got, needed };
    let (mask, rest) = packed.split_first_chunk().ok_or_else(|| malformed(MASK_BYTES))?;
    let mask = u16::from_be_bytes(*mask);
    let count = usize::try_from(mask.count_ones()).unwrap_or(usize::MAX);
    let needed = SEAT_BYTES.saturating_mul(count).saturating_add(MASK_BYTES);
    if got != needed {
        return Err(malformed(needed));
    }
    let seats = (0_u8..16).filter(|seat| mask.checked_shr(u32::from(*seat)).unwrap_or(0) & 1 == 1);
    let ballots = seats.zip(rest.chunks_exact(SEAT_BYTES)).map(|(seat, bytes)| {
        let ballot = read_seat(seat, bytes, case_id).ok_or_else(|| malformed(needed))?;
        if usize::from(seat) < MAX_SEATS {
            Ok(ballot)
        } else {
            Err(JuryError::SeatInvalid { got: seat, last: None, most: MAX_SEATS })
        }
    });
    ballots.collect()
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
