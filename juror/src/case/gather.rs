//! What a case waits for before a model is asked: the bytes, what the buyer hid, and the checks.

use std::time::{Duration, Instant};

use surety_fetch::Bounds;
use surety_judge::{JudgeError, Session};
use surety_jury::wire::CaseState;
use surety_privacy::ciphertext_most;
use surety_terms::Reveal;

use super::{FIRST_WAIT, Work};
use crate::{JurorError, verify::Standing};

/// The longest wait between two fetches, and between two runs of a check.
const FETCH_WAIT: Duration = Duration::from_mins(1);

impl Work {
    /// The bytes, from whoever pushes them, else from the seller's URI. `None` when they are
    /// missing, which nobody says before the last tenth of the window.
    pub(super) async fn deliverable(&self) -> Result<Option<Vec<u8>>, JurorError> {
        let (store, digest) = (&self.desk.store, self.row.deliverable);
        let circle = self.open.circle.as_ref();
        let grace = Duration::from_secs(self.desk.fetch.grace_secs);
        let begun = Instant::now();
        let mut wait = grace;
        loop {
            if let Some(bytes) = store.deliverable(digest, circle).await? {
                return Ok(Some(bytes));
            }
            self.say(CaseState::AwaitingDeliverable);
            let over = begun.elapsed() >= grace;
            let due = over && self.standing.borrow().is_last_tenth();
            let tried = tokio::select! {
                () = self.open.arrived.notified() => continue,
                tried = self.fetch_after(if due { Duration::ZERO } else { wait }, over) => tried,
            };
            if let Some(bytes) = tried {
                store.keep_deliverable(digest, &bytes, circle).await?;
                return Ok(Some(bytes));
            }
            if due {
                return Ok(None);
            }
            wait = wait.saturating_mul(2).clamp(FIRST_WAIT, FETCH_WAIT);
        }
    }

    /// Fetches from the URI after a wait, which the last tenth of the window cuts short once those
    /// who push are `over` their time.
    async fn fetch_after(&self, wait: Duration, over: bool) -> Option<Vec<u8>> {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.last_tenth(), if over => {}
        }
        let uri = match self.uri().await {
            Ok(uri) => uri,
            Err(err) => {
                self.not_fetched(&err.to_string());
                return None;
            }
        };
        let bounds = self.desk.fetch.bounds();
        let most_bytes = ciphertext_most(bounds.most_bytes);
        let answer = surety_fetch::get(&uri, &Bounds { most_bytes, ..bounds }).await;
        let why = match answer {
            Ok(answer) if answer.status != 200 => format!("status {}", answer.status),
            Ok(answer) => match self.desk.plain(self.row.deliverable, answer.body) {
                Ok(bytes) => return Some(bytes),
                Err(problem) => problem.detail,
            },
            Err(fault) => fault.to_string(),
        };
        self.not_fetched(&why);
        None
    }

    /// Where the seller says that the bytes are. What it said before this round is looked for once.
    async fn uri(&self) -> Result<String, JurorError> {
        let standing = self.standing.borrow().clone();
        if !self.asked.is_told_earlier() {
            return Ok(self.asked.uri(&standing).to_owned());
        }
        let search = || self.asked.told_earlier(&self.desk.chain, standing.window);
        Ok(self.told.get_or_try_init(search).await?.clone())
    }

    fn not_fetched(&self, why: &str) {
        tracing::debug!(case = %self.row.case_id, why, "not fetched");
    }

    /// What was revealed when everything is, or when the time to reveal is over.
    pub(super) async fn reveals(&self) -> Result<Vec<Reveal>, JurorError> {
        let (store, case) = (&self.desk.store, self.row.case_id);
        let circle = self.open.circle.as_ref();
        let mut standing = self.standing.subscribe();
        loop {
            let reveals = store.reveals(case, circle).await?;
            if self.open.hidden.milestone.is_opened_by(&reveals) {
                return Ok(reveals);
            }
            let over = async {
                let by =
                    |standing: &Standing| self.asked.reveal_by(self.row.seen_at, standing.window);
                standing.wait_for(|standing| standing.now >= by(standing)).await.is_ok()
            };
            tokio::select! {
                () = self.open.hidden.told.notified() => {}
                _ = over => {
                    // Closed first and read then, so that nothing is taken that is not counted.
                    self.open.hidden.close();
                    return store.reveals(case, circle).await;
                }
            }
        }
    }

    /// Hands the bytes to the session, which runs the checks: again after a while, when this
    /// machine was too slow for one. How slow it is says nothing about the deliverable, so that is
    /// neither a failure nor an abstention. When it goes on until the window ends, the juror was
    /// silent.
    pub(super) async fn read(
        &self,
        session: &mut Session<'_>,
        bytes: &[u8],
        reveals: &[Reveal],
    ) -> Result<(), JurorError> {
        let mut wait = FIRST_WAIT;
        loop {
            // Programs take memory and processors.
            let place = self.desk.judging.check().await.ok_or(JurorError::Stopped)?;
            let read = session.read(bytes.to_vec(), reveals).await;
            drop(place);
            if !matches!(read, Err(JudgeError::CheckLate)) {
                return Ok(read?);
            }
            let err = JudgeError::CheckLate;
            tracing::error!(case = %self.row.case_id, %err, "the case waits");
            self.desk.metrics.waits.inc();
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(FETCH_WAIT);
        }
    }
}
