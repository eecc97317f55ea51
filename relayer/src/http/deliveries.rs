//! Taking a seller's signed delivery.

use std::sync::Arc;

use alloy::primitives::{B256, Bytes};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use surety_bindings::escrow::{Delivery, Terms};
use surety_chain::BlockTag;
use surety_privacy::{PrivateDeliveryRequest, PrivateSheet, names_private_sheet};
use surety_service::request_id;
use surety_terms::wire::DeliveryRequest;
use surety_terms::{Problem, TermSheet, digest};

use super::body::{self, Body};
use super::problem::{self, Refusal};
use super::sheets;
use crate::escrow::DealWord;
use crate::relayer::{ROUND, Relayer};
use crate::store::deals::Pin;
use crate::store::private::Party;
use crate::store::{cases, deals, deliverables, private};
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
    let request = Handed::parse(relayer, &body::bytes(body)?)?;
    let place = (request.delivery.dealId, request.delivery.milestone);
    let case_id = relayer.case_id(place, request.delivery.deliverable);
    if let Some(known) = cases::get(&mut *relayer.store.read().await?, case_id).await? {
        return Ok(("known", accepted(case_id, known.state)));
    }
    is_open(relayer, place).await?;
    is_signed(relayer, &request).await?;
    let party = request.shown_by(relayer).await?;
    let pin = pin(relayer, place).await?;
    is_timely(relayer, &request, pin.as_ref(), case_id).await?;
    let state = store(relayer, (&request, party), case_id, pin.as_ref()).await??;
    if let Some(id) = request_id::current() {
        relayer.opened_for(case_id, id);
    }
    relayer.changed();
    relayer.cases.notify_one();
    Ok(("taken", accepted(case_id, state)))
}

/// A delivery as it was handed in, whatever of it can be read.
struct Handed {
    sheet: Sheet,
    terms: Terms,
    delivery: Delivery,
    signature: Bytes,
}

/// A sheet, in the clear or not.
enum Sheet {
    Public(Box<TermSheet>),
    Private(PrivateSheet),
}

impl Handed {
    fn parse(relayer: &Relayer, body: &[u8]) -> Result<Self, Refusal> {
        if names_private_sheet(body) {
            let PrivateDeliveryRequest { private_sheet, delivery, signature } =
                PrivateDeliveryRequest::parse(body)?;
            let terms = private_sheet.terms()?;
            sheets::is_of_deal(relayer, &terms, delivery.dealId)?;
            return Ok(Self { sheet: Sheet::Private(private_sheet), terms, delivery, signature });
        }
        let request = DeliveryRequest::parse(body)?;
        same_chain(relayer, &request)?;
        let DeliveryRequest { term_sheet, delivery, signature } = request;
        if term_sheet.recipients.is_some() {
            let detail = "The deal is private, and a relayer must not be able to read its sheet.";
            return Err(Problem::new("sheet-private", 422, "A private sheet", detail)
                .with_field("termSheet", "must be handed in as an age file, in privateSheet")
                .into());
        }
        let terms = term_sheet.terms();
        Ok(Self { sheet: Sheet::Public(Box::new(term_sheet)), terms, delivery, signature })
    }

    /// Which party signed for a private sheet.
    async fn shown_by(&self, relayer: &Relayer) -> Result<Option<Party>, Refusal> {
        let Sheet::Private(sheet) = &self.sheet else { return Ok(None) };
        sheets::signer(relayer, self.delivery.dealId, &self.terms, sheet).await.map(Some)
    }
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
    let word = deal_is_open(relayer, deal).await?;
    if word.has_ended(milestone) {
        let detail = "must be of a milestone that has not ended";
        return Err(not_open("milestone-ended", "The milestone has ended", detail));
    }
    Ok(())
}

fn not_open(slug: &str, title: &'static str, detail: &str) -> Refusal {
    Problem::new(slug, 409, title, detail).with_field("delivery.dealId", detail).into()
}

/// The word of a deal that is open and not revoked.
pub(super) async fn deal_is_open(relayer: &Relayer, deal: B256) -> Result<DealWord, Refusal> {
    let word = relayer.escrow.deal(deal, relayer.config.block_tag).await?;
    let problem = |slug, title, detail| Err(not_open(slug, title, detail));
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
    Ok(word)
}

async fn is_signed(relayer: &Relayer, request: &Handed) -> Result<(), Refusal> {
    let terms = &request.terms;
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
    Err(problem::unread().into())
}

/// A delivery counts until just before its deadline; one that is pinned was in time, and is worth
/// judging as long as the panel has time. So is one that a juror of the panel has taken, since jurors
/// take none that is late: this relayer may have lost it with its disk.
async fn is_timely(
    relayer: &Relayer,
    request: &Handed,
    pin: Option<&Pin>,
    case_id: B256,
) -> Result<(), Refusal> {
    let terms = &request.terms;
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
    if pinned.is_none() && now < judge_end && collect::is_taken(relayer, terms, case_id).await? {
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
    (request, party): (&Handed, Option<Party>),
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
    match (&request.sheet, party) {
        (Sheet::Private(sheet), Some(party)) => {
            let shown = (party, &*sheet.age_file.0);
            private::keep_sheet(&mut tx, place.0, &request.terms, shown).await?;
        }
        (Sheet::Public(sheet), _) => deals::keep_sheet(&mut tx, place.0, sheet).await?,
        (Sheet::Private(_), None) => {}
    }
    private::keep_until(&mut tx, place.0, &request.terms).await?;
    cases::seen(&mut tx, case_id, delivery, &request.signature, ROUND).await?;
    deliverables::name(&mut tx, delivery.deliverable).await?;
    watch::open_pinned(relayer, &mut tx, place.0).await?;
    let state = cases::get(&mut tx, case_id).await?.map(|row| row.state);
    surety_failpoint::here("case.seen.written");
    tx.commit().await?;
    surety_failpoint::here("case.seen.stored");
    Ok(Ok(state.unwrap_or(CaseState::Seen)))
}
