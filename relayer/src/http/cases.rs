//! Showing cases and deals.

use std::sync::Arc;
use std::time::Duration;

use alloy::primitives::B256;
use axum::Json;
use axum::extract::State;
use surety_acts::rows;
use surety_jury::Source;
use surety_record as seats;
use surety_terms::Problem;

use super::body::{self, Id, Waiting};
use super::problem::Refusal;
use crate::RelayerError;
use crate::relayer::Relayer;
use crate::store::ballots::{self, BallotRow};
use crate::store::cases::{self, CaseRow};
use crate::store::deals;
use crate::wire::{ActView, BallotView, CaseView, DealView, EndView, MilestoneView, VerdictView};

/// `GET /v1/cases/{caseId}?waitSecs=N`: held open until the case is over.
pub(super) async fn case(
    State(relayer): State<Arc<Relayer>>,
    id: Id,
    wait: Waiting,
) -> Result<Json<CaseView>, Refusal> {
    let id = body::digest(id)?;
    let (patience, _place) = body::wait(wait)?.within(&relayer);
    let shown = wait_until_over(&relayer, id, patience).await?;
    let detail = "No case with this id was opened here.";
    let missing = || Problem::new("not-found", 404, "No such case", detail);
    shown.map(Json).ok_or_else(|| missing().into())
}

async fn wait_until_over(
    relayer: &Relayer,
    id: B256,
    patience: Duration,
) -> Result<Option<CaseView>, RelayerError> {
    let mut changes = relayer.changes();
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        let Some(row) = cases::get(&mut *relayer.store.read().await?, id).await? else {
            return Ok(None);
        };
        let is_over = row.state.is_over();
        let look_again = async {
            if is_over {
                return false;
            }
            tokio::select! {
                rang = changes.changed() => rang.is_ok(),
                () = tokio::time::sleep_until(deadline) => false,
                () = relayer.stop.cancelled() => false,
            }
        };
        if !look_again.await {
            return view(relayer, row).await.map(Some);
        }
    }
}

pub(crate) async fn view(relayer: &Relayer, row: CaseRow) -> Result<CaseView, RelayerError> {
    let (given, commitments, tx_hash) = {
        let mut conn = relayer.store.read().await?;
        let given = ballots::of_case(&mut conn, row.id).await?;
        let commitments = seats::commitments(&mut conn, row.id).await?;
        let tx_hash = match row.sending {
            Some(sending) => relayer.sender.status(sending).await?.and_then(|s| s.tx_hash),
            None => None,
        };
        (given, commitments, tx_hash)
    };
    let verdict = row.verdict.as_ref().map(|(_, tally)| VerdictView {
        outcome: tally.outcome,
        met_bps: tally.met_bps,
        met: tally.met,
        failed: tally.failed,
        seats: tally.seats,
        source: least_real(&given),
    });
    Ok(CaseView {
        case_id: row.id,
        deal_id: row.delivery.dealId,
        milestone: row.delivery.milestone,
        round: row.round,
        deliverable: row.delivery.deliverable,
        state: row.state,
        reason: row.reason,
        verdict,
        tx_hash,
        verdict_to_paid_ms: row.paid_ms,
        commitments,
        ballots: given.iter().map(ballot).collect(),
    })
}

fn ballot(row: &BallotRow) -> BallotView {
    let given = &row.signed.ballot;
    BallotView {
        seat: row.signed.seat,
        juror: row.juror,
        family: row.family.clone(),
        operator: row.operator.clone(),
        source: row.source(),
        met: given.met,
        failed: given.failed,
        reason: given.reason,
        transcript: given.transcript,
        signature: row.signed.signature,
        counted: row.counted,
    }
}

/// A verdict is as real as its least real ballot.
fn least_real(given: &[BallotRow]) -> Source {
    let sources: Vec<Source> = given.iter().map(BallotRow::source).collect();
    [Source::Rehearsal, Source::Replay]
        .into_iter()
        .find(|source| sources.contains(source))
        .unwrap_or(Source::Live)
}

/// `GET /v1/deals/{dealId}`.
pub(super) async fn deal(
    State(relayer): State<Arc<Relayer>>,
    id: Id,
) -> Result<Json<DealView>, Refusal> {
    let id = body::digest(id)?;
    let shown = read_deal(&relayer, id).await?;
    let detail = "No deal with this id was seen here.";
    let missing = || Problem::new("not-found", 404, "No such deal", detail);
    shown.map(Json).ok_or_else(|| missing().into())
}

async fn read_deal(relayer: &Relayer, id: B256) -> Result<Option<DealView>, RelayerError> {
    let (row, told, mut seen, acts) = {
        let mut conn = relayer.store.read().await?;
        let Some(row) = deals::get(&mut conn, id).await? else { return Ok(None) };
        let told = deals::milestones(&mut conn, id).await?;
        let seen = cases::of_deal(&mut conn, id).await?;
        (row, told, seen, rows::of_deal(&mut conn, id).await?)
    };
    let mut milestones = Vec::new();
    for milestone in 0..u8::try_from(surety_terms::limits::MILESTONES).unwrap_or(16) {
        let chain = told.iter().find(|m| m.milestone == milestone);
        let here = seen.extract_if(.., |case| case.delivery.milestone == milestone);
        let here: Vec<CaseRow> = here.collect();
        let act = acts.iter().find(|act| act.milestone == milestone);
        if here.is_empty() && chain.is_none() && act.is_none() {
            continue;
        }
        let mut shown = Vec::new();
        for case in here {
            shown.push(view(relayer, case).await?);
        }
        milestones.push(MilestoneView {
            milestone,
            pinned: chain.and_then(|m| m.pin.as_ref()).map(|pin| pin.state.deliverable),
            end: chain.and_then(|m| m.end.as_ref()).map(end),
            next: act.map(|act| ActView { act: act.due.act, due: act.due.at }),
            cases: shown,
        });
    }
    Ok(Some(DealView {
        deal_id: id,
        is_open: row.terms.is_some(),
        opened_at: row.opened_at,
        opened_tx: row.opened_tx,
        milestones,
    }))
}

fn end(end: &deals::End) -> EndView {
    EndView {
        ending: end.ending,
        to_seller: end.to_seller.clone(),
        to_buyer: end.to_buyer.clone(),
        at: end.place.at,
        tx_hash: end.place.tx,
    }
}
