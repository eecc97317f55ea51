//! Reclaim: what was neither delivered on the chain nor judged in time goes back to the buyer.

use alloy::sol_types::SolCall as _;
use surety_bindings::escrow::DealEscrow;

use crate::{Deal, Error, Session, history::Ended, session::Effect};

/// Reclaims a milestone, from its `deliverBy` plus `judgeWithin` on. Anybody may; the payee is fixed.
pub async fn submit(session: &Session, deal: &Deal, milestone: u8) -> Result<Ended, Error> {
    session.check_milestone(&deal.sheet, milestone)?;
    let terms = deal.terms.clone();
    let call = DealEscrow::reclaimCall { terms, milestone, requested: vec![] };
    session.submit(call.abi_encode().into(), Effect::Ended(deal.id, milestone)).await?;
    super::ending(session, deal, milestone).await
}
