//! Who can act, hold money or be paid.

/// How many agents promise.
pub const AGENTS: u8 = 3;
/// How many counterparties hold records.
pub const COUNTERPARTIES: u8 = 3;
/// How many jurors are registered.
pub const JURORS: u8 = 12;

/// Everybody. The last agent and the last counterparty have ten dollars, the others are rich.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Promises.
    Agent(u8),
    /// Presents what an agent signed.
    Counterparty(u8),
    /// Submits what others signed.
    Relayer,
    /// Has no part in anything; has ten dollars.
    Stranger,
    /// A juror's key.
    Juror(u8),
    /// Gets what is slashed and nobody may have.
    Nobody,
    /// The contract of pacts.
    Registry,
    /// The jury contract.
    Jury,
}

/// A registered jury: two lists of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panels {
    /// Who judges.
    pub panel: Vec<Who>,
    /// Who would judge an appeal; has no part in pacts but that it may not promise.
    pub appeal: Vec<Who>,
}

/// Everybody who can have money.
pub fn everybody() -> Vec<Who> {
    let mut all = vec![Who::Relayer, Who::Stranger, Who::Nobody, Who::Registry, Who::Jury];
    all.extend((0..AGENTS).map(Who::Agent));
    all.extend((0..COUNTERPARTIES).map(Who::Counterparty));
    all.extend((0..JURORS).map(Who::Juror));
    all
}
