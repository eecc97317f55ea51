//! The pure count of ballots: what `Jury.judge` computes on the chain, computed here first.
//!
//! Two things make it safe to hand in any ballots one happens to hold. Quorum counts seats and not
//! replies, so a seat that refuses or is silenced never makes a verdict easier. And a verdict is
//! the same for every superset of its ballots: adding ballots can only turn "none yet" into a
//! verdict, never one verdict into another.

use alloy::primitives::U256;
use serde::{Deserialize, Serialize};
use surety_bindings::jury as sol;
use surety_terms::rule::MAX_CRITERIA;

/// Full weight in basis points.
const WHOLE_BPS: u32 = 10_000;
/// A panel's largest size: a seat mask has 16 bits and the contract stops at 15.
pub const MAX_SEATS: usize = 15;

/// How many equal answers decide in a panel of `seats`: 5 -> 4, 7 -> 5, 9 -> 7.
pub const fn quorum(seats: usize) -> usize {
    (seats.saturating_mul(2) / 3).saturating_add(1)
}

/// What a tally says; `IJury.Outcome` in the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Outcome {
    /// The ballots do not decide yet; more of them may.
    #[default]
    NoVerdict = 0,
    /// The deliverable meets the terms.
    Accepted = 1,
    /// It does not.
    Rejected = 2,
    /// The panel does not agree, and no missing ballot could change that.
    Undetermined = 3,
}

impl Outcome {
    /// Whether this is a verdict.
    pub const fn is_verdict(self) -> bool {
        !matches!(self, Self::NoVerdict)
    }

    /// Reads the contract's number.
    pub const fn from_u8(outcome: u8) -> Option<Self> {
        match outcome {
            0 => Some(Self::NoVerdict),
            1 => Some(Self::Accepted),
            2 => Some(Self::Rejected),
            3 => Some(Self::Undetermined),
            _ => None,
        }
    }
}

/// The count of one case's ballots: what `IJury.Tally` says of them, in the same order. The sizes of
/// the panels, which the contract adds, are the jury's and not the ballots'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tally {
    /// The verdict, if there is one.
    pub outcome: Outcome,
    /// Weight of the criteria that are met, in basis points.
    pub met_bps: u16,
    /// Bit i: a ballot of seat i was counted.
    pub seats: u16,
    /// Bit i: seat i was counted and answered at least one criterion.
    pub voted: u16,
    /// Criteria that a quorum calls met.
    pub met: u16,
    /// Criteria that a quorum calls failed.
    pub failed: u16,
}

impl Tally {
    /// Reads the contract's struct; `None` for an outcome that the interface does not know.
    pub fn from_sol(tally: &sol::Tally) -> Option<Self> {
        Some(Self {
            outcome: Outcome::from_u8(tally.outcome)?,
            met_bps: tally.metBps,
            seats: tally.seats,
            voted: tally.voted,
            met: tally.met,
            failed: tally.failed,
        })
    }
}

/// One seat's counted answers: `(seat, met, failed)`.
pub type Answers = (u8, u16, u16);

/// Counts `ballots` of a panel of `seats` under the milestone's rule word.
///
/// Hand in verified ballots only. Like the contract, it skips what is no ballot: a seat outside the
/// panel, a second ballot of a seat, masks that overlap. Masks may have bits beyond the criteria;
/// they are counted like the others and weigh nothing.
pub fn tally(rule: U256, seats: usize, ballots: &[Answers]) -> Tally {
    let rule = Word::of(rule);
    let counted = Counted::of(seats.min(MAX_SEATS), ballots);
    let mut tally = Tally { seats: counted.seats, voted: counted.voted, ..Tally::default() };
    if usize::try_from(counted.seats.count_ones()).is_ok_and(|count| count >= counted.quorum) {
        tally.met = counted.at_least(&counted.met, 0);
        tally.failed = counted.at_least(&counted.failed, 0);
        // Only a word that no escrow opens has weights beyond a uint16; the contract cuts them.
        tally.met_bps = u16::try_from(rule.weight(tally.met) & 0xffff).unwrap_or(0);
        tally.outcome = counted.outcome(&rule, tally.met, tally.failed);
    }
    tally
}

/// The rule word, read without judging it: a malformed word counts as it does in the contract.
struct Word {
    weights: [u16; MAX_CRITERIA],
    mandatory: u16,
    pass_bps: u32,
    pro_rata: bool,
}

impl Word {
    fn of(word: U256) -> Self {
        let bits = |at: usize, mask: u16| -> u16 {
            let low: U256 = word.wrapping_shr(at) & U256::from(mask);
            low.saturating_to()
        };
        let mut weights = [0; MAX_CRITERIA];
        for (index, weight) in weights.iter_mut().enumerate() {
            *weight = bits(index.saturating_mul(14), 0x3fff);
        }
        Self {
            weights,
            mandatory: bits(224, u16::MAX),
            pass_bps: u32::from(bits(240, 0x3fff)),
            pro_rata: word.bit(254),
        }
    }

    /// The criteria that have a weight.
    fn criteria(&self) -> u16 {
        mask_of(self.weights.iter().map(|weight| *weight > 0))
    }

    /// The summed weight of the criteria in `mask`.
    fn weight(&self, mask: u16) -> u32 {
        let chosen = self.weights.iter().zip(bits_of(mask)).filter(|(_, chosen)| *chosen);
        chosen.fold(0, |sum, (weight, _)| sum.saturating_add(u32::from(*weight)))
    }

    fn rejects(&self, failed: u16) -> bool {
        self.mandatory & failed != 0
            || self.weight(failed).saturating_add(self.pass_bps) > WHOLE_BPS
    }

    fn accepts(&self, met: u16) -> bool {
        self.mandatory & !met == 0 && self.weight(met) >= self.pass_bps
    }
}

/// The ballots that count, added up per criterion.
struct Counted {
    seats: u16,
    voted: u16,
    met: [usize; MAX_CRITERIA],
    failed: [usize; MAX_CRITERIA],
    quorum: usize,
    missing: usize,
}

impl Counted {
    fn of(panel: usize, ballots: &[Answers]) -> Self {
        let mut counted = Self {
            seats: 0,
            voted: 0,
            met: [0; MAX_CRITERIA],
            failed: [0; MAX_CRITERIA],
            quorum: quorum(panel),
            missing: panel,
        };
        for &(seat, met, failed) in ballots {
            let bit = 1_u16.checked_shl(u32::from(seat)).unwrap_or(0);
            let known = usize::from(seat) < panel && counted.seats & bit == 0;
            if !known || met & failed != 0 {
                continue;
            }
            counted.seats |= bit;
            counted.missing = counted.missing.saturating_sub(1);
            if met | failed != 0 {
                counted.voted |= bit;
            }
            add(&mut counted.met, met);
            add(&mut counted.failed, failed);
        }
        counted
    }

    /// The criteria whose count reaches quorum with `more` equal answers on top.
    fn at_least(&self, counts: &[usize; MAX_CRITERIA], more: usize) -> u16 {
        mask_of(counts.iter().map(|count| count.saturating_add(more) >= self.quorum))
    }

    /// The verdict, given the criteria that a quorum calls met and failed.
    fn outcome(&self, rule: &Word, met: u16, failed: u16) -> Outcome {
        if rule.rejects(failed) {
            return Outcome::Rejected;
        }
        let could_meet = self.at_least(&self.met, self.missing);
        let could_fail = self.at_least(&self.failed, self.missing);
        if rule.accepts(met) {
            // A partial payment depends on every criterion, so none may still change sides.
            let open = rule.criteria() & !(met | failed) & (could_meet | could_fail);
            let accepted = !rule.pro_rata || open == 0;
            return if accepted { Outcome::Accepted } else { Outcome::NoVerdict };
        }
        if rule.accepts(could_meet) || rule.rejects(could_fail) {
            Outcome::NoVerdict
        } else {
            Outcome::Undetermined
        }
    }
}

fn add(counts: &mut [usize; MAX_CRITERIA], mask: u16) {
    for (count, set) in counts.iter_mut().zip(bits_of(mask)) {
        *count = count.saturating_add(usize::from(set));
    }
}

/// Bit i of `mask`, for every i, lowest first.
fn bits_of(mask: u16) -> impl Iterator<Item = bool> {
    (0..16_u32).map(move |bit| mask.checked_shr(bit).unwrap_or(0) & 1 == 1)
}

fn mask_of(bits: impl Iterator<Item = bool>) -> u16 {
    bits.take(16)
        .zip(0_u32..)
        .fold(0, |mask, (set, bit)| mask | u16::from(set).checked_shl(bit).unwrap_or(0))
}

#[cfg(test)]
mod tests;
