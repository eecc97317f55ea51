//! Withdraw: what the escrow owes an owner is paid to that owner.

use alloy::{
    primitives::{Address, U256},
    sol_types::SolCall as _,
};
use surety_bindings::escrow::DealEscrow;

use crate::{Error, Session, session::Effect};

/// Withdraws an owner's whole credit and tells how much it was; zero when there was none.
pub async fn submit(session: &Session, owner: Address) -> Result<U256, Error> {
    let credit = session.chain.credit(owner).await?;
    if credit.is_zero() {
        return Ok(credit);
    }
    let token = session.chain.token.address;
    let call = DealEscrow::withdrawCall::from((token, owner));
    session.submit(call.abi_encode().into(), Effect::Withdrawn(owner)).await?;
    Ok(credit)
}
