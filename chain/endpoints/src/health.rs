//! What is remembered of an endpoint, and for how long it is left out.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why an endpoint is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It failed.
    Failing,
    /// It says that we ask too often.
    Limited,
    /// Others had answered long before.
    Slow,
    /// Its chain ends long before the others'.
    Stale,
    /// It contradicted the others where there is one answer.
    Lying,
}

/// Whether an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Good,
    /// It is again, after the others, until it answers well.
    Returning,
    /// Only when too few others are left.
    Benched(Why),
}

impl Why {
    /// The first bench and the longest.
    const fn times(self) -> (Duration, Duration) {
        match self {
            Self::Limited => (Duration::from_millis(500), Duration::from_secs(30)),
            Self::Failing => (Duration::from_secs(1), Duration::from_mins(1)),
            Self::Slow | Self::Stale => (Duration::from_secs(5), Duration::from_mins(2)),
            Self::Lying => (Duration::from_mins(1), Duration::from_hours(1)),
        }
    }
}

/// So many good answers in a row wipe an endpoint's slate clean.
const CLEAN: u32 = 100;

/// So many times slow in a row is slow.
const SLOW: u32 = 3;

#[derive(Debug, Default)]
struct Record {
    bench: Option<(Why, Instant)>,
    /// How often it was benched since it last had a clean slate.
    level: u32,
    good: u32,
    slow: u32,
    asked: u64,
    faults: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Record>);

impl Health {
    /// A panic elsewhere does not make these numbers wrong.
    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// 0 for who works, 1 for who comes back, 2 for who is benched.
    pub(crate) fn rank(&self, now: Instant) -> u8 {
        match self.standing(now) {
            Standing::Good => 0,
            Standing::Returning => 1,
            Standing::Benched(_) => 2,
        }
    }

    fn standing(&self, now: Instant) -> Standing {
        match self.record().bench {
            None => Standing::Good,
            Some((why, until)) if now < until => Standing::Benched(why),
            Some(_) => Standing::Returning,
        }
    }

    pub(crate) fn report(&self, now: Instant) -> (Standing, u64, u64) {
        let standing = self.standing(now);
        let record = self.record();
        (standing, record.asked, record.faults)
    }

    pub(crate) fn asked(&self) {
        let mut record = self.record();
        record.asked = record.asked.saturating_add(1);
    }

    /// It answered. Who was benched for what it said or how far it was needs more than any answer
    /// to come back: see [`Health::cleared`].
    pub(crate) fn answered(&self, now: Instant) {
        let mut record = self.record();
        record.slow = 0;
        record.good = record.good.saturating_add(1);
        if record.good >= CLEAN {
            record.level = 0;
        }
        let over = record.bench.filter(|(_, until)| now >= *until);
        if over.is_some_and(|(why, _)| !matches!(why, Why::Lying | Why::Stale)) {
            record.bench = None;
        }
    }

    /// It agreed with the others, at their height.
    pub(crate) fn cleared(&self, now: Instant) {
        let mut record = self.record();
        if record.bench.is_some_and(|(_, until)| now >= until) {
            record.bench = None;
        }
    }

    /// Others had answered long before it.
    pub(crate) fn was_slow(&self, now: Instant) -> Option<Duration> {
        let slow = {
            let mut record = self.record();
            record.slow = record.slow.saturating_add(1);
            record.slow
        };
        (slow >= SLOW).then(|| self.bench(Why::Slow, now)).flatten()
    }

    /// Benches it, for twice as long as the last time. None when it sits there for that already.
    pub(crate) fn bench(&self, why: Why, now: Instant) -> Option<Duration> {
        let mut record = self.record();
        record.faults = record.faults.saturating_add(1);
        (record.good, record.slow) = (0, 0);
        let (first, longest) = why.times();
        let time = first.saturating_mul(2_u32.saturating_pow(record.level.min(16))).min(longest);
        let until = now + time;
        if record.bench.is_some_and(|(_, sits)| sits > now && sits >= until) {
            return None;
        }
        let again = record.bench.is_some_and(|(_, sits)| sits > now);
        record.bench = Some((why, until));
        record.level = record.level.saturating_add(u32::from(!again));
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lies_is_benched_for_longer_every_time_and_comes_back_only_when_cleared() {
        let health = Health::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        assert_eq!(health.bench(Why::Lying, at(0)), Some(Duration::from_mins(1)));
        health.answered(at(61));
        assert_eq!(health.standing(at(61)), Standing::Returning);
        assert_eq!(health.bench(Why::Lying, at(61)), Some(Duration::from_mins(2)));
        assert_eq!(health.standing(at(180)), Standing::Benched(Why::Lying));
        health.cleared(at(180));
        assert_eq!(health.standing(at(180)), Standing::Benched(Why::Lying));
        health.cleared(at(182));
        assert_eq!(health.standing(at(182)), Standing::Good);
    }

    #[test]
    fn who_failed_comes_back_with_any_answer_and_a_hundred_wipe_the_slate() {
        let health = Health::default();
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        for (round, secs) in [(0, 1), (10, 2), (20, 4)] {
            assert_eq!(health.bench(Why::Failing, at(round)), Some(Duration::from_secs(secs)));
            health.answered(at(round + secs));
            assert_eq!(health.standing(at(round + secs)), Standing::Good);
        }
        (0..CLEAN).for_each(|_| health.answered(at(30)));
        assert_eq!(health.bench(Why::Failing, at(31)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn several_faults_at_once_are_one_bench() {
        let health = Health::default();
        let now = Instant::now();
        assert!(health.bench(Why::Failing, now).is_some());
        assert!(health.bench(Why::Lying, now).is_some(), "a longer one counts");
        assert_eq!(health.bench(Why::Failing, now), None);
    }

    #[test]
    fn three_times_slow_in_a_row_is_slow() {
        let health = Health::default();
        let now = Instant::now();
        for _ in 0..4 {
            assert_eq!(health.was_slow(now), None);
            assert_eq!(health.was_slow(now), None);
            health.answered(now);
        }
        assert_eq!(health.was_slow(now), None);
        assert_eq!(health.was_slow(now), None);
        assert_eq!(health.was_slow(now), Some(Duration::from_secs(5)));
    }
}
