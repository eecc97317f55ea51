//! What the protocol remembers, and what every operation on a milestone checks first.

use std::collections::BTreeMap;

use super::money::{Due, Till};
use super::reputation::{Role, Standing};
use super::tally::Outcome;
use super::terms::{Panels, Terms, Who, refuse};
use super::token::Token;

/// Unix seconds.
pub type Time = u64;
/// The name of the error that an operation reverts with.
pub type Refusal = &'static str;

/// How a milestone ended, as `Ending` numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ending {
    /// The jury or the buyer said yes.
    Accepted = 1,
    /// The jury said no.
    Rejected,
    /// The seller gave in.
    Conceded,
    /// Nothing was delivered and judged in time.
    Reclaimed,
    /// The jury did not agree.
    Undetermined,
    /// The jury did not answer.
    Silent,
    /// The parties split.
    Agreed,
    /// An earlier milestone of the sequence failed.
    Cancelled,
}

impl Ending {
    /// The ending's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
            Self::Conceded => "Conceded",
            Self::Reclaimed => "Reclaimed",
            Self::Undetermined => "Undetermined",
            Self::Silent => "Silent",
            Self::Agreed => "Agreed",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// Where a live milestone with something on-chain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Nothing is on-chain.
    Pending,
    /// A deliverable is pinned.
    Delivered,
    /// A verdict stands and may be appealed.
    Judged,
    /// The appeal panel is asked.
    Round2,
}

/// What the slow path keeps of a milestone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    /// Where it stands.
    pub status: Status,
    /// The pinned deliverable.
    pub work: u8,
    /// When the window closes.
    pub until: Time,
    /// Round 1's verdict, if it stands: accepted or rejected.
    pub standing: Outcome,
    /// What round 1 called met, if its verdict stands.
    pub met_bps: u128,
    /// What round 1 is owed, if it decided.
    pub due: Due,
}

/// A milestone of an open deal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Set for ever when it ended.
    pub ending: Option<Ending>,
    /// Set while something is on-chain.
    pub kept: Option<Kept>,
    /// What was kept before that: what a careless caller hands in.
    pub earlier: Option<Kept>,
}

/// A deal that was opened, or revoked before it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deal {
    /// What was signed.
    pub terms: Terms,
    /// Whether it never opened and never will.
    pub revoked: bool,
    /// One per milestone.
    pub parts: Vec<Part>,
    /// Money of the live milestones.
    pub amount: u128,
    /// Bond of the live milestones.
    pub bond: u128,
}

impl Deal {
    /// The first milestone that has not ended.
    pub fn lowest(&self) -> usize {
        self.parts.iter().take_while(|part| part.ending.is_some()).count()
    }

    /// The bond share that leaves with a milestone, rounded down.
    pub fn share(&self, milestone: usize) -> u128 {
        super::money::mul_div(self.bond, self.terms.milestones[milestone].amount, self.amount)
    }

    /// Takes a milestone's money and bond out, for ever.
    pub fn end(&mut self, milestone: usize, ending: Ending, bond: u128) {
        let part = &mut self.parts[milestone];
        assert!(part.ending.is_none(), "it ends once");
        *part = Part { ending: Some(ending), kept: None, earlier: part.kept };
        self.amount -= self.terms.milestones[milestone].amount;
        self.bond -= bond;
    }
}

/// Names a milestone of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Index of the deal.
    pub deal: usize,
    /// Index of the milestone.
    pub milestone: u8,
}

/// Which state a caller hands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// The one of the milestone's last event, or none.
    Right,
    /// None.
    Nothing,
    /// The one before the last event.
    Earlier,
    /// The right one with a window of the caller's own.
    Forged,
}

/// What an operation says happened, as the contracts' events do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the fields are those of the contracts' events")]
pub enum Event {
    Opened { deal: usize },
    Revoked { deal: usize, party: Who },
    Delivered { at: At, kept: Kept },
    Moved { at: At, kept: Kept },
    Settled { at: At, work: u8, round: u8, outcome: Outcome, masks: [u16; 3], by: Who },
    Ended { at: At, ending: Ending, to_seller: u128, to_buyer: u128 },
    FeesPaid { at: At, rounds: u128, receiver: u128 },
    AppealBondPaid { at: At, to: Who, amount: u128, fees: u128 },
    ActFeePaid { party: Who, by: Who, fee: u128 },
    Skipped { at: At, refusal: String },
    Credited { owner: Who, amount: u128 },
    Withdrawn { owner: Who, amount: u128 },
    Funded { jury: usize, round: u8, shares: Vec<u128> },
    Claimed { jury: usize, round: u8, seat: u8, key: Who, amount: u128 },
}

/// The whole protocol.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The clock.
    pub now: Time,
    /// The money.
    pub token: Token,
    /// What the escrow owes whom.
    pub credits: BTreeMap<Who, u128>,
    /// What seats have earned: by jury, round and seat.
    pub pots: BTreeMap<(usize, u8, u8), u128>,
    /// The registered juries.
    pub juries: Vec<Panels>,
    /// Deals that were opened or revoked.
    pub deals: BTreeMap<usize, Deal>,
    /// The facts of everybody.
    pub standings: BTreeMap<(Who, Role), Standing>,
    /// What the last operation said.
    pub events: Vec<Event>,
    /// Which rows of the table it was.
    pub rows: Vec<&'static str>,
}

/// A live milestone in an operation.
#[derive(Clone, Debug)]
pub struct Live {
    /// Which.
    pub at: At,
    /// Who sends the transaction.
    pub by: Who,
    /// Its deal's terms.
    pub terms: Terms,
    /// X: its money.
    pub x: u128,
    /// b: its share of the bond.
    pub b: u128,
    /// Its slow-path state.
    pub kept: Option<Kept>,
    /// What round 1 and round 2 are owed.
    pub rounds: [Due; 2],
    /// Whether both parties agreed to be credited.
    pub as_credit: bool,
    /// What is to be paid.
    pub till: Till,
}

impl Live {
    /// Where it stands.
    pub fn status(&self) -> Status {
        self.kept.map_or(Status::Pending, |kept| kept.status)
    }

    /// The round that signed acts name.
    pub fn round(&self) -> u8 {
        if self.status() == Status::Round2 { 2 } else { 1 }
    }

    /// The verdict that stands: accepted, rejected or none.
    pub fn standing(&self) -> Outcome {
        self.kept.map_or(Outcome::NoVerdict, |kept| kept.standing)
    }

    /// Who lost the standing verdict, and so may appeal it or has.
    pub fn loser(&self) -> Option<Role> {
        match self.standing() {
            Outcome::Accepted => Some(Role::Buyer),
            Outcome::Rejected => Some(Role::Seller),
            Outcome::NoVerdict | Outcome::Undetermined => None,
        }
    }

    /// Who appealed and has its bond here.
    pub fn appellant(&self) -> Option<Role> {
        self.loser().filter(|_| self.status() == Status::Round2)
    }

    /// When the open window closes: settling before, timed endings from then on.
    pub fn until(&self) -> Time {
        let deadline = self.terms.milestones[usize::from(self.at.milestone)].deliver_by;
        self.kept.map_or(deadline + self.terms.judge_within, |kept| kept.until)
    }

    /// The wallet of a party.
    pub fn wallet(&self, role: Role) -> Who {
        match role {
            Role::Buyer => self.terms.buyer,
            Role::Seller => self.terms.seller,
        }
    }
}

impl Model {
    /// The state that a caller hands in.
    pub fn handed(&self, at: At, handed: Handed) -> Option<Kept> {
        let part = self.deals.get(&at.deal)?.parts.get(usize::from(at.milestone))?;
        match handed {
            Handed::Right => part.kept,
            Handed::Nothing => None,
            Handed::Earlier => part.earlier,
            Handed::Forged => part.kept.map(|kept| Kept { until: kept.until + 1, ..kept }),
        }
    }

    /// The milestone, if it is live, its turn has come and the state is the kept one.
    pub fn live(&self, at: At, by: Who, handed: Option<Kept>) -> Result<Live, Refusal> {
        let deal = self.deals.get(&at.deal).filter(|deal| !deal.revoked).ok_or("DealUnknown")?;
        let milestone = usize::from(at.milestone);
        let part = deal.parts.get(milestone).ok_or("MilestoneUnknown")?;
        refuse(part.ending.is_some(), "MilestoneAlreadyEnded")?;
        refuse(deal.terms.sequential && deal.lowest() != milestone, "OutOfOrder")?;
        refuse(handed != part.kept, "StateMismatch")?;
        Ok(Live {
            at,
            by,
            terms: deal.terms.clone(),
            x: deal.terms.milestones[milestone].amount,
            b: deal.share(milestone),
            kept: part.kept,
            rounds: [part.kept.map_or(Due::default(), |kept| kept.due), Due::default()],
            as_credit: false,
            till: Till::default(),
        })
    }

    /// The same where only Pending will do.
    pub fn pending(&self, at: At, by: Who) -> Result<Live, Refusal> {
        let part = self.deals.get(&at.deal).and_then(|d| d.parts.get(usize::from(at.milestone)));
        refuse(part.is_some_and(|part| part.kept.is_some()), "NotPending")?;
        self.live(at, by, None)
    }

    /// Keeps a milestone's new state.
    pub fn keep(&mut self, live: &mut Live, kept: Kept) {
        let deal = self.deals.get_mut(&live.at.deal).expect("a live deal");
        let part = &mut deal.parts[usize::from(live.at.milestone)];
        part.earlier = part.kept;
        part.kept = Some(kept);
        live.kept = Some(kept);
    }
}
