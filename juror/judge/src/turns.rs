//! Whose turn it is: so many cases are judged at once, and what is no case waits while one is.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// The places in which cases are judged.
#[derive(Debug)]
pub struct Turns {
    places: Semaphore,
    /// Cases that have a place or want one.
    cases: watch::Sender<usize>,
}

/// A case's place, until it is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    _place: SemaphorePermit<'a>,
    _wanted: Wanted<'a>,
}

/// Counts a case for as long as it has a place or wants one.
#[derive(Debug)]
struct Wanted<'a>(&'a watch::Sender<usize>);

impl Turns {
    /// So many places.
    pub fn new(places: usize) -> Self {
        Self { places: Semaphore::new(places), cases: watch::Sender::new(0) }
    }

    /// A place, once one is free.
    pub async fn acquire(&self) -> Option<Turn<'_>> {
        self.cases.send_modify(|cases| *cases = cases.saturating_add(1));
        let wanted = Wanted(&self.cases);
        let place = self.places.acquire().await.ok()?;
        Some(Turn { _place: place, _wanted: wanted })
    }

    /// How many cases have a place or want one, at any time.
    pub fn cases(&self) -> watch::Receiver<usize> {
        self.cases.subscribe()
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|cases| *cases = cases.saturating_sub(1));
    }
}

/// Waits until no case has a place or wants one; whether that came within so much time.
pub(crate) async fn is_quiet(cases: &watch::Receiver<usize>, within: Duration) -> bool {
    let mut cases = cases.clone();
    let quiet = cases.wait_for(|cases| *cases == 0);
    tokio::time::timeout(within, quiet).await.is_ok_and(|quiet| quiet.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_quiet_once_no_case_has_a_place_or_waits_for_one() {
        let turns = Turns::new(1);
        let cases = turns.cases();
        assert!(is_quiet(&cases, Duration::ZERO).await);
        let first = turns.acquire().await;
        let mut second = Box::pin(turns.acquire());
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(*cases.borrow(), 2);
        drop(first);
        let second = second.await;
        assert!(!is_quiet(&cases, Duration::ZERO).await);
        let mut third = Box::pin(turns.acquire());
        assert!(futures::poll!(&mut third).is_pending());
        drop(third);
        drop(second);
        assert!(is_quiet(&cases, Duration::ZERO).await, "who gave up waiting is not counted");
    }
}
