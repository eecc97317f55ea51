//! Accept: the buyer's own release of a milestone's money.

use alloy::{
    primitives::aliases::{U40, U96},
    sol_types::SolCall as _,
};
use surety_bindings::escrow::{Accept, Consent, DealEscrow};
use surety_terms::digest;

use super::FIRST_ROUND;
use crate::{Deal, Error, Session, history::Ended, session::Effect};

/// Signs the release. Whoever holds it may submit it until `valid_until`.
pub fn sign(
    session: &Session,
    deal: &Deal,
    milestone: u8,
    valid_until: u64,
) -> Result<Consent, Error> {
    session.check_milestone(&deal.sheet, milestone)?;
    if session.owner() != deal.terms.buyer {
        return Err(Error::refused("buyer", "only the buyer accepts"));
    }
    let until = U40::saturating_from(valid_until);
    let act = Accept {
        dealId: deal.id,
        milestone,
        round: FIRST_ROUND,
        standing: 0,
        fee: U96::ZERO,
        validUntil: until,
    };
    let signature = session.sign(digest::accept_digest(&act, &deal.sheet.domain()))?;
    Ok(super::consent(until, signature))
}

/// Submits the buyer's release and tells how the milestone ended.
pub async fn submit(
    session: &Session,
    deal: &Deal,
    milestone: u8,
    buyer: Consent,
) -> Result<Ended, Error> {
    session.check_milestone(&deal.sheet, milestone)?;
    let state = super::state(session, deal, milestone).await?;
    let call = DealEscrow::acceptCall { terms: deal.terms.clone(), milestone, state, buyer };
    session.submit(call.abi_encode().into(), Effect::Ended(deal.id, milestone)).await?;
    super::ending(session, deal, milestone).await
}
