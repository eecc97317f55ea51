//! Taking a private deal's sheet, which the relayer carries and cannot read.

use std::sync::Arc;

use alloy::primitives::B256;
use axum::extract::State;
use axum::http::StatusCode;
use surety_bindings::escrow::Terms;
use surety_privacy::{PrivateSheet, upload_digest};
use surety_terms::{Problem, digest};

use super::body::{self, Body, Id};
use super::deliveries;
use super::problem::Refusal;
use crate::relayer::Relayer;
use crate::store::private::{self, Party};
use crate::watch;

/// `PUT /v1/deals/{dealId}/sheet`: either party shows the sheet of an open private deal, so that
/// the other one cannot keep it from the jurors.
pub(super) async fn put(
    State(relayer): State<Arc<Relayer>>,
    id: Id,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let deal = body::digest(id)?;
    let sheet = PrivateSheet::parse(&body::bytes(body)?)?;
    let terms = sheet.terms()?;
    is_of_deal(&relayer, &terms, deal)?;
    deliveries::deal_is_open(&relayer, deal).await?;
    let party = signer(&relayer, deal, &terms, &sheet).await?;
    let mut tx = relayer.store.begin().await?;
    private::keep_sheet(&mut tx, deal, &terms, (party, &sheet.age_file.0)).await?;
    private::keep_until(&mut tx, deal, &terms).await?;
    watch::open_pinned(&relayer, &mut tx, deal).await?;
    tx.commit().await.map_err(crate::RelayerError::from)?;
    relayer.changed();
    relayer.cases.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses terms that are not the deal's.
pub(super) fn is_of_deal(relayer: &Relayer, terms: &Terms, deal: B256) -> Result<(), Refusal> {
    let got = digest::deal_id(terms, &relayer.escrow.domain());
    if got == deal {
        return Ok(());
    }
    let detail = format!("Under the escrow that is served here these terms are deal {got}.");
    Err(Problem::new("wrong-deal", 422, "Another deal", detail)
        .with_field("terms", format!("must be those of deal {deal}"))
        .into())
}

/// Which party signed for the sheet's age file.
pub(super) async fn signer(
    relayer: &Relayer,
    deal: B256,
    terms: &Terms,
    sheet: &PrivateSheet,
) -> Result<Party, Refusal> {
    let domain = relayer.escrow.domain();
    let signed = upload_digest(deal, terms.document, &sheet.age_file.0, &domain);
    for (party, wallet) in [(Party::Seller, terms.seller), (Party::Buyer, terms.buyer)] {
        if relayer.escrow.has_signed(wallet, signed, &sheet.signature).await? {
            return Ok(party);
        }
    }
    let detail = "Nobody can tell what an age file holds, so a party has to sign for it.";
    Err(Problem::new("signature-invalid", 422, "Not a party's signature", detail)
        .with_field("signature", "must be the buyer's or the seller's, of exactly this age file")
        .into())
}
