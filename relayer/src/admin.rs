//! What an operator may ask of a running relayer, on a Unix socket in the store's folder.
//!
//! The process knows what it may do about a row, so orders come to it instead of to its tables. Whoever may open the
//! socket's file is the operator; nothing of this is on the TCP socket.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy::primitives::B256;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use surety_chain::BlockTag;
use surety_chain::send::{Order, SendState, Sender};
use surety_orders::{Done, Dossier, KeyView, SendingView, StageView};
use surety_terms::Problem;

use crate::RelayerError;
use crate::http::{body, cases as views, problem::Refusal};
use crate::relayer::Relayer;
use crate::store::cases::{self, CaseRow, CaseState};
use crate::wire::CaseView;

/// The socket's file, which goes with it.
#[derive(Debug)]
pub(crate) struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        // A file that is left behind is replaced by the next start.
        drop(std::fs::remove_file(&self.0));
    }
}

/// A desk that is open.
#[cfg(unix)]
pub(crate) type Desk = (tokio::net::UnixListener, Socket);

/// Listens in a folder. None where somebody does already: a relayer that shares folder and database,
/// at whose desk everything can be said.
#[cfg(unix)]
pub(crate) fn listen(folder: &Path) -> Result<Option<Desk>, RelayerError> {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::create_dir_all(folder)
        .map_err(|source| RelayerError::File { path: folder.to_path_buf(), source })?;
    let path = folder.join(surety_orders::SOCKET);
    let failed = |source| RelayerError::File { path: path.clone(), source };
    if std::os::unix::net::UnixStream::connect(&path).is_ok() {
        return Ok(None);
    }
    if path.exists() {
        std::fs::remove_file(&path).map_err(failed)?;
    }
    let listener = tokio::net::UnixListener::bind(&path).map_err(failed)?;
    let owner_only = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&path, owner_only).map_err(failed)?;
    Ok(Some((listener, Socket(path.clone()))))
}

/// Serves orders until the relayer stops. Where another one does, waits until that one is gone.
#[cfg(unix)]
pub(crate) async fn serve(desk: Option<Desk>, relayer: Arc<Relayer>) {
    let stop = relayer.stop.clone();
    let Some((listener, socket)) = stop.run_until_cancelled(open(desk, &relayer)).await else {
        return;
    };
    let serving = axum::serve(listener, router(relayer)).with_graceful_shutdown(async move {
        stop.cancelled().await;
    });
    if let Err(error) = serving.await {
        tracing::error!(kind = %error.kind(), "the operator's socket ended");
    }
    drop(socket);
}

/// The desk, as soon as nobody else keeps it open.
#[cfg(unix)]
async fn open(mut desk: Option<Desk>, relayer: &Relayer) -> Desk {
    loop {
        if let Some(desk) = desk {
            return desk;
        }
        tokio::time::sleep(relayer.poll() * 10).await;
        desk = listen(&relayer.config.store).unwrap_or_else(|error| {
            tracing::warn!(%error, "the operator's socket cannot be made");
            None
        });
    }
}

fn router(relayer: Arc<Relayer>) -> Router {
    Router::new()
        .route("/v1/cases/{id}", get(show_case))
        .route("/v1/cases/{id}/retry", post(retry))
        .route("/v1/transactions/{id}/bump", post(bump))
        .route("/v1/transactions/{id}/cancel", post(cancel))
        .route("/v1/keys", get(keys))
        .layer(axum::middleware::from_fn(surety_service::request_id::identify))
        .with_state(relayer)
}

async fn row(relayer: &Relayer, id: B256) -> Result<CaseRow, Refusal> {
    let row = cases::get(&mut *relayer.store.read().await?, id).await?;
    let detail = "No case with this id was opened here.";
    row.ok_or_else(|| Problem::new("not-found", 404, "No such case", detail).into())
}

async fn show_case(
    State(relayer): State<Arc<Relayer>>,
    id: body::Id,
) -> Result<Json<Dossier<CaseView>>, Refusal> {
    let row = row(&relayer, body::digest(id)?).await?;
    let sending = match row.sending {
        Some(id) => sending(&relayer, id).await?,
        None => None,
    };
    let stages = stages(&row);
    let case = views::view(&relayer, row).await?;
    Ok(Json(Dossier { case, stages, sending }))
}

/// The state machine, with what of it stands in the row.
fn stages(row: &CaseRow) -> Vec<StageView> {
    let stage = |state: CaseState, reached: bool, detail: Option<String>| StageView {
        state: state.as_str().to_owned(),
        reached: reached || row.state == state,
        detail: detail.filter(|_| reached || row.state == state),
    };
    let decided = row.verdict.as_ref().map(|(_, tally)| {
        let at = row.decided_at.unwrap_or_default();
        format!("{:?} by {} ballots, chain time {at}", tally.outcome, tally.seats.count_ones())
    });
    let paid = row.paid_ms.map(|ms| format!("{ms} ms after the verdict"));
    let (asked, sent) = (row.state != CaseState::Seen, row.sending.is_some());
    vec![
        stage(CaseState::Seen, true, Some(format!("round {}", row.round))),
        stage(CaseState::Asked, asked && row.state != CaseState::Final || decided.is_some(), None),
        stage(CaseState::Decided, decided.is_some(), decided),
        stage(CaseState::Sent, sent, row.sending.map(|id| format!("transaction {id}"))),
        stage(CaseState::Final, false, paid),
        stage(CaseState::GivenUp, false, row.reason.clone()),
    ]
}

async fn sending(relayer: &Relayer, id: B256) -> Result<Option<SendingView>, RelayerError> {
    Ok(relayer.sender.trace(id).await?.map(|trace| SendingView {
        id,
        state: word(trace.status.state).to_owned(),
        nonce: trace.nonce,
        block: trace.status.block,
        order: trace.order,
        attempts: trace.attempts,
    }))
}

const fn word(state: SendState) -> &'static str {
    match state {
        SendState::Queued => "queued",
        SendState::Sent => "sent",
        SendState::Mined => "mined",
        SendState::Failed => "failed",
    }
}

async fn retry(State(relayer): State<Arc<Relayer>>, id: body::Id) -> Result<Json<Done>, Refusal> {
    let id = body::digest(id)?;
    let state = row(&relayer, id).await?.state;
    if state != CaseState::GivenUp {
        let detail = format!("The case is {}: only one that was given up is.", state.as_str());
        return Err(Problem::new("not-given-up", 409, "Nothing to take up", detail).into());
    }
    let mut tx = relayer.store.begin().await?;
    cases::taken_up(&mut tx, id).await?;
    let now = cases::get(&mut tx, id).await?.map_or(state, |row| row.state);
    surety_failpoint::here("case.taken-up.written");
    tx.commit().await.map_err(RelayerError::from)?;
    surety_failpoint::here("case.taken-up.stored");
    relayer.metrics.order("retry");
    tracing::warn!(case = %id, "an operator has a case taken up again");
    relayer.changed();
    relayer.cases.notify_one();
    Ok(Json(Done { id, state: now.as_str().to_owned() }))
}

async fn bump(relayer: State<Arc<Relayer>>, id: body::Id) -> Result<Json<Done>, Refusal> {
    order(relayer, id, Order::Bump).await
}

async fn cancel(relayer: State<Arc<Relayer>>, id: body::Id) -> Result<Json<Done>, Refusal> {
    order(relayer, id, Order::Cancel).await
}

async fn order(
    State(relayer): State<Arc<Relayer>>,
    id: body::Id,
    order: Order,
) -> Result<Json<Done>, Refusal> {
    let id = body::digest(id)?;
    let Some(found) = relayer.sender.order(id, order).await? else {
        let detail = "No transaction with this id was handed in here; a case shows its own.";
        return Err(Problem::new("not-found", 404, "No such transaction", detail).into());
    };
    let waits = match (found, order) {
        (SendState::Sent, _) | (SendState::Queued, Order::Cancel) => true,
        (SendState::Queued, Order::Bump) | (SendState::Mined | SendState::Failed, _) => false,
    };
    if !waits {
        let detail = format!("It is {}; nothing of it waits for a block.", word(found));
        return Err(Problem::new("not-waiting", 409, "Nothing to do", detail).into());
    }
    relayer.metrics.order(match order {
        Order::Bump => "bump",
        Order::Cancel => "cancel",
    });
    tracing::warn!(%id, ?order, "an operator gave an order about a transaction");
    Ok(Json(Done { id, state: word(found).to_owned() }))
}

async fn keys(State(relayer): State<Arc<Relayer>>) -> Result<Json<Vec<KeyView>>, Refusal> {
    let mut keys = Vec::new();
    for key in relayer.sender.each() {
        keys.push(look_at_key(&relayer, key).await?);
    }
    Ok(Json(keys))
}

async fn look_at_key(relayer: &Relayer, key: &Sender) -> Result<KeyView, RelayerError> {
    let (rpc, address) = (&relayer.escrow.rpc, key.address());
    let line = key.line().await?;
    let nonce = rpc.nonce(address, BlockTag::Latest).await?;
    Ok(KeyView {
        address,
        balance_wei: rpc.balance(address).await?.to_string(),
        nonce,
        nonce_at_tag: rpc.nonce(address, relayer.config.block_tag).await?,
        queued: line.queued,
        gaps: line.gaps(nonce),
        waiting: line.waiting.into_iter().map(|(nonce, _)| nonce).collect(),
    })
}
