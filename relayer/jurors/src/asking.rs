//! Which cases are asked about: so many at once, and of no jury more than of another that wants some.
//!
//! A case has its place until its panel has decided. When nobody has given anything for a turn and
//! another case waits, it has to give the place back and to come again: jurors that are dead, or say
//! for ever that they are at work, cost other juries' cases a turn at most. Cases of one jury take
//! turns in the order in which they came.
//!
//! Warning: juries are free but for gas. Whoever makes many has a share for each of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::primitives::B256;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The places of cases that are asked about. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Asking {
    turn: Duration,
    lines: Arc<Mutex<Lines>>,
}

/// A case's place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    asking: Asking,
    jury: B256,
    /// When the turn began.
    heard: Instant,
}

#[derive(Debug)]
struct Lines {
    free: usize,
    /// How many have come.
    came: u64,
    juries: BTreeMap<B256, Line>,
}

#[derive(Debug, Default)]
struct Line {
    /// Places of the jury's cases.
    held: usize,
    /// Those that wait, each with the number under which it came.
    waiting: VecDeque<(u64, oneshot::Sender<Place>)>,
}

impl Asking {
    /// So many places; how long a case keeps one while nobody gives anything and another one waits.
    pub fn new(places: usize, turn: Duration) -> Self {
        let lines = Lines { free: places, came: 0, juries: BTreeMap::new() };
        Self { turn, lines: Arc::new(Mutex::new(lines)) }
    }

    /// A place for a case of a jury, once it is that one's turn.
    pub async fn place(&self, jury: B256) -> Option<Place> {
        let (give, given) = oneshot::channel();
        self.lines().come(jury, give);
        self.serve();
        given.await.ok()
    }

    /// Gives out what is free.
    fn serve(&self) {
        loop {
            let next = self.lines().grant();
            let Some((jury, give)) = next else { return };
            let place = Place { asking: self.clone(), jury, heard: Instant::now() };
            // Of one that waits no longer it comes back: dropping it serves the next.
            give.send(place).ok();
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A juror gave something: the turn begins anew.
    pub fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Whether nobody has given anything for a turn, which begins at `from` if that is later.
    pub fn is_silent(&self, from: Option<Instant>) -> bool {
        let since = from.map_or(self.heard, |from| from.max(self.heard));
        since.elapsed() >= self.asking.turn
    }

    /// Whether another case waits for a place.
    pub fn is_wanted(&self) -> bool {
        self.asking.lines().juries.values().any(Line::is_wanted)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.asking.lines().leave(self.jury);
        self.asking.serve();
    }
}

impl Lines {
    fn come(&mut self, jury: B256, give: oneshot::Sender<Place>) {
        self.came = self.came.saturating_add(1);
        self.juries.entry(jury).or_default().waiting.push_back((self.came, give));
    }

    /// Takes a free place for the jury that has the fewest; among several for who came first.
    fn grant(&mut self) -> Option<(B256, oneshot::Sender<Place>)> {
        let free = self.free.checked_sub(1)?;
        self.juries.retain(|_, line| line.is_in_use());
        let wanting = self.juries.iter().filter_map(|(jury, line)| {
            let (came, _) = line.waiting.front()?;
            Some((line.held, *came, *jury))
        });
        let (_, _, jury) = wanting.min()?;
        let line = self.juries.get_mut(&jury)?;
        let (_, give) = line.waiting.pop_front()?;
        line.held = line.held.saturating_add(1);
        self.free = free;
        Some((jury, give))
    }

    fn leave(&mut self, jury: B256) {
        self.free = self.free.saturating_add(1);
        if let Some(line) = self.juries.get_mut(&jury) {
            line.held = line.held.saturating_sub(1);
        }
    }
}

impl Line {
    /// Forgets at its head who waits no longer; whether anything is left of it.
    fn is_in_use(&mut self) -> bool {
        while self.waiting.front().is_some_and(|(_, give)| give.is_closed()) {
            self.waiting.pop_front();
        }
        self.held > 0 || !self.waiting.is_empty()
    }

    fn is_wanted(&self) -> bool {
        self.waiting.iter().any(|(_, give)| !give.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: B256 = B256::repeat_byte(1);
    const OTHER: B256 = B256::repeat_byte(2);
    const NO_TIME: Duration = Duration::ZERO;

    /// The place, if it is there by now.
    async fn now(waiting: &mut (impl Future<Output = Option<Place>> + Unpin)) -> Option<Place> {
        tokio::select! {
            biased;
            place = waiting => place,
            () = std::future::ready(()) => None,
        }
    }

    #[tokio::test]
    async fn a_jury_has_no_more_places_than_another_that_wants_some() {
        let asking = Asking::new(2, NO_TIME);
        let first = asking.place(ONE).await.unwrap();
        let _second = asking.place(ONE).await.unwrap();
        let mut third = Box::pin(asking.place(ONE));
        assert!(now(&mut third).await.is_none());
        let mut other = Box::pin(asking.place(OTHER));
        assert!(now(&mut other).await.is_none());
        drop(first);
        assert!(now(&mut third).await.is_none(), "its jury has one");
        let other = now(&mut other).await.unwrap();
        let mut another = Box::pin(asking.place(OTHER));
        assert!(now(&mut another).await.is_none());
        drop(other);
        assert!(now(&mut third).await.is_none(), "its jury has more than the other");
        assert!(now(&mut another).await.is_some());
        assert!(now(&mut third).await.is_some(), "nobody else wants it");
    }

    #[tokio::test]
    async fn cases_of_one_jury_take_turns() {
        let asking = Asking::new(1, NO_TIME);
        let first = asking.place(ONE).await.unwrap();
        let mut second = Box::pin(asking.place(ONE));
        assert!(now(&mut second).await.is_none());
        drop(first);
        let mut again = Box::pin(asking.place(ONE));
        assert!(now(&mut again).await.is_none());
        drop(now(&mut second).await.unwrap());
        assert!(now(&mut again).await.is_some());
    }

    #[tokio::test]
    async fn who_waits_no_longer_takes_no_place() {
        let asking = Asking::new(1, NO_TIME);
        let place = asking.place(ONE).await.unwrap();
        assert!(!place.is_wanted());
        let mut gone = Box::pin(asking.place(OTHER));
        let mut served = Box::pin(asking.place(OTHER));
        assert!(now(&mut gone).await.is_none());
        assert!(place.is_wanted());
        drop(gone);
        assert!(!place.is_wanted());
        assert!(now(&mut served).await.is_none());
        drop(place);
        // Served, and gone before it knew.
        drop(served);
        assert!(asking.place(ONE).await.is_some());
    }

    #[tokio::test]
    async fn a_turn_ends_in_silence_and_begins_anew_with_what_is_heard() {
        let turn = Duration::from_mins(1);
        let mut place = Asking::new(1, turn).place(ONE).await.unwrap();
        assert!(!place.is_silent(None));
        place.heard = place.heard.checked_sub(turn).unwrap();
        assert!(place.is_silent(None));
        assert!(!place.is_silent(Some(Instant::now())), "the time to commit was over just now");
        assert!(!place.is_silent(Some(Instant::now() + turn)), "it is not over yet");
        place.heard();
        assert!(!place.is_silent(None));
    }
}
