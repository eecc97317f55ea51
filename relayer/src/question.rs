//! What a panel is asked about a case, and where the deliverable lies.

use alloy::primitives::B256;
use serde::Serialize;
use surety_bindings::escrow::Delivery;
use surety_jury::wire::CaseRequest;
use surety_privacy::{AgeFile, PrivateCaseRequest};
use surety_store::Conn;
use tokio::sync::watch;

use crate::RelayerError;
use crate::relayer::Relayer;
use crate::store::cases::CaseRow;
use crate::store::{deals, private};

/// What a panel is asked.
///
/// Conversations rest while the task that holds them does something else. So they never hold a
/// connection to the database, for which that task might wait.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) request: Request,
    /// The digest under which the bytes lie on the shelf, or will.
    name: watch::Sender<B256>,
}

/// What jurors are asked, in the clear or not.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Request {
    Public(Box<CaseRequest>),
    Private(PrivateCaseRequest),
}

impl Question {
    pub(crate) async fn of(conn: &mut Conn, row: &CaseRow) -> Result<Self, RelayerError> {
        let name = watch::Sender::new(row.delivery.deliverable);
        Ok(Self { request: Request::of(conn, row).await?, name })
    }

    pub(crate) const fn delivery(&self) -> &Delivery {
        match &self.request {
            Request::Public(request) => &request.delivery,
            Request::Private(request) => &request.delivery,
        }
    }

    /// The digest under which the bytes were when it was last looked.
    pub(crate) fn name(&self) -> B256 {
        *self.name.borrow()
    }

    /// Looks where the bytes are.
    pub(crate) async fn look(&self, relayer: &Relayer) -> Result<(), RelayerError> {
        let delivery = self.delivery();
        self.name.send_replace(relayer.name_of((delivery.dealId, delivery.deliverable)).await?);
        Ok(())
    }
}

impl Request {
    async fn of(conn: &mut Conn, row: &CaseRow) -> Result<Self, RelayerError> {
        let (delivery, signature, round) = (row.delivery.clone(), row.signature.clone(), row.round);
        if let Some(term_sheet) = deals::sheet(conn, delivery.dealId).await? {
            let request = CaseRequest { term_sheet, delivery, signature, round };
            return Ok(Self::Public(Box::new(request)));
        }
        let sheets = private::sheets(conn, delivery.dealId).await?;
        let private_sheets = sheets.into_iter().map(|file| AgeFile(file.into())).collect();
        Ok(Self::Private(PrivateCaseRequest { private_sheets, delivery, signature, round }))
    }
}
