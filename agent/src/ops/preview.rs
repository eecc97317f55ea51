//! Preview: a seller asks its deal's jurors what they would say of a deliverable, before it
//! delivers. Binds nobody. One signature asks the whole panel, again until each juror answers. Of a
//! private deal only the juror that is asked can read the request.

use std::time::Duration;

use alloy::primitives::{Address, Bytes};
use futures::future::join_all;
use serde::Serialize;
use surety_jury::preview::{PreviewRequest, PreviewState, PreviewStatus};
use surety_keys::Key;
use surety_terms::TermSheet;
use tokio::time::Instant;

use crate::{Chain, Error, Seat, for_juror, jurors::Jurors};

/// How long a request is signed for; jurors take no more than a day.
const VALID_SECS: u64 = 7_200;
/// How long is waited before a juror that failed is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// What one juror says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The juror.
    pub juror: Address,
    /// Its claimed family.
    pub family: String,
    /// What it says; null when it says nothing.
    pub status: Option<PreviewStatus>,
    /// Why it gives no preview.
    pub why: Option<String>,
}

/// Signs a request for the seller of an opened deal.
pub async fn request(
    chain: &Chain,
    key: &Key,
    term_sheet: TermSheet,
    (milestone, deliverable): (u8, Bytes),
) -> Result<PreviewRequest, Error> {
    let (seller, signer) = (term_sheet.seller, key.address());
    if signer != seller {
        let rule = format!("is {seller}; only the seller asks, not {signer}");
        return Err(Error::refused("seller", rule));
    }
    let valid_until = chain.head().await?.timestamp.saturating_add(VALID_SECS);
    let signature = Bytes::new();
    let mut request = PreviewRequest { term_sheet, milestone, deliverable, valid_until, signature };
    let text = written(&request)?;
    PreviewRequest::parse(&text, request.deliverable.len())?;
    request.signature = key.sign(&request.id()).await?.as_bytes().into();
    Ok(request)
}

/// A request as JSON. An empty body would be refused for a reason that says nothing about it.
fn written(request: &PreviewRequest) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(request).map_err(|why| {
        Error::refused(
            "(document)",
            format!("must be writable as JSON, but {why}; check the sheet"),
        )
    })
}

/// Asks every juror of the panel, and waits for their answers no longer than `patience`.
pub async fn ask(
    chain: &Chain,
    request: &PreviewRequest,
    patience: Duration,
    allow_private_hosts: bool,
) -> Result<Vec<Answer>, Error> {
    let jurors = Jurors::new(allow_private_hosts)?;
    let deadline = Instant::now() + patience;
    let panel = chain.panel(request.term_sheet.jury, 1).await?;
    let ask = async |seat: Seat| {
        let asks = async || {
            let mut body = written(request)?;
            if request.term_sheet.recipients.is_some() {
                let recipient = for_juror::recipient(chain, &seat, allow_private_hosts).await?;
                let none = || for_juror::refused(&seat, "judges public deals only");
                body = for_juror::encrypted(&seat, &body, recipient.ok_or_else(none)?)?;
            }
            jurors.preview(&seat.url, body).await
        };
        let said = until_answered(asks, deadline).await;
        let why = said.as_ref().err().map(ToString::to_string);
        Answer { juror: seat.juror, family: seat.family.clone(), status: said.ok(), why }
    };
    Ok(join_all(panel.into_iter().map(ask)).await)
}

/// Asks until there is an answer, or a refusal, or the deadline has passed.
async fn until_answered(
    ask: impl AsyncFn() -> Result<PreviewStatus, Error>,
    deadline: Instant,
) -> Result<PreviewStatus, Error> {
    loop {
        let said = ask().await;
        let is_open = match &said {
            Ok(status) => status.state == PreviewState::Pending,
            Err(error) => matches!(error, Error::Unreachable { .. }),
        };
        if !is_open || Instant::now() >= deadline {
            return said;
        }
        if said.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
