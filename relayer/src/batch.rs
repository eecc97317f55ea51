//! Verdicts that are ready together go as one settlement.
//!
//! The task of a decided case offers its verdict and waits for one word: sent, or alone. A gatherer
//! takes what waits, proposes the list to the jurors and queues one transaction. Nothing of a list
//! is stored before that; then the transaction and the state of all its cases are one write. So a
//! crash before leaves decided cases, which are gathered again, and a crash after leaves cases that
//! are sent, each of which believes only what the escrow says of its own milestone.
//!
//! Whatever goes wrong with a list, its cases settle alone: a juror's refusal, an endpoint's, a case
//! that another instance has taken over, an item that the escrow skips.

mod ask;
mod gather;
mod send;
mod skip;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy::primitives::B256;
use surety_batches::Entry;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

pub(crate) use self::gather::run;
pub(crate) use self::skip::skips;
use crate::case::{self, Next};
use crate::relayer::Relayer;
use crate::store::batches;
use crate::store::cases::CaseRow;
use crate::{RelayerError, submit};

/// Chain time that a settlement has to get into a block after the longest wait for company, in
/// seconds. Whose panel's time ends sooner goes alone.
const IN_TIME: u64 = 60;
/// How long a verdict waits for the gatherer beside the moment and the jurors: only a gatherer that
/// is gone takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a verdict that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its settlement is with the sender.
    Sent,
    /// It has to go alone.
    Alone,
}

/// A verdict that waits for others.
#[derive(Debug)]
struct Offer {
    round: u8,
    entry: Entry,
    since: Instant,
    tell: oneshot::Sender<Fate>,
}

impl Offer {
    /// What settles together: verdicts of one panel of one jury.
    const fn panel(&self) -> (B256, u8) {
        (self.entry.terms.jury, self.round)
    }
}

/// The verdicts that wait for others.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    offers: Mutex<Vec<Offer>>,
    bell: Notify,
}

impl Pool {
    fn offer(&self, round: u8, entry: Entry) -> oneshot::Receiver<Fate> {
        let (tell, told) = oneshot::channel();
        self.offers().push(Offer { round, entry, since: Instant::now(), tell });
        self.bell.notify_one();
        told
    }

    /// Since when the first of them has waited.
    fn oldest(&self) -> Option<Instant> {
        self.offers().iter().map(|offer| offer.since).min()
    }

    /// How many wait for the panel for which most do.
    fn longest(&self) -> usize {
        let mut panels = BTreeMap::<_, usize>::new();
        for offer in self.offers().iter() {
            let count = panels.entry(offer.panel()).or_default();
            *count = count.saturating_add(1);
        }
        panels.into_values().max().unwrap_or_default()
    }

    /// Takes all of them, by panel and at most so many together, in the order in which they came.
    /// Those whose tasks have gone are dropped.
    fn take(&self, most: usize) -> Vec<Vec<Offer>> {
        let taken = std::mem::take(&mut *self.offers());
        let mut panels = BTreeMap::<_, Vec<Vec<Offer>>>::new();
        for offer in taken.into_iter().filter(|offer| !offer.tell.is_closed()) {
            let lists = panels.entry(offer.panel()).or_default();
            match lists.last_mut().filter(|list| list.len() < most) {
                Some(list) => list.push(offer),
                None => lists.push(vec![offer]),
            }
        }
        panels.into_values().flatten().collect()
    }

    fn offers(&self) -> MutexGuard<'_, Vec<Offer>> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Settles a case in the state Decided: with others if there are any, else alone.
pub(crate) async fn settle(relayer: &Relayer, row: &CaseRow) -> Result<Next, RelayerError> {
    let batch = relayer.config.batch;
    let is_alone = batches::is_alone(&mut *relayer.store.read().await?, row.id).await?;
    if is_alone || !batch.is_on() {
        return submit::submit(relayer, row).await;
    }
    let Some(entry) = submit::entry(relayer, row).await? else { return Ok(Next::Later) };
    let Some(end) = case::judged_by(relayer, row, &entry.terms).await? else {
        return Ok(Next::Later);
    };
    let answers = Duration::from_millis(batch.answer_ms.saturating_mul(2));
    let patience = Duration::from_millis(batch.most_ms) + answers + PATIENCE;
    let in_time = relayer.now().saturating_add(IN_TIME).saturating_add(patience.as_secs()) < end;
    // Another deliverable than the pinned one may be refused, and a batch would find out by paying.
    let is_pinned = entry.state.as_ref().is_none_or(|s| s.deliverable == entry.deliverable);
    if !(in_time && is_pinned) {
        return submit::submit(relayer, row).await;
    }
    let told = relayer.pool.offer(row.round, entry);
    let fate = relayer.stop.run_until_cancelled(tokio::time::timeout(patience, told)).await;
    match fate {
        None => Ok(Next::Stop),
        Some(Ok(Ok(Fate::Sent))) => Ok(Next::Again),
        Some(Ok(Ok(Fate::Alone) | Err(_)) | Err(_)) => submit::submit(relayer, row).await,
    }
}

#[cfg(test)]
mod tests {
    use surety_bindings::escrow::Terms;

    use super::*;

    fn entry(case: u8, jury: u8) -> Entry {
        let terms = Terms { jury: B256::repeat_byte(jury), ..Terms::default() };
        let case = B256::repeat_byte(case);
        Entry { case, terms, milestone: 0, deliverable: case, state: None, after: 0 }
    }

    fn cases(lists: &[Vec<Offer>]) -> Vec<Vec<u8>> {
        let ids = |list: &Vec<Offer>| list.iter().map(|offer| offer.entry.case[0]).collect();
        lists.iter().map(ids).collect()
    }

    #[tokio::test]
    async fn verdicts_are_gathered_by_panel_in_the_order_in_which_they_came() {
        let pool = Pool::default();
        assert_eq!((pool.oldest(), pool.longest()), (None, 0));
        let offers = [(1, 7, 1), (2, 8, 1), (3, 7, 1), (4, 7, 2), (5, 7, 1), (6, 7, 1)];
        let told: Vec<_> =
            offers.map(|(case, jury, round)| pool.offer(round, entry(case, jury))).into();
        assert!(pool.oldest().is_some());
        assert_eq!(pool.longest(), 4);
        assert_eq!(cases(&pool.take(3)), [vec![1, 3, 5], vec![6], vec![4], vec![2]]);
        assert_eq!((pool.oldest(), pool.longest()), (None, 0));
        drop(told);
    }

    #[tokio::test]
    async fn a_verdict_whose_task_has_gone_is_not_gathered() {
        let pool = Pool::default();
        let gone = pool.offer(1, entry(1, 7));
        let _waits = pool.offer(1, entry(2, 7));
        drop(gone);
        assert_eq!(cases(&pool.take(9)), [[2]]);
    }
}
