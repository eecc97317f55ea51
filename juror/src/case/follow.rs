//! Following the chain: what time it is, and which cases something has happened to.
//!
//! What that costs is counted in blocks, never in blocks times cases. Time is announced to all. Of
//! each block the escrows' events are read once, and only a case whose deal they name looks at the
//! chain again; all do after a reorganisation, and each does before it acts on it that its time
//! comes to an end. One more looks with every block, in turn, should an endpoint have kept an event
//! back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use surety_jury::wire::CaseState;
use tokio::sync::watch;

use super::{Desk, Open, Work};
use crate::{
    JurorError,
    chain::{Block, Moment},
    verify::{Fault, Window},
};

/// How long a case waits before it looks again at a chain that did not answer.
pub(super) const LOOK_WAIT: Duration = Duration::from_secs(10);
/// The most blocks whose events are asked for at once; halved while an endpoint refuses. Of a juror
/// that was away for longer all cases look.
const SPAN: u64 = 1_000;

/// What follows the chain for all cases.
#[derive(Debug)]
pub(crate) struct Follower {
    desk: Arc<Desk>,
    moments: watch::Sender<Moment>,
    /// The settled block up to which events were read.
    upto: Block,
    /// How many blocks are asked about next.
    span: u64,
}

impl Follower {
    /// Begins at the moment that was announced last.
    pub(crate) fn new(desk: Arc<Desk>, moments: watch::Sender<Moment>) -> Self {
        let upto = moments.borrow().settled;
        Self { desk, moments, upto, span: SPAN }
    }

    /// Tells everybody the time, and the cases what happened to them, until the juror stops.
    ///
    /// While the endpoint is silent the time stands still. That is safe: a ballot signed after its
    /// window is worthless, never harmful.
    pub(crate) async fn run(self, every: Duration) {
        let stop = self.desk.stop.clone();
        stop.run_until_cancelled(self.follow(every)).await;
    }

    #[expect(clippy::cognitive_complexity, reason = "what is logged counts as branches")]
    async fn follow(mut self, every: Duration) {
        let (mut answers, mut turn) = (true, 0_usize);
        loop {
            tokio::time::sleep(every).await;
            let moment = self.desk.chain.moment().await;
            if moment.is_ok() != answers {
                answers = !answers;
                tracing::warn!(answers, "the chain's endpoint");
            }
            let Ok(moment) = moment else { continue };
            let announce = |last: &mut Moment| std::mem::replace(last, moment) != moment;
            if self.moments.send_if_modified(announce) {
                turn = turn.wrapping_add(1);
                self.desk.look_in_turn(turn);
            }
            if let Err(err) = self.read(moment.settled).await {
                tracing::debug!(%err, "the events are read later");
            }
        }
    }

    /// Reads what the escrows said up to a settled block, and has the cases look that it is about.
    async fn read(&mut self, to: Block) -> Result<(), JurorError> {
        let (chain, upto) = (&self.desk.chain, self.upto);
        // An endpoint that lags tells nothing new; the other branch of a fork is noticed later.
        if to == upto || to.number < upto.number {
            return Ok(());
        }
        let ahead = to.number.saturating_sub(upto.number);
        let is_next = (1..=SPAN).contains(&ahead) && chain.block(upto.number.into()).await? == upto;
        if !is_next {
            self.upto = to;
            self.desk.touch(|_| true);
            return Ok(());
        }
        let end = if ahead <= self.span {
            to
        } else {
            chain.block(upto.number.saturating_add(self.span).into()).await?
        };
        match chain.named(upto, end).await {
            Ok(deals) => {
                (self.upto, self.span) = (end, self.span.saturating_mul(2).min(SPAN));
                self.desk.touch(|open| deals.contains(&open.deal_id));
                Ok(())
            }
            Err(err) => {
                self.span = (self.span / 2).max(1);
                Err(err)
            }
        }
    }
}

impl Desk {
    /// Has cases look at the chain.
    fn touch(&self, is_it: impl Fn(&Open) -> bool) {
        for open in self.open_cases().values().filter(|open| is_it(open)) {
            open.moved.notify_one();
        }
    }

    /// Has one case look, and the next time another one.
    fn look_in_turn(&self, turn: usize) {
        let cases = self.open_cases();
        // A ballot that only waits to be seen goes by the time.
        let following =
            || cases.values().filter(|open| open.status.borrow().state != CaseState::Committed);
        let at = turn.checked_rem(following().count()).unwrap_or_default();
        if let Some(open) = following().nth(at) {
            open.moved.notify_one();
        }
    }
}

impl Work {
    /// Reads how the milestone stands at the moment.
    pub(super) async fn look(&self) -> Result<(), Fault> {
        // Asked for anew: the moment that was last announced may be older than the one at which the
        // case was taken, and the deal not yet open in it.
        let moment = self.desk.chain.moment().await?;
        let standing = self.asked.standing(&self.desk.chain, moment).await?;
        self.standing.send_replace(standing);
        Ok(())
    }

    /// Follows the milestone until no ballot could count any more.
    #[expect(clippy::cognitive_complexity, reason = "an arm for each thing that can happen")]
    pub(super) async fn follow(&self) -> Fault {
        let mut moments = self.desk.moments.clone();
        let mut again = None;
        loop {
            let looks = tokio::select! {
                () = self.open.moved.notified() => true,
                () = at(again) => true,
                changed = moments.changed() => {
                    if changed.is_err() {
                        return Fault::Unable(JurorError::Stopped);
                    }
                    let now = moments.borrow_and_update().head.timestamp;
                    let looks = again.is_none() && self.is_due(now);
                    if !looks {
                        self.pass(now);
                    }
                    looks
                }
            };
            if !looks {
                continue;
            }
            match self.look().await {
                Ok(()) => again = None,
                Err(Fault::Unable(err)) => {
                    tracing::debug!(%err, "no view of the milestone");
                    again = Some(Instant::now() + LOOK_WAIT);
                    let now = self.desk.moments.borrow().head.timestamp;
                    self.pass(now);
                }
                Err(fault @ Fault::Refused(_)) => return fault,
            }
        }
    }

    /// Whether the juror does something for ever because it is now so late: it looks before that.
    fn is_due(&self, now: u64) -> bool {
        let standing = self.standing.borrow();
        let Window { judge_end, last_tenth } = standing.window;
        now >= judge_end || (now >= last_tenth && !standing.is_last_tenth())
    }

    /// Lets time pass over how the milestone stood last; only a look ends the window.
    fn pass(&self, now: u64) {
        self.standing.send_if_modified(|standing| {
            let is_later = now > standing.now && now < standing.window.judge_end;
            if is_later {
                standing.now = now;
            }
            is_later
        });
    }
}

/// Comes back at a moment; never when there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
