//! What a seed stands for: a panel with its vices, and what befalls everybody meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy::primitives::U256;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use surety_jury::tally::tally;
use surety_jury::{Outcome, quorum};
use surety_tests::Orphans;

/// Masks of two criteria: met, failed.
pub(super) type Masks = (u16, u16);

const GOOD: Masks = (0b11, 0);
const BAD: Masks = (0b01, 0b10);

/// Hours of chain time after which every honest juror has answered, if anybody can ask it.
pub(super) const AWAKE_HOURS: u64 = 21;

/// What a juror is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vice {
    /// None: it says what is true, so many hours late, by a clock that is so many seconds wrong.
    Honest { late_hours: u64, skew_secs: i64 },
    /// It says the opposite, as properly as the honest.
    Dissents,
    /// It commits and never shows its ballot.
    Withholds,
    /// It commits to the truth and shows the opposite.
    Contradicts,
    /// It does not seal, and shows one ballot to one question and the opposite to the next.
    Equivocates,
    /// It commits to one thing and to another by turns, and shows the truth.
    Recommits,
    /// Its clock is days ahead: all cases are over.
    Hurries,
    /// Its signature is a stranger's.
    BadSignature,
    /// It shows a good ballot of another case.
    OtherCase,
    /// It shows another juror's ballot.
    OtherJuror,
    /// It answers something else.
    Garbage,
    /// It answers a megabyte.
    Huge,
    /// It says that it is at work, for ever.
    Silent,
    /// It refuses.
    Refuses,
    /// It answers HTTP 500.
    Broken,
    /// Nobody listens at its address.
    Down,
}

/// What is cut off from the relayer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Chain,
    Juror(usize),
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Cut(Side),
    Heal(Side),
    /// The relayer is killed and started again.
    Restart,
    /// So many hours pass on the chain.
    Hours(u64),
    /// The chain takes its last blocks back.
    Reorg(usize, Orphans),
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) panel: Vec<Vice>,
    /// What honest jurors say.
    pub(super) truth: Masks,
    /// Each with the pause after it.
    pub(super) events: Vec<(Event, Duration)>,
    /// Calls to the chain, of a thousand, that are lost, and answers.
    pub(super) lost: u32,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let seats = [3, 5, 7][dice.random_range(0..3)];
        // Mostly as many bad ones as a panel bears, at times any number.
        let most = if dice.random_bool(0.65) { seats - quorum(seats) } else { seats };
        let bad = dice.random_range(0..=most);
        let mut panel = vec![Vice::Silent; seats];
        for (seat, vice) in panel.iter_mut().enumerate() {
            *vice = if seat < bad { vicious(&mut dice) } else { honest(&mut dice) };
        }
        panel.rotate_left(dice.random_range(0..seats));
        let truth = if dice.random_bool(0.6) { GOOD } else { BAD };
        let events = (0..dice.random_range(4..14)).map(|_| {
            let event = event(&mut dice, seats);
            (event, Duration::from_millis(dice.random_range(0..40)))
        });
        let events = events.collect();
        let lost = dice.random_range(0..40);
        Self { seed, panel, truth, events, lost }
    }

    /// Whether the honest alone are a quorum.
    pub(super) fn honest_decide(&self) -> bool {
        let honest = self.panel.iter().filter(|vice| matches!(vice, Vice::Honest { .. }));
        honest.count() >= quorum(self.panel.len())
    }

    /// Every verdict that some of the ballots can give which these jurors may have counted.
    pub(super) fn verdicts(&self, rule: U256) -> BTreeSet<u8> {
        let mut all: Vec<Vec<(u8, u16, u16)>> = vec![Vec::new()];
        for (seat, vice) in (0_u8..).zip(&self.panel) {
            let with = all.iter().flat_map(|ballots| {
                let says = self.may_say(*vice).into_iter();
                says.map(move |(met, failed)| [&ballots[..], &[(seat, met, failed)]].concat())
            });
            let with: Vec<_> = with.collect();
            all.extend(with);
        }
        let outcomes = all.iter().map(|ballots| tally(rule, self.panel.len(), ballots).outcome);
        outcomes.filter(|outcome| outcome.is_verdict()).map(number).collect()
    }

    /// The ballots of a juror that can be counted.
    fn may_say(&self, vice: Vice) -> Vec<Masks> {
        match vice {
            Vice::Honest { .. } | Vice::Recommits => vec![self.truth],
            Vice::Dissents => vec![opposite(self.truth)],
            Vice::Equivocates => vec![self.truth, opposite(self.truth)],
            Vice::Withholds
            | Vice::Contradicts
            | Vice::Hurries
            | Vice::BadSignature
            | Vice::OtherCase
            | Vice::OtherJuror
            | Vice::Garbage
            | Vice::Huge
            | Vice::Silent
            | Vice::Refuses
            | Vice::Broken
            | Vice::Down => Vec::new(),
        }
    }
}

/// The contract's number of an outcome.
pub(super) const fn number(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::NoVerdict => 0,
        Outcome::Accepted => 1,
        Outcome::Rejected => 2,
        Outcome::Undetermined => 3,
    }
}

pub(super) fn opposite(masks: Masks) -> Masks {
    if masks == GOOD { BAD } else { GOOD }
}

fn honest(dice: &mut StdRng) -> Vice {
    let late_hours = if dice.random_bool(0.3) { dice.random_range(1..20) } else { 0 };
    Vice::Honest { late_hours, skew_secs: dice.random_range(-3_600..=3_600) }
}

fn vicious(dice: &mut StdRng) -> Vice {
    let all = [
        Vice::Dissents,
        Vice::Withholds,
        Vice::Contradicts,
        Vice::Equivocates,
        Vice::Recommits,
        Vice::Hurries,
        Vice::BadSignature,
        Vice::OtherCase,
        Vice::OtherJuror,
        Vice::Garbage,
        Vice::Huge,
        Vice::Silent,
        Vice::Refuses,
        Vice::Broken,
        Vice::Down,
    ];
    all[dice.random_range(0..all.len())]
}

fn event(dice: &mut StdRng, seats: usize) -> Event {
    let side = |dice: &mut StdRng| match dice.random_range(0..=seats) {
        0 => Side::Chain,
        seat => Side::Juror(seat - 1),
    };
    match dice.random_range(0..9) {
        0..=2 => Event::Cut(side(dice)),
        3..=4 => Event::Heal(side(dice)),
        5 => Event::Restart,
        // A dozen of them are less than the seller's day.
        6 => Event::Hours(1),
        _ => {
            let all = [Orphans::Reinclude, Orphans::Return, Orphans::Forget];
            Event::Reorg(dice.random_range(1..=3), all[dice.random_range(0..all.len())])
        }
    }
}

#[test]
fn a_plan_is_its_seeds_and_both_kinds_of_panel_are_drawn() {
    assert_eq!(format!("{:?}", Plan::of(7)), format!("{:?}", Plan::of(7)));
    let decided = (0..200).filter(|seed| Plan::of(*seed).honest_decide()).count();
    assert!((100..190).contains(&decided), "{decided}");
}
