//! Random histories of a part of the protocol, on its model and on the contracts.
//!
//! A part says what its actors do, how both sides do it and what must hold after each step
//! ([`Sides`]). Here is what all parts share: drawing a history from a seed, counting what happens,
//! making a failing history short, and running as many as the environment says.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::{Debug, Write as _};
use std::ops::Range;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Histories of a campaign when the environment names no number.
pub const HISTORIES: u64 = 100;
/// Where campaigns begin when the environment names no seed.
pub const SEED: u64 = 20_261_123;
/// How many replays a shorter history is worth.
const REPLAYS: usize = 400;

/// A model and the contracts beside it.
pub trait Sides: Sized {
    /// What an actor does. Self-contained: indices and amounts are resolved modulo what exists, so
    /// that a history with steps left out can still be played.
    type Step: Clone + Debug;

    /// Nothing happened yet.
    fn new() -> Self;

    /// The next act, drawn with the state in sight: mostly what can succeed, a good part what must
    /// be refused.
    fn draw(&self, rng: &mut StdRng) -> Self::Step;

    /// Does it on both sides and compares outcome, events, balances and every word. Err says how
    /// they differ.
    fn step(&mut self, step: &Self::Step) -> Result<Outcome, String>;

    /// What must hold at the end: everything comes to its end by time alone, nothing is left owed
    /// but credits.
    fn close(&mut self) -> Result<(), String>;
}

/// What both sides said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The operation of this name was done.
    Done(&'static str),
    /// It was refused by the error of this name.
    Refused(String),
    /// The step names nothing that exists, which only happens in shortened histories: not counted.
    Skipped,
}

/// How often something happened.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Histories.
    pub histories: u64,
    /// Successful calls by operation.
    pub done: BTreeMap<&'static str, u64>,
    /// Refused calls by error.
    pub refused: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds what happened elsewhere.
    pub fn add(&mut self, more: Self) {
        self.histories += more.histories;
        for (name, count) in more.done {
            *self.done.entry(name).or_default() += count;
        }
        for (name, count) in more.refused {
            *self.refused.entry(name).or_default() += count;
        }
    }

    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done(name) => *self.done.entry(name).or_default() += 1,
            Outcome::Refused(name) => *self.refused.entry(name).or_default() += 1,
            Outcome::Skipped => {}
        }
    }
}

/// A history that went wrong, already made short.
#[derive(Clone, Debug)]
pub struct Failure<S> {
    /// What it was drawn from.
    pub seed: u64,
    /// What was done until then.
    pub steps: Vec<S>,
    /// What went wrong.
    pub message: String,
}

impl<S: Debug> Failure<S> {
    /// The seed, what went wrong, and every step on a line.
    pub fn show(&self) -> String {
        let mut text = format!("seed {}: {}\n", self.seed, self.message);
        for step in &self.steps {
            writeln!(text, "  {step:?}").expect("a string takes text");
        }
        text
    }
}

/// Which part of the histories or seconds that the environment names is this campaign's:
/// numerator, denominator.
#[derive(Clone, Copy, Debug)]
pub struct Share(pub u64, pub u64);

impl Share {
    fn of(self, whole: u64) -> u64 {
        (whole.saturating_mul(self.0) / self.1).max(1)
    }
}

/// Draws a history and runs it on both sides; a failing one is made short.
pub fn random<S: Sides>(seed: u64, steps: Range<usize>) -> Result<Counts, Box<Failure<S::Step>>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut counts = Counts { histories: 1, ..Counts::default() };
    let mut history = Vec::new();
    match drawn::<S>(&mut rng, steps, &mut history, &mut counts) {
        Ok(()) => Ok(counts),
        Err(message) => Err(Box::new(shrink::<S>(Failure { seed, steps: history, message }))),
    }
}

fn drawn<S: Sides>(
    rng: &mut StdRng,
    steps: Range<usize>,
    history: &mut Vec<S::Step>,
    counts: &mut Counts,
) -> Result<(), String> {
    let mut sides = S::new();
    for _ in 0..rng.random_range(steps) {
        let step = sides.draw(rng);
        history.push(step.clone());
        counts.count(sides.step(&step)?);
    }
    sides.close()
}

/// Runs a given history on both sides.
pub fn replay<S: Sides>(steps: &[S::Step]) -> Result<(), String> {
    let mut sides = S::new();
    for step in steps {
        sides.step(step)?;
    }
    sides.close()
}

/// Drops what a history does not need to fail: halves first, then single steps until none can go.
fn shrink<S: Sides>(mut failure: Failure<S::Step>) -> Failure<S::Step> {
    let mut replays = 0;
    let mut size = failure.steps.len();
    while size > 0 && replays < REPLAYS {
        let mut at = 0;
        let mut shorter = false;
        while at < failure.steps.len() && replays < REPLAYS {
            let mut steps = failure.steps.clone();
            steps.drain(at..(at + size).min(steps.len()));
            replays += 1;
            match replay::<S>(&steps) {
                Err(message) => {
                    failure.steps = steps;
                    failure.message = message;
                    shorter = true;
                }
                Ok(()) => at += size,
            }
        }
        if !shorter || size > 1 {
            size /= 2;
        }
    }
    failure
}

fn number(value: &OsStr) -> u64 {
    value.to_str().expect("text").parse().expect("a whole number")
}

/// Runs as many histories as the environment says: from `SURETY_MODEL_SEED`, this campaign's share
/// of `SURETY_MODEL_HISTORIES` or of `SURETY_MODEL_SECONDS`. Says what it did; panics with the seed
/// and the shortened steps of a history that fails.
#[expect(
    clippy::print_stdout,
    clippy::panic,
    reason = "a test calls it: it says what it did, and fails with the history"
)]
pub fn campaign<S: Sides>(name: &str, steps: Range<usize>, share: Share) -> Counts {
    let setting = |name: &str| std::env::var_os(name).map(|value| number(&value));
    let seed = setting("SURETY_MODEL_SEED").unwrap_or(SEED);
    let within = setting("SURETY_MODEL_SECONDS").map(|secs| Duration::from_secs(share.of(secs)));
    let most = match (setting("SURETY_MODEL_HISTORIES"), within) {
        (Some(most), _) => share.of(most),
        (None, Some(_)) => u64::MAX,
        (None, None) => HISTORIES,
    };
    let most = usize::try_from(most).expect("a number of histories");
    let begin = Instant::now();
    let mut all = Counts::default();
    for (seed, steps) in (seed..).zip(std::iter::repeat_n(steps, most)) {
        if within.is_some_and(|within| begin.elapsed() > within) {
            break;
        }
        match random::<S>(seed, steps) {
            Ok(counts) => all.add(counts),
            Err(failure) => panic!("{name}: {}", failure.show()),
        }
    }
    let secs = begin.elapsed().as_secs_f64();
    let rate = f64::from(u32::try_from(all.histories).expect("a number of histories")) / secs;
    let done: u64 = all.done.values().sum();
    let refused: u64 = all.refused.values().sum();
    // `cargo x` looks for this line.
    println!(
        "model: {name}: {} histories from seed {seed}, {done} successful and {refused} refused \
         calls in {secs:.1} s, {rate:.1} histories a second",
        all.histories
    );
    println!("{name}: successful calls: {:?}", all.done);
    println!("{name}: refused calls: {:?}", all.refused);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes wrong once both three and seven were seen.
    struct ThreeAndSeven([bool; 2]);

    impl Sides for ThreeAndSeven {
        type Step = u8;

        fn new() -> Self {
            Self([false; 2])
        }

        fn draw(&self, rng: &mut StdRng) -> u8 {
            rng.random_range(0..10)
        }

        fn step(&mut self, step: &u8) -> Result<Outcome, String> {
            self.0[0] |= *step == 3;
            self.0[1] |= *step == 7;
            if self.0 == [true; 2] { Err("both".to_owned()) } else { Ok(Outcome::Done("step")) }
        }

        fn close(&mut self) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn a_failing_history_is_cut_down_to_the_steps_that_it_needs() {
        let failure = random::<ThreeAndSeven>(1, 200..201).unwrap_err();
        let mut steps = failure.steps.clone();
        steps.sort_unstable();
        assert_eq!((steps, failure.seed), (vec![3, 7], 1));
        assert!(failure.show().contains("seed 1: both"));
    }

    #[test]
    fn what_happened_adds_up() {
        let mut all = random::<ThreeAndSeven>(1, 1..2).unwrap();
        all.add(random::<ThreeAndSeven>(2, 1..2).unwrap());
        assert_eq!((all.histories, all.done["step"]), (2, 2));
    }
}
