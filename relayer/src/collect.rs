//! Asking a panel and collecting its ballots.
//!
//! Every seat has its own conversation; one that lies, stalls or breaks costs nobody else anything.
//! A ballot is stored once it is verified: it is about this case, and the key in that seat signed
//! it. As soon as the stored ballots are a verdict, and after a short moment for the others, the
//! conversations end: a verdict is the same for every superset of its ballots.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use surety_bindings::escrow::Terms;
use surety_jury::tally::tally;
use surety_jury::wire::{BallotBody, CaseRequest, CaseState as JurorState, CaseStatus};
use surety_jury::{Outcome, SignedBallot, Tally, ballot};
use tokio::time::Instant;

use crate::case::Next;
use crate::jurors::JurorFault;
use crate::reason::Reason;
use crate::relayer::{ROUND, Relayer};
use crate::store::ballots::{self, BallotRow, Kept};
use crate::store::cases::{self, CaseRow};
use crate::store::deals;
use crate::{RelayerError, case};

/// How often the chain is looked at while ballots are awaited, at most.
const LOOK: Duration = Duration::from_millis(200);

/// A seat of the panel that is asked.
#[derive(Debug, Clone)]
struct Seat {
    index: u8,
    juror: Address,
    family: String,
    operator: String,
    url: String,
}

/// Works on a case in the state Asked until it is decided, over, or out of time.
pub(crate) async fn collect(relayer: &Relayer, row: &CaseRow) -> Result<Next, RelayerError> {
    let Ok(_permit) = relayer.asking.acquire().await else { return Ok(Next::Stop) };
    let (request, terms, mut count) = prepare(relayer, row).await?;
    let seats = seats(relayer, &terms, row.round).await?;
    count.seats = seats.len();
    let mut talks: FuturesUnordered<_> = seats
        .iter()
        .filter(|seat| count.ballots.iter().all(|b| b.seat != seat.index))
        .map(|seat| talk(relayer, seat, &request, row.id))
        .collect();
    let mut look = tokio::time::interval(relayer.poll().max(LOOK));
    let mut deadline = None;
    loop {
        if count.tally().outcome.is_verdict() {
            relayer.verdict_found(row.id);
            let grace = Duration::from_millis(relayer.config.jurors.grace_ms);
            let until = *deadline.get_or_insert_with(|| Instant::now() + grace);
            if talks.is_empty() || Instant::now() >= until {
                return decide(relayer, row, &count).await;
            }
        }
        tokio::select! {
            Some((seat, body)) = talks.next(), if !talks.is_empty() => {
                count.ballots.extend(keep(relayer, seat, &body).await?);
            }
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)),
                if deadline.is_some() => {}
            _ = look.tick(), if deadline.is_none() => {
                if case::known_end(relayer, row).await?.is_some() {
                    return Ok(Next::Later);
                }
                if case::judging_is_over(relayer, row, &terms).await? {
                    return give_up(relayer, row, &count).await;
                }
            }
        }
    }
}

/// What the jurors are asked, under which terms, and the ballots that are stored already.
async fn prepare(
    relayer: &Relayer,
    row: &CaseRow,
) -> Result<(CaseRequest, Terms, Count), RelayerError> {
    let mut conn = relayer.store.read().await?;
    let Some(term_sheet) = deals::sheet(&mut conn, row.delivery.dealId).await? else {
        return Err(RelayerError::Row { what: "a case without a term sheet" });
    };
    let terms = term_sheet.terms();
    let Some(milestone) = terms.milestones.get(usize::from(row.delivery.milestone)) else {
        return Err(RelayerError::Row { what: "a case of a milestone that is not there" });
    };
    let ballots = ballots::counted(&mut conn, row.id).await?;
    let count = Count { rule: milestone.rule, seats: 0, ballots };
    let (delivery, signature) = (row.delivery.clone(), row.signature.clone());
    let request = CaseRequest { term_sheet, delivery, signature, round: row.round };
    Ok((request, terms, count))
}

/// The ballots so far.
struct Count {
    rule: alloy::primitives::U256,
    seats: usize,
    ballots: Vec<SignedBallot>,
}

impl Count {
    fn tally(&self) -> Tally {
        let answers: Vec<_> = self.ballots.iter().map(SignedBallot::answers).collect();
        tally(self.rule, self.seats, &answers)
    }
}

async fn seats(relayer: &Relayer, terms: &Terms, round: u8) -> Result<Vec<Seat>, RelayerError> {
    let panel = relayer.escrow.panel(terms.jury, round).await?;
    let mut seats = Vec::with_capacity(panel.len());
    for (index, juror) in (0_u8..).zip(panel) {
        let registered = relayer.escrow.juror(juror).await?;
        let (family, operator, url) = (registered.family, registered.operator, registered.url);
        seats.push(Seat { index, juror, family, operator, url });
    }
    Ok(seats)
}

/// Whether a juror of the panel has taken a case.
pub(crate) async fn is_taken(
    relayer: &Relayer,
    terms: &Terms,
    case: B256,
) -> Result<bool, RelayerError> {
    let seats = seats(relayer, terms, ROUND).await?;
    let asked = seats.iter().map(|seat| relayer.jurors.look(&seat.url, case));
    let answers = futures::future::join_all(asked).await;
    let taken = |status: &CaseStatus| {
        status.case_id == case
            && match status.state {
                JurorState::AwaitingDeliverable | JurorState::Judging | JurorState::Ballot => true,
                JurorState::Silent | JurorState::Refused => false,
            }
    };
    Ok(answers.iter().flatten().any(taken))
}

/// Talks with one juror until it gives a ballot that holds. Never ends without one.
async fn talk<'a>(
    relayer: &Relayer,
    seat: &'a Seat,
    request: &CaseRequest,
    case: B256,
) -> (&'a Seat, BallotBody) {
    let config = relayer.jurors.config();
    let most = Duration::from_millis(config.retry_most_ms.max(config.retry_ms));
    let mut pause = Duration::from_millis(config.retry_ms);
    loop {
        match converse(relayer, seat, request, case).await {
            Ok(body) => return (seat, body),
            Err(fault) => {
                relayer.metrics.juror_failed(fault.label());
                tracing::info!(
                    %case, seat = seat.index, juror = %seat.juror, %fault,
                    "a juror gives no ballot; it will be asked again"
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(most);
    }
}

/// One conversation: open the case, hand over the bytes when asked, wait for the ballot.
async fn converse(
    relayer: &Relayer,
    seat: &Seat,
    request: &CaseRequest,
    case: B256,
) -> Result<BallotBody, JurorFault> {
    let mut changes = relayer.changes();
    let mut status = relayer.jurors.open(&seat.url, request).await?;
    loop {
        let asked = Instant::now();
        if let Some(body) = answer(relayer, seat, &status, case)? {
            return Ok(body);
        }
        if status.state == JurorState::AwaitingDeliverable {
            let digest = request.delivery.deliverable;
            match bytes(relayer, digest).await {
                Some(bytes) => relayer.jurors.push(&seat.url, digest, bytes).await?,
                None => wait_for_change(relayer, &mut changes).await,
            }
        }
        status = relayer.jurors.wait(&seat.url, case).await?;
        // A juror that does not hold questions open must not be asked in a tight loop.
        if asked.elapsed() < relayer.poll() && !status.state.is_final() {
            tokio::time::sleep(relayer.poll()).await;
        }
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

async fn wait_for_change(relayer: &Relayer, changes: &mut tokio::sync::watch::Receiver<u64>) {
    // Whether it rang or the time is over, the answer is to look again.
    drop(tokio::time::timeout(relayer.poll() * 4, changes.changed()).await);
}

/// The ballot in a juror's answer, once it holds.
fn answer(
    relayer: &Relayer,
    seat: &Seat,
    status: &CaseStatus,
    case: B256,
) -> Result<Option<BallotBody>, JurorFault> {
    if status.case_id != case {
        return Err(JurorFault::OtherCase);
    }
    match status.state {
        JurorState::AwaitingDeliverable | JurorState::Judging => Ok(None),
        JurorState::Silent => Err(JurorFault::NoBallot("it is silent on this case")),
        JurorState::Refused => Err(JurorFault::NoBallot("it refuses this case")),
        JurorState::Ballot => {
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
            Ok(Some(body.clone()))
        }
    }
}

/// Stores a verified ballot. Returns it when it is the one that counts.
async fn keep(
    relayer: &Relayer,
    seat: &Seat,
    body: &BallotBody,
) -> Result<Option<SignedBallot>, RelayerError> {
    let signed =
        SignedBallot { seat: seat.index, ballot: body.ballot(), signature: body.signature };
    let row = BallotRow {
        juror: seat.juror,
        family: seat.family.clone(),
        operator: seat.operator.clone(),
        signed: signed.clone(),
        counted: true,
    };
    let mut tx = relayer.begin(body.case_id).await?;
    let kept = ballots::keep(&mut tx, &row).await?;
    tx.commit().await?;
    relayer.changed();
    relayer.metrics.ballot(seat.index, kept.label());
    match kept {
        Kept::First => Ok(Some(signed)),
        Kept::Again => Ok(None),
        Kept::Equivocation => {
            tracing::error!(case = %body.case_id, juror = %seat.juror, "a juror equivocated");
            Ok(None)
        }
    }
}

/// Writes down the ballots that decide, before anything is sent.
async fn decide(relayer: &Relayer, row: &CaseRow, count: &Count) -> Result<Next, RelayerError> {
    let mut ballots = count.ballots.clone();
    ballots.sort_by_key(|b| b.seat);
    let packed = ballot::pack(&ballots)
        .map_err(|_| RelayerError::Row { what: "ballots that do not pack" })?;
    let tally = count.tally();
    let mut tx = relayer.begin(row.id).await?;
    cases::decided(&mut tx, row.id, (&packed, &tally), relayer.now()).await?;
    tx.commit().await?;
    relayer.changed();
    relayer.metrics.verdict(match tally.outcome {
        Outcome::Accepted => "accepted",
        Outcome::Rejected => "rejected",
        Outcome::Undetermined => "undetermined",
        Outcome::NoVerdict => "none",
    });
    tracing::info!(
        case = %row.id, outcome = ?tally.outcome, seats = tally.seats.count_ones(), "decided"
    );
    Ok(Next::Again)
}

async fn give_up(relayer: &Relayer, row: &CaseRow, count: &Count) -> Result<Next, RelayerError> {
    let (got, needed) = (count.ballots.len(), surety_jury::quorum(count.seats));
    case::give_up(relayer, row.id, Reason::NoVerdict { got, needed }).await
}
