//! The count of ballots, criterion by criterion and juror by juror: section 5 of the protocol.

use surety_terms::rule::Rule;

/// What a panel says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The ballots do not decide yet.
    #[default]
    NoVerdict,
    /// The deliverable meets the terms.
    Accepted,
    /// It does not.
    Rejected,
    /// The panel does not agree, and no missing ballot could change that.
    Undetermined,
}

/// One juror's answer. A `forged` one was signed by another key or for something else, and is as
/// good as none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ballot {
    /// Whose answer.
    pub seat: u8,
    /// Criteria that it calls met.
    pub met: u16,
    /// Criteria that it calls failed.
    pub failed: u16,
    /// Whether its signature is for another round, delivery or key.
    pub forged: bool,
}

/// The count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// What it says.
    pub outcome: Outcome,
    /// Weight of `met`.
    pub met_bps: u128,
    /// Whose ballots were counted.
    pub seats: u16,
    /// Which of them answered something.
    pub voted: u16,
    /// Criteria that a quorum calls met.
    pub met: u16,
    /// Criteria that a quorum calls failed.
    pub failed: u16,
}

/// Counts the ballots of a panel of `n` seats.
pub fn tally(rule: &Rule, n: u32, ballots: &[Ballot]) -> Tally {
    let good: Vec<&Ballot> = ballots.iter().filter(|ballot| !ballot.forged).collect();
    let mut count = Tally::default();
    for ballot in &good {
        count.seats |= 1 << ballot.seat;
        if ballot.met | ballot.failed != 0 {
            count.voted |= 1 << ballot.seat;
        }
    }
    let quorum = 2 * n / 3 + 1;
    let counted = count.seats.count_ones();
    if counted < quorum {
        return count;
    }
    // Criteria with at least a quorum of such votes, if `more` seats added theirs.
    let reached = |vote: fn(&Ballot) -> u16, more: u32| {
        let votes = |c: u32| good.iter().filter(|b| vote(b) >> c & 1 == 1).count();
        let enough = |c: &u32| u32::try_from(votes(*c)).is_ok_and(|v| v + more >= quorum);
        (0..16).filter(enough).fold(0u16, |mask, c| mask | 1 << c)
    };
    let missing = n - counted;
    count.met = reached(|b| b.met, 0);
    count.failed = reached(|b| b.failed, 0);
    count.met_bps = weight(rule, count.met);
    let could_meet = reached(|b| b.met, missing);
    let could_fail = reached(|b| b.failed, missing);
    count.outcome = if rejects(rule, count.failed) {
        Outcome::Rejected
    } else if accepts(rule, count.met) {
        // Some criterion may still go either way, and the seller's share with it.
        let open = criteria(rule) & !(count.met | count.failed) & (could_meet | could_fail) != 0;
        if rule.pro_rata && open { Outcome::NoVerdict } else { Outcome::Accepted }
    } else if accepts(rule, could_meet) || rejects(rule, could_fail) {
        Outcome::NoVerdict
    } else {
        Outcome::Undetermined
    };
    count
}

fn rejects(rule: &Rule, failed: u16) -> bool {
    rule.mandatory & failed != 0 || 10_000 - weight(rule, failed) < u128::from(rule.pass_bps)
}

fn accepts(rule: &Rule, met: u16) -> bool {
    rule.mandatory & !met == 0 && weight(rule, met) >= u128::from(rule.pass_bps)
}

fn criteria(rule: &Rule) -> u16 {
    rule.weights.iter().fold(0, |mask, _| mask << 1 | 1)
}

fn weight(rule: &Rule, mask: u16) -> u128 {
    let weights = rule.weights.iter().enumerate();
    weights.filter(|(c, _)| mask >> c & 1 == 1).map(|(_, w)| u128::from(*w)).sum()
}
