//! Asking the panel to sign a list, in bounded time.

use std::time::Duration;

use alloy::primitives::{Address, B256, U256};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use surety_batches::{Held, List, decided, is_fair};
use surety_jurors::JurorFault;
use surety_jury::wire::BatchBody;
use surety_jury::{Leaf, SignedBatch};
use surety_record::{self as seats, SeatRow, SeatState};
use tokio::time::Instant;

use crate::RelayerError;
use crate::relayer::Relayer;
use crate::store::ballots::{self, BallotRow};
use crate::talk::Seat;

/// What is known of one case.
type Known = (Vec<BallotRow>, Vec<SeatRow>);

/// The signatures of those who gave a good one in time, by seat. Once the seats that signed decide
/// every case, the others are waited for a moment only.
pub(super) async fn signatures(
    relayer: &Relayer,
    panel: &[Seat],
    list: &List,
    rules: &[U256],
) -> Result<Vec<SignedBatch>, RelayerError> {
    let cases = list.cases();
    let known = known(relayer, &cases).await?;
    let config = &relayer.config;
    let grace = Duration::from_millis(config.jurors.grace_ms);
    let mut until = Instant::now() + Duration::from_millis(config.batch.answer_ms);
    let mut asked: FuturesUnordered<_> =
        panel.iter().map(|seat| ask(relayer, seat, &cases)).collect();
    let mut signed = Vec::new();
    while let Ok(Some((seat, answer))) = tokio::time::timeout_at(until, asked.next()).await {
        match answer.and_then(|signed| fair(seat, signed, &known)) {
            Ok(batch) => signed.push(batch),
            Err(fault) => left_out(relayer, seat, &fault),
        }
        if decided(rules, panel.len(), &signed).iter().all(|stands| *stands) {
            until = until.min(Instant::now() + grace);
        }
    }
    signed.sort_by_key(|batch| batch.seat);
    Ok(signed)
}

fn left_out(relayer: &Relayer, seat: &Seat, fault: &JurorFault) {
    relayer.metrics.juror_failed(fault.label());
    tracing::info!(seat = seat.index, juror = %seat.juror, %fault, "a juror signs no list");
}

async fn ask<'s>(
    relayer: &Relayer,
    seat: &'s Seat,
    cases: &[B256],
) -> (&'s Seat, Result<SignedBatch, JurorFault>) {
    let answer = relayer.jurors.sign(&seat.url, cases.to_vec()).await;
    (seat, answer.and_then(|body| verified(relayer, seat, cases, &body)))
}

fn verified(
    relayer: &Relayer,
    seat: &Seat,
    cases: &[B256],
    body: &BatchBody,
) -> Result<SignedBatch, JurorFault> {
    let (batch, signature) = (body.batch(cases), body.signature);
    let signed = SignedBatch { seat: seat.index, batch, signature };
    let holds = signed.verify(relayer.escrow.chain_id, relayer.escrow.jury, seat.juror);
    holds.map_err(|e| JurorFault::Batch(e.to_string()))?;
    Ok(signed)
}

/// Refuses votes that are not what the juror's counted ballots say.
fn fair(seat: &Seat, signed: SignedBatch, known: &[Known]) -> Result<SignedBatch, JurorFault> {
    let held: Vec<Held> = known.iter().map(|case| held(seat.juror, case)).collect();
    if is_fair(&signed, &held) {
        return Ok(signed);
    }
    Err(JurorFault::Batch("it answers what its counted ballots do not".to_owned()))
}

fn held(juror: Address, (given, panel): &Known) -> Held {
    let mut own = given.iter().filter(|row| row.juror == juror).peekable();
    let is_silent = own.peek().is_none();
    let counted = own.find(|row| row.counted).map(|row| Leaf::of(&row.signed.ballot));
    match counted {
        Some(Ok(leaf)) => Held::Counted(leaf),
        Some(Err(_)) => Held::Nothing,
        None => {
            let is_bound = |row: &SeatRow| row.juror == juror && row.state == SeatState::Committed;
            if is_silent && panel.iter().any(is_bound) { Held::Committed } else { Held::Nothing }
        }
    }
}

async fn known(relayer: &Relayer, cases: &[B256]) -> Result<Vec<Known>, RelayerError> {
    let mut conn = relayer.store.read().await?;
    let mut known = Vec::with_capacity(cases.len());
    for case in cases {
        let given = ballots::of_case(&mut conn, *case).await?;
        known.push((given, seats::of_case(&mut conn, *case).await?));
    }
    Ok(known)
}
