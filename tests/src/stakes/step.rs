//! What anybody can do with stakes, juries and pots, as plain data: a history is a list of these.

use crate::model::state::Time;

/// How many keys may become jurors.
pub const KEYS: u8 = 10;

/// Everybody who can act, hold money or be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A key that may be a juror's.
    Juror(u8),
    /// Gives money to the jury.
    Donor,
    /// Reports jurors, and records facts.
    Reporter,
    /// Is nobody's friend; records facts, too.
    Stranger,
    /// The address that slashed stakes go to.
    Nobody,
    /// The jury contract.
    Jury,
}

/// Everybody.
pub fn everybody() -> impl Iterator<Item = Who> {
    let others = [Who::Donor, Who::Reporter, Who::Stranger, Who::Nobody, Who::Jury];
    keys().chain(others)
}

/// Everybody who may be a juror.
pub fn keys() -> impl Iterator<Item = Who> {
    (0..KEYS).map(Who::Juror)
}

/// Whose columns of facts are compared.
pub const RECORDERS: [Who; 2] = [Who::Stranger, Who::Reporter];

/// Whom facts are about.
pub const WALLETS: [Who; 3] = [Who::Donor, Who::Juror(0), Who::Juror(1)];

/// Who signed, and how well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whose key.
    pub by: Who,
    /// What came of it.
    pub form: Form,
}

/// What a signature looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 65 bytes.
    Whole,
    /// 64 bytes, which the jury takes and the token does not.
    Compact,
    /// A byte is missing.
    Cut,
    /// Of something else.
    Foreign,
}

/// What a juror signs to register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Whose key.
    pub juror: Who,
    /// Who trained the model.
    pub family: String,
    /// Who runs the juror.
    pub operator: String,
    /// Where it answers.
    pub url: String,
    /// What it stakes.
    pub stake: u128,
    /// How often the key registered before.
    pub nonce: u32,
    /// When the signature ends.
    pub valid_until: Time,
}

/// Something that a juror is said to have signed: a ballot when `cases` is empty, else a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Who signed it.
    pub by: Who,
    /// The cases of a batch.
    pub cases: Vec<u8>,
    /// The case that a ballot was signed for.
    pub about: u8,
    /// Which vote is meant.
    pub index: u8,
    /// Met and failed, for each case.
    pub votes: Vec<(u16, u16)>,
    /// For the record.
    pub reason: u8,
    /// What its signature looks like.
    pub seal: Seal,
}

/// What a statement's signature looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// 64 bytes.
    Whole,
    /// A byte is missing.
    Short,
    /// The parity is the other one: it recovers to another key.
    Flipped,
}

/// A ballot in a case of the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The seat that it is said to be of.
    pub seat: u8,
    /// Who signed it.
    pub by: Who,
    /// Criteria that it calls met.
    pub met: u16,
    /// Criteria that it calls failed.
    pub failed: u16,
}

/// Ballots that are to be counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Which jury, by the order of creation; one beyond them is no jury's digest.
    pub jury: usize,
    /// Which panel.
    pub round: u8,
    /// In ascending order of seats.
    pub votes: Vec<Vote>,
    /// Whether the last byte is missing.
    pub cut: bool,
}

/// An ended milestone, as somebody claims it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Who paid.
    pub buyer: Who,
    /// Who delivered.
    pub seller: Who,
    /// The milestone's money.
    pub amount: u128,
    /// How it ended; values that no ending has count as neutral.
    pub ending: u8,
    /// 1: a rejection stood; 2: the buyer lost an appeal; 4: the seller did.
    pub flags: u8,
}

/// One thing that somebody does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the operation's arguments")]
pub enum Step {
    /// Time passes.
    Advance { secs: Time },
    /// A key becomes a juror.
    Register { by: Who, registration: Registration, signed: Signed },
    /// A juror begins to leave.
    Unbond { by: Who, juror: Who, nonce: u32, valid_until: Time, signed: Signed },
    /// A juror's stake is paid back.
    Claim { by: Who, juror: Who },
    /// A juror is struck off, if the two statements prove it.
    Slash { by: Who, juror: Who, case: u8, first: Statement, second: Statement },
    /// A jury is stored for ever.
    CreateJury { by: Who, panel: Vec<Who>, appeal: Vec<Who> },
    /// What lies here is put into pots; the largest share stands for more than there can be.
    Fund { by: Who, jury: usize, round: u8, shares: Vec<u128> },
    /// A pot is paid.
    ClaimFees { by: Who, jury: usize, round: u8, seat: u8 },
    /// Whether two parties may name a jury.
    CheckJury { jury: usize, buyer: Who, seller: Who, appeal: bool },
    /// Ballots are counted.
    Judge { by: Who, count: Count },
    /// Facts are written, one by one or at once.
    Record { by: Who, facts: Vec<Fact> },
    /// The token's admin refuses somebody.
    Blacklist { who: Who },
    /// The token's admin refuses somebody no longer.
    Unblacklist { who: Who },
    /// The token's admin stops everything.
    Pause,
    /// The token's admin stops nothing any more.
    Unpause,
    /// Somebody gives money to the jury.
    Donate { from: Who, amount: u128 },
}

impl Step {
    /// The operation's name, and which of its kinds it is.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Advance { .. } => "advance",
            Self::Register { registration, .. } if registration.stake == 0 => {
                "register without a stake"
            }
            Self::Register { .. } => "register",
            Self::Unbond { by, juror, .. } if by == juror => "unbond",
            Self::Unbond { .. } => "unbond by signature",
            Self::Claim { .. } => "claim",
            Self::Slash { .. } => "slash",
            Self::CreateJury { appeal, .. } if appeal.is_empty() => "createJury",
            Self::CreateJury { .. } => "createJury with an appeal panel",
            Self::Fund { .. } => "fund",
            Self::ClaimFees { .. } => "claimFees",
            Self::CheckJury { .. } => "checkJury",
            Self::Judge { .. } => "judge",
            Self::Record { facts, .. } if facts.len() == 1 => "record",
            Self::Record { .. } => "recordBatch",
            Self::Blacklist { .. } => "blacklist",
            Self::Unblacklist { .. } => "unBlacklist",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Donate { .. } => "donate",
        }
    }
}
