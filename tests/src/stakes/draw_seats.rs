//! Random juries, pots and counts.

use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use super::draw::{SENDERS, any_key, donate, which};
use super::draw_slash::ANSWERS;
use super::state::{Juror, Model};
use super::step::{Count, Step, Vote, Who};
use crate::model::draw::{chance, one};

/// A jury of those who serve, with an appeal panel where they are enough; mostly nobody shares
/// anything with another.
pub fn create(rng: &mut StdRng, model: &Model) -> Step {
    let by = one(rng, &SENDERS);
    if !model.juries.is_empty() && chance(rng, 12) {
        let again = model.juries[rng.random_range(0..model.juries.len())].clone();
        return Step::CreateJury { by, panel: again.panel, appeal: again.appeal };
    }
    let mut seats = which(model, Juror::serves);
    seats.shuffle(rng);
    if chance(rng, 80) {
        seats = apart(model, &seats);
    }
    let size = seats.len().min(one(rng, &[3, 3, 4, 5]));
    let mut appeal = seats.split_off(size);
    appeal.truncate(if chance(rng, 60) { 5 } else { 0 });
    if appeal.len() < 3 {
        appeal.clear();
    }
    if chance(rng, 20) {
        spoil(rng, model, &mut seats, &mut appeal);
    }
    Step::CreateJury { by, panel: seats, appeal }
}

/// Those of them that share neither a family nor an operator with one before.
fn apart(model: &Model, seats: &[Who]) -> Vec<Who> {
    let mut kept: Vec<Who> = Vec::new();
    for key in seats {
        let juror = model.juror(*key);
        let shares = |other: &Who| {
            let other = model.juror(*other);
            other.family == juror.family || other.operator == juror.operator
        };
        if !kept.iter().any(shares) {
            kept.push(*key);
        }
    }
    kept
}

/// Makes it a jury that cannot be.
fn spoil(rng: &mut StdRng, model: &Model, panel: &mut Vec<Who>, appeal: &mut Vec<Who>) {
    let first = panel.first().copied().unwrap_or(Who::Juror(0));
    let leaving = which(model, Juror::leaves);
    match rng.random_range(0..7) {
        0 => panel.truncate(2),
        1 => panel.resize(16, first),
        2 => *appeal = vec![first; one(rng, &[1, 2, 16])],
        3 => panel.push(Who::Stranger),
        4 => appeal.clone_from(panel),
        5 => panel.push(first),
        _ => panel.push(leaving.first().copied().unwrap_or_else(|| any_key(rng))),
    }
}

/// A panel: mostly one that there is.
fn panel(rng: &mut StdRng, model: &Model) -> (usize, u8) {
    if model.juries.is_empty() || chance(rng, 4) {
        return (model.juries.len(), 1);
    }
    let jury = rng.random_range(0..model.juries.len());
    let round = if chance(rng, 6) {
        one(rng, &[0, 2, 3, u8::MAX])
    } else if model.juries[jury].appeal.is_empty() {
        1
    } else {
        one(rng, &[1, 2])
    };
    (jury, round)
}

fn seats(model: &Model, (jury, round): (usize, u8)) -> Vec<Who> {
    model.juries.get(jury).map_or_else(Vec::new, |panels| panels.of(round).to_vec())
}

/// What lies in the jury goes into pots; when nothing does, somebody gives something.
pub fn fund(rng: &mut StdRng, model: &Model) -> Step {
    let mut left = model.free();
    if left == 0 && chance(rng, 85) {
        return donate(rng);
    }
    let (jury, round) = panel(rng, model);
    let mut shares = Vec::new();
    for _ in seats(model, (jury, round)) {
        let share = match rng.random_range(0..4) {
            0 => 0,
            1 => left,
            2 => left / 5,
            _ => rng.random_range(0..=left),
        };
        left -= share;
        shares.push(share);
    }
    if chance(rng, 20) {
        let first = shares.iter_mut().take(1);
        match rng.random_range(0..4) {
            0 => first.for_each(|share| *share += left + 1),
            1 => first.for_each(|share| *share = u128::MAX),
            2 => shares.truncate(1),
            _ => shares.push(0),
        }
    }
    Step::Fund { by: one(rng, &SENDERS), jury, round, shares }
}

/// A pot with something in it, or any seat's.
pub fn claim_fees(rng: &mut StdRng, model: &Model) -> Step {
    let by = one(rng, &SENDERS);
    let pots: Vec<_> = model.pots.keys().copied().collect();
    let (jury, round, seat) = if pots.is_empty() || chance(rng, 15) {
        let jury = rng.random_range(0..=model.juries.len());
        (jury, rng.random_range(0..4), rng.random_range(0..17))
    } else {
        one(rng, &pots)
    };
    Step::ClaimFees { by, jury, round, seat }
}

/// Whether a jury may be named by two parties, of which one may sit in it.
pub fn check(rng: &mut StdRng, model: &Model) -> Step {
    let (jury, _) = panel(rng, model);
    let any = any_key(rng);
    let (buyer, seller) =
        (one(rng, &[Who::Donor, Who::Donor, any]), one(rng, &[Who::Stranger, Who::Stranger, any]));
    Step::CheckJury { jury, buyer, seller, appeal: chance(rng, 35) }
}

/// Ballots of most seats, most of which say the same.
pub fn judge(rng: &mut StdRng, model: &Model) -> Step {
    let (jury, round) = panel(rng, model);
    let most = one(rng, &[(7, 0), (0, 7), (5, 2), (3, 0)]);
    let mut votes = Vec::new();
    let keys = seats(model, (jury, round));
    for (seat, key) in (0u8..).zip(&keys) {
        let (met, failed) = match rng.random_range(0..20) {
            0..15 => most,
            15..19 => one(rng, &ANSWERS),
            _ => (1, 1),
        };
        let by = if chance(rng, 92) { *key } else { Who::Stranger };
        if chance(rng, 90) {
            votes.push(Vote { seat, by, met, failed });
        }
    }
    if chance(rng, 7) {
        let seat = u8::try_from(keys.len()).expect("at most fifteen");
        votes.push(Vote { seat, by: Who::Stranger, met: 7, failed: 0 });
    }
    let count = Count { jury, round, votes, cut: chance(rng, 7) };
    Step::Judge { by: one(rng, &SENDERS), count }
}
