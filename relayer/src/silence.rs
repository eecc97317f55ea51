//! The end of commitments that were not opened in time.
//!
//! A case may be decided before each juror has shown its ballot, and then nobody asks on. So once
//! the panel's time is over, a juror that committed and has shown nothing is asked one last time;
//! what it does not show then is silence in its record.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use futures::StreamExt as _;
use surety_record::{self as seats, SeatRow, SeatState};
use surety_store::Role;
use tokio_util::sync::CancellationToken;

use crate::RelayerError;
use crate::relayer::Relayer;
use crate::store::phase;
use crate::talk::Heard;
use crate::{collect, talk};

/// How many commitments are looked at in one round.
const MOST: u32 = 64;
/// How many jurors are asked at once.
const AT_ONCE: usize = 8;

/// Closes what is overdue until `stop`.
pub(crate) async fn run(relayer: Arc<Relayer>, stop: CancellationToken) {
    stop.run_until_cancelled(async {
        // Of instances that share a database one does this.
        let mut role = Role::new(relayer.store.clone(), "silence", &relayer.escrow.address[..]);
        loop {
            if let Err(error) = round(&relayer, &mut role).await {
                role.doubt();
                tracing::warn!(%error, "the jurors' records will be looked at again");
            }
            tokio::time::sleep(relayer.poll() * 10).await;
        }
    })
    .await;
}

async fn round(relayer: &Relayer, role: &mut Role) -> Result<(), RelayerError> {
    if !role.is_held().await? {
        return Ok(());
    }
    let role = &*role;
    let overdue = seats::overdue(&mut *relayer.store.read().await?, relayer.now(), MOST).await?;
    futures::stream::iter(overdue)
        .for_each_concurrent(AT_ONCE, |(case, row)| async move {
            if let Err(error) = close(relayer, role, case, row).await {
                tracing::warn!(%case, %error, "a juror's record will be looked at again");
            }
        })
        .await;
    Ok(())
}

async fn close(
    relayer: &Relayer,
    role: &Role,
    case: B256,
    row: SeatRow,
) -> Result<(), RelayerError> {
    let seat = talk::seat(relayer, row.seat, row.juror).await?;
    let heard = match relayer.jurors.look(&seat.url, case).await {
        Ok(status) => talk::answer(relayer, &seat, &status, case).unwrap_or_default(),
        Err(_) => Heard::default(),
    };
    if heard.ballot.is_some() {
        let mut tx = role.begin().await?;
        // The panel's time is over, and the time to commit with it.
        phase::end(&mut tx, case).await?;
        return collect::keep(relayer, (case, tx), &seat, &heard).await.map(drop);
    }
    fall_silent(relayer, role, case, row.juror).await
}

async fn fall_silent(
    relayer: &Relayer,
    role: &Role,
    case: B256,
    juror: Address,
) -> Result<(), RelayerError> {
    tracing::warn!(%case, %juror, "a juror committed and showed no ballot");
    let mut tx = role.begin().await?;
    seats::end(&mut tx, case, juror, SeatState::Silent).await?;
    surety_failpoint::here("seat.silent.written");
    tx.commit().await?;
    surety_failpoint::here("seat.silent.stored");
    relayer.changed();
    Ok(())
}
