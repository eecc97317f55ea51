//! Whether this juror can do its work now.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use surety_terms::Problem;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{case::Desk, chain::Moment, verify::Fault};

/// How long one answer is good: who asks often does not make the disk and the endpoint work often.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What was found last.
#[derive(Debug)]
pub(crate) struct Readiness {
    stale_after: Duration,
    /// When the chain's head moved last.
    moved: Mutex<Instant>,
    last: tokio::sync::Mutex<Option<(Instant, Vec<String>)>>,
}

impl Readiness {
    pub(crate) fn new(stale_after: Duration) -> Self {
        let moved = Mutex::new(Instant::now());
        Self { stale_after, moved, last: tokio::sync::Mutex::default() }
    }

    /// Notes when the head moves, until the juror stops.
    pub(crate) async fn follow(
        &self,
        mut moments: watch::Receiver<Moment>,
        stop: CancellationToken,
    ) {
        let follow = async {
            while moments.changed().await.is_ok() {
                *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    /// How long the head has stood still.
    pub(crate) fn head_age(&self) -> Duration {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Fails with everything that keeps this juror from its work.
    pub(crate) async fn check(&self, desk: &Desk) -> Result<(), Fault> {
        let mut last = self.last.lock().await;
        let fresh = last.as_ref().filter(|(at, _)| at.elapsed() < GOOD_FOR);
        let wrong = match fresh {
            Some((_, wrong)) => wrong.clone(),
            None => self.look(desk).await,
        };
        if fresh.is_none() {
            *last = Some((Instant::now(), wrong.clone()));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Problem::new("not-ready", 503, "The juror is not ready", wrong.join("; ")).into())
    }

    #[expect(clippy::cognitive_complexity, reason = "what is logged counts as branches")]
    async fn look(&self, desk: &Desk) -> Vec<String> {
        let mut wrong = Vec::new();
        if desk.closing.is_cancelled() {
            wrong.push("it is stopping".to_owned());
        }
        if let Err(err) = desk.store.expect_writable().await {
            tracing::error!(%err, "the store cannot be written");
            wrong.push("its store cannot be written: check the disk".to_owned());
        }
        // Chain id, contracts and registration, as at the start.
        if let Err(err) = desk.chain.preflight(desk.signer.juror()).await {
            wrong.push(err.to_string());
        }
        match desk.troubles().await {
            Ok(troubles) => wrong.extend(troubles.iter().map(|trouble| {
                format!("the provider is {}: {}", trouble.word(), trouble.advice())
            })),
            Err(err) => {
                tracing::error!(%err, "the store cannot be read");
                wrong.push("its store cannot be read: check the disk".to_owned());
            }
        }
        let age = self.head_age();
        if age > self.stale_after {
            let secs = age.as_secs();
            wrong.push(format!("the chain's head has not moved for {secs} s: check the endpoint"));
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use surety_dialect::ProviderFault;
    use surety_judge::Trouble;

    #[test]
    fn every_word_about_the_provider_is_documented() {
        let table = include_str!("../metrics/README.md");
        let words = Trouble::ALL.map(Trouble::word);
        for word in words.iter().chain(&ProviderFault::NAMES).chain(&["answered"]) {
            assert!(table.contains(&format!("`{word}`")), "{word}");
        }
    }
}
