//! Reveal: what a buyer hid until the delivery goes to every juror of the panel that judges it.
//!
//! Each round is a case of its own, so what the panel was shown the appeal panel has to be shown
//! anew.
//! Anybody may do it; the commitment in the sheet says whether it is the right document. A seller
//! that finds a reveal at one juror should hand it to the others, lest the panel be split. Each juror
//! gets it encrypted to what it reads as; one that reads public deals only gets it as it is.

use alloy::primitives::B256;
use futures::future::join_all;
use serde::Serialize;
use surety_terms::Reveal;

use crate::{Chain, Error, Seat, for_juror, jurors::Jurors};

/// A juror that did not take a reveal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Where the juror answers.
    pub url: String,
    /// What it said.
    pub why: String,
}

/// Hands `reveal` to the jurors that judge a case of a round, and returns those that did not take
/// it.
pub async fn submit(
    chain: &Chain,
    (jury, round, case_id): (B256, u8, B256),
    reveal: &Reveal,
    allow_private_hosts: bool,
) -> Result<Vec<Refusal>, Error> {
    reveal.document.validate()?;
    let text =
        serde_json::to_vec(reveal).map_err(|why| Error::refused("document", why.to_string()))?;
    let jurors = Jurors::new(allow_private_hosts)?;
    let panel = chain.panel(jury, round).await?;
    let hand = async |seat: &Seat| {
        let body = match for_juror::recipient(chain, seat, allow_private_hosts).await? {
            Some(recipient) => for_juror::encrypted(seat, &text, recipient)?,
            None => text.clone(),
        };
        jurors.reveal(&seat.url, case_id, body).await
    };
    let answers = join_all(panel.iter().map(hand)).await;
    let refused = panel.into_iter().zip(answers).filter_map(|(seat, answer)| {
        Some(Refusal { url: seat.url, why: answer.err()?.to_string() })
    });
    Ok(refused.collect())
}
