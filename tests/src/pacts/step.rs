//! What anybody can do, as plain data: a history is a list of these. Pacts go by their promise's
//! number and moments are absolute, so that a step means the same when others are left out.

use super::promise::Promise;
use super::state::Record;
use super::who::Who;
use crate::model::state::Time;
use crate::model::tally::Ballot;

/// Who calls about which pact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The promise's number.
    pub pact: u32,
    /// Who sends the transaction.
    pub by: Who,
    /// Whether a word of the pact that is handed in was changed.
    pub altered: bool,
}

/// A record, a claim on it and the fee for it, as they are handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presentation {
    /// The record.
    pub record: Record,
    /// Who signed it.
    pub signer: Who,
    /// The record that the claim names.
    pub claimed: Record,
    /// Who claims, and is to post the fee.
    pub presenter: Who,
    /// When the fee's authorization ends.
    pub valid_until: Time,
    /// Who signed that.
    pub fee_signer: Who,
}

/// One thing that somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the operation's arguments")]
pub enum Step {
    /// It becomes that late, unless it is, and that many blocks pass.
    Wait { until: Time, blocks: u64 },
    /// The bond goes in.
    Open { promise: Promise, by: Who, signer: Who },
    /// The agent ends its pact with the period in progress.
    Notice { call: Call, valid_until: Time, signer: Who },
    /// What is left of the bond goes back.
    Close { call: Call },
    /// A period is bound to a block that is still to come.
    Draw { call: Call, period: u32 },
    /// That block's hash becomes its seed.
    FixSeed { call: Call, period: u32 },
    /// Somebody claims that a record breaks the promise.
    Present { call: Call, what: Presentation },
    /// The same with so many keys from the record's on, until one is refused.
    Crowd { call: Call, what: Presentation, many: u16 },
    /// A panel's ballots; torn ones lack a byte.
    Settle { call: Call, period: u32, ballots: Vec<Ballot>, torn: bool },
    /// The panel's time is over.
    Expire { call: Call, period: u32 },
    /// A presenter gets what its record brings back.
    Collect { record: Record, by: Who },
    /// A credit is paid.
    Withdraw { owner: Who, by: Who },
    /// A pot is paid.
    ClaimFees { jury: usize, seat: u8, by: Who },
    /// The token's admin refuses somebody.
    Blacklist { who: Who },
    /// The token's admin refuses somebody no longer.
    Unblacklist { who: Who },
    /// The token's admin stops everything.
    Pause,
    /// The token's admin stops nothing any more.
    Unpause,
    /// Somebody gives money to a contract.
    Donate { from: Who, to: Who, amount: u128 },
    /// The chain's history of hashes answers, or does not.
    History { answers: bool },
}

impl Step {
    /// Whether it is a transaction: each is a block of its own.
    pub fn is_transaction(&self) -> bool {
        !matches!(self, Self::Wait { .. } | Self::History { .. })
    }

    /// The promises that it is about.
    pub fn promises(&self) -> Vec<u32> {
        match self {
            Self::Open { promise, .. } => vec![promise.number],
            Self::Notice { call, .. }
            | Self::Close { call }
            | Self::Draw { call, .. }
            | Self::FixSeed { call, .. }
            | Self::Settle { call, .. }
            | Self::Expire { call, .. } => vec![call.pact],
            Self::Present { call, what } | Self::Crowd { call, what, .. } => {
                vec![call.pact, what.record.pact, what.claimed.pact]
            }
            Self::Collect { record, .. } => vec![record.pact],
            Self::Wait { .. }
            | Self::Withdraw { .. }
            | Self::ClaimFees { .. }
            | Self::Blacklist { .. }
            | Self::Unblacklist { .. }
            | Self::Pause
            | Self::Unpause
            | Self::Donate { .. }
            | Self::History { .. } => Vec::new(),
        }
    }
}
