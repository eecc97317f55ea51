//! What anybody can do, as plain data: a history is a list of these.

use super::money::Consent;
use super::state::{At, Handed, Time};
use super::tally::{Ballot, Outcome};
use super::terms::Who;
use super::token::Funding;

/// Who calls about which milestone, and with which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The milestone.
    pub at: At,
    /// Who sends the transaction.
    pub by: Who,
    /// The state that is handed in.
    pub handed: Handed,
}

/// What needs nobody's consent, and may be asked for against a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// Row 9.
    Reclaim,
    /// Row 10.
    Escalate,
    /// Rows 11 and 16.
    Expire,
    /// Row 13.
    Finalize,
    /// Row 3: not by time, but it can be asked for in the same way.
    Deliver,
}

/// The endings by time, and the move to round 2.
pub const BY_TIME: [Timed; 4] = [Timed::Reclaim, Timed::Escalate, Timed::Expire, Timed::Finalize];

/// A party's request that somebody do it for a fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Who is said to ask.
    pub party: Who,
    /// What was signed to be done.
    pub action: Timed,
    /// Its consent.
    pub consent: Consent,
}

/// One item of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The milestone.
    pub at: At,
    /// The state that is handed in.
    pub handed: Handed,
    /// The deliverable that was judged.
    pub work: u8,
    /// Every seat's answer, if it has one.
    pub votes: Vec<Option<(u16, u16)>>,
}

/// One thing that somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the operation's arguments")]
pub enum Step {
    /// Time passes.
    Advance { secs: Time },
    /// Row 1.
    Open { deal: usize, by: Who, buyer: Funding, seller: Funding },
    /// Row 2.
    Revoke { deal: usize, by: Who, party: Who, consent: Consent },
    /// Row 3.
    Deliver { at: At, by: Who, work: u8, signer: Who, requested: Vec<Requested> },
    /// Rows 4 to 8, 14 and 15.
    Settle { call: Call, work: u8, ballots: Vec<Ballot> },
    /// The same, many at once; `seats` sign, and those of `forged` badly.
    Batch { by: Who, round: u8, items: Vec<Item>, forged: u16 },
    /// Rows 9, 10, 11, 13 and 16.
    ByTime { action: Timed, call: Call, requested: Vec<Requested> },
    /// Row 12.
    Appeal { call: Call, fee: u128, valid_until: Time, standing: Outcome, funding: Funding },
    /// Row 17.
    Accept { call: Call, buyer: Consent },
    /// Row 18.
    Concede { call: Call, seller: Consent },
    /// Row 19.
    Agree { call: Call, to_seller: u128, as_credit: bool, buyer: Consent, seller: Consent },
    /// Several calls of the escrow, all or none.
    Multicall { by: Who, steps: Vec<Self> },
    /// A credit is paid.
    Withdraw { owner: Who, by: Who },
    /// A pot is paid.
    ClaimFees { jury: usize, round: u8, seat: u8, by: Who },
    /// The token's admin refuses somebody.
    Blacklist { who: Who },
    /// The token's admin refuses somebody no longer.
    Unblacklist { who: Who },
    /// The token's admin stops everything.
    Pause,
    /// The token's admin stops nothing any more.
    Unpause,
    /// A party lets the escrow take this much.
    Approve { owner: Who, amount: u128 },
    /// Somebody gives money to a contract.
    Donate { from: Who, to: Who, amount: u128 },
}

impl Step {
    /// The operation's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Advance { .. } => "advance",
            Self::Open { .. } => "open",
            Self::Revoke { .. } => "revoke",
            Self::Deliver { .. } => "deliver",
            Self::Settle { .. } => "settle",
            Self::Batch { .. } => "settleBatch",
            Self::ByTime { action, .. } => match action {
                Timed::Reclaim => "reclaim",
                Timed::Escalate => "escalate",
                Timed::Expire => "expire",
                Timed::Finalize | Timed::Deliver => "finalize",
            },
            Self::Appeal { .. } => "appeal",
            Self::Accept { .. } => "accept",
            Self::Concede { .. } => "concede",
            Self::Agree { .. } => "agree",
            Self::Multicall { .. } => "multicall",
            Self::Withdraw { .. } => "withdraw",
            Self::ClaimFees { .. } => "claimFees",
            Self::Blacklist { .. } => "blacklist",
            Self::Unblacklist { .. } => "unBlacklist",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Approve { .. } => "approve",
            Self::Donate { .. } => "donate",
        }
    }

    /// Who sends the transaction, and which milestones it is about.
    pub fn call(&self) -> Option<Call> {
        match self {
            Self::Settle { call, .. }
            | Self::ByTime { call, .. }
            | Self::Appeal { call, .. }
            | Self::Accept { call, .. }
            | Self::Concede { call, .. }
            | Self::Agree { call, .. } => Some(*call),
            Self::Deliver { at, by, .. } => {
                Some(Call { at: *at, by: *by, handed: Handed::Nothing })
            }
            Self::Open { deal, by, .. } | Self::Revoke { deal, by, .. } => {
                let at = At { deal: *deal, milestone: 0 };
                Some(Call { at, by: *by, handed: Handed::Nothing })
            }
            Self::Advance { .. }
            | Self::Batch { .. }
            | Self::Multicall { .. }
            | Self::Withdraw { .. }
            | Self::ClaimFees { .. }
            | Self::Blacklist { .. }
            | Self::Unblacklist { .. }
            | Self::Pause
            | Self::Unpause
            | Self::Approve { .. }
            | Self::Donate { .. } => None,
        }
    }

    /// The same, sent by somebody else.
    #[must_use]
    pub fn sent_by(mut self, who: Who) -> Self {
        match &mut self {
            Self::Open { by, .. }
            | Self::Revoke { by, .. }
            | Self::Deliver { by, .. }
            | Self::Batch { by, .. }
            | Self::Withdraw { by, .. }
            | Self::ClaimFees { by, .. } => *by = who,
            Self::Settle { call, .. }
            | Self::ByTime { call, .. }
            | Self::Appeal { call, .. }
            | Self::Accept { call, .. }
            | Self::Concede { call, .. }
            | Self::Agree { call, .. } => call.by = who,
            Self::Multicall { by, steps } => {
                *by = who;
                *steps = steps.drain(..).map(|step| step.sent_by(who)).collect();
            }
            Self::Advance { .. }
            | Self::Blacklist { .. }
            | Self::Unblacklist { .. }
            | Self::Pause
            | Self::Unpause
            | Self::Approve { .. }
            | Self::Donate { .. } => {}
        }
        self
    }
}
