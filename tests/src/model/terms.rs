//! Who there is, what two of them agree on, and which terms may open: section 3 of the protocol.

use std::fmt;

use surety_terms::rule::Rule;

use super::state::{Refusal, Time};

/// An hour, the shortest window.
pub const HOUR: Time = 3_600;
/// Two years, the longest life of a milestone.
pub const TWO_YEARS: Time = 730 * 86_400;
/// All of it, in basis points.
pub const WHOLE: u128 = 10_000;

/// Everybody who can act, hold money or be paid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Buys and sells; rich.
    Alice,
    /// Buys and sells; rich.
    Bob,
    /// Buys and sells; has ten dollars.
    Carol,
    /// Submits what others signed.
    Relayer,
    /// Takes marketplace fees.
    Market,
    /// Is no party to anything.
    Stranger,
    /// A juror's key.
    Juror(u8),
    /// The escrow contract.
    Escrow,
    /// The jury contract.
    Jury,
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alice => f.write_str("Alice"),
            Self::Bob => f.write_str("Bob"),
            Self::Carol => f.write_str("Carol"),
            Self::Relayer => f.write_str("Relayer"),
            Self::Market => f.write_str("Market"),
            Self::Stranger => f.write_str("Stranger"),
            Self::Juror(i) => write!(f, "Juror({i})"),
            Self::Escrow => f.write_str("Escrow"),
            Self::Jury => f.write_str("Jury"),
        }
    }
}

/// A registered jury: two lists of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panels {
    /// Who sits in round 1.
    pub panel: Vec<Who>,
    /// Who sits in round 2; empty for nobody.
    pub appeal: Vec<Who>,
}

impl Panels {
    /// Who sits in that round.
    pub fn of(&self, round: u8) -> &[Who] {
        if round == 1 { &self.panel } else { &self.appeal }
    }
}

/// One part of a deal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Milestone {
    /// X: its money.
    pub amount: u128,
    /// Deliveries count until just before.
    pub deliver_by: Time,
    /// How its criteria decide.
    pub rule: Rule,
}

/// What buyer and seller sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Who pays.
    pub buyer: Who,
    /// Who delivers.
    pub seller: Who,
    /// What is pulled from the buyer.
    pub total: u128,
    /// What is pulled from the seller.
    pub bond: u128,
    /// Index of a registered jury.
    pub jury: usize,
    /// To the counted seats of a decided round.
    pub jury_fee: u128,
    /// To the submitter of a decided round.
    pub relay_fee: u128,
    /// To whoever submits the opening.
    pub open_fee: u128,
    /// The marketplace's part of the seller's part of X.
    pub fee_bps: u128,
    /// The marketplace.
    pub fee_receiver: Option<Who>,
    /// The seller's money becomes credit.
    pub pay_as_credit: bool,
    /// The signatures are worth nothing from here on.
    pub open_by: Time,
    /// How long a panel has.
    pub judge_within: Time,
    /// How long the loser has; 0 when round 1 is final.
    pub appeal_within: Time,
    /// What an appellant posts.
    pub appeal_bond: u128,
    /// What "not judged" pays the seller.
    pub silent_seller_bps: u128,
    /// What "not agreed" pays the seller.
    pub split_seller_bps: u128,
    /// Milestones end in order.
    pub sequential: bool,
    /// 1 to 16.
    pub milestones: Vec<Milestone>,
}

impl Terms {
    /// The money of all milestones.
    pub fn sum(&self) -> u128 {
        self.milestones.iter().map(|milestone| milestone.amount).sum()
    }

    /// From a milestone's deadline to its end, at the longest.
    pub fn tail(&self, panels: &Panels) -> Time {
        let second =
            if panels.appeal.is_empty() { 0 } else { self.appeal_within + self.judge_within };
        self.judge_within + second
    }

    /// Whether a deal with these terms may open at `now`. Checks and their order are those that
    /// `IDealEscrow.open` documents.
    pub fn check(&self, panels: &Panels, now: Time) -> Result<(), Refusal> {
        refuse(self.appeal_within > 0 && panels.appeal.is_empty(), "PanelMissing")?;
        let seats = panels.panel.iter().chain(&panels.appeal);
        let party_sits = seats.into_iter().any(|seat| [self.buyer, self.seller].contains(seat));
        refuse(party_sits, "PartyIsJuror")?;
        refuse(self.buyer == self.seller, "PartiesInvalid")?;
        refuse(now >= self.open_by, "DeadlinePassed")?;
        let shares_fit = self.silent_seller_bps <= WHOLE
            && self.split_seller_bps <= WHOLE
            && self.fee_bps <= WHOLE / 10;
        refuse(!shares_fit, "BpsTooHigh")?;
        refuse((self.fee_bps == 0) != self.fee_receiver.is_none(), "FeeReceiverInvalid")?;
        let appeal_too_short = self.appeal_within != 0 && self.appeal_within < HOUR;
        refuse(self.judge_within < HOUR || appeal_too_short, "WindowTooShort")?;
        let fees = self.jury_fee + self.relay_fee;
        let bond_fits =
            if self.appeal_within == 0 { self.appeal_bond == 0 } else { self.appeal_bond >= fees };
        refuse(!bond_fits, "AppealBondInvalid")?;
        refuse(self.milestones.is_empty() || self.milestones.len() > 16, "MilestoneCount")?;
        let mut earliest = self.open_by + HOUR;
        for milestone in &self.milestones {
            refuse(milestone.amount == 0, "AmountZero")?;
            refuse(milestone.deliver_by < earliest, "DeliverByTooEarly")?;
            let end = milestone.deliver_by + self.tail(panels);
            refuse(end > now + TWO_YEARS, "EndsTooLate")?;
            check_rule(&milestone.rule)?;
            refuse(fees > milestone.amount, "FeesTooHigh")?;
            if self.sequential {
                earliest = end + HOUR;
            }
        }
        refuse(self.total != self.sum() + self.open_fee, "TotalMismatch")
    }
}

fn check_rule(rule: &Rule) -> Result<(), Refusal> {
    let sum: u128 = rule.weights.iter().map(|weight| u128::from(*weight)).sum();
    refuse(rule.weights.contains(&0) || sum != WHOLE, "WeightsInvalid")?;
    let criteria = (1u32 << rule.weights.len()) - 1;
    refuse(u32::from(rule.mandatory) & !criteria != 0, "MandatoryInvalid")?;
    refuse(rule.pass_bps == 0 || u128::from(rule.pass_bps) > WHOLE, "PassBpsInvalid")
}

/// Refuses with the error's name when `wrong`.
pub fn refuse(wrong: bool, error: Refusal) -> Result<(), Refusal> {
    if wrong { Err(error) } else { Ok(()) }
}
