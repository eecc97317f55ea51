//! What the protocol remembers of pacts, and what every operation on one checks first.

use std::collections::BTreeMap;

use alloy::primitives::B256;

use super::promise::Promise;
use super::step::{Call, Step};
use super::token::Token;
use super::who::{Panels, Who};
use crate::model::reputation::Standing;
use crate::model::state::{Refusal, Time};
use crate::model::tally::Outcome;
use crate::model::terms::refuse;

/// Names a period of a pact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The promise's number.
    pub pact: u32,
    /// Counted from 0.
    pub period: u32,
}

/// Names a record: what an agent signs for an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The promise's number.
    pub pact: u32,
    /// Counted from 0.
    pub period: u32,
    /// Names the interaction.
    pub key: u16,
    /// What was asked and answered.
    pub content: u8,
}

impl Record {
    /// The period that it is of.
    pub fn at(&self) -> At {
        At { pact: self.pact, period: self.period }
    }
}

/// What is kept of a pact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pact {
    /// What is left of the bond and not locked.
    pub bond: u128,
    /// The end of its last period.
    pub covered_until: Time,
    /// How many of its periods are claimed.
    pub claimed: u16,
    /// Whether the agent gave notice.
    pub noticed: bool,
    /// Whether it is over.
    pub closed: bool,
}

/// Where a period stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// Nothing was presented.
    #[default]
    Quiet,
    /// It is to be judged.
    Claimed,
    /// It was, or its time is over.
    Ended,
}

/// Which keys may be presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sample {
    /// Nobody knows yet.
    #[default]
    Undrawn,
    /// This block's hash will say.
    Drawn(u64),
    /// This seed says; all ones say every key.
    Fixed(B256),
}

/// What is kept of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// Where it stands.
    pub status: Status,
    /// The part of the bond that is at stake.
    pub locked: u128,
    /// What every record brings back.
    pub each: u128,
    /// What was presented, in order.
    pub records: Vec<Record>,
    /// What may be.
    pub sample: Sample,
}

/// What the contracts log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the event's")]
pub enum Event {
    /// A bond went in.
    Opened { pact: u32 },
    /// An agent gave notice.
    Noticed { pact: u32, covered_until: Time },
    /// What was left of a bond went back.
    Closed { pact: u32, bond: u128 },
    /// A period was bound to a block.
    Drawn { at: At, block: u64 },
    /// A period has its seed.
    Fixed { at: At, seed: B256 },
    /// A record was presented.
    Presented { record: Record, presenter: Who },
    /// A claimed period ended.
    Ended { at: At, outcome: Outcome, masks: [u16; 3], slashed: u128, each: u128, by: Who },
    /// A presenter got what its record brings back.
    Collected { record: Record, presenter: Who, amount: u128 },
    /// The token refused somebody.
    Credited { owner: Who, amount: u128 },
    /// It did not any more.
    Withdrawn { owner: Who, amount: u128 },
    /// Seats were paid into their pots.
    Funded { jury: usize, shares: Vec<u128> },
    /// A pot was paid.
    Claimed { jury: usize, seat: u8, key: Who, amount: u128 },
}

/// What was done, and what was logged of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The operation, and in which way it went.
    pub name: &'static str,
    /// In order.
    pub events: Vec<Event>,
}

/// The protocol's numbers; a test changes one to see whether anybody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How many records a period has room for.
    pub places: u8,
    /// How far ahead the drawn block is.
    pub draw_blocks: u64,
    /// The presenters' part of a slash is one in so many.
    pub reward_parts: u128,
}

impl Default for Rules {
    fn default() -> Self {
        Self { places: 64, draw_blocks: 32, reward_parts: 10 }
    }
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// The protocol's numbers.
    pub rules: Rules,
    /// The time.
    pub now: Time,
    /// The block that the next transaction is in.
    pub block: u64,
    /// Whether the chain's history of hashes does not answer.
    pub forgets: bool,
    /// The token.
    pub token: Token,
    /// Registered juries.
    pub juries: Vec<Panels>,
    /// Every promise that somebody tried to open, and its id.
    pub promises: BTreeMap<u32, (Promise, B256)>,
    /// Those that were opened.
    pub pacts: BTreeMap<u32, Pact>,
    /// Periods in which something happened.
    pub periods: BTreeMap<At, Period>,
    /// Who may collect what a record brings back.
    pub presenters: BTreeMap<Record, Who>,
    /// What the registry owes whom the token refused.
    pub credits: BTreeMap<Who, u128>,
    /// What jury and seat have earned and not claimed.
    pub pots: BTreeMap<(usize, u8), u128>,
    /// Facts about agents.
    pub standings: BTreeMap<Who, Standing>,
    /// What the step at hand has logged.
    pub events: Vec<Event>,
}

impl Model {
    /// Whether a step names only promises that were made.
    pub fn knows(&self, step: &Step) -> bool {
        step.promises().iter().all(|number| self.promises.contains_key(number))
    }

    /// Does it, or refuses and changes nothing but the block's number.
    pub fn apply(&mut self, step: &Step) -> Result<Done, Refusal> {
        let mut next = self.clone();
        let done = next.act(step).map(|name| {
            let events = std::mem::take(&mut next.events);
            Done { name, events }
        });
        if done.is_ok() {
            *self = next;
        }
        self.block += u64::from(step.is_transaction());
        done
    }

    fn act(&mut self, step: &Step) -> Result<&'static str, Refusal> {
        match step {
            Step::Open { promise, signer, .. } => self.open(promise.number, *signer),
            Step::Notice { call, valid_until, signer } => {
                self.give_notice(*call, *valid_until, *signer)
            }
            Step::Close { call } => self.close(*call),
            Step::Draw { call, period } => self.draw(*call, *period),
            Step::FixSeed { call, period } => self.fix_seed(*call, *period),
            Step::Present { call, what } | Step::Crowd { call, what, .. } => {
                self.present(*call, what)
            }
            Step::Settle { call, period, ballots, torn } => {
                self.settle(*call, *period, (ballots, *torn))
            }
            Step::Expire { call, period } => self.expire(*call, *period),
            Step::Collect { record, .. } => self.collect(*record),
            Step::Withdraw { owner, .. } => self.withdraw(*owner),
            Step::ClaimFees { jury, seat, .. } => self.claim_fees(*jury, *seat),
            Step::Wait { .. }
            | Step::Blacklist { .. }
            | Step::Unblacklist { .. }
            | Step::Pause
            | Step::Unpause
            | Step::Donate { .. }
            | Step::History { .. } => self.around(step),
        }
    }

    // ---- what every operation checks first

    /// The pact, if it stands and what is handed in is its promise.
    pub fn load(&self, call: Call) -> Result<(Promise, Pact), Refusal> {
        let (promise, _) = self.promises.get(&call.pact).ok_or("PactUnknown")?;
        let pact = self.pacts.get(&call.pact).filter(|pact| !pact.closed && !call.altered);
        Ok((promise.clone(), *pact.ok_or("PactUnknown")?))
    }

    /// The same with a period, if that is claimed.
    pub fn load_claimed(&self, call: Call, at: At) -> Result<(Promise, Pact, Period), Refusal> {
        let (promise, pact) = self.load(call)?;
        let period = self.period(at);
        refuse(period.status != Status::Claimed, "StatusMismatch")?;
        Ok((promise, pact, period))
    }

    /// A period as it stands.
    pub fn period(&self, at: At) -> Period {
        self.periods.get(&at).cloned().unwrap_or_default()
    }

    /// The pact has to cover the period.
    pub fn refuse_uncovered(promise: &Promise, pact: &Pact, period: u32) -> Result<(), Refusal> {
        refuse(promise.period_end(period) > pact.covered_until, "PeriodNotCovered")
    }

    /// It has to be over, and its records still welcome.
    pub fn refuse_unwelcome(
        &self,
        promise: &Promise,
        pact: &Pact,
        period: u32,
    ) -> Result<(), Refusal> {
        Self::refuse_uncovered(promise, pact, period)?;
        refuse(self.now < promise.period_end(period), "TooEarly")?;
        refuse(self.now >= promise.present_end(period), "DeadlinePassed")
    }
}
