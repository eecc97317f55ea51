//! Asking a panel and collecting its ballots.
//!
//! Every seat has its own conversation; one that lies, stalls or breaks costs nobody else anything.
//! First come commitments, each stored before it is used, then the ballots: one is stored once it is
//! verified, and counts when it opens a commitment that was stored before anybody was asked for a
//! ballot ([`crate::commit`]). As soon as the stored ballots are a verdict, and after a short moment
//! for the others, the conversations end: a verdict is the same for every superset of its ballots.

use std::sync::atomic::Ordering;
use std::time::Duration;

use alloy::primitives::B256;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use surety_bindings::escrow::Terms;
use surety_jurors::Place;
use surety_jury::tally::tally;
use surety_jury::wire::{BallotBody, CaseState as JurorState, CaseStatus};
use surety_jury::{Outcome, SignedBallot, SignedCommitment, Tally, ballot, quorum};
use surety_record::{self as seats, SeatState};
use surety_store::{Conn, Tx};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::case::Next;
use crate::commit::CommitTime;
use crate::question::Question;
use crate::reason::Reason;
use crate::relayer::{ROUND, Relayer};
use crate::store::ballots::{self, BallotRow, Kept};
use crate::store::cases::{self, CaseRow};
use crate::store::deals;
use crate::store::phase::{self, Phase};
use crate::talk::{self, Heard, Hearing, Seat};
use crate::{RelayerError, case};

/// How often the chain is looked at while ballots are awaited, at most.
const LOOK: Duration = Duration::from_millis(200);

/// Works on a case in the state Asked until it is decided, over, or out of time.
#[expect(clippy::cognitive_complexity, reason = "an arm for each thing that can happen")]
pub(crate) async fn collect(relayer: &Relayer, row: &CaseRow) -> Result<Next, RelayerError> {
    let jury = terms(relayer, row).await?.jury;
    let Some(mut place) = relayer.asking.place(jury).await else { return Ok(Next::Stop) };
    let (question, terms, mut count) = prepare(relayer, row).await?;
    let Some(until) = case::judged_by(relayer, row, &terms).await? else { return Ok(Next::Later) };
    let seats = talk::seats(relayer, &terms, row.round).await?;
    count.seats = seats.len();
    let asked = ask(relayer, row.id, &seats, until).await?;
    let quorum = quorum(seats.len());
    let mut time = CommitTime::new((relayer, row, &terms), asked.phase, quorum);
    time.bound(asked.commitments.len());
    let bound = watch::Sender::new(asked.commitments);
    let (case, bell) = (row.id, bound.subscribe());
    let hearing = Hearing { relayer, case, question: &question, quorum, bound: bell };
    // Who has committed waits for the others, and is not asked for its ballot before.
    let mut waiting = asked.committed;
    let mut talks: FuturesUnordered<_> =
        asked.open.into_iter().map(|seat| hearing.talk(seat, false)).collect();
    let mut look = tokio::time::interval(relayer.poll().max(LOOK));
    let mut deadline = None;
    loop {
        time.end_if_due(talks.is_empty()).await?;
        talks.extend(time.ready(&mut waiting).into_iter().map(|seat| hearing.talk(seat, true)));
        if count.tally().outcome.is_verdict() {
            let until = *deadline.get_or_insert_with(|| waits_until(relayer, row.id));
            if talks.is_empty() || Instant::now() >= until {
                return decide(relayer, row, &count).await;
            }
        }
        tokio::select! {
            Some(given) = talks.next(), if !talks.is_empty() => {
                let (seat, seats) = hear(relayer, given, &mut count, (row.id, &bound)).await?;
                place.heard();
                waiting.extend(seat);
                time.bound(seats);
            }
            () = time.up(), if !time.is_over() => {}
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)),
                if deadline.is_some() => {}
            _ = look.tick(), if deadline.is_none() => {
                let next = look_up(relayer, &question, &mut time, (&count, &place)).await?;
                if let Some(next) = next {
                    return Ok(next);
                }
            }
        }
    }
}

/// Looks at the chain: at what is asked, at what is over, and at the time to commit. Then at the
/// cases that want the place of one whose jurors are silent.
async fn look_up(
    relayer: &Relayer,
    question: &Question,
    time: &mut CommitTime<'_>,
    (count, place): (&Count, &Place),
) -> Result<Option<Next>, RelayerError> {
    question.look(relayer).await?;
    let (row, terms) = time.case();
    let next = over(relayer, row, terms, count).await?;
    if next.is_some() {
        return Ok(next);
    }
    time.look().await?;
    if !place.is_silent(time.until()) {
        return Ok(None);
    }
    if relayer.crowded.load(Ordering::Relaxed) {
        return case::set_aside(relayer, row.id).await.map(Some);
    }
    Ok(place.is_wanted().then_some(Next::Later))
}

/// Keeps what a seat gave, and counts its ballot. Returns the seat while it has more to give.
async fn take<'s>(
    relayer: &Relayer,
    case: B256,
    (seat, heard): (&'s Seat, Heard),
    count: &mut Count,
) -> Result<Option<&'s Seat>, RelayerError> {
    let tx = relayer.begin(case).await?;
    Ok(match keep(relayer, (case, tx), seat, &heard).await? {
        Shown::Nothing => Some(seat),
        Shown::Uncounted => None,
        Shown::Counted(ballot) => {
            count.ballots.push(ballot);
            None
        }
    })
}

/// How long a verdict waits for the other seats, from now on.
fn waits_until(relayer: &Relayer, case: B256) -> Instant {
    relayer.verdict_found(case);
    Instant::now() + Duration::from_millis(relayer.config.jurors.grace_ms)
}

/// What to do when no verdict can come any more; nothing while one can.
async fn over(
    relayer: &Relayer,
    row: &CaseRow,
    terms: &Terms,
    count: &Count,
) -> Result<Option<Next>, RelayerError> {
    if case::known_end(relayer, row).await?.is_some() {
        return Ok(Some(Next::Later));
    }
    match case::judged_by(relayer, row, terms).await? {
        // Another round is open: the case ends with its own, or waits for it.
        None => Ok(Some(Next::Later)),
        Some(until) if relayer.now() >= until => give_up(relayer, row, count).await.map(Some),
        Some(_) => Ok(None),
    }
}

/// The seats that have not shown their ballot yet, apart by whether they have committed.
struct Asked<'a> {
    phase: Phase,
    open: Vec<&'a Seat>,
    committed: Vec<&'a Seat>,
    commitments: Vec<SignedCommitment>,
}

/// Writes down which seats are asked, before they are.
async fn ask<'a>(
    relayer: &Relayer,
    case: B256,
    panel: &'a [Seat],
    until: u64,
) -> Result<Asked<'a>, RelayerError> {
    let mut tx = relayer.begin(case).await?;
    for seat in panel {
        seats::asked(&mut tx, case, (seat.index, seat.juror), until).await?;
    }
    phase::begin(&mut tx, case, relayer.now()).await?;
    let phase = phase::get(&mut tx, case).await?;
    let rows = seats::of_case(&mut tx, case).await?;
    let counted = ballots::counted(&mut tx, case).await?;
    surety_failpoint::here("seat.asked.written");
    tx.commit().await?;
    surety_failpoint::here("seat.asked.stored");
    let open = rows.iter().filter(|row| row.state.is_open());
    let open = open.filter(|row| counted.iter().all(|ballot| ballot.seat != row.seat));
    let open = open.filter_map(|row| {
        let seat = panel.iter().find(|seat| seat.juror == row.juror)?;
        Some((seat, row.commitment.is_some()))
    });
    let (committed, open): (Vec<_>, Vec<_>) = open.partition(|(_, is_bound)| *is_bound);
    let seats = |found: Vec<(&'a Seat, bool)>| found.into_iter().map(|(seat, _)| seat).collect();
    let commitments = rows.iter().filter_map(|row| row.commitment).collect();
    Ok(Asked { phase, open: seats(open), committed: seats(committed), commitments })
}

/// Takes what a seat gave and hands the commitments around. Returns the seat while it has more to
/// give, and how many have committed.
async fn hear<'s>(
    relayer: &Relayer,
    given: (&'s Seat, Heard),
    count: &mut Count,
    (case, bound): (B256, &watch::Sender<Vec<SignedCommitment>>),
) -> Result<(Option<&'s Seat>, usize), RelayerError> {
    let seat = take(relayer, case, given, count).await?;
    let commitments = commitments(relayer, case).await?;
    let seats = commitments.len();
    bound.send_replace(commitments);
    Ok((seat, seats))
}

async fn commitments(relayer: &Relayer, case: B256) -> Result<Vec<SignedCommitment>, RelayerError> {
    Ok(seats::commitments(&mut *relayer.store.read().await?, case).await?)
}

async fn terms(relayer: &Relayer, row: &CaseRow) -> Result<Terms, RelayerError> {
    let terms = deals::terms(&mut *relayer.store.read().await?, row.delivery.dealId).await?;
    terms.ok_or(RelayerError::Row { what: "a case without a term sheet" })
}

/// What the jurors are asked, under which terms, and the ballots that are stored already.
async fn prepare(
    relayer: &Relayer,
    row: &CaseRow,
) -> Result<(Question, Terms, Count), RelayerError> {
    let terms = terms(relayer, row).await?;
    let mut conn = relayer.store.read().await?;
    let Some(milestone) = terms.milestones.get(usize::from(row.delivery.milestone)) else {
        return Err(RelayerError::Row { what: "a case of a milestone that is not there" });
    };
    let ballots = ballots::counted(&mut conn, row.id).await?;
    let count = Count { rule: milestone.rule, seats: 0, ballots };
    let question = Question::of(&mut conn, row).await?;
    drop(conn);
    question.look(relayer).await?;
    Ok((question, terms, count))
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

/// Whether a juror of the panel has taken a case.
pub(crate) async fn is_taken(
    relayer: &Relayer,
    terms: &Terms,
    case: B256,
) -> Result<bool, RelayerError> {
    let seats = talk::seats(relayer, terms, ROUND).await?;
    let asked = seats.iter().map(|seat| relayer.jurors.look(&seat.url, case));
    let answers = futures::future::join_all(asked).await;
    let taken = |status: &CaseStatus| {
        status.case_id == case && !matches!(status.state, JurorState::Silent | JurorState::Refused)
    };
    Ok(answers.iter().flatten().any(taken))
}

/// What became of what a juror gave.
pub(crate) enum Shown {
    /// There is no ballot yet, or none that may be looked at yet.
    Nothing,
    /// A ballot that is on record and does not count.
    Uncounted,
    /// A ballot that counts.
    Counted(SignedBallot),
}

/// Stores what a juror gave, in a write that its caller began.
pub(crate) async fn keep(
    relayer: &Relayer,
    (case, mut tx): (B256, Tx),
    seat: &Seat,
    heard: &Heard,
) -> Result<Shown, RelayerError> {
    seats::lock(&mut tx, case, seat.juror).await?;
    let is_over = phase::get(&mut tx, case).await?.is_over;
    if let Some(commitment) = heard.commitment.as_ref().filter(|_| !is_over) {
        seats::committed(&mut tx, commitment).await?;
    }
    let shown = match &heard.ballot {
        Some(body) => show(relayer, &mut tx, (seat, body), is_over).await?,
        None => Shown::Nothing,
    };
    surety_failpoint::here("seat.heard.written");
    tx.commit().await?;
    surety_failpoint::here("seat.heard.stored");
    relayer.changed();
    Ok(shown)
}

/// Compares a ballot with what its juror had committed to in time, and says in the seat's row what
/// became of it. Before the time to commit is over nothing is kept of it: it is asked for again.
async fn show(
    relayer: &Relayer,
    conn: &mut Conn,
    (seat, body): (&Seat, &BallotBody),
    is_over: bool,
) -> Result<Shown, RelayerError> {
    let (case, juror) = (body.case_id, body.juror);
    let known = seats::get(conn, case, juror).await?;
    let state = match known.and_then(|seat| seat.commitment) {
        // Whoever has not committed in time may have read what others say.
        None => SeatState::Unsealed,
        Some(_) if !is_over => return Ok(Shown::Nothing),
        Some(bound) if body.opens(bound.digest, relayer.escrow.chain_id, relayer.escrow.jury) => {
            SeatState::Revealed
        }
        Some(_) => {
            tracing::error!(%case, %juror, "a ballot is not the one committed to");
            seats::mismatched(conn, body).await?;
            return Ok(Shown::Uncounted);
        }
    };
    seats::end(conn, case, juror, state).await?;
    let counts = state == SeatState::Revealed;
    let kept = keep_ballot(conn, seat, body, counts).await?;
    let label = if counts || kept == Kept::Equivocation { kept.label() } else { "unsealed" };
    relayer.metrics.ballot(seat.index, label);
    let counts = counts && kept == Kept::First;
    Ok(if counts { Shown::Counted(signed(seat, body)) } else { Shown::Uncounted })
}

async fn keep_ballot(
    conn: &mut Conn,
    seat: &Seat,
    body: &BallotBody,
    counted: bool,
) -> Result<Kept, RelayerError> {
    let row = BallotRow {
        juror: seat.juror,
        family: seat.family.clone(),
        operator: seat.operator.clone(),
        signed: signed(seat, body),
        counted,
    };
    let kept = ballots::keep(conn, &row).await?;
    if kept == Kept::Equivocation {
        tracing::error!(case = %body.case_id, juror = %seat.juror, "a juror equivocated");
    }
    Ok(kept)
}

fn signed(seat: &Seat, body: &BallotBody) -> SignedBallot {
    SignedBallot { seat: seat.index, ballot: body.ballot(), signature: body.signature }
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
    surety_failpoint::here("case.decided.written");
    tx.commit().await?;
    surety_failpoint::here("case.decided.stored");
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
