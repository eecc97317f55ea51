//! What a seed stands for: panels with their vices, what is delivered and how, and what befalls
//! everybody meanwhile.

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

/// What is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The chain, for one relayer.
    Chain(usize),
    /// A juror, for everybody.
    Juror(usize),
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Cut(Side),
    Heal(Side),
    /// A relayer is killed and started again.
    Restart(usize),
    /// So many hours pass on the chain.
    Hours(u64),
    /// The chain takes its last blocks back.
    Reorg(usize, Orphans),
}

/// How the seller puts a delivery on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pin {
    Never,
    /// Before it hands it in.
    Before,
    /// After that.
    After,
    /// Instead: relayers have its bytes, and know the deal from another milestone.
    Only,
}

/// One milestone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// What honest jurors say of it.
    pub(super) truth: Masks,
    /// After how many events the seller begins with it.
    pub(super) after: usize,
    pub(super) pin: Pin,
}

/// What becomes of verdicts of the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Appeals {
    /// They end the milestone.
    Never,
    /// Nobody appeals them.
    Possible,
    /// Whoever lost appeals.
    Made,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    /// The panel, and the appeal panel, which may have no seats.
    pub(super) panels: [Vec<Vice>; 2],
    pub(super) parts: Vec<Part>,
    pub(super) appeals: Appeals,
    /// How many relayers race, each with a store and a key of its own.
    pub(super) relayers: usize,
    /// Whether verdicts wait for each other.
    pub(super) gathers: bool,
    /// Whether relayers do what time allows, or a stranger does.
    pub(super) performs: bool,
    /// Each with the pause after it.
    pub(super) events: Vec<(Event, Duration)>,
    /// Calls to the chain, of a thousand, that are lost, and answers.
    pub(super) lost: u32,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let has_appeal_panel = dice.random_bool(0.6);
        let seats = [3, 5, 7][dice.random_range(0..3)];
        // Who decides mostly leaves nothing to the appeal panel.
        let first = panel(&mut dice, seats, if has_appeal_panel { 0.35 } else { 0.65 });
        let mut panels = [first, Vec::new()];
        let mut appeals = Appeals::Never;
        if has_appeal_panel {
            let seats = [3, 5][dice.random_range(0..2)];
            panels[1] = panel(&mut dice, seats, 0.8);
            let all = [Appeals::Never, Appeals::Possible, Appeals::Made, Appeals::Made];
            appeals = all[dice.random_range(0..all.len())];
        }
        let gathers = dice.random_bool(0.5);
        let milestones = dice.random_range(if gathers { 2..=3 } else { 1..=3 });
        let parts = (0..milestones).map(|milestone| part(&mut dice, milestone)).collect();
        let relayers = if dice.random_bool(0.4) { 2 } else { 1 };
        let performs = dice.random_bool(0.5);
        let seats: usize = panels.iter().map(Vec::len).sum();
        let events = (0..dice.random_range(4..14)).map(|_| {
            let event = event(&mut dice, seats, relayers);
            (event, Duration::from_millis(dice.random_range(0..40)))
        });
        let events = events.collect();
        let lost = dice.random_range(0..40);
        Self { seed, panels, parts, appeals, relayers, gathers, performs, events, lost }
    }

    /// The seats of a round's panel.
    pub(super) fn panel(&self, round: u8) -> &[Vice] {
        &self.panels[usize::from(round) - 1]
    }

    /// Which jurors of a round's panel commit and then say what they committed to.
    pub(super) fn proper(&self, round: u8) -> impl Iterator<Item = usize> {
        let before = if round == 2 { self.panels[0].len() } else { 0 };
        let seats = (before..).zip(self.panel(round));
        seats.filter(|(_, vice)| vice.is_proper()).map(|(juror, _)| juror)
    }

    /// Whether a round's panel owes a verdict: the honest alone are a quorum, or everybody votes.
    pub(super) fn decides(&self, round: u8) -> bool {
        let panel = self.panel(round);
        let all_vote = !panel.is_empty() && panel.iter().all(Vice::is_proper);
        all_vote || self.is_honest(round)
    }

    /// Whether the honest of a round's panel are a quorum.
    pub(super) fn is_honest(&self, round: u8) -> bool {
        let panel = self.panel(round);
        let honest = panel.iter().filter(|vice| matches!(vice, Vice::Honest { .. })).count();
        honest >= quorum(panel.len())
    }

    /// Every verdict on a milestone that some of the ballots can give which these jurors may have
    /// counted.
    pub(super) fn verdicts(&self, round: u8, milestone: usize, rule: U256) -> BTreeSet<u8> {
        let (panel, truth) = (self.panel(round), self.parts[milestone].truth);
        let mut all: Vec<Vec<(u8, u16, u16)>> = vec![Vec::new()];
        for (seat, vice) in (0_u8..).zip(panel) {
            let with = all.iter().flat_map(|ballots| {
                let says = vice.may_say(truth).into_iter();
                says.map(move |(met, failed)| [&ballots[..], &[(seat, met, failed)]].concat())
            });
            let with: Vec<_> = with.collect();
            all.extend(with);
        }
        let outcomes = all.iter().map(|ballots| tally(rule, panel.len(), ballots).outcome);
        outcomes.filter(|outcome| outcome.is_verdict()).map(number).collect()
    }
}

impl Pin {
    /// Whether a delivery that these relayers lack is to be put on the chain.
    pub(super) const fn is_due(self, lacking: &[(usize, u8)]) -> bool {
        match self {
            Self::Never => false,
            Self::Before | Self::Only => true,
            Self::After => lacking.is_empty(),
        }
    }
}

impl Vice {
    const fn is_proper(&self) -> bool {
        matches!(self, Self::Honest { .. } | Self::Dissents)
    }

    /// The ballots of such a juror that can be counted.
    fn may_say(self, truth: Masks) -> Vec<Masks> {
        match self {
            Self::Honest { .. } | Self::Recommits => vec![truth],
            Self::Dissents => vec![opposite(truth)],
            Self::Equivocates => vec![truth, opposite(truth)],
            Self::Withholds
            | Self::Contradicts
            | Self::Hurries
            | Self::BadSignature
            | Self::OtherCase
            | Self::OtherJuror
            | Self::Garbage
            | Self::Huge
            | Self::Silent
            | Self::Refuses
            | Self::Broken
            | Self::Down => Vec::new(),
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

/// A panel that mostly bears what is bad in it, with this probability, or else has any number of bad
/// seats. Some are split: all of them vote, and too few say the same.
fn panel(dice: &mut StdRng, seats: usize, bears: f64) -> Vec<Vice> {
    let mut panel: Vec<Vice> = (0..seats).map(|_| honest(dice)).collect();
    if dice.random_bool(0.2) {
        panel[..seats / 2].fill(Vice::Dissents);
    } else {
        let most = if dice.random_bool(bears) { seats - quorum(seats) } else { seats };
        let bad = dice.random_range(0..=most);
        panel[..bad].fill_with(|| vicious(dice));
    }
    panel.rotate_left(dice.random_range(0..seats));
    panel
}

fn part(dice: &mut StdRng, milestone: usize) -> Part {
    let truth = if dice.random_bool(0.6) { GOOD } else { BAD };
    let after = if dice.random_bool(0.6) { 0 } else { dice.random_range(1..4) };
    let pin = match dice.random_range(0..10) {
        0..=3 => Pin::Never,
        4..=5 => Pin::Before,
        6..=7 => Pin::After,
        // Somebody has to tell relayers of the deal.
        _ if milestone == 0 => Pin::Before,
        _ => Pin::Only,
    };
    Part { truth, after, pin }
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

fn event(dice: &mut StdRng, seats: usize, relayers: usize) -> Event {
    let side = |dice: &mut StdRng| match dice.random_range(0..=seats) {
        0 => Side::Chain(dice.random_range(0..relayers)),
        seat => Side::Juror(seat - 1),
    };
    match dice.random_range(0..9) {
        0..=2 => Event::Cut(side(dice)),
        3..=4 => Event::Heal(side(dice)),
        5 => Event::Restart(dice.random_range(0..relayers)),
        // Thirteen of them are less than the seller has.
        6 => Event::Hours(1),
        _ => {
            let all = [Orphans::Reinclude, Orphans::Return, Orphans::Forget];
            Event::Reorg(dice.random_range(1..=3), all[dice.random_range(0..all.len())])
        }
    }
}

#[test]
fn a_plan_is_its_seeds_and_every_kind_of_life_is_drawn() {
    assert_eq!(format!("{:?}", Plan::of(7)), format!("{:?}", Plan::of(7)));
    let plans: Vec<Plan> = (0..200).map(Plan::of).collect();
    let drawn = |is: fn(&Plan) -> bool| plans.iter().filter(|plan| is(plan)).count();
    for (what, count) in [
        ("a panel that decides", drawn(|plan| plan.decides(1))),
        ("a panel that need not", drawn(|plan| !plan.decides(1))),
        ("an appeal panel that decides", drawn(|plan| plan.decides(2))),
        ("an appeal", drawn(|plan| plan.appeals == Appeals::Made)),
        ("a race", drawn(|plan| plan.relayers > 1)),
        ("several milestones", drawn(|plan| plan.parts.len() > 1)),
        ("a pin", drawn(|plan| plan.parts.iter().any(|part| part.pin != Pin::Never))),
        ("only a pin", drawn(|plan| plan.parts.iter().any(|part| part.pin == Pin::Only))),
        ("batches", drawn(|plan| plan.gathers)),
    ] {
        assert!(count > 20, "{what}: {count} of 200");
    }
}
