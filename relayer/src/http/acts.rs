//! Performing what time allows for whoever pays for it, with deals that are nobody's here.

use std::sync::Arc;

use alloy::primitives::{B256, Bytes, keccak256};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use surety_acts::{ActRequest, Claim, least_fee};
use surety_chain::send::{Request, SendState, SendStatus};
use surety_chain::{BlockTag, CallOutcome};
use surety_terms::Problem;
use surety_terms::wire::TransactionStatus;

use super::body::{self, Body};
use super::problem::{self, Refusal};
use super::transactions::{accepted, has_room};
use crate::RelayerError;
use crate::acts::{self, Live};
use crate::relayer::{Relayer, STRANGERS};

/// `POST /v1/acts`: everything is checked before anything is stored. The calldata is the idempotency
/// key, as in `/v1/transactions`, where the answer's id can be asked for.
pub(super) async fn post(
    State(relayer): State<Arc<Relayer>>,
    body: Body,
) -> Result<(StatusCode, Json<TransactionStatus>), Refusal> {
    let asked = ActRequest::parse(&body::bytes(body)?)?;
    let live = find(&relayer, &asked).await?;
    is_possible(&relayer, &asked, &live).await?;
    is_signed(&relayer, &asked, &live).await?;
    let Live { terms, state } = live;
    let requested = vec![asked.requested()];
    let calldata = asked.action.calldata(terms, asked.milestone, state, requested);
    let id = keccak256(&calldata);
    let known = relayer.sender.status(id).await?;
    if known.as_ref().is_some_and(|status| status.state != SendState::Failed) {
        return Ok(accepted(id, known));
    }
    let claim = claim(&relayer, (asked.deal_id, asked.milestone)).await?;
    has_room(&relayer).await?;
    pays(&relayer, &asked, &calldata).await?;
    let request = Request { id, to: relayer.escrow.address, calldata, rank: STRANGERS };
    let Some(status) = queue(&relayer, &claim, &request).await? else {
        return Err(under_way());
    };
    relayer.metrics.act(asked.action.as_str(), "asked");
    Ok(accepted(id, Some(status)))
}

/// The milestone as it stands at the configured depth.
async fn find(relayer: &Relayer, asked: &ActRequest) -> Result<Live, Refusal> {
    let place = (asked.deal_id, asked.milestone);
    let word = relayer.escrow.deal(place.0, relayer.config.block_tag).await?;
    let known = acts::live(&mut *relayer.store.read().await?, place).await?;
    match known {
        Some(live) if word.opened && !word.revoked && !word.has_ended(place.1) => {
            if word.is_slow(place.1) && live.state.is_none() {
                return Err(problem::unread().into());
            }
            Ok(live)
        }
        Some(_) | None => {
            let detail = "The chain knows no such milestone that is live, deep enough to count.";
            Err(Problem::new("not-live", 409, "No live milestone", detail)
                .with_field("milestone", "must be of an open deal and not ended")
                .into())
        }
    }
}

/// Time must allow the act now, and the request must have been signed for the state that is.
async fn is_possible(relayer: &Relayer, asked: &ActRequest, live: &Live) -> Result<(), Refusal> {
    let next = acts::next(relayer, live, asked.milestone).await?;
    let now = relayer.escrow.rpc.head(BlockTag::Latest).await?.timestamp;
    asked.check(next, live.state.as_ref(), now).map_err(|problem| Refusal::from(*problem))
}

async fn is_signed(relayer: &Relayer, asked: &ActRequest, live: &Live) -> Result<(), Refusal> {
    if asked.party != live.terms.buyer && asked.party != live.terms.seller {
        let detail = format!("{} is neither the buyer nor the seller.", asked.party);
        return Err(Problem::new("not-a-party", 422, "Not a party", detail)
            .with_field("party", "must be the deal's buyer or seller")
            .into());
    }
    let digest = asked.digest(&relayer.escrow.domain());
    if relayer.escrow.has_signed(asked.party, digest, &asked.signature).await? {
        return Ok(());
    }
    let detail = format!("The signature is not {}'s for the digest {digest}.", asked.party);
    Err(Problem::new("signature-invalid", 422, "Not the party's signature", detail)
        .with_field("signature", "must be the party's, of exactly this request")
        .into())
}

/// What to write the request down by; refused while another one is on its way.
async fn claim(relayer: &Relayer, place: (B256, u8)) -> Result<Claim, Refusal> {
    let read = Claim::read(&mut *relayer.store.read().await?, place).await;
    let claim = read.map_err(RelayerError::from)?;
    if acts::is_under_way(relayer, &claim).await? { Err(under_way()) } else { Ok(claim) }
}

fn under_way() -> Refusal {
    let detail = "The act is already on its way, or the milestone has just moved on.";
    Problem::new("under-way", 409, "Under way", detail)
        .with_field("action", "must not be under way already")
        .into()
}

/// The escrow must take the call, fee and all, and the fee must cover what the call costs.
async fn pays(relayer: &Relayer, asked: &ActRequest, calldata: &Bytes) -> Result<(), Refusal> {
    let call = (relayer.sender.address(), relayer.escrow.address, calldata);
    let sending = relayer.config.sending();
    let cost = surety_chain::send::estimate(&relayer.escrow.rpc, &sending, call).await?;
    let Some(cost) = cost else {
        let detail = "Blocks cost more than this relayer pays; try again later.";
        return Err(Problem::new("unavailable", 503, "Unavailable", detail).into());
    };
    let wei = match cost {
        CallOutcome::Returned(wei) => wei,
        CallOutcome::Reverted(data) => return Err(problem::reverted(&data).into()),
    };
    let least = least_fee(&relayer.config.acts, wei);
    if asked.fee >= least {
        return Ok(());
    }
    let detail = format!("The call costs about {wei} wei, which is {least} here.");
    let rule = format!("must be at least {}, in base units", least.base_units());
    Err(Problem::new("fee-too-low", 422, "The fee is too low", detail)
        .with_field("fee", rule)
        .into())
}

/// Queues the call, unless another one for the same act was queued since.
async fn queue(
    relayer: &Relayer,
    claim: &Claim,
    request: &Request,
) -> Result<Option<SendStatus>, RelayerError> {
    let mut tx = relayer.store.begin().await?;
    if !claim.take(&mut tx, request.id, acts::again(relayer)).await? {
        tx.rollback().await?;
        return Ok(None);
    }
    let status = relayer.sender.queue(&mut tx, request).await?;
    surety_failpoint::here("act.asked.written");
    tx.commit().await?;
    surety_failpoint::here("act.asked.stored");
    relayer.sender.wake();
    relayer.changed();
    Ok(Some(status))
}
