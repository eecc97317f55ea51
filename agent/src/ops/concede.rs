//! Concede: the seller gives a milestone's money and its bond share to the buyer.

use alloy::{
    primitives::aliases::{U40, U96},
    sol_types::SolCall as _,
};
use surety_bindings::escrow::{Concede, Consent, DealEscrow};
use surety_terms::digest;

use super::FIRST_ROUND;
use crate::{Deal, Error, Session, history::Ended, session::Effect};

/// Signs the refund. Whoever holds it may submit it until `valid_until`.
pub fn sign(
    session: &Session,
    deal: &Deal,
    milestone: u8,
    valid_until: u64,
) -> Result<Consent, Error> {
    session.check_milestone(&deal.sheet, milestone)?;
    if session.owner() != deal.terms.seller {
        return Err(Error::refused("seller", "only the seller concedes"));
    }
    let until = U40::saturating_from(valid_until);
    let act = Concede {
        dealId: deal.id,
        milestone,
        round: FIRST_ROUND,
        standing: 0,
        fee: U96::ZERO,
        validUntil: until,
    };
    let signature = session.sign(digest::concede_digest(&act, &deal.sheet.domain()))?;
    Ok(super::consent(until, signature))
}

/// Submits the seller's refund and tells how the milestone ended.
pub async fn submit(
    session: &Session,
    deal: &Deal,
    milestone: u8,
    seller: Consent,
) -> Result<Ended, Error> {
    session.check_milestone(&deal.sheet, milestone)?;
    let state = super::state(session, deal, milestone).await?;
    let call = DealEscrow::concedeCall { terms: deal.terms.clone(), milestone, state, seller };
    session.submit(call.abi_encode().into(), Effect::Ended(deal.id, milestone)).await?;
    super::ending(session, deal, milestone).await
}
