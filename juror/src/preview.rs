//! What a juror makes sure of before it gives a preview: what it asks of a case, before the delivery.

use std::time::Duration;

use alloy::primitives::{B256, Bytes};
use surety_bindings::escrow::Delivery;
use surety_jury::{
    preview::{PreviewRequest, PreviewStatus},
    wire::CaseRequest,
};
use surety_preview::PreviewError;
use surety_terms::Problem;

use crate::{
    JurorError,
    case::Desk,
    chain::Moment,
    store::Store,
    verify::{Asked, Fault},
};

impl Desk {
    /// Takes a preview, or says how far it is after at most so long a wait for its answer.
    pub(crate) async fn preview(
        &self,
        request: &PreviewRequest,
        wait: Duration,
    ) -> Result<PreviewStatus, Fault> {
        let asked = Asked::of(&as_case(request), &self.chain)?;
        Asked::judged_by(&request.term_sheet, &self.judge.family)?;
        // Asked for anew: the moment that was last announced may be of another day.
        let moment = self.chain.moment().await?;
        let (now, at) = (moment.head.timestamp, moment.settled);
        if !asked.is_sellers(&self.chain, at, request.id(), &request.signature).await? {
            let seller = request.term_sheet.seller;
            let detail = format!("seller {seller} did not sign this preview");
            let rule = "must be the seller's over the preview";
            return Err(refused(("signature-invalid", 422), detail, ("signature", rule)));
        }
        if let Some(status) = self.previews.status(request, now, wait).await? {
            return Ok(status);
        }
        // Refused where this juror could not keep it private.
        self.circle(&asked)?;
        self.expect_undelivered(&asked, request, moment).await?;
        Ok(self.previews.take(request, now).await?)
    }

    /// Fails unless this juror would judge a delivery of the milestone, and none has come.
    async fn expect_undelivered(
        &self,
        asked: &Asked,
        request: &PreviewRequest,
        moment: Moment,
    ) -> Result<(), Fault> {
        let (now, at) = (moment.head.timestamp, moment.settled);
        let (_, seats) = asked.seat(&self.chain, at, self.signer.juror()).await?;
        let fee = request.term_sheet.jury_fee;
        if let Some(problem) = self.prices.refusal(&asked.milestone, fee, seats) {
            return Err(problem.into());
        }
        let view = asked.live(&self.chain, at).await?;
        let deal = asked.place.deal_id;
        let taken = self.store.has_delivery(deal, request.milestone).await?;
        if taken || !view.state_digest.is_zero() {
            let detail = format!("milestone {} of deal {deal} is delivered", request.milestone);
            let rule = "must not have been delivered";
            return Err(refused(("delivered", 409), detail, ("milestone", rule)));
        }
        if now >= asked.deliver_by {
            let detail =
                format!("the chain is at {now}, the delivery is due by {}", asked.deliver_by);
            let rule = "must still be deliverable";
            return Err(refused(("late-delivery", 409), detail, ("milestone", rule)));
        }
        Ok(())
    }
}

impl Store {
    /// Whether a case about the milestone was taken.
    async fn has_delivery(&self, deal_id: B256, milestone: u8) -> Result<bool, JurorError> {
        let row = sqlx::query("SELECT 1 FROM cases WHERE deal_id = ? AND milestone = ? LIMIT 1")
            .bind(deal_id.as_slice())
            .bind(i64::from(milestone))
            .fetch_optional(self.pool())
            .await?;
        Ok(row.is_some())
    }
}

/// The case that the delivery would make, unsigned.
fn as_case(request: &PreviewRequest) -> CaseRequest {
    let delivery = Delivery {
        dealId: request.term_sheet.deal_id(),
        milestone: request.milestone,
        deliverable: request.digest(),
        uri: String::new(),
    };
    let term_sheet = request.term_sheet.clone();
    CaseRequest { term_sheet, delivery, signature: Bytes::new(), round: 1 }
}

fn refused((slug, status): (&str, u16), detail: String, (field, rule): (&str, &str)) -> Fault {
    Problem::new(slug, status, "The preview is refused", detail).with_field(field, rule).into()
}

impl From<PreviewError> for Fault {
    fn from(err: PreviewError) -> Self {
        match err {
            PreviewError::Refused(problem) => Self::Refused(problem),
            PreviewError::Unable(err) => err.into(),
        }
    }
}
