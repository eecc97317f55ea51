//! What is wrong with a text, a sheet or a rule: the field's path and the rule it breaks.

use alloy::primitives::{Address, B256, U256};

use crate::amount::Usdc;

/// The longest piece of a foreign text that an error repeats.
const EXCERPT_CHARS: usize = 80;

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct TermsError {
    /// The path of the field, e.g. `milestones[0].amount`; the document itself is `(document)`.
    pub field: String,
    /// The rule that it breaks.
    pub fault: Fault,
}

impl TermsError {
    /// The path of the whole document.
    pub const DOCUMENT: &'static str = "(document)";

    /// A fault of the field at `path`.
    pub fn at(path: impl Into<String>, fault: Fault) -> Self {
        Self { field: path.into(), fault }
    }

    /// The same fault, seen from a body that holds the document in `outer`.
    #[must_use]
    pub fn under(self, outer: &str) -> Self {
        let field = match self.field.as_str() {
            Self::DOCUMENT => outer.to_owned(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        Self { field, fault: self.fault }
    }
}

/// The rules of the JSON form and of the terms. Those that the escrow also enforces bear the name
/// of its error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The document is larger than we read.
    #[error("{got} bytes; at most {most}")]
    TooLarge {
        /// Its size in bytes.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// The text is no JSON.
    #[error("not JSON: {why}")]
    NotJson {
        /// What the parser says.
        why: String,
    },
    /// Arrays and objects nest deeper than we follow.
    #[error("nested more than {most} deep")]
    TooDeep {
        /// The limit.
        most: usize,
    },
    /// An object has a key twice.
    #[error("the key appears twice")]
    DuplicateKey,
    /// A key is reserved by the parser.
    #[error("the key is reserved")]
    ReservedKey,
    /// A number is an integer beyond 2^53 - 1, or no finite double: readers would differ.
    #[error("{got} is not exact in a double; write it as a string")]
    NumberInexact {
        /// The number's text.
        got: String,
    },
    /// A field is missing, unknown or of the wrong type.
    #[error("{why}")]
    Shape {
        /// What the deserializer says.
        why: String,
    },
    /// The value is well formed but not spelled as we write it, so that its digest would differ.
    #[error("write it as {needed}")]
    NotCanonical {
        /// The one spelling.
        needed: String,
    },
    /// An amount is no decimal string of base units.
    #[error("{got:?} is no amount: digits without sign or leading zero, at most 2^96 - 1")]
    AmountInvalid {
        /// What was there.
        got: String,
    },
    /// An agent id is no decimal string.
    #[error("{got:?} is no agent id: digits without sign or leading zero, at most 2^256 - 2")]
    AgentIdInvalid {
        /// What was there.
        got: String,
    },
    /// A text is empty.
    #[error("is empty")]
    TextEmpty,
    /// A text is too long.
    #[error("{got} characters; at most {most}")]
    TextTooLong {
        /// Its length in characters.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// A text holds a character that hides or reorders what a reader sees.
    #[error("holds the character U+{got:04X}: no control and no bidirectional characters")]
    TextInvalid {
        /// The character.
        got: u32,
    },
    /// A number is outside its range.
    #[error("{got}; needs {least} to {most}")]
    OutOfRange {
        /// The number.
        got: u64,
        /// The smallest allowed.
        least: u64,
        /// The largest allowed.
        most: u64,
    },
    /// An address or a digest is zero where one is needed.
    #[error("is zero")]
    Zero,
    /// A contract stands where another address is needed.
    #[error("{got} is also the {role}")]
    AddressReused {
        /// The address.
        got: Address,
        /// What else it is.
        role: &'static str,
    },
    /// A party is missing, or both are the same.
    #[error("buyer {buyer} and seller {seller}: name two different wallets")]
    PartiesInvalid {
        /// The buyer.
        buyer: Address,
        /// The seller.
        seller: Address,
    },
    /// `total` is not the sum of the milestones' amounts and `openFee`.
    #[error("{got}; the milestones and the opening fee sum to {needed}")]
    TotalMismatch {
        /// The total in the sheet.
        got: Usdc,
        /// The sum.
        needed: Usdc,
    },
    /// The milestones' amounts sum to more than an amount can hold.
    #[error("the milestones sum to more than 2^96 - 1")]
    TotalTooLarge,
    /// A deal has 1 to 16 milestones.
    #[error("{got} milestones; needs 1 to {most}")]
    MilestoneCount {
        /// How many there are.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// A milestone's amount is zero.
    #[error("is zero; every milestone needs an amount")]
    AmountZero,
    /// A window is shorter than allowed.
    #[error("{got} seconds; at least {needed}")]
    WindowTooShort {
        /// The window in seconds.
        got: u64,
        /// The least.
        needed: u64,
    },
    /// A milestone's `deliverBy` is too early for `openBy` or for the milestone before it.
    #[error("{got}; at least {needed}")]
    DeliverByTooEarly {
        /// The deadline in the sheet.
        got: u64,
        /// The earliest allowed.
        needed: u64,
    },
    /// A milestone could stay open for more than two years.
    #[error("the milestone could end at {got}; at most {most}, two years after `openBy`")]
    EndsTooLate {
        /// Its latest ending.
        got: u64,
        /// The latest allowed.
        most: u64,
    },
    /// The deal can no longer be opened.
    #[error("it is {now}; the deal had to be open before {deadline}")]
    DeadlinePassed {
        /// The time, in Unix seconds.
        now: u64,
        /// `openBy`.
        deadline: u64,
    },
    /// A share is above its limit.
    #[error("{got} basis points; at most {most}")]
    BpsTooHigh {
        /// The share.
        got: u16,
        /// The limit.
        most: u16,
    },
    /// Fees are more than the money they come from.
    #[error("fees of {got} per round; at most {most}")]
    FeesTooHigh {
        /// `juryFee` plus `relayFee`.
        got: Usdc,
        /// What they come from.
        most: Usdc,
    },
    /// A field has a value without the field that gives it a meaning, or the reverse.
    #[error("needs {other} to be {needed}")]
    Inconsistent {
        /// The other field.
        other: &'static str,
        /// What it has to be.
        needed: &'static str,
    },
    /// A milestone has 1 to 16 criteria.
    #[error("{got} criteria; needs 1 to {most}")]
    CriterionCount {
        /// How many there are.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// A criterion's id is not `[a-z0-9-]{1,32}`.
    #[error("{got:?} is no criterion id: 1 to 32 of a-z, 0-9 and -")]
    CriterionIdInvalid {
        /// What was there.
        got: String,
    },
    /// Two criteria of a milestone have the same id.
    #[error("{got:?} is the id of criterion {first} too")]
    CriterionIdTaken {
        /// The id.
        got: String,
        /// The index of the criterion that has it.
        first: usize,
    },
    /// A criterion is named that the milestone does not have, or not as a public one.
    #[error("{got:?} is no criterion of the milestone that could stand here")]
    CriterionUnknown {
        /// What was there.
        got: String,
    },
    /// A revealed criterion is not the one that was committed to.
    #[error("commits to {got}, the sheet to {needed}")]
    CommitmentMismatch {
        /// The commitment to what was revealed.
        got: B256,
        /// The sheet's.
        needed: B256,
    },
    /// A hidden criterion hides another one.
    #[error("is hidden once more")]
    HiddenTwice,
    /// A seller declares more families than there is room for.
    #[error("{got} families; at most {most}")]
    FamilyCount {
        /// How many there are.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// A family is not `[a-z0-9-]{1,32}`, or named twice.
    #[error("{got:?} is no family, or named twice: 1 to 32 of a-z, 0-9 and -")]
    FamilyInvalid {
        /// What was there.
        got: String,
    },
    /// Weights do not sum to 10,000, or one is zero.
    #[error("weights sum to {got}; they are positive and sum to {needed}")]
    WeightsInvalid {
        /// Their sum.
        got: u32,
        /// What it has to be.
        needed: u32,
    },
    /// A mandatory bit names a criterion that does not exist.
    #[error("mandatory mask {got:#06x}; only bits of {allowed:#06x}")]
    MandatoryInvalid {
        /// The mask.
        got: u16,
        /// The bits of the criteria that exist.
        allowed: u16,
    },
    /// The pass mark is not in 1 to 10,000.
    #[error("{got} basis points; needs 1 to {most}")]
    PassBpsInvalid {
        /// The pass mark.
        got: u16,
        /// The limit.
        most: u16,
    },
    /// The rule word has its unused top bit set.
    #[error("rule {got:#066x} has its top bit set")]
    RuleInvalid {
        /// The word.
        got: U256,
    },
    /// A delivery is for another deal than the sheet's.
    #[error("{got}; the sheet's deal is {needed}")]
    DealMismatch {
        /// The deal it names.
        got: B256,
        /// The sheet's.
        needed: B256,
    },
    /// The deal has no such milestone.
    #[error("milestone {got} of {count}; count from 0")]
    MilestoneUnknown {
        /// The index.
        got: u8,
        /// How many there are.
        count: usize,
    },
    /// A check's regular expression does not compile within its limits.
    #[error("no regular expression within the limits: {why}")]
    PatternInvalid {
        /// What the compiler says.
        why: String,
    },
    /// A check's WebAssembly module is none.
    #[error("no WebAssembly module: {why}")]
    ModuleInvalid {
        /// What is wrong.
        why: String,
    },
    /// A probe's path is not absolute, or not spelled as it would be asked for.
    #[error("{got:?} is no path of a request, such as /v1/health?deep=1")]
    PathInvalid {
        /// What was there.
        got: String,
    },
    /// A check's JSON Schema is not valid.
    #[error("no valid JSON Schema: {why}")]
    SchemaInvalid {
        /// What the compiler says.
        why: String,
    },
    /// A check's JSON Schema needs another document, or a base that another could change.
    #[error("{got:?} is not self-contained: only `#/...` references, no `$id`")]
    SchemaNotSelfContained {
        /// The keyword or reference.
        got: String,
    },
    /// A check's JSON Schema refers to itself.
    #[error("{got:?} refers to itself")]
    SchemaRecursive {
        /// The reference.
        got: String,
    },
    /// A check's JSON Schema could cost more work than a juror spends.
    #[error("unfolds to {got} or more rules; at most {most}")]
    SchemaTooCostly {
        /// The count at which we stopped.
        got: u64,
        /// The limit.
        most: u64,
    },
}

impl Fault {
    /// The stable name that a [`crate::Problem`] carries.
    pub const fn slug(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::NotJson { .. } => "not-json",
            Self::TooDeep { .. } => "too-deep",
            Self::DuplicateKey => "duplicate-key",
            Self::ReservedKey => "reserved-key",
            Self::NumberInexact { .. } => "number-inexact",
            Self::Shape { .. } => "shape-invalid",
            Self::NotCanonical { .. } => "not-canonical",
            Self::AmountInvalid { .. } => "amount-invalid",
            Self::AgentIdInvalid { .. } => "agent-id-invalid",
            Self::TextEmpty => "text-empty",
            Self::TextTooLong { .. } => "text-too-long",
            Self::TextInvalid { .. } => "text-invalid",
            Self::OutOfRange { .. } => "out-of-range",
            Self::Zero => "zero",
            Self::AddressReused { .. } => "address-reused",
            Self::PartiesInvalid { .. } => "parties-invalid",
            Self::TotalMismatch { .. } => "total-mismatch",
            Self::TotalTooLarge => "total-too-large",
            Self::MilestoneCount { .. } => "milestone-count",
            Self::AmountZero => "amount-zero",
            Self::WindowTooShort { .. } => "window-too-short",
            Self::DeliverByTooEarly { .. } => "deliver-by-too-early",
            Self::EndsTooLate { .. } => "ends-too-late",
            Self::DeadlinePassed { .. } => "deadline-passed",
            Self::BpsTooHigh { .. } => "bps-too-high",
            Self::FeesTooHigh { .. } => "fees-too-high",
            Self::Inconsistent { .. } => "inconsistent",
            Self::CriterionCount { .. } => "criterion-count",
            Self::CriterionIdInvalid { .. } => "criterion-id-invalid",
            Self::CriterionIdTaken { .. } => "criterion-id-taken",
            Self::CriterionUnknown { .. } => "criterion-unknown",
            Self::CommitmentMismatch { .. } => "commitment-mismatch",
            Self::HiddenTwice => "hidden-twice",
            Self::FamilyCount { .. } => "family-count",
            Self::FamilyInvalid { .. } => "family-invalid",
            Self::WeightsInvalid { .. } => "weights-invalid",
            Self::MandatoryInvalid { .. } => "mandatory-invalid",
            Self::PassBpsInvalid { .. } => "pass-bps-invalid",
            Self::RuleInvalid { .. } => "rule-invalid",
            Self::DealMismatch { .. } => "deal-mismatch",
            Self::MilestoneUnknown { .. } => "milestone-unknown",
            Self::PatternInvalid { .. } => "pattern-invalid",
            Self::ModuleInvalid { .. } => "module-invalid",
            Self::PathInvalid { .. } => "path-invalid",
            Self::SchemaInvalid { .. } => "schema-invalid",
            Self::SchemaNotSelfContained { .. } => "schema-not-self-contained",
            Self::SchemaRecursive { .. } => "schema-recursive",
            Self::SchemaTooCostly { .. } => "schema-too-costly",
        }
    }

    /// The HTTP status of an answer to a body with this fault: 413 for its size, 400 when it is no
    /// JSON, else 422.
    pub const fn status(&self) -> u16 {
        match self.class() {
            Class::Size => 413,
            Class::Json => 400,
            Class::Rule => 422,
        }
    }

    /// The kind of fault in a few words.
    pub const fn title(&self) -> &'static str {
        match self.class() {
            Class::Size => "The document is too large",
            Class::Json => "The document is not the JSON we read",
            Class::Rule => "The document breaks a rule",
        }
    }

    const fn class(&self) -> Class {
        if matches!(self, Self::TooLarge { .. }) {
            Class::Size
        } else if matches!(
            self,
            Self::NotJson { .. } | Self::TooDeep { .. } | Self::DuplicateKey | Self::ReservedKey
        ) {
            Class::Json
        } else {
            Class::Rule
        }
    }
}

/// What an HTTP status tells apart.
enum Class {
    Size,
    Json,
    Rule,
}

/// The beginning of a foreign text, short enough for an error.
pub(crate) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => text.get(..end).map_or_else(String::new, |head| format!("{head}…")),
        None => text.to_owned(),
    }
}
