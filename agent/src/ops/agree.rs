//! Agree: both parties' own split of a milestone's money and bond share.

use alloy::{
    primitives::aliases::{U40, U96},
    sol_types::SolCall as _,
};
use surety_bindings::escrow::{Agree, Consent, DealEscrow};
use surety_terms::{Usdc, digest};

use super::FIRST_ROUND;
use crate::{Deal, Error, Session, history::Ended, session::Effect};

/// What both parties agree on.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    /// Which milestone.
    pub milestone: u8,
    /// What the seller gets; the buyer gets the rest of amount and bond share.
    pub seller_amount: Usdc,
    /// Whether both are credited instead of paid.
    pub as_credit: bool,
}

/// Signs the owner's consent to a split. Each party's `valid_until` is its own.
pub fn sign(
    session: &Session,
    deal: &Deal,
    split: &Split,
    valid_until: u64,
) -> Result<Consent, Error> {
    session.check_milestone(&deal.sheet, split.milestone)?;
    if deal.role(session.owner()).is_none() {
        return Err(Error::refused("buyer", "only a party agrees"));
    }
    let until = U40::saturating_from(valid_until);
    let act = Agree {
        dealId: deal.id,
        milestone: split.milestone,
        round: FIRST_ROUND,
        standing: 0,
        sellerAmount: split.seller_amount.base_units(),
        asCredit: split.as_credit,
        fee: U96::ZERO,
        validUntil: until,
    };
    let signature = session.sign(digest::agree_digest(&act, &deal.sheet.domain()))?;
    Ok(super::consent(until, signature))
}

/// Submits a split that both signed and tells how the milestone ended.
pub async fn submit(
    session: &Session,
    deal: &Deal,
    split: &Split,
    (buyer, seller): (Consent, Consent),
) -> Result<Ended, Error> {
    session.check_milestone(&deal.sheet, split.milestone)?;
    let milestone = split.milestone;
    let call = DealEscrow::agreeCall {
        terms: deal.terms.clone(),
        milestone,
        state: super::state(session, deal, milestone).await?,
        sellerAmount: split.seller_amount.base_units(),
        asCredit: split.as_credit,
        buyer,
        seller,
    };
    session.submit(call.abi_encode().into(), Effect::Ended(deal.id, milestone)).await?;
    super::ending(session, deal, milestone).await
}
