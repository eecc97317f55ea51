//! How long a panel may commit to its ballots, so that no seat commits to what it has read.
//!
//! A commitment counts when it is stored before ballots are asked for. Ballots are asked for once
//! every seat has committed, some time after a quorum has, or when jurors show their ballots by
//! themselves. That moment is stored before the first question for a ballot leaves the process, and
//! no ballot is stored before it.
//!
//! Warning: jurors open their seals for whoever brings a quorum of commitments. A seat that collects
//! these itself, within the time that the others have left, can still read first.

use std::time::Duration;

use surety_bindings::escrow::Terms;
use tokio::time::Instant;

use crate::RelayerError;
use crate::case;
use crate::relayer::Relayer;
use crate::store::cases::CaseRow;
use crate::store::phase::{self, Phase};

/// The time that a case's seats have to commit.
pub(crate) struct CommitTime<'a> {
    relayer: &'a Relayer,
    row: &'a CaseRow,
    terms: &'a Terms,
    quorum: usize,
    phase: Phase,
    /// When those that have not committed are waited for no longer.
    until: Option<Instant>,
}

impl<'a> CommitTime<'a> {
    /// As the store has it.
    pub(crate) fn new(
        (relayer, row, terms): (&'a Relayer, &'a CaseRow, &'a Terms),
        phase: Phase,
        quorum: usize,
    ) -> Self {
        Self { relayer, row, terms, quorum, phase, until: None }
    }

    /// Whose time it is.
    pub(crate) const fn case(&self) -> (&'a CaseRow, &'a Terms) {
        (self.row, self.terms)
    }

    /// Whether ballots are asked for.
    pub(crate) const fn is_over(&self) -> bool {
        self.phase.is_over
    }

    /// When it ends or ended, as far as that is known: jurors may be silent until then.
    pub(crate) const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Notes how many seats have committed.
    pub(crate) fn bound(&mut self, seats: usize) {
        if seats >= self.quorum && self.until.is_none() {
            let others = Duration::from_millis(self.relayer.config.jurors.commit_ms);
            self.until = Some(Instant::now() + others);
        }
    }

    /// Looks at the chain's time.
    pub(crate) async fn look(&mut self) -> Result<(), RelayerError> {
        if self.phase.is_over {
            return Ok(());
        }
        // While another round is open, the time of this one does not run.
        let end = case::judged_by(self.relayer, self.row, self.terms).await?;
        let Some(end) = end else { return Ok(()) };
        let half = end.saturating_sub(self.terms.judgeWithin.to::<u64>() / 2);
        if self.relayer.now() >= shown_from((half, end), self.phase.asked_at) {
            self.until = Some(Instant::now());
        }
        Ok(())
    }

    /// Ends when it is to end, as far as that is known.
    pub(crate) async fn up(&self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
    }

    /// When it is to end, writes down that it is over, before anybody is asked for a ballot. `all`
    /// seats may have said what they had to.
    pub(crate) async fn end_if_due(&mut self, all: bool) -> Result<(), RelayerError> {
        let is_up = self.until.is_some_and(|until| Instant::now() >= until);
        if self.phase.is_over || !(all || is_up) {
            return Ok(());
        }
        let mut tx = self.relayer.begin(self.row.id).await?;
        phase::end(&mut tx, self.row.id).await?;
        surety_failpoint::here("case.revealing.written");
        tx.commit().await?;
        surety_failpoint::here("case.revealing.stored");
        self.phase.is_over = true;
        Ok(())
    }

    /// Those of the seats that wait who may be asked for their ballots: all or none.
    pub(crate) fn ready<T>(&self, waiting: &mut Vec<T>) -> Vec<T> {
        if self.phase.is_over { std::mem::take(waiting) } else { Vec::new() }
    }
}

/// When jurors show their ballots by themselves: when half of `judgeWithin` has passed, or half of
/// what was left of it when they were first asked.
fn shown_from((half, end): (u64, u64), asked_at: Option<u64>) -> u64 {
    match asked_at {
        Some(at) if at >= half => at.saturating_add(end.saturating_sub(at) / 2),
        Some(_) | None => half,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panel_that_is_asked_late_has_half_of_what_is_left() {
        for (asked_at, needed) in [
            (None, 150),
            (Some(10), 150),
            (Some(149), 150),
            (Some(150), 175),
            (Some(180), 190),
            (Some(250), 250),
        ] {
            assert_eq!(shown_from((150, 200), asked_at), needed, "{asked_at:?}");
        }
    }
}
