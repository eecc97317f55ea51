//! Doing one act: each writes down what it must before anything leaves the process.

use std::{sync::Arc, time::Duration};

use alloy::{
    primitives::{B256, keccak256},
    sol_types::SolValue as _,
};
use surety_privacy::{AgeFile, PrivateDeliveryRequest, PrivateSheet};
use surety_terms::{Problem, wire::DeliveryRequest};

use crate::{
    Deal, Error, Role, Seller, Session, Stage,
    acts::Act,
    blobs::Blobs,
    jurors::Jurors,
    negotiate::Negotiator,
    ops::{deliver, escalate, expire, open, reclaim, withdraw},
    readers::Readers,
    store::{Entry, Store, Work},
    worker,
};

/// How often a juror that does not take the bytes is asked again. The relayer pushes them too, and
/// the delivery names where they are.
const PUSH_TRIES: u32 = 8;

/// What every act needs.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) session: Session,
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) readers: Arc<Readers>,
    pub(crate) jurors: Jurors,
    pub(crate) negotiator: Arc<Negotiator>,
    pub(crate) seller: Option<Seller>,
    /// Where others reach this agent, without a trailing slash.
    pub(crate) public_url: String,
    pub(crate) poll: Duration,
}

impl Context {
    /// Does one act of a deal.
    #[expect(clippy::cognitive_complexity, reason = "an arm for each act")]
    pub(crate) async fn perform(&self, entry: &Entry, act: Act) -> Result<(), Error> {
        let (deal, session) = (&entry.deal, &self.session);
        match act {
            Act::Offer => self.offer(entry).await,
            Act::Open => self.open(entry).await,
            Act::Show => self.show(deal).await,
            Act::Note => self.store.set_stage(deal.id, Stage::Open).await,
            Act::Close => self.store.set_stage(deal.id, Stage::Ended).await,
            Act::Lapse => self.lapse(entry).await,
            Act::Work(milestone) => self.work(deal, milestone).await,
            Act::HandIn(milestone) => self.hand_in(deal, milestone).await,
            Act::Push(milestone) => self.push(deal, milestone, 1).await,
            Act::PushAgain(milestone) => self.push(deal, milestone, 2).await,
            Act::Reveal(judging) => self.reveal(deal, judging).await,
            Act::Ask(milestone) => self.ask(deal, milestone).await,
            Act::Pin(milestone) => self.pin(deal, milestone).await,
            Act::Reclaim(milestone) => reclaim::submit(session, deal, milestone).await.map(drop),
            Act::Escalate(milestone) => escalate::submit(session, deal, milestone).await,
            Act::Expire(milestone) => expire::submit(session, deal, milestone).await.map(drop),
            Act::Withdraw => self.withdraw().await,
        }
    }

    /// Pays the owner's credit out.
    pub(crate) async fn withdraw(&self) -> Result<(), Error> {
        withdraw::submit(&self.session, self.session.owner()).await.map(drop)
    }

    /// Sends the offer. A seller that declines is not asked again.
    async fn offer(&self, entry: &Entry) -> Result<(), Error> {
        match self.negotiator.send_offer(entry).await {
            Err(error @ (Error::Problem { .. } | Error::Refused { .. })) => {
                self.store.set_refused(entry.deal.id, &Problem::from(&error)).await
            }
            other => other,
        }
    }

    /// Has the deal opened, with both stored signatures.
    async fn open(&self, entry: &Entry) -> Result<(), Error> {
        let Some(seller) = entry.seller_authorization.clone() else { return Ok(()) };
        let buyer = entry.buyer_authorization.clone();
        open::submit(&self.session, &entry.deal, buyer, seller).await
    }

    /// Ends the wait for an opening. A stranger's unopened offer leaves nothing behind.
    async fn lapse(&self, entry: &Entry) -> Result<(), Error> {
        let deal_id = entry.deal.id;
        if self.session.chain.word(deal_id).await?.opened {
            return Ok(());
        }
        match entry.role {
            Role::Buyer => self.store.set_stage(deal_id, Stage::Lapsed).await,
            Role::Seller => self.store.forget(deal_id).await,
        }
    }

    /// Writes the delivery to the chain, where the relayer shows nothing of it.
    async fn pin(&self, deal: &Deal, milestone: u8) -> Result<(), Error> {
        let Some((delivery, signature)) = self.delivery(deal.id, milestone).await? else {
            return Ok(());
        };
        deliver::pin(&self.session, deal, &delivery, signature).await
    }

    /// Has the worker program make the deliverable, keeps it, and signs the delivery.
    async fn work(&self, deal: &Deal, milestone: u8) -> Result<(), Error> {
        let Some(seller) = &self.seller else { return Ok(()) };
        if self.store.work(deal.id, milestone).await?.is_some() {
            return Ok(());
        }
        let work = match worker::run(seller, &deal.sheet, milestone).await? {
            None => Work::Nothing,
            Some(bytes) => {
                let digest = keccak256(&bytes);
                let file = self.readers.encrypt(&self.session.chain, deal, &bytes).await?;
                // What is private lies here as an age file only.
                let name = self.blobs.put(file.unwrap_or(bytes)).await?;
                if name != digest {
                    self.store.keep_age_file((deal.id, digest), name).await?;
                }
                let uri = format!("{}/v1/deliverables/{name}", self.public_url);
                let delivery = deliver::delivery(deal, milestone, digest, uri);
                let signature = deliver::sign(&self.session, deal, &delivery)?;
                Work::Delivery(delivery, signature)
            }
        };
        self.store.keep_work(deal.id, milestone, &work).await.map(drop)
    }

    /// Hands the stored delivery and its bytes to the relayer.
    async fn hand_in(&self, deal: &Deal, milestone: u8) -> Result<(), Error> {
        let Some((delivery, signature)) = self.delivery(deal.id, milestone).await? else {
            return Ok(());
        };
        let digest = delivery.deliverable;
        let bytes = self.bytes(deal, digest).await?;
        let relayer = &self.session.relayer;
        let Some(private_sheet) = self.private_sheet(deal).await? else {
            let request = DeliveryRequest { term_sheet: deal.sheet.clone(), delivery, signature };
            relayer.deliver(&request).await?;
            return relayer.put_deliverable(digest, bytes).await;
        };
        let request = PrivateDeliveryRequest { private_sheet, delivery, signature };
        relayer.deliver_private(&request).await?;
        let signature = deliver::sign_upload(&self.session, deal, digest, &bytes)?;
        relayer.put_age_file((deal.id, digest), bytes, &signature).await
    }

    /// Shows a private deal's sheet to the relayer: a seller that keeps it from the jurors would
    /// only be met with silence.
    async fn show(&self, deal: &Deal) -> Result<(), Error> {
        match self.private_sheet(deal).await? {
            Some(sheet) => self.session.relayer.put_sheet(deal.id, &sheet).await,
            None => Ok(()),
        }
    }

    /// A private deal's sheet as it may travel, signed for; `None` for a public deal.
    async fn private_sheet(&self, deal: &Deal) -> Result<Option<PrivateSheet>, Error> {
        let sheet = deal.sheet.canonical();
        let Some(file) = self.readers.encrypt(&self.session.chain, deal, &sheet).await? else {
            return Ok(None);
        };
        let document = deal.terms.document;
        let signature = deliver::sign_upload(&self.session, deal, document, &file)?;
        let terms = deal.terms.abi_encode().into();
        Ok(Some(PrivateSheet { terms, age_file: AgeFile(file), signature }))
    }

    /// Hands the delivery in again to a relayer that lost its disk.
    async fn ask(&self, deal: &Deal, milestone: u8) -> Result<(), Error> {
        let Some((delivery, _)) = self.delivery(deal.id, milestone).await? else { return Ok(()) };
        let place = (deal.id, milestone);
        let case_id = self.session.chain.case_id(place, 1, delivery.deliverable);
        if self.session.relayer.knows(case_id).await? {
            return Ok(());
        }
        tracing::warn!(deal = %deal.id, milestone, "the relayer does not know the case any more");
        self.hand_in(deal, milestone).await
    }

    /// Pushes the bytes to every juror of a round's panel, which takes them once it knows the case.
    async fn push(&self, deal: &Deal, milestone: u8, round: u8) -> Result<(), Error> {
        let Some((delivery, _)) = self.delivery(deal.id, milestone).await? else { return Ok(()) };
        let digest = delivery.deliverable;
        let bytes = self.bytes(deal, digest).await?;
        let panel = self.session.chain.panel(deal.terms.jury, round).await?;
        let mut waiting = self.jurors.usable(panel.into_iter().map(|seat| seat.url));
        let mut pause = self.poll;
        for _ in 0..PUSH_TRIES {
            let ended = self.session.chain.word(deal.id).await?.has_ended(milestone);
            if ended || waiting.is_empty() {
                return Ok(());
            }
            waiting = self.jurors.push(waiting, digest, &bytes).await;
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        tracing::info!(deal = %deal.id, milestone, jurors = ?waiting, "did not take the bytes");
        Ok(())
    }

    /// A milestone's signed delivery, if there is one.
    async fn delivery(
        &self,
        deal_id: B256,
        milestone: u8,
    ) -> Result<Option<(surety_bindings::escrow::Delivery, alloy::primitives::Bytes)>, Error> {
        Ok(match self.store.work(deal_id, milestone).await? {
            Some(Work::Delivery(delivery, signature)) => Some((delivery, signature)),
            Some(Work::Nothing) | None => None,
        })
    }

    /// A stored deliverable's bytes; of a private deal, the age file.
    async fn bytes(&self, deal: &Deal, deliverable: B256) -> Result<Vec<u8>, Error> {
        let name = self.readers.name_of(deal, deliverable).await?;
        self.blobs.get(name).await?.ok_or(Error::Store("reading a deliverable"))
    }
}
