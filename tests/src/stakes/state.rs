//! What the jury and the registry remember, and what happens.

use std::collections::BTreeMap;

use super::step::{Step, Who};
use super::token::Token;
use crate::model::reputation::{Role, Standing};
use crate::model::state::Time;

/// The name of the error that an operation reverts with, and the field that it names, if any.
pub type Refusal = &'static str;

/// What the model calls the token's own refusals: it reverts with a string.
pub const TOKEN_REFUSES: Refusal = "Error";

/// Fails if it is so.
pub fn refuse(so: bool, refusal: Refusal) -> Result<(), Refusal> {
    if so { Err(refusal) } else { Ok(()) }
}

/// A key that registered once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Juror {
    /// What it has at stake.
    pub stake: u128,
    /// How often it registered.
    pub registrations: u32,
    /// When its stake may be claimed; 0 while it serves.
    pub unbonds_at: Time,
    /// Whether it is registered.
    pub registered: bool,
    /// Whether it is struck off.
    pub slashed: bool,
    /// Who trained the model.
    pub family: String,
    /// Who runs it.
    pub operator: String,
    /// Where it answers.
    pub url: String,
}

impl Juror {
    /// Whether it may take a seat.
    pub fn serves(&self) -> bool {
        self.registered && self.unbonds_at == 0
    }

    /// Whether it waits for its stake.
    pub fn leaves(&self) -> bool {
        self.registered && self.unbonds_at != 0
    }
}

/// A jury: two lists of keys.
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
        match round {
            1 => &self.panel,
            2 => &self.appeal,
            _ => &[],
        }
    }
}

/// A seat's pot: jury, round, seat.
pub type Pot = (usize, u8, u8);

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The time.
    pub now: Time,
    /// How long leaving takes.
    pub unbonding: Time,
    /// The token.
    pub token: Token,
    /// Keys that registered once.
    pub jurors: BTreeMap<Who, Juror>,
    /// Juries in the order of their creation.
    pub juries: Vec<Panels>,
    /// Pots that are not empty.
    pub pots: BTreeMap<Pot, u128>,
    /// What of slashed stakes the token did not take even for nobody.
    pub stuck: u128,
    /// What a recorder wrote about a wallet in a role.
    pub standings: BTreeMap<(Who, Who, Role), Standing>,
    /// What the last step logged or answered.
    pub events: Vec<Event>,
}

/// What the contracts log or answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the event's")]
pub enum Event {
    /// A key became a juror.
    Registered { juror: Who, claims: [String; 3], stake: u128, nonce: u32 },
    /// A juror began to leave.
    Unbonding { juror: Who, at: Time },
    /// A juror left.
    Left { juror: Who, stake: u128 },
    /// A juror was struck off.
    Struck { juror: Who, case: u8, reporter: Who, stake: u128 },
    /// A jury was stored.
    Created { panel: Vec<Who>, appeal: Vec<Who> },
    /// Pots were filled.
    Funded { jury: usize, round: u8, shares: Vec<u128> },
    /// A pot was paid.
    Claimed { jury: usize, round: u8, seat: u8, key: Who, amount: u128 },
    /// The answer of a count: outcome, basis points met, four masks (counted, voted, met, failed),
    /// and the seats of both panels.
    Counted { outcome: u8, met_bps: u128, masks: [u16; 4], seats: [usize; 2] },
}

impl Model {
    /// A key, as registered; all empty when it never was.
    pub fn juror(&self, key: Who) -> Juror {
        self.jurors.get(&key).cloned().unwrap_or_default()
    }

    /// What the jury holds for others: stakes, pots, and what could not be burnt.
    pub fn owed(&self) -> u128 {
        let stakes: u128 = self.jurors.values().map(|juror| juror.stake).sum();
        stakes + self.pots.values().sum::<u128>() + self.stuck
    }

    /// What lies in the jury and is nobody's yet.
    pub fn free(&self) -> u128 {
        self.token.balance(Who::Jury).saturating_sub(self.owed())
    }

    /// One step. What is refused changes nothing.
    pub fn apply(&mut self, step: &Step) -> Result<(), Refusal> {
        let mut next = self.clone();
        next.events.clear();
        let outcome = next.act(step);
        match outcome {
            Ok(()) => *self = next,
            Err(_) => self.events.clear(),
        }
        outcome
    }

    fn act(&mut self, step: &Step) -> Result<(), Refusal> {
        match step {
            Step::Advance { secs } => self.now += secs,
            Step::Register { registration, signed, .. } => self.register(registration, *signed)?,
            Step::Unbond { .. } => self.unbond(step)?,
            Step::Claim { juror, .. } => self.claim(*juror)?,
            Step::Slash { by, juror, case, first, second } => {
                self.slash(*by, *juror, *case, [first, second])?;
            }
            Step::CreateJury { panel, appeal, .. } => self.create_jury(panel, appeal)?,
            Step::Fund { jury, round, shares, .. } => self.fund(*jury, *round, shares)?,
            Step::ClaimFees { jury, round, seat, .. } => self.claim_fees((*jury, *round, *seat))?,
            Step::CheckJury { jury, buyer, seller, appeal } => {
                self.check_jury(*jury, [*buyer, *seller], *appeal)?;
            }
            Step::Judge { count, .. } => self.judge(count)?,
            Step::Record { by, facts } => facts.iter().for_each(|fact| self.record(*by, fact)),
            Step::Blacklist { who } => {
                self.token.blacklist.insert(*who);
            }
            Step::Unblacklist { who } => {
                self.token.blacklist.remove(who);
            }
            Step::Pause => self.token.paused = true,
            Step::Unpause => self.token.paused = false,
            Step::Donate { from, amount } => {
                refuse(!self.token.transfer(*from, Who::Jury, *amount), TOKEN_REFUSES)?;
            }
        }
        Ok(())
    }

    /// Pays somebody out of what is held, or nothing happens at all.
    pub fn pay(&mut self, to: Who, amount: u128) -> Result<(), Refusal> {
        refuse(amount > 0 && !self.token.transfer(Who::Jury, to, amount), "TransferRefused")
    }
}
