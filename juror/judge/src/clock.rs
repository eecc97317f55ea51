//! The time by which a provider is asked: the machine's, or one that passes only when it is told.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// Tells the time and lets it pass. By default it is the machine's.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The moment, where somebody tells it.
    told: Option<Arc<watch::Sender<Instant>>>,
}

impl Clock {
    /// One that stands still until it is told that time passes, and by which whoever sleeps has
    /// slept at once. So hours can be tried out in a moment.
    pub fn told() -> Self {
        Self { told: Some(Arc::new(watch::Sender::new(Instant::now()))) }
    }

    /// The moment.
    pub fn now(&self) -> Instant {
        self.told.as_ref().map_or_else(Instant::now, |told| *told.borrow())
    }

    /// Says that so much time has passed, to a clock that is told.
    pub fn pass(&self, time: Duration) {
        if let Some(told) = &self.told {
            told.send_modify(|now| *now = now.checked_add(time).unwrap_or(*now));
        }
    }

    /// Comes back after so long.
    pub(crate) async fn sleep(&self, time: Duration) {
        if self.told.is_some() {
            self.pass(time);
        } else {
            tokio::time::sleep(time).await;
        }
    }

    /// What is done within so long; nothing when it is not done by then.
    pub(crate) async fn within<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let Some(told) = &self.told else {
            return tokio::time::timeout(patience, work).await.ok();
        };
        let end = self.now().checked_add(patience);
        let mut moments = told.subscribe();
        let over = async {
            let is_over = |now: &Instant| end.is_some_and(|end| *now >= end);
            moments.wait_for(is_over).await.is_ok()
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            _ = over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn a_clock_that_is_told_passes_by_sleeping_and_by_telling_only() {
        let clock = Clock::told();
        let begun = clock.now();
        clock.sleep(HOUR).await;
        clock.pass(HOUR);
        assert_eq!(clock.now(), begun + 2 * HOUR);
        assert_eq!(clock.clone().now(), clock.now(), "a copy tells the same time");
    }

    #[tokio::test]
    async fn what_is_done_is_there_and_what_is_not_ends_with_its_time() {
        let clock = Clock::told();
        assert_eq!(clock.within(Duration::ZERO, ready(1)).await, Some(1));
        let mut endless = Box::pin(clock.within(HOUR, pending::<()>()));
        assert!(futures::poll!(&mut endless).is_pending());
        clock.pass(HOUR.saturating_sub(Duration::from_nanos(1)));
        assert!(futures::poll!(&mut endless).is_pending());
        clock.pass(Duration::from_nanos(1));
        assert_eq!(endless.await, None);
    }
}
