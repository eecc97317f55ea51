//! The two rounds of a milestone: who judges when, and what.
//!
//! Round 1 judges a delivery that is signed or pinned. Round 2 begins when the loser of a verdict
//! appeals, when the panel does not agree, or when it was silent about a pinned delivery. The escrow
//! then says what is judged, by the appeal panel, until when.

use alloy::primitives::B256;

use super::{Asked, Fault, Standing, Window, conflict};
use crate::{
    JurorError,
    chain::{Announced, Block, Chain},
};

/// `IDealEscrow.Status.Delivered`: the ABI knows an enum only as a number.
const DELIVERED: u8 = 1;
/// `IDealEscrow.Status.Round2`.
const ROUND2: u8 = 3;
/// The round that the panel judges.
pub(super) const FIRST: u8 = 1;
/// The round that the appeal panel judges.
pub(super) const SECOND: u8 = 2;

impl Asked {
    /// When the buyer's time to reveal is over: a quarter of the window after the case came in, and
    /// before the last tenth of the window.
    pub(crate) fn reveal_by(&self, seen_at: u64, window: Window) -> u64 {
        let within: u64 = self.terms.judgeWithin.to();
        seen_at.saturating_add(within / 4).min(window.last_tenth)
    }

    /// When a sealed ballot is shown whoever has committed: when half of `judgeWithin` has passed, or
    /// half of what was left of it when the case came in, so that a panel that is asked late commits
    /// too.
    pub(crate) fn half_time(&self, window: Window, seen_at: u64) -> u64 {
        let half = window.judge_end.saturating_sub(self.terms.judgeWithin.to::<u64>() / 2);
        if seen_at < half {
            return half;
        }
        seen_at.saturating_add(window.judge_end.saturating_sub(seen_at) / 2)
    }

    /// The first moment after `standing` at which half of `judgeWithin` may have passed. While
    /// nothing is pinned, a delivery that is pinned later begins a window of its own.
    pub(crate) fn half_time_earliest(&self, standing: &Standing, seen_at: u64) -> u64 {
        let half = self.half_time(standing.window, seen_at);
        match standing.pinned {
            Some(_) => half,
            None => half.min(standing.now.saturating_add(self.terms.judgeWithin.to::<u64>() / 2)),
        }
    }

    /// The last moment at which it could be judged, as far as that is known `now`: a delivery on the
    /// chain comes before `deliverBy`, so its window is over by then too. Round 2 may begin at any
    /// time, and one that goes on now has begun.
    pub(crate) fn judge_by(&self, now: u64) -> u64 {
        let begun = if self.round == FIRST { self.deliver_by } else { now };
        begun.saturating_add(self.terms.judgeWithin.to())
    }

    /// The panel's time: until the state closes that is open, or as the sheet says while none is.
    pub(super) fn window(&self, announced: Option<&Announced>) -> Window {
        let within: u64 = self.terms.judgeWithin.to();
        let judge_end = announced.map_or_else(
            || self.deliver_by.saturating_add(within),
            |announced| announced.state.until.to::<u64>(),
        );
        Window { judge_end, last_tenth: judge_end.saturating_sub(within / 10) }
    }

    /// What the chain says of the case's round: that its delivery is pinned, or in round 1 nothing. A
    /// fault while another round is open, or none.
    pub(super) async fn announced(
        &self,
        chain: &Chain,
        at: Block,
        (now, state_digest): (u64, B256),
    ) -> Result<Option<Announced>, Fault> {
        if state_digest.is_zero() && self.round == FIRST {
            return Ok(None);
        }
        let found = if state_digest.is_zero() {
            None
        } else {
            // What was announced longer ago than this can no longer be judged.
            let since = now.saturating_sub(self.terms.judgeWithin.to::<u64>());
            chain.announced(at, self.place, state_digest, since).await?
        };
        let milestone = self.place.milestone;
        let (needed, slug, detail) = if self.round == FIRST {
            (DELIVERED, "window-over", format!("milestone {milestone} is past round 1"))
        } else {
            (ROUND2, "round-not-open", format!("milestone {milestone} is not in round 2"))
        };
        let open = found.filter(|found| found.state.status == needed);
        let rule = ("delivery.milestone", "must still be in the window of this round");
        Ok(Some(open.ok_or_else(|| conflict(slug, detail, rule))?))
    }

    /// Round 2 judges what round 1 judged or what was pinned, and nothing else, whoever signed it.
    pub(super) fn expect_judged_before(&self, standing: &Standing) -> Result<(), Fault> {
        let got = self.deliverable();
        let needed = standing.pinned.as_ref().map(|pinned| pinned.deliverable);
        match needed.filter(|needed| self.round == SECOND && *needed != got) {
            None => Ok(()),
            Some(needed) => Err(conflict(
                "other-deliverable",
                format!("round 2 is about {needed}, not {got}"),
                ("delivery.deliverable", "must be the one that stands on the chain"),
            )
            .into()),
        }
    }

    /// Whether the seller's words stand in an event that is older than the round: the one in which it
    /// pinned the delivery of round 1, which nobody brings a signature of.
    pub(crate) fn is_told_earlier(&self) -> bool {
        self.round == SECOND && self.signature.is_empty()
    }

    /// Where the seller said, when it pinned the delivery, that the bytes are. Empty when it did not,
    /// or when `escalate` was called more than `judgeWithin` after it could be.
    pub(crate) async fn told_earlier(
        &self,
        chain: &Chain,
        window: Window,
    ) -> Result<String, JurorError> {
        let (within, appeal): (u64, u64) =
            (self.terms.judgeWithin.to(), self.terms.appealWithin.to());
        // Round 1, what came between the rounds, and what has passed of round 2.
        let since =
            window.judge_end.saturating_sub(within.saturating_mul(3)).saturating_sub(appeal);
        let at = chain.moment().await?.settled;
        let deliverable = self.deliverable();
        let is_it = |found: &Announced| {
            found.state.status == DELIVERED && found.state.deliverable == deliverable
        };
        let found = chain.search(at, self.place, since, is_it).await?;
        Ok(found.map(|found| found.uri).unwrap_or_default())
    }
}
