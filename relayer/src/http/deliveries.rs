//! Taking a seller's signed delivery.

use std::sync::Arc;

use alloy::primitives::B256;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use surety_bindings::escrow::Terms;
use surety_chain::BlockTag;
use surety_service::request_id;
use surety_terms::wire::DeliveryRequest;
use surety_terms::{Problem, digest};

use super::body::{self, Body};
use super::problem::Refusal;
use crate::relayer::{ROUND, Relayer};
use crate::store::deals::Pin;
use crate::store::{cases, deals, deliverables};
use crate::wire::{CaseState, DeliveryAnswer};
use crate::{RelayerError, collect, watch};

/// `POST /v1/deliveries`: everything is checked before anything is stored, and all of it is stored
/// at once. The same delivery twice is one case.
pub(super) async fn post(
    State(relayer): State<Arc<Relayer>>,
    body: Body,
) -> Result<Answer, Refusal> {
    let (outcome, answer) = match take(&relayer, body).await {
        Ok((outcome, answer)) => (outcome, Ok(answer)),
        Err(refusal) => ("refused", Err(refusal)),
    };
    relayer.metrics.delivery(outcome);
    answer
}

type Answer = (StatusCode, Json<DeliveryAnswer>);

async fn take(relayer: &Relayer, body: Body) -> Result<(&'static str, Answer), Refusal> {
    let request = DeliveryRequest::parse(&body::bytes(body)?)?;
    let place = (request.delivery.dealId, request.delivery.milestone);
    same_chain(relayer, &request)?;
    let case_id = relayer.case_id(place, request.delivery.deliverable);
    if let Some(known) = cases::get(&mut *relayer.store.read().await?, case_id).await? {
        return Ok(("known", accepted(case_id, known.state)));
    }
    let terms = request.term_sheet.terms();
    is_open(relayer, place).await?;
    is_signed(relayer, &request, &terms).await?;
    let pin = pin(relayer, place).await?;
    is_timely(relayer, &request, pin.as_ref(), case_id).await?;
    let state = store(relayer, &request, case_id, pin.as_ref()).await??;
    if let Some(id) = request_id::current() {
        relayer.opened_for(case_id, id);
    }
    relayer.changed();
    relayer.cases.notify_one();
    Ok(("taken", accepted(case_id, state)))
}

fn accepted(case_id: B256, state: CaseState) -> Answer {
    (StatusCode::ACCEPTED, Json(DeliveryAnswer { case_id, state }))
}

fn same_chain(relayer: &Relayer, request: &DeliveryRequest) -> Result<(), Refusal> {
    let (sheet, escrow) = (&request.term_sheet, &relayer.escrow);
    let refuse = |slug: &str, field: &str, rule: String| {
        let detail = "The term sheet is for another escrow than the one that is served here.";
        Err(Problem::new(slug, 422, "Another escrow", detail).with_field(field, rule).into())
    };
    if sheet.chain_id != escrow.chain_id {
        let rule = format!("must be {}", escrow.chain_id);
        return refuse("wrong-chain", "termSheet.chainId", rule);
    }
    if sheet.escrow != escrow.address {
        let rule = format!("must be {}", escrow.address);
        return refuse("wrong-escrow", "termSheet.escrow", rule);
    }
    if sheet.deal_id() != request.delivery.dealId {
        let rule = format!("must be {}, the digest of these terms", sheet.deal_id());
        return refuse("wrong-deal", "delivery.dealId", rule);
    }
    Ok(())
}

/// The deal's word is read at the configured depth: what may still be reorganised away is not open.
async fn is_open(relayer: &Relayer, (deal, milestone): (B256, u8)) -> Result<(), Refusal> {
    let word = relayer.escrow.deal(deal, relayer.config.block_tag).await?;
    let problem = |slug: &str, title: &'static str, detail: &str| {
        Err(Problem::new(slug, 409, title, detail).with_field("delivery.dealId", detail).into())
    };
    if word.revoked {
        return problem(
            "deal-revoked",
            "The deal is revoked",
            "must be a deal that is not revoked",
        );
    }
    if !word.opened {
        let detail = "must be open on the chain, deep enough to count; try again later";
        return problem("deal-not-open", "The deal is not open", detail);
    }
    if word.has_ended(milestone) {
        let detail = "must be of a milestone that has not ended";
        return problem("milestone-ended", "The milestone has ended", detail);
    }
    Ok(())
}

async fn is_signed(
    relayer: &Relayer,
    request: &DeliveryRequest,
    terms: &Terms,
) -> Result<(), Refusal> {
    let digest = digest::delivery_digest(&request.delivery, &relayer.escrow.domain());
    if relayer.escrow.has_signed(terms.seller, digest, &request.signature).await? {
        return Ok(());
    }
    let detail = format!("The signature is not {}'s for the digest {digest}.", terms.seller);
    Err(Problem::new("signature-invalid", 422, "Not the seller's signature", detail)
        .with_field("signature", "must be the seller's, of exactly this delivery")
        .into())
}

/// What the seller pinned on the chain for this milestone. The escrow's word decides whether it
/// did; what it pinned comes with the event, which may arrive a moment later.
async fn pin(relayer: &Relayer, place: (B256, u8)) -> Result<Option<Pin>, Refusal> {
    let word = relayer.escrow.deal(place.0, relayer.config.block_tag).await?;
    if !word.is_slow(place.1) {
        return Ok(None);
    }
    let row = deals::milestone(&mut *relayer.store.read().await?, place).await?;
    if row.pin.is_some() {
        return Ok(row.pin);
    }
    let detail = "The chain's newest events are still being read; try again.";
    Err(Problem::new("unavailable", 503, "Unavailable", detail).into())
}

/// A delivery counts until just before its deadline; one that is pinned was in time, and is worth
/// judging as long as the panel has time. So is one that a juror of the panel has taken, since jurors
/// take none that is late: this relayer may have lost it with its disk.
async fn is_timely(
    relayer: &Relayer,
    request: &DeliveryRequest,
    pin: Option<&Pin>,
    case_id: B256,
) -> Result<(), Refusal> {
    let terms = request.term_sheet.terms();
    let index = usize::from(request.delivery.milestone);
    let deliver_by = terms.milestones.get(index).map(|m| m.deliverBy.to::<u64>());
    let pinned = pin.filter(|pin| pin.state.deliverable == request.delivery.deliverable);
    let (until, rule) = match pinned {
        Some(pin) => {
            (pin.state.until.to::<u64>(), "must be judged before the panel's time is over")
        }
        None => (deliver_by.unwrap_or_default(), "must arrive before the milestone's deliverBy"),
    };
    let now = relayer.escrow.rpc.head(BlockTag::Latest).await?.timestamp;
    if now < until {
        return Ok(());
    }
    let judge_end = until.saturating_add(terms.judgeWithin.to::<u64>());
    if pinned.is_none() && now < judge_end && collect::is_taken(relayer, &terms, case_id).await? {
        return Ok(());
    }
    let detail = format!("It is {now} on the chain; the deadline was {until}.");
    Err(Problem::new("deadline-passed", 409, "Too late", detail)
        .with_field("delivery", rule)
        .into())
}

/// Stores sheet and case in one transaction, in which it also decides about other digests: the
/// first one counts, then only one that is pinned.
async fn store(
    relayer: &Relayer,
    request: &DeliveryRequest,
    case_id: B256,
    pin: Option<&Pin>,
) -> Result<Result<CaseState, Refusal>, RelayerError> {
    let delivery = &request.delivery;
    let place = (delivery.dealId, delivery.milestone);
    let mut tx = relayer.store.begin().await?;
    deals::lock(&mut tx, place.0).await?;
    if pin.is_none_or(|pin| pin.state.deliverable != delivery.deliverable) {
        let others = cases::of_milestone(&mut tx, place).await?;
        let other = others.iter().find(|c| c.id != case_id).map(|c| c.delivery.deliverable);
        if let Some(first) = other.or(pin.map(|p| p.state.deliverable)) {
            let detail = format!("The first deliverable for this milestone was {first}.");
            let rule = "must be the first one, or the one that the seller pinned on the chain";
            return Ok(Err(Problem::new("delivery-conflict", 409, "Another deliverable", detail)
                .with_field("delivery.deliverable", rule)
                .into()));
        }
    }
    deals::keep_sheet(&mut tx, place.0, &request.term_sheet).await?;
    cases::seen(&mut tx, case_id, delivery, &request.signature, ROUND).await?;
    deliverables::name(&mut tx, delivery.deliverable).await?;
    watch::open_pinned(relayer, &mut tx, place.0).await?;
    let state = cases::get(&mut tx, case_id).await?.map(|row| row.state);
    tx.commit().await?;
    Ok(Ok(state.unwrap_or(CaseState::Seen)))
}
