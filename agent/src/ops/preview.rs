//! Preview: a seller asks its deal's jurors what they would say of a deliverable, before it
//! delivers. Binds nobody.
//!
//! One signature asks the whole panel. The request is sent again until each juror's time to answer
//! has come; a juror that does not answer costs the others nothing.

use std::time::Duration;

use alloy::primitives::{Address, Bytes};
use serde::Serialize;
use surety_jury::preview::{PreviewRequest, PreviewState, PreviewStatus};
use surety_keys::Key;
use surety_terms::TermSheet;
use tokio::{task::JoinSet, time::Instant};

use crate::{Chain, Error, Seat, jurors::Jurors};

/// How long a request is signed for; jurors take no more than a day.
const VALID_SECS: u64 = 7_200;
/// How long one request waits at the juror for its answer.
const WAIT_SECS: u64 = 20;
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
    /// What it says; absent when it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<PreviewStatus>,
    /// Why it gives no preview.
    #[serde(skip_serializing_if = "Option::is_none")]
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
        let rule = format!("is {seller}; only the seller asks, the key is {signer}'s");
        return Err(Error::refused("seller", rule));
    }
    let valid_until = chain.head().await?.timestamp.saturating_add(VALID_SECS);
    let signature = Bytes::new();
    let mut request = PreviewRequest { term_sheet, milestone, deliverable, valid_until, signature };
    let most = request.deliverable.len();
    PreviewRequest::parse(&serde_json::to_vec(&request).unwrap_or_default(), most)?;
    request.signature = key.sign(&request.id()).await?.as_bytes().into();
    Ok(request)
}

/// Asks every juror of the panel, and waits for their answers no longer than `patience`.
pub async fn ask(
    chain: &Chain,
    request: &PreviewRequest,
    patience: Duration,
    allow_private_hosts: bool,
) -> Result<Vec<Answer>, Error> {
    let jurors = Jurors::new(allow_private_hosts)?;
    let (panel, deadline) =
        (chain.panel(request.term_sheet.jury).await?, Instant::now() + patience);
    let mut asked = JoinSet::new();
    for (place, seat) in panel.into_iter().enumerate() {
        let (jurors, request) = (jurors.clone(), request.clone());
        asked
            .spawn(async move { (place, until_answered(&jurors, seat, &request, deadline).await) });
    }
    let mut answers = asked.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

async fn until_answered(
    jurors: &Jurors,
    seat: Seat,
    request: &PreviewRequest,
    deadline: Instant,
) -> Answer {
    let mut answer = Answer { juror: seat.juror, family: seat.family, status: None, why: None };
    loop {
        let is_done = match jurors.preview(&seat.url, request, WAIT_SECS).await {
            Ok(status) if status.preview_id == request.id() => {
                let is_done = status.state != PreviewState::Pending;
                (answer.status, answer.why) = (Some(status), None);
                is_done
            }
            Ok(_) => {
                answer.why = Some("answers another preview".to_owned());
                true
            }
            Err(error) => {
                answer.why = Some(error.to_string());
                !matches!(error, Error::Unreachable { .. })
            }
        };
        if is_done || Instant::now() >= deadline {
            return answer;
        }
        if answer.why.is_some() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
