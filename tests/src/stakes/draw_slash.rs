//! Random reports: two answers that a juror signed to one case, or what somebody says they are.

use rand::Rng as _;
use rand::rngs::StdRng;

use super::draw::{SENDERS, mostly, which};
use super::state::Model;
use super::step::{Seal, Statement, Step, Who};
use crate::model::draw::{chance, one};

/// Answers that differ, met and failed.
pub const ANSWERS: [(u16, u16); 9] =
    [(0, 0), (1, 0), (0, 1), (1, 2), (2, 1), (7, 0), (0, 7), (u16::MAX, 0), (0, u16::MAX)];
/// What is no answer.
const ABSENT: (u16, u16) = (u16::MAX, u16::MAX);
const CASES: u8 = 6;
const MOST: usize = 4;

/// A report that mostly proves it.
pub fn slash(rng: &mut StdRng, model: &Model) -> Step {
    let juror = mostly(rng, &which(model, |juror| juror.registered));
    let case = rng.random_range(0..CASES);
    let first = rng.random_range(0..ANSWERS.len());
    let apart = if chance(rng, 8) { 0 } else { rng.random_range(1..ANSWERS.len()) };
    let answers = [ANSWERS[first], ANSWERS[(first + apart) % ANSWERS.len()]];
    let [mut first, mut second] = match rng.random_range(0..4) {
        0 => answers.map(|answer| ballot(juror, case, answer)),
        1 => [ballot(juror, case, answers[0]), batch(rng, juror, case, answers[1])],
        2 => answers.map(|answer| batch(rng, juror, case, answer)),
        _ => twice(rng, juror, case, answers),
    };
    if chance(rng, 40) {
        let statement = if chance(rng, 50) { &mut first } else { &mut second };
        spoil(rng, statement);
    }
    let by = if chance(rng, 10) { juror } else { one(rng, &SENDERS) };
    Step::Slash { by, juror, case, first, second }
}

fn ballot(by: Who, case: u8, answer: (u16, u16)) -> Statement {
    let (index, reason, seal) = (0, 0, Seal::Whole);
    Statement { by, cases: Vec::new(), about: case, index, votes: vec![answer], reason, seal }
}

/// Among other cases, of which the juror may be absent.
fn batch(rng: &mut StdRng, by: Who, case: u8, answer: (u16, u16)) -> Statement {
    let count = rng.random_range(1..=MOST);
    let index = rng.random_range(0..count);
    let mut cases = Vec::new();
    let mut votes = Vec::new();
    for place in 0..count {
        let other = if chance(rng, 30) { ABSENT } else { one(rng, &ANSWERS) };
        cases.push(if place == index { case } else { rng.random_range(0..CASES) });
        votes.push(if place == index { answer } else { other });
    }
    let (index, reason) = (u8::try_from(index).expect("few cases"), rng.random_range(0..5));
    Statement { by, cases, about: case, index, votes, reason, seal: Seal::Whole }
}

/// Both answers stand in one batch.
fn twice(rng: &mut StdRng, by: Who, case: u8, answers: [(u16, u16); 2]) -> [Statement; 2] {
    let mut first = batch(rng, by, case, answers[0]);
    first.cases.push(case);
    first.votes.push(answers[1]);
    let mut second = first.clone();
    second.index = u8::try_from(first.cases.len() - 1).expect("few cases");
    [first, second]
}

/// Makes it one that proves nothing, in every way that there is.
fn spoil(rng: &mut StdRng, s: &mut Statement) {
    let place = usize::from(s.index);
    match rng.random_range(0..9) {
        0 => s.index += 5,
        1 => s.votes.truncate(place),
        2 => s.votes.push((0, 0)),
        3 => s.seal = Seal::Short,
        4 => s.seal = Seal::Flipped,
        5 => s.by = Who::Stranger,
        6 => {
            s.about += 1;
            if let Some(case) = s.cases.get_mut(place) {
                *case += 1;
            }
        }
        7 => s.votes[place] = (1, 3),
        _ => s.votes[place] = ABSENT,
    }
}
