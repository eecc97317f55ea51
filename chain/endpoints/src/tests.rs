//! Endpoints that fail, stall, lag and lie.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::*;

/// What an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Says(u64),
    Fails,
    Limits,
    Hangs,
    Refuses,
}

#[derive(Debug)]
struct Inner {
    habit: Mutex<Habit>,
    asked: AtomicU32,
}

#[derive(Debug, Clone)]
struct Fake(Arc<Inner>);

impl Fake {
    async fn ask(self) -> Result<u64, Blame> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let habit = *self.0.habit.lock().unwrap();
        match habit {
            Habit::Says(value) => Ok(value),
            Habit::Fails => Err(Blame::Failing),
            Habit::Limits => Err(Blame::Limited),
            Habit::Refuses => Err(Blame::Nothing),
            Habit::Hangs => std::future::pending().await,
        }
    }

    fn set(&self, habit: Habit) {
        *self.0.habit.lock().unwrap() = habit;
    }

    fn asked(&self) -> u32 {
        self.0.asked.load(Ordering::Relaxed)
    }
}

fn endpoints(habits: &[Habit]) -> (Endpoints<Fake, Blame>, Vec<Fake>) {
    let fakes: Vec<_> = habits
        .iter()
        .map(|habit| Fake(Arc::new(Inner { habit: Mutex::new(*habit), asked: AtomicU32::new(0) })))
        .collect();
    let settings = |at| Settings { name: format!("rpc-{at}"), priority: 0, per_second: None };
    let members = fakes.iter().cloned().zip((1..).map(settings)).collect();
    (Endpoints::new(members, None, |blame| *blame), fakes)
}

async fn agreed(all: &Endpoints<Fake, Blame>) -> Result<u64, Trouble<Blame>> {
    all.agreed(Fake::ask, |a, b| a == b, Dissent::Lies).await
}

fn standings(all: &Endpoints<Fake, Blame>) -> Vec<Standing> {
    all.reports().into_iter().map(|report| report.standing).collect()
}

use Habit::{Fails, Hangs, Limits, Refuses, Says};

#[tokio::test]
async fn one_of_three_harms_no_agreement_whatever_it_does_and_wherever_it_stands() {
    for bad in [Says(9), Fails, Limits, Hangs, Refuses] {
        for at in 0..3 {
            let mut habits = [Says(7); 3];
            habits[at] = bad;
            let (all, _) = endpoints(&habits);
            for _ in 0..6 {
                let since = Instant::now();
                assert_eq!(agreed(&all).await.unwrap(), 7, "{bad:?} at {at}");
                assert!(since.elapsed() <= Duration::from_millis(900), "{bad:?} at {at}");
            }
        }
    }
}

#[tokio::test]
async fn one_word_is_had_from_whoever_works() {
    for bad in [Fails, Limits, Hangs] {
        let (all, fakes) = endpoints(&[bad, Says(7), Says(7)]);
        for _ in 0..6 {
            let since = Instant::now();
            assert_eq!(all.first(Fake::ask).await.unwrap(), 7);
            assert!(since.elapsed() <= Duration::from_millis(900), "{bad:?}");
        }
        assert!(fakes[0].asked() < 18, "{bad:?} is benched");
        assert!(matches!(standings(&all)[0], Standing::Benched(_)), "{bad:?}");
    }
}

#[tokio::test]
async fn who_lies_is_benched_and_still_heard_when_nobody_else_is_left() {
    let (all, fakes) = endpoints(&[Says(9), Says(7), Says(7)]);
    assert_eq!(agreed(&all).await.unwrap(), 7);
    assert_eq!(standings(&all)[0], Standing::Benched(Why::Lying));
    let before = fakes[0].asked();
    assert_eq!(agreed(&all).await.unwrap(), 7);
    assert_eq!(fakes[0].asked(), before);
    fakes[1].set(Fails);
    assert!(matches!(agreed(&all).await, Err(Trouble::Disagree)));
    fakes[0].set(Says(7));
    assert_eq!(agreed(&all).await.unwrap(), 7);
}

#[tokio::test]
async fn two_that_contradict_each_other_are_no_agreement() {
    let (all, _) = endpoints(&[Says(7), Says(9)]);
    assert_eq!(all.quorum(), 2);
    assert!(matches!(agreed(&all).await, Err(Trouble::Disagree)));
    let (all, _) = endpoints(&[Says(7), Says(8), Says(9)]);
    assert!(matches!(agreed(&all).await, Err(Trouble::Disagree)));
}

#[tokio::test]
async fn an_answer_that_is_an_error_is_told_before_one_that_only_blames() {
    let (all, _) = endpoints(&[Refuses, Fails, Fails]);
    assert!(matches!(agreed(&all).await, Err(Trouble::Call(Blame::Nothing))));
    let (all, _) = endpoints(&[Fails, Fails, Refuses]);
    assert!(matches!(agreed(&all).await, Err(Trouble::Call(Blame::Nothing))));
}

#[tokio::test]
async fn one_endpoint_is_believed_and_never_benched() {
    let (all, fakes) = endpoints(&[Fails]);
    for _ in 0..5 {
        assert!(agreed(&all).await.is_err());
    }
    fakes[0].set(Says(3));
    assert_eq!((agreed(&all).await.unwrap(), all.quorum()), (3, 1));
    assert_eq!(standings(&all), [Standing::Good]);
}

#[tokio::test]
async fn everybody_is_heard_except_who_hangs() {
    let (all, _) = endpoints(&[Says(1), Hangs, Says(3)]);
    let since = Instant::now();
    let mut heard = all.gather(Fake::ask).await.unwrap();
    heard.sort_unstable();
    assert_eq!(heard, [(0, 1), (2, 3)]);
    assert!(since.elapsed() <= Duration::from_millis(600));
    for _ in 0..2 {
        all.gather(Fake::ask).await.unwrap();
    }
    assert_eq!(standings(&all)[1], Standing::Benched(Why::Slow));
    let (all, _) = endpoints(&[Says(1), Fails, Fails]);
    assert!(matches!(all.gather(Fake::ask).await, Err(Trouble::Call(Blame::Failing))));
}

#[tokio::test]
async fn all_are_told_and_the_first_good_answer_is_enough() {
    let (all, fakes) = endpoints(&[Hangs, Fails, Says(5)]);
    let mut taken = None;
    spread(&all, Fake::ask, |answer| {
        taken = answer.ok();
        taken.is_some()
    })
    .await;
    assert_eq!(taken, Some(5));
    assert!(fakes.iter().all(|fake| fake.asked() == 1));
}

#[tokio::test]
async fn a_budget_is_kept_inside_the_choice_between_endpoints() {
    let fake = Fake(Arc::new(Inner { habit: Mutex::new(Says(1)), asked: AtomicU32::new(0) }));
    let other = Fake(Arc::new(Inner { habit: Mutex::new(Says(1)), asked: AtomicU32::new(0) }));
    let few = |per_second| Settings { name: String::new(), priority: 0, per_second };
    let members = vec![(fake.clone(), few(NonZeroU32::new(2))), (other.clone(), few(None))];
    let all: Endpoints<Fake, Blame> = Endpoints::new(members, Some(1), |blame| *blame);
    for _ in 0..4 {
        all.first(Fake::ask).await.unwrap();
    }
    // The first has its two; what would have to wait went to the other.
    assert!(fake.asked() <= 3, "{}", fake.asked());
    assert!(other.asked() >= 1);
}
