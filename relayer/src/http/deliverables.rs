//! Taking and giving deliverables by digest.

use std::sync::Arc;

use alloy::primitives::{B256, Bytes, keccak256};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use surety_privacy::{ciphertext_most, upload_digest};
use surety_terms::Problem;

use super::body::{self, Body, Id, OfDeal, Upload};
use super::problem::{Refusal, malformed};
use crate::RelayerError;
use crate::relayer::Relayer;
use crate::shelf::NotTaken;
use crate::store::{cases, deals, private};

/// `PUT /v1/deliverables/{digest}`: raw bytes whose keccak256 is the digest; or, with `deal` and
/// `signature`, an age file that holds them.
pub(super) async fn put(
    State(relayer): State<Arc<Relayer>>,
    id: Id,
    of_deal: OfDeal,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let digest = body::digest(id)?;
    let bytes = body::bytes(body)?;
    let most = relayer.config.limits.deliverable_max_bytes;
    match body::of_deal(of_deal)? {
        Upload { deal: Some(deal), signature: Some(signature) } => {
            put_private(&relayer, (deal, digest), bytes, &signature).await?;
        }
        Upload { deal: None, signature: None } => {
            relayer.shelf.put(digest, bytes, (most, relayer.now())).await?.map_err(refuse)?;
        }
        Upload { .. } => return Err(malformed("query", "must hold both, or neither").into()),
    }
    relayer.changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an age file for a deliverable that a delivery names, if the deal's seller signed for it.
/// Nobody here can tell what it holds, so one file per deliverable is kept: the first.
async fn put_private(
    relayer: &Relayer,
    (deal, digest): (B256, B256),
    file: Bytes,
    signature: &Bytes,
) -> Result<(), Refusal> {
    let (terms, named) = {
        let mut conn = relayer.store.read().await?;
        let terms = deals::terms(&mut conn, deal).await?;
        (terms, cases::names(&mut conn, (deal, digest)).await?)
    };
    let Some(terms) = terms.filter(|_| named) else {
        let detail = "No delivery of this deal names the deliverable; hand in the delivery first.";
        return Err(Problem::new("delivery-unknown", 409, "No such delivery", detail)
            .with_field("deal", "must be a deal with a delivery of this digest")
            .into());
    };
    let signed = upload_digest(deal, digest, &file, &relayer.escrow.domain());
    if !relayer.escrow.has_signed(terms.seller, signed, signature).await? {
        let detail = format!("The signature is not {}'s for the digest {signed}.", terms.seller);
        return Err(Problem::new("signature-invalid", 422, "Not the seller's signature", detail)
            .with_field("signature", "must be the seller's, of exactly this age file")
            .into());
    }
    if relayer.deliverable((deal, digest)).await?.is_some() {
        return Ok(());
    }
    let name = keccak256(&file);
    let mut tx = relayer.store.begin().await?;
    private::keep_upload(&mut tx, (deal, digest), name).await?;
    tx.commit().await.map_err(RelayerError::from)?;
    let most = usize::try_from(relayer.config.limits.deliverable_max_bytes).unwrap_or(usize::MAX);
    let most = u64::try_from(ciphertext_most(most)).unwrap_or(u64::MAX);
    relayer.shelf.put(name, file, (most, relayer.now())).await?.map_err(refuse)
}

/// `GET /v1/deliverables/{digest}`: the bytes; of a private deal, which `deal` names, the age file
/// that holds them.
pub(super) async fn show(
    State(relayer): State<Arc<Relayer>>,
    id: Id,
    of_deal: OfDeal,
) -> Result<Response, Refusal> {
    let digest = body::digest(id)?;
    let found = match body::of_deal(of_deal)?.deal {
        Some(deal) => relayer.deliverable((deal, digest)).await?,
        None => relayer.shelf.get(digest).await?,
    };
    let Some(bytes) = found else {
        let detail = "No deliverable with this digest is here.";
        return Err(Problem::new("not-found", 404, "No such deliverable", detail).into());
    };
    // Strangers chose the bytes: no browser may take them for a page.
    let headers: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment"),
    ];
    Ok((headers, bytes.0).into_response())
}

fn refuse(why: NotTaken) -> Refusal {
    let problem = match why {
        NotTaken::Digest(got) => {
            let detail = format!("The bytes' keccak256 is {got}.");
            Problem::new("digest-mismatch", 422, "Another digest", detail)
                .with_field("digest", "must be the keccak256 of the body")
        }
        NotTaken::Size(got) => {
            let detail = format!("{got} bytes are more than a deliverable may have here.");
            Problem::new("too-large", 413, "Too large", detail)
                .with_field("(document)", "not larger than the limit")
        }
        NotTaken::Full => {
            let detail = "There is no room for deliverables that no delivery names; hand in the \
                          delivery first.";
            Problem::new("shelf-full", 507, "No room", detail)
        }
    };
    problem.into()
}
