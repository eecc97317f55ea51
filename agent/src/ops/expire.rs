//! Expire: a delivery that was not judged in time pays what the terms say about silence.

use alloy::sol_types::SolCall as _;
use surety_bindings::escrow::DealEscrow;

use crate::{Deal, Error, Session, history::Ended, session::Effect};

/// Ends a delivered milestone whose panel stayed silent. Anybody may; the payees are fixed.
pub async fn submit(session: &Session, deal: &Deal, milestone: u8) -> Result<Ended, Error> {
    session.check_milestone(&deal.sheet, milestone)?;
    let state = super::state(session, deal, milestone).await?;
    let call =
        DealEscrow::expireCall { terms: deal.terms.clone(), milestone, state, requested: vec![] };
    session.submit(call.abi_encode().into(), Effect::Ended(deal.id, milestone)).await?;
    super::ending(session, deal, milestone).await
}
