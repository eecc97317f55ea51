//! What this crate refuses.

use alloy::primitives::{Address, B256};
use thiserror::Error;

/// Why something handed to this crate cannot be used. What a model answers wrongly is a
/// [`VoteFault`](crate::VoteFault) instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JuryError {
    /// Packed ballots have another length than their seat mask says.
    #[error("packed ballots have {got} bytes, their seat mask needs {needed}")]
    BallotsMalformed {
        /// The bytes there are.
        got: usize,
        /// The bytes the seat mask asks for.
        needed: usize,
    },
    /// A batch does not have five bytes of votes per case.
    #[error("the batch has {got} bytes of votes, its cases need {needed}")]
    VotesMalformed {
        /// The bytes there are.
        got: usize,
        /// The bytes the cases ask for.
        needed: usize,
    },
    /// Two seats signed different lists of cases, or the same list in another order.
    #[error("seat {seat} signed another list of cases than the seats before it")]
    CasesDiffer {
        /// The first seat that differs.
        seat: u8,
    },
    /// A seat is named twice, out of order, or beyond the largest panel.
    #[error("seat {got} is not above {last:?} and below {most}")]
    SeatInvalid {
        /// The seat.
        got: u8,
        /// The seat before it, if any.
        last: Option<u8>,
        /// Seats are below this.
        most: usize,
    },
    /// One criterion is both met and failed.
    #[error("criteria {overlap:#018b} are met and failed at once")]
    MasksOverlap {
        /// The criteria in both masks.
        overlap: u16,
    },
    /// The reason byte is none of the known ones.
    #[error("ballot reason {got} is unknown, the largest is 4")]
    ReasonUnknown {
        /// The byte.
        got: u8,
    },
    /// The signature is malformed, has a high s, or nobody can have made it.
    #[error("the signature is not a valid one: {rule}")]
    SignatureMalformed {
        /// What it breaks.
        rule: &'static str,
    },
    /// A commitment is about another case.
    #[error("the commitment is to case {got}, not to {needed}")]
    CaseMismatch {
        /// Its case.
        got: B256,
        /// The case in question.
        needed: B256,
    },
    /// A commitment is by nobody of the panel.
    #[error("{juror} holds no seat in the panel of this case")]
    SeatMissing {
        /// Who signed it.
        juror: Address,
    },
    /// The signature is somebody else's, or of something else.
    #[error("it is signed by {got}, not by the juror {needed}")]
    SignerMismatch {
        /// Who signed, if this is what was signed.
        got: Address,
        /// The juror.
        needed: Address,
    },
    /// A milestone has no criteria or more than 16, or the findings are not one per criterion.
    #[error("{got} findings for {needed} criteria (1 to 16)")]
    FindingCount {
        /// The findings.
        got: usize,
        /// The criteria.
        needed: usize,
    },
    /// A transcript does not have the form that it must have.
    #[error("line {line} of the transcript breaks the rule: {rule}")]
    TranscriptMalformed {
        /// The first bad line, from 0.
        line: usize,
        /// What it breaks.
        rule: &'static str,
    },
    /// A transcript is not the one whose root was signed.
    #[error("the transcript's root is {got}, signed was {needed}")]
    TranscriptMismatch {
        /// The root of what was handed in.
        got: B256,
        /// The root it should have.
        needed: B256,
    },
    /// A sheet pins, or a transcript names, a prompt template that this build does not have.
    #[error(
        "no prompt template with digest {got} is known here, only {known}: pin one of these, or use a \
         release that has it"
    )]
    TemplateUnknown {
        /// The digest.
        got: B256,
        /// The names and digests that there are.
        known: String,
    },
    /// A model name, nonce or other short text has a form that no request can carry.
    #[error("{field} {got:?} breaks the rule: {rule}")]
    TextInvalid {
        /// What the text is for.
        field: &'static str,
        /// The text.
        got: String,
        /// What it breaks.
        rule: &'static str,
    },
}
