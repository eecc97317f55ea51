//! Whose turn it is: so many cases are asked about at once, so many are checked, and what is no
//! case waits while one is.
//!
//! A provider may take its time, and programs take the machine's. Neither holds up the other.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// The places in which cases are judged.
#[derive(Debug)]
pub struct Turns {
    asking: Semaphore,
    checking: Semaphore,
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
    /// So many places to ask, and as many to check.
    pub fn new(places: usize) -> Self {
        let (asking, checking) = (Semaphore::new(places), Semaphore::new(places));
        Self { asking, checking, cases: watch::Sender::new(0) }
    }

    /// A place to ask the provider about a case, once one is free.
    pub async fn ask(&self) -> Option<Turn<'_>> {
        self.one_of(&self.asking).await
    }

    /// A place to run a case's programs, once one is free.
    pub async fn check(&self) -> Option<Turn<'_>> {
        self.one_of(&self.checking).await
    }

    async fn one_of<'a>(&'a self, places: &'a Semaphore) -> Option<Turn<'a>> {
        self.cases.send_modify(|cases| *cases = cases.saturating_add(1));
        let wanted = Wanted(&self.cases);
        let place = places.acquire().await.ok()?;
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
        let first = turns.ask().await;
        let mut second = Box::pin(turns.ask());
        assert!(futures::poll!(&mut second).is_pending());
        assert_eq!(*cases.borrow(), 2);
        drop(first);
        let second = second.await;
        assert!(!is_quiet(&cases, Duration::ZERO).await);
        let mut third = Box::pin(turns.ask());
        assert!(futures::poll!(&mut third).is_pending());
        drop(third);
        drop(second);
        assert!(is_quiet(&cases, Duration::ZERO).await, "who gave up waiting is not counted");
    }

    #[tokio::test]
    async fn who_asks_holds_up_nobody_who_checks() {
        let turns = Turns::new(1);
        let asking = turns.ask().await;
        let checking = turns.check().await;
        assert!(asking.is_some() && checking.is_some());
        assert_eq!(*turns.cases().borrow(), 2);
    }
}
