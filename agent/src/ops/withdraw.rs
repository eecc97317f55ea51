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
    let mut calldata = DealEscrow::withdrawCall::from((token, owner)).abi_encode();
    // A relayer sends the same calldata once, but an owner withdraws as often as it has credit. So
    // the block's number follows the arguments, where the contract does not look.
    calldata.extend(U256::from(session.chain.head().await?.number).to_be_bytes::<32>());
    session.submit(calldata.into(), Effect::Withdrawn(owner)).await?;
    Ok(credit)
}
