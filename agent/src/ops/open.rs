//! Open: one signature of each party, one transaction, and the money is in.

use alloy::{
    primitives::{B256, Bytes},
    sol_types::SolCall as _,
};
use surety_bindings::escrow::DealEscrow;
use surety_terms::digest;

use crate::{Deal, Error, Role, Session, session::Effect};

/// Signs the owner's side of a deal.
///
/// A buyer signs the payment of the total, whose nonce is the deal id; a seller with a bond does the
/// same for the bond, and one without signs the deal id itself. Whoever holds both signatures can
/// open the deal until `openBy`.
pub fn sign(session: &Session, deal: &Deal) -> Result<Bytes, Error> {
    session.check_place(&deal.sheet)?;
    let Some(role) = deal.role(session.owner()) else {
        return Err(Error::refused(
            "buyer",
            "the owner's key is neither the buyer's nor the seller's",
        ));
    };
    session.sign(digest_of(session, deal, role))
}

/// Refuses a signature that is not the one which that side of the deal has to give.
pub async fn verify(
    session: &Session,
    deal: &Deal,
    role: Role,
    signature: &Bytes,
) -> Result<(), Error> {
    let (field, wallet) = match role {
        Role::Buyer => ("buyerAuthorization", deal.terms.buyer),
        Role::Seller => ("sellerAuthorization", deal.terms.seller),
    };
    let digest = digest_of(session, deal, role);
    if session.chain.is_signed_by(wallet, digest, signature).await? {
        return Ok(());
    }
    Err(Error::refused(field, format!("is not the signature of {wallet} on exactly this sheet")))
}

/// Opens a deal. Anybody who holds both signatures may.
pub async fn submit(
    session: &Session,
    deal: &Deal,
    buyer_authorization: Bytes,
    seller_authorization: Bytes,
) -> Result<(), Error> {
    session.check_place(&deal.sheet)?;
    let call = DealEscrow::openCall {
        terms: deal.terms.clone(),
        buyerAuthorization: digest::by_authorization(&buyer_authorization),
        sellerAuthorization: if deal.terms.bond.is_zero() {
            seller_authorization
        } else {
            digest::by_authorization(&seller_authorization)
        },
    };
    session.submit(call.abi_encode().into(), Effect::Opened(deal.id)).await
}

/// What a side of the deal signs.
fn digest_of(session: &Session, deal: &Deal, role: Role) -> B256 {
    let authorization = match role {
        Role::Buyer => deal.sheet.buyer_authorization(),
        Role::Seller if deal.terms.bond.is_zero() => return deal.id,
        Role::Seller => deal.sheet.seller_authorization(),
    };
    digest::authorization_digest(&authorization, &session.chain.token)
}
