//! Deliver: the seller's signed statement, and putting its digest on the chain.

use alloy::{
    primitives::{B256, Bytes},
    sol_types::SolCall as _,
};
use surety_bindings::escrow::{DealEscrow, Delivery};
use surety_privacy::upload_digest;
use surety_terms::digest;

use crate::{Deal, Error, Session, session::Effect};

/// Signs a delivery. A seller signs one per milestone, ever: a second one can only be rejected.
pub fn sign(session: &Session, deal: &Deal, delivery: &Delivery) -> Result<Bytes, Error> {
    session.check_milestone(&deal.sheet, delivery.milestone)?;
    if session.owner() != deal.terms.seller {
        return Err(Error::refused("seller", "only the seller signs a delivery"));
    }
    session.sign(digest::delivery_digest(delivery, &deal.sheet.domain()))
}

/// Signs for an age file of a private deal: that it holds the sheet, or the deliverable, with the
/// digest `content`.
pub fn sign_upload(
    session: &Session,
    deal: &Deal,
    content: B256,
    file: &[u8],
) -> Result<Bytes, Error> {
    session.sign(upload_digest(deal.id, content, file, &deal.sheet.domain()))
}

/// Builds the statement that the deliverable with this digest answers a milestone.
pub const fn delivery(deal: &Deal, milestone: u8, deliverable: B256, uri: String) -> Delivery {
    Delivery { dealId: deal.id, milestone, deliverable, uri }
}

/// Puts a signed delivery on the chain, so that silence is the jury's and not the seller's.
pub async fn pin(
    session: &Session,
    deal: &Deal,
    delivery: &Delivery,
    signature: Bytes,
) -> Result<(), Error> {
    session.check_milestone(&deal.sheet, delivery.milestone)?;
    let call = DealEscrow::deliverCall {
        terms: deal.terms.clone(),
        milestone: delivery.milestone,
        deliverable: delivery.deliverable,
        uri: delivery.uri.clone(),
        signature,
        requested: vec![],
    };
    let effect = Effect::Delivered(deal.id, delivery.milestone);
    session.submit(call.abi_encode().into(), effect).await
}
