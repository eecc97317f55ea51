//! What the relayer answers. Requests are in `surety_terms::wire`.

use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use surety_jury::{CompactSignature, Outcome, SignedCommitment, Source};

pub use crate::store::cases::CaseState;
pub use surety_acts::{Act, ActRequest, Due, next as next_act};
pub use surety_record::JurorRecord;

/// The answer to a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryAnswer {
    /// The case about it.
    pub case_id: B256,
    /// How far it is.
    pub state: CaseState,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseView {
    /// The case's id.
    pub case_id: B256,
    /// The deal.
    pub deal_id: B256,
    /// The milestone, from 0.
    pub milestone: u8,
    /// 1 for the panel, 2 for the appeal panel.
    pub round: u8,
    /// The digest of what is judged.
    pub deliverable: B256,
    /// How far it is.
    pub state: CaseState,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the ballots say, once they decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictView>,
    /// The settlement's transaction, once it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_hash: Option<B256>,
    /// From the verdict to the milestone's end, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict_to_paid_ms: Option<u64>,
    /// The commitments of the panel's seats, by seat. Whoever hands q of them to a juror is shown its
    /// ballot.
    pub commitments: Vec<SignedCommitment>,
    /// Every ballot that holds, by seat; a juror that equivocated has more than one.
    pub ballots: Vec<BallotView>,
}

/// What the ballots of a case say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerdictView {
    /// Accepted, rejected or undetermined.
    pub outcome: Outcome,
    /// The weight of what is met, in basis points.
    pub met_bps: u16,
    /// Criteria that a quorum calls met.
    pub met: u16,
    /// Criteria that a quorum calls failed.
    pub failed: u16,
    /// Seats whose ballots are counted.
    pub seats: u16,
    /// The least real source among the counted ballots.
    pub source: Source,
}

/// One ballot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BallotView {
    /// The seat, from 0.
    pub seat: u8,
    /// The juror's key.
    pub juror: Address,
    /// Its claimed family.
    pub family: String,
    /// Its claimed operator.
    pub operator: String,
    /// Where its opinion comes from.
    pub source: Source,
    /// Criteria it calls met.
    pub met: u16,
    /// Criteria it calls failed.
    pub failed: u16,
    /// Its reason byte.
    pub reason: u8,
    /// The root of its transcript.
    pub transcript: B256,
    /// Its signature.
    pub signature: CompactSignature,
    /// False for the second ballot of a juror that equivocated, and for one to which its juror had not
    /// committed in time.
    pub counted: bool,
}

/// A deal, as far as this relayer knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DealView {
    /// The deal's id.
    pub deal_id: B256,
    /// Whether its opening was seen on the chain.
    pub is_open: bool,
    /// When it was opened, in seconds of chain time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<u64>,
    /// The transaction that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_tx: Option<B256>,
    /// What is known of its milestones, in order.
    pub milestones: Vec<MilestoneView>,
}

/// A milestone, as far as this relayer knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MilestoneView {
    /// The milestone, from 0.
    pub milestone: u8,
    /// The digest that the chain pins: the seller's, or the one that a verdict stands on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<B256>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<EndView>,
    /// What time allows with it, where this relayer does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ActView>,
    /// The cases about it, oldest first.
    pub cases: Vec<CaseView>,
}

/// What time allows anybody to do with a milestone, and this relayer will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActView {
    /// The act; `escalate` is `expire` where the jury has no appeal panel.
    pub act: Act,
    /// From when on, in seconds of chain time.
    pub due: u64,
}

/// How a milestone ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndView {
    /// The number of the `Ending`.
    pub ending: u8,
    /// What the seller got, in base units.
    pub to_seller: String,
    /// What the buyer got, in base units.
    pub to_buyer: String,
    /// When, in seconds of chain time.
    pub at: u64,
    /// In which transaction.
    pub tx_hash: B256,
}

/// Whether the relayer can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Readiness {
    /// Whether nothing keeps it from its work.
    pub is_ready: bool,
    /// What does, and what to do about it.
    pub problems: Vec<String>,
    /// Whether the database takes writes.
    pub store: bool,
    /// Milliseconds since the chain was last read.
    pub chain_read_ms: u64,
    /// The newest block that was read.
    pub head: u64,
    /// How long it has been the newest.
    pub head_age_secs: u64,
    /// Chain time between it and the block whose facts count.
    pub tag_lag_secs: u64,
    /// Whether new transactions may still be sent within the day's budget.
    pub within_budget: bool,
    /// How many of the chain's endpoints work.
    pub endpoints_good: usize,
    /// How many there are.
    pub endpoints: usize,
}

/// Whether the process lives, or has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vitality {
    /// Whether nothing is wrong.
    pub good: bool,
    /// What is.
    pub problems: Vec<String>,
}
