//! Reveal: what a buyer hid until the delivery goes to every juror of the panel.
//!
//! Anybody may do it; the commitment in the sheet says whether it is the right document. A seller
//! that finds a reveal at one juror should hand it to the others, lest the panel be split.

use alloy::primitives::B256;
use serde::Serialize;
use surety_terms::Reveal;

use crate::{Chain, Error, jurors::Jurors};

/// A juror that did not take a reveal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Where the juror answers.
    pub url: String,
    /// What it said.
    pub why: String,
}

/// Hands `reveal` to the jurors that judge a case, and returns those that did not take it.
pub async fn submit(
    chain: &Chain,
    (jury, case_id): (B256, B256),
    reveal: &Reveal,
    allow_private_hosts: bool,
) -> Result<Vec<Refusal>, Error> {
    reveal.document.validate()?;
    let jurors = Jurors::new(allow_private_hosts)?;
    let urls: Vec<String> = chain.panel(jury).await?.into_iter().map(|seat| seat.url).collect();
    let usable = jurors.usable(urls.iter().cloned());
    let unusable = urls.into_iter().filter(|url| !usable.contains(url));
    let why = "is no address that may be asked".to_owned();
    let mut refused: Vec<Refusal> = unusable.map(|url| Refusal { url, why: why.clone() }).collect();
    let answers = jurors.reveal(usable, case_id, reveal).await;
    refused.extend(answers.into_iter().map(|(url, why)| Refusal { url, why }));
    Ok(refused)
}
