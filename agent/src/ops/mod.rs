//! The operations of a deal, one file each: calldata, signatures, and the wait for the chain.
//!
//! Each is safe to call again: what the chain already shows is not sent a second time.

pub mod accept;
pub mod agree;
pub mod concede;
pub mod deliver;
pub mod escalate;
pub mod expire;
pub mod open;
pub mod preview;
pub mod reclaim;
pub mod reveal;
pub mod withdraw;

use alloy::primitives::{
    Bytes,
    aliases::{U40, U96},
};
use surety_bindings::escrow::{Consent, SlowState};

use crate::{
    Deal, Error, Session,
    history::{Ended, History},
};

/// The round that acts are signed for; appeals come later.
const FIRST_ROUND: u8 = 1;

/// A signed consent that pays nobody a fee.
const fn consent(valid_until: U40, signature: Bytes) -> Consent {
    Consent { fee: U96::ZERO, validUntil: valid_until, signature, authorization: Bytes::new() }
}

/// The state that a milestone's next call hands in, read from the chain.
async fn state(session: &Session, deal: &Deal, milestone: u8) -> Result<Vec<SlowState>, Error> {
    if !session.chain.word(deal.id).await?.is_delivered(milestone) {
        return Ok(Vec::new());
    }
    let history = History::read(&session.chain, deal.id, deal.from_block).await?;
    let state = history.state(milestone);
    if state.is_empty() {
        return Err(Error::EventMissing("the milestone's delivery event"));
    }
    Ok(state)
}

/// How a milestone ended, by the chain's event.
async fn ending(session: &Session, deal: &Deal, milestone: u8) -> Result<Ended, Error> {
    let history = History::read(&session.chain, deal.id, deal.from_block).await?;
    history.ended(milestone).cloned().ok_or(Error::EventMissing("the milestone's ending event"))
}
