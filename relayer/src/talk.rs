//! The conversation with one seat: open the case, hand over the bytes when asked, take the
//! commitment, hand over everybody's commitments once they are a quorum, take the ballot.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes};
use surety_bindings::escrow::Terms;
use surety_jurors::JurorFault;
use surety_jury::SignedCommitment;
use surety_jury::wire::{BallotBody, CaseState as JurorState, CaseStatus, WaitFor};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::RelayerError;
use crate::question::Question;
use crate::relayer::Relayer;

/// A seat of the panel that is asked.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) index: u8,
    pub(crate) juror: Address,
    pub(crate) family: String,
    pub(crate) operator: String,
    pub(crate) url: String,
}

/// What a juror gave, verified: the key in that seat signed it for this case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) commitment: Option<SignedCommitment>,
    pub(crate) ballot: Option<BallotBody>,
}

/// What all seats are asked.
pub(crate) struct Hearing<'a> {
    pub(crate) relayer: &'a Relayer,
    pub(crate) case: B256,
    pub(crate) question: &'a Question,
    /// How many seats have to be bound before anybody shows a ballot.
    pub(crate) quorum: usize,
    /// The commitments that are stored.
    pub(crate) bound: watch::Receiver<Vec<SignedCommitment>>,
}

/// The seats of the panel of a round.
pub(crate) async fn seats(
    relayer: &Relayer,
    terms: &Terms,
    round: u8,
) -> Result<Vec<Seat>, RelayerError> {
    let panel = relayer.escrow.panel(terms.jury, round).await?;
    let mut seats = Vec::with_capacity(panel.len());
    for (index, juror) in (0_u8..).zip(panel) {
        seats.push(seat(relayer, index, juror).await?);
    }
    Ok(seats)
}

/// A seat, with what its juror registered.
pub(crate) async fn seat(
    relayer: &Relayer,
    index: u8,
    juror: Address,
) -> Result<Seat, RelayerError> {
    let registered = relayer.escrow.juror(juror).await?;
    let (family, operator, url) = (registered.family, registered.operator, registered.url);
    Ok(Seat { index, juror, family, operator, url })
}

impl Hearing<'_> {
    /// Talks with one juror until it gives what is to be stored next: a commitment or, of a seat
    /// that `is_bound` by one already, the ballot. Never ends without.
    pub(crate) async fn talk<'s>(&self, seat: &'s Seat, is_bound: bool) -> (&'s Seat, Heard) {
        let config = self.relayer.jurors.config();
        let most = Duration::from_millis(config.retry_most_ms.max(config.retry_ms));
        let mut pause = Duration::from_millis(config.retry_ms);
        loop {
            match self.converse(seat, is_bound).await {
                Ok(heard) => return (seat, heard),
                Err(fault) => {
                    self.relayer.metrics.juror_failed(fault.label());
                    tracing::info!(
                        case = %self.case, seat = seat.index, juror = %seat.juror, %fault,
                        "a juror gives no ballot; it will be asked again"
                    );
                }
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(most);
        }
    }

    async fn converse(&self, seat: &Seat, is_bound: bool) -> Result<Heard, JurorFault> {
        let relayer = self.relayer;
        let mut changes = relayer.changes();
        let mut told = false;
        let mut status = relayer.jurors.open(&seat.url, &self.question.request).await?;
        loop {
            let asked = Instant::now();
            let heard = answer(relayer, seat, &status, self.case)?;
            if heard.ballot.is_some() || (heard.commitment.is_some() && !is_bound) {
                return Ok(heard);
            }
            if status.state == JurorState::AwaitingDeliverable {
                let digest = self.question.delivery().deliverable;
                match bytes(relayer, self.question.name()).await {
                    Some(bytes) => relayer.jurors.push(&seat.url, digest, bytes).await?,
                    None => wait_for_change(relayer, &mut changes).await,
                }
            }
            status = if is_bound {
                self.revealed(seat, &mut told).await?
            } else {
                relayer.jurors.wait(&seat.url, self.case, WaitFor::Commitment).await?
            };
            // A juror that does not hold questions open must not be asked in a tight loop.
            if asked.elapsed() < relayer.poll() && !status.state.is_final() {
                tokio::time::sleep(relayer.poll()).await;
            }
        }
    }

    /// Waits for the ballot of a juror that has committed, and tells it of the others as soon as
    /// they are a quorum. Without them it shows the ballot when half of its time has passed.
    async fn revealed(&self, seat: &Seat, told: &mut bool) -> Result<CaseStatus, JurorFault> {
        let (jurors, case) = (&self.relayer.jurors, self.case);
        if !*told {
            tokio::select! {
                biased;
                bound = self.quorum_bound() => {
                    jurors.bind(&seat.url, case, bound).await?;
                    *told = true;
                }
                status = jurors.wait(&seat.url, case, WaitFor::Ballot) => return status,
            }
        }
        jurors.wait(&seat.url, case, WaitFor::Ballot).await
    }

    /// The commitments, once they are a quorum.
    async fn quorum_bound(&self) -> Vec<SignedCommitment> {
        let mut bound = self.bound.clone();
        let reached = bound.wait_for(|bound| bound.len() >= self.quorum).await;
        let reached = reached.map(|bound| bound.clone());
        // The sender is gone only when nobody listens here any more either.
        let Ok(bound) = reached else { return std::future::pending().await };
        bound
    }
}

async fn bytes(relayer: &Relayer, digest: B256) -> Option<Bytes> {
    match relayer.shelf.get(digest).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::error!(%digest, %error, "a deliverable cannot be read");
            None
        }
    }
}

async fn wait_for_change(relayer: &Relayer, changes: &mut watch::Receiver<u64>) {
    // Whether it rang or the time is over, the answer is to look again.
    drop(tokio::time::timeout(relayer.poll() * 4, changes.changed()).await);
}

/// What a juror's answer holds, once it holds. A ballot without a commitment is on record and does
/// not count.
pub(crate) fn answer(
    relayer: &Relayer,
    seat: &Seat,
    status: &CaseStatus,
    case: B256,
) -> Result<Heard, JurorFault> {
    if status.case_id != case {
        return Err(JurorFault::OtherCase);
    }
    match status.state {
        JurorState::AwaitingDeliverable | JurorState::Judging => Ok(Heard::default()),
        JurorState::Silent => Err(JurorFault::NoBallot("it is silent on this case")),
        JurorState::Refused => Err(JurorFault::NoBallot("it refuses this case")),
        JurorState::Committed => {
            let commitment = commitment(relayer, seat, status, case)?;
            let missing = || JurorFault::Commitment("it is missing".to_owned());
            Ok(Heard { commitment: Some(commitment.ok_or_else(missing)?), ballot: None })
        }
        JurorState::Ballot => {
            let ballot = Some(ballot(relayer, seat, status, case)?);
            Ok(Heard { commitment: commitment(relayer, seat, status, case)?, ballot })
        }
    }
}

fn commitment(
    relayer: &Relayer,
    seat: &Seat,
    status: &CaseStatus,
    case: B256,
) -> Result<Option<SignedCommitment>, JurorFault> {
    let Some(commitment) = status.commitment else { return Ok(None) };
    let place = (relayer.escrow.chain_id, relayer.escrow.jury);
    match commitment.seat(case, &[seat.juror], place) {
        Ok(_) => Ok(Some(commitment)),
        Err(error) => Err(JurorFault::Commitment(error.to_string())),
    }
}

fn ballot(
    relayer: &Relayer,
    seat: &Seat,
    status: &CaseStatus,
    case: B256,
) -> Result<BallotBody, JurorFault> {
    let Some(body) = status.ballot.as_ref() else {
        return Err(JurorFault::Ballot("it is missing".to_owned()));
    };
    if body.case_id != case {
        return Err(JurorFault::OtherCase);
    }
    if body.juror != seat.juror {
        return Err(JurorFault::Ballot("it is another juror's".to_owned()));
    }
    body.verify(relayer.escrow.chain_id, relayer.escrow.jury)
        .map_err(|e| JurorFault::Ballot(e.to_string()))?;
    Ok(body.clone())
}
