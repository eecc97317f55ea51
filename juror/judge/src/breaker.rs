//! The circuit breaker before the provider: after several outages in a row nobody asks, until one
//! question was tried and answered.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often a wait doubles.
const DOUBLINGS_MOST: u32 = 5;

/// Counts the outages of one provider.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// Outages in a row that open it.
    outages_most: u32,
    /// How long it stays open the first time.
    rest: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Outages since the last answer.
    outages: u32,
    /// When the next question may be tried, while it is open.
    try_at: Option<Instant>,
}

impl Breaker {
    pub(crate) fn new(outages_most: u32, rest: Duration) -> Self {
        Self { outages_most, rest, state: Mutex::default() }
    }

    /// Whether a question may be asked at `now`. While the provider is out, one question at a time
    /// is: whoever is let through shuts it for the others.
    pub(crate) fn lets_through(&self, now: Instant) -> bool {
        let mut state = self.state();
        match state.try_at {
            None => true,
            Some(at) if now < at => false,
            Some(_) => {
                // Should its answer never be told, the next is tried after another rest.
                state.try_at = now.checked_add(self.rest_after(state.outages));
                true
            }
        }
    }

    /// Counts how a request ended.
    pub(crate) fn tell(&self, is_answered: bool, now: Instant) {
        let mut state = self.state();
        if is_answered {
            *state = State::default();
            return;
        }
        state.outages = state.outages.saturating_add(1);
        if state.outages >= self.outages_most {
            state.try_at = now.checked_add(self.rest_after(state.outages));
        }
    }

    /// Whether nobody asks at `now`.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.state().try_at.is_some_and(|at| now < at)
    }

    /// How long it stays open the first time.
    pub(crate) const fn rest(&self) -> Duration {
        self.rest
    }

    fn rest_after(&self, outages: u32) -> Duration {
        let doublings = outages.saturating_sub(self.outages_most).min(DOUBLINGS_MOST);
        self.rest.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(1))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Duration = Duration::from_secs(30);
    const ALMOST: Duration = Duration::from_millis(29_999);

    #[test]
    fn it_opens_after_so_many_outages_in_a_row_and_not_before() {
        let (breaker, now) = (Breaker::new(3, REST), Instant::now());
        for is_answered in [false, false, true, false, false] {
            breaker.tell(is_answered, now);
            assert!(breaker.lets_through(now));
        }
        breaker.tell(false, now);
        assert!(!breaker.lets_through(now + ALMOST));
    }

    #[test]
    fn after_a_rest_one_question_is_tried_and_its_answer_lets_all_through() {
        let (breaker, now) = (Breaker::new(1, REST), Instant::now());
        breaker.tell(false, now);
        let later = now + REST;
        assert!(!breaker.lets_through(now + ALMOST));
        assert!(breaker.lets_through(later));
        assert!(!breaker.lets_through(later), "the others wait for the first");
        breaker.tell(true, later);
        assert!(breaker.lets_through(later) && breaker.lets_through(later));
    }

    #[test]
    fn each_failed_try_doubles_the_rest_up_to_a_limit() {
        let (breaker, mut now) = (Breaker::new(1, REST), Instant::now());
        for factor in [1, 2, 4, 8, 16, 32, 32, 32] {
            breaker.tell(false, now);
            assert!(!breaker.lets_through(now + ALMOST * factor));
            now += REST * factor;
            assert!(breaker.lets_through(now));
        }
    }

    #[test]
    fn a_try_whose_end_nobody_tells_is_tried_again() {
        let (breaker, now) = (Breaker::new(1, REST), Instant::now());
        breaker.tell(false, now);
        assert!(breaker.lets_through(now + REST));
        assert!(breaker.lets_through(now + REST * 2));
    }
}
