//! Random histories on the model and on the contracts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use surety_tests::model::history::{self, Counts};

/// Histories of an ordinary run.
const HISTORIES: u64 = 120;
const SEED: u64 = 20_261_123;

#[test]
fn random_histories_end_alike_in_the_model_and_in_the_contracts() {
    let setting = |name: &str| std::env::var(name).ok().map(|value| value.parse().unwrap());
    let seed: u64 = setting("SURETY_MODEL_SEED").unwrap_or(SEED);
    let most = setting("SURETY_MODEL_HISTORIES");
    let within = setting("SURETY_MODEL_SECONDS").map(Duration::from_secs);
    let most = most.unwrap_or(if within.is_some() { u64::MAX } else { HISTORIES });
    let begin = Instant::now();
    let mut all = Counts::default();
    for seed in (seed..).take(usize::try_from(most).unwrap()) {
        if within.is_some_and(|within| begin.elapsed() > within) {
            break;
        }
        match history::random(seed) {
            Ok(counts) => add(&mut all, counts),
            Err(failure) => panic!("{}", history::show(&failure)),
        }
    }
    let secs = begin.elapsed().as_secs_f64();
    println!("seeds from {seed}: {} histories in {secs:.1} s", all.histories);
    println!("successful calls: {:?}", all.done);
    println!("refused calls: {:?}", all.refused);
    println!("milestones by ending: {:?}", all.endings);
}

fn add(all: &mut Counts, more: Counts) {
    all.histories += more.histories;
    sum(&mut all.done, more.done);
    sum(&mut all.refused, more.refused);
    sum(&mut all.endings, more.endings);
}

fn sum<K: Ord>(all: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        *all.entry(key).or_default() += count;
    }
}
