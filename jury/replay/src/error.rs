//! Why a transcript is not what its ballot rests on.

use alloy::primitives::B256;
use surety_jury::JuryError;

/// What does not fit, and where. Lines are counted from 1, as a text editor does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The lines, their root or what follows from them.
    #[error(transparent)]
    Transcript(#[from] JuryError),
    /// The transcript does not begin with its case.
    #[error("line 1 is no case: this is no juror's transcript")]
    NoCase,
    /// The deliverable is another one.
    #[error(
        "the deliverable's digest is {got}, not {needed} of line 1: fetch the one that was judged"
    )]
    Deliverable {
        /// keccak256 of what was brought.
        got: B256,
        /// What was judged.
        needed: B256,
    },
    /// This build does not have the prompt template.
    #[error(
        "line 1 names the prompt template {name:?} {needed}, and this build has {known}: use a \
         release that has it"
    )]
    Template {
        /// Its name in the transcript.
        name: String,
        /// Its digest there.
        needed: B256,
        /// The names and digests of those that this build has.
        known: String,
    },
    /// The prompt template's name is another one's.
    #[error("line 1 calls the prompt template {digest} {got:?}, and its name is {needed}")]
    TemplateName {
        /// Its name in the transcript.
        got: String,
        /// Its name.
        needed: &'static str,
        /// Its digest.
        digest: B256,
    },
    /// The juror asked in another prompt template than the parties signed.
    #[error(
        "the juror asked in the prompt template {name} {got}, and the sheet pins {needed}: its \
         ballot rests on other questions than the parties signed"
    )]
    TemplatePinned {
        /// The name of what it asked in.
        name: &'static str,
        /// The digest of what it asked in.
        got: B256,
        /// The digest that the sheet pins.
        needed: B256,
    },
    /// The transcript names a wire format that does not exist.
    #[error("line {line} names the wire format {got:?}, which this build does not have")]
    Dialect {
        /// The line.
        line: usize,
        /// Its name.
        got: String,
    },
    /// The bytes of a request or an answer were not brought.
    #[error("line {line}: the bytes with digest {digest} are missing: get them from the juror")]
    BlobMissing {
        /// The line.
        line: usize,
        /// Their digest.
        digest: B256,
    },
    /// The bytes of a request or an answer are others.
    #[error(
        "line {line}: the bytes that should have digest {needed} have {got}: they were changed"
    )]
    BlobChanged {
        /// The line.
        line: usize,
        /// What the bytes hash to.
        got: B256,
        /// What they should hash to.
        needed: B256,
    },
    /// A question that does not follow from the case.
    #[error("line {line}: question {got:?} does not follow from the case")]
    Question {
        /// The line.
        line: usize,
        /// Its id.
        got: String,
    },
    /// A request that asks something else.
    #[error("line {line}: the request is not the one that asks this question")]
    Request {
        /// The line.
        line: usize,
    },
    /// An answer or a check that says something else.
    #[error("line {line}: the outcome is {needed}, and the transcript says {got}")]
    Outcome {
        /// The line.
        line: usize,
        /// What the transcript says.
        got: String,
        /// What the bytes say.
        needed: String,
    },
    /// A reveal of what was not hidden, or of something else than was committed to.
    #[error("line {line}: what is revealed of criterion {got:?} is not what was hidden: {why}")]
    Reveal {
        /// The line.
        line: usize,
        /// The criterion.
        got: String,
        /// What is wrong with it.
        why: String,
    },
    /// A revealed document was judged that opens nothing.
    #[error("line {line}: criterion {got:?} was to count as met, since {template} refuses {why}")]
    Refused {
        /// The line.
        line: usize,
        /// The criterion.
        got: String,
        /// The name of the template by whose rules it is refused.
        template: &'static str,
        /// The finding.
        why: String,
    },
    /// A check of a criterion that has none.
    #[error("line {line}: criterion {got:?} has no such check")]
    Check {
        /// The line.
        line: usize,
        /// The criterion.
        got: String,
    },
}
