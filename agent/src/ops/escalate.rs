//! Escalate: what the panel was silent about goes to the appeal panel.

use alloy::{
    primitives::keccak256,
    sol_types::{SolCall as _, SolValue as _},
};
use surety_bindings::escrow::DealEscrow;

use crate::{Deal, Error, Session, history::DELIVERED, session::Effect};

/// Opens round 2 of a delivered milestone whose panel stayed silent. Anybody may; what the appeal
/// panel judges is what stands on the chain. Does nothing where the milestone is past round 1.
pub async fn submit(session: &Session, deal: &Deal, milestone: u8) -> Result<(), Error> {
    session.check_milestone(&deal.sheet, milestone)?;
    let state = super::state(session, deal, milestone).await?;
    let Some(from) = state.first().filter(|state| state.status == DELIVERED) else {
        return Ok(());
    };
    let effect = Effect::Moved(deal.id, milestone, keccak256(from.abi_encode()));
    let call =
        DealEscrow::escalateCall { terms: deal.terms.clone(), milestone, state, requested: vec![] };
    session.submit(call.abi_encode().into(), effect).await
}
