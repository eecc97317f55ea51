//! What only one juror may read: what it says it reads as is in the document at its URL, which its
//! registered key signed.

use surety_prices::{PriceList, SignedPrices, ask};
use surety_privacy::{Recipient, encrypt};

use crate::{Chain, Error, Seat};

/// A juror's document, if its registered key signed it and it holds at that time.
pub(crate) fn verified(
    chain: &Chain,
    seat: &Seat,
    signed: &SignedPrices,
    at: u64,
) -> Result<PriceList, Error> {
    let list = signed.verify(seat.juror, (chain.chain_id, chain.jury), at);
    list.map_err(|why| refused(seat, &why.to_string()))
}

/// That something is wrong with a juror of the deal's jury.
pub(crate) fn refused(seat: &Seat, why: &str) -> Error {
    Error::refused("jury", format!("juror {} at {}: {why}", seat.juror, seat.url))
}

/// What a juror reads as now; `None` for one that judges public deals only. Without its document
/// nobody knows: then nothing is sent to it, rather than in the clear.
pub(crate) async fn recipient(
    chain: &Chain,
    seat: &Seat,
    allow_private_hosts: bool,
) -> Result<Option<Recipient>, Error> {
    let signed = ask(&seat.url, allow_private_hosts).await;
    let signed = signed.map_err(|_| Error::Unreachable { service: "the juror's price list" })?;
    let now = chain.head().await?.timestamp;
    Ok(verified(chain, seat, &signed, now)?.recipient)
}

/// Encrypts to one juror.
pub(crate) fn encrypted(seat: &Seat, bytes: &[u8], recipient: Recipient) -> Result<Vec<u8>, Error> {
    encrypt(bytes, &[recipient]).map_err(|why| refused(seat, &why.to_string()))
}
