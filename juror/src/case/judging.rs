//! Asking until there is an opinion: services first, then the provider, in one of so many places.
//!
//! A place is held for questions only. Or a service that lets probes wait would keep honest cases
//! from theirs, and a provider that asks to wait a seat from saying what its checks found.

use std::time::Instant;

use surety_judge::{Judged, Session, Turn, Until};
use surety_jury::Opinion;
use tokio::time::timeout_at;

use super::{DAY_SECS, FIRST_WAIT, ROUND_WAIT, Work};
use crate::JurorError;

impl Work {
    /// Asks until everything is answered; from the last tenth of the window on, once more and never
    /// again.
    #[expect(clippy::cognitive_complexity, reason = "an arm for each thing that can happen")]
    pub(super) async fn judge(&self, session: &Session<'_>) -> Result<Opinion, JurorError> {
        let mut wait = FIRST_WAIT;
        loop {
            if self.standing.borrow().is_last_tenth() {
                return self.judge_last(session).await;
            }
            let is_down = session.probe().await?;
            let place = tokio::select! {
                biased;
                () = self.last_tenth() => continue,
                place = self.place(session) => place?,
            };
            // Never broken off: what is asked is paid for, and its answer written down.
            let judged = session.ask_round(self.until(), is_down).await?;
            drop(place);
            if let Judged::Opinion(opinion) = judged {
                return Ok(opinion);
            }
            tracing::warn!(case = %self.row.case_id, "somebody who is asked is out");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.last_tenth() => {}
            }
            wait = wait.saturating_mul(2).min(ROUND_WAIT);
        }
    }

    async fn judge_last(&self, session: &Session<'_>) -> Result<Opinion, JurorError> {
        let until = self.until();
        let ask = async {
            if let Ok(place) = timeout_at(until.deadline.into(), self.place(session)).await {
                let place = place?;
                session.ask_last(until).await?;
                drop(place);
            } else {
                // What was not asked has no answer; what the checks found still counts.
                tracing::warn!(case = %self.row.case_id, "no place to ask in came free in time");
            }
            Ok::<(), JurorError>(())
        };
        let probe = async { session.probe_last().await.map_err(JurorError::from) };
        tokio::try_join!(probe, ask)?;
        Ok(session.opinion().await?)
    }

    /// A place to ask in, if there is something to ask.
    async fn place(&self, session: &Session<'_>) -> Result<Option<Turn<'_>>, JurorError> {
        if !session.has_questions().await {
            return Ok(None);
        }
        self.desk.judging.ask().await.ok_or(JurorError::Stopped).map(Some)
    }

    /// How long the provider may be asked from now on.
    fn until(&self) -> Until {
        let standing = self.standing.borrow();
        Until { deadline: Instant::now() + standing.patience(), day: standing.now / DAY_SECS }
    }
}
