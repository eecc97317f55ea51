//! The two ways into a deal: an offer to a seller, and a seller's answer.

use std::sync::Arc;

use alloy::primitives::{Bytes, U256};
use surety_terms::{
    HiddenCriterion, TermSheet,
    wire::{Offer, OfferAnswer},
};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    Config, Deal, Error, Mandate, Role, Session, Stage, checks,
    ops::open,
    readers::Readers,
    reveal,
    store::{Entry, Store},
};

/// How many blocks a reorganisation may replace.
const REORG_BLOCKS: u64 = 64;

/// Signs for its principal, within the mandate, one deal at a time.
#[derive(Debug)]
pub(crate) struct Negotiator {
    session: Session,
    store: Store,
    buyer: Option<Mandate>,
    seller: Option<(Mandate, u32)>,
    readers: Arc<Readers>,
    /// What is promised in waiting deals is read, checked and added to under this lock.
    signing: Mutex<()>,
}

impl Negotiator {
    /// Takes the mandates from the configuration.
    pub(crate) fn new(
        session: Session,
        store: Store,
        readers: Arc<Readers>,
        config: &Config,
    ) -> Self {
        let buyer = config.buyer.as_ref().map(|buyer| Mandate {
            max_total: buyer.max_total,
            accepted_juries: buyer.accepted_juries.clone(),
            min_judge_within_secs: buyer.min_judge_within_secs,
            ..Mandate::default()
        });
        let seller = config.seller.as_ref().map(|seller| {
            let mandate = Mandate {
                minimum_total: seller.minimum_total,
                max_total: None,
                max_bond: seller.max_bond,
                accepted_juries: seller.accepted_juries.clone(),
                min_judge_within_secs: seller.min_judge_within_secs,
                max_hidden: Some(seller.max_hidden_bps),
            };
            (mandate, seller.max_waiting_offers)
        });
        Self { session, store, buyer, seller, readers, signing: Mutex::new(()) }
    }

    /// The buyer's side: checks, signs and writes down a deal that its principal wants.
    ///
    /// The offer itself leaves later, from the stored row, so that a crash loses nothing. What it
    /// hides is on disk before that; it may be told later too, by asking for the same deal again.
    pub(crate) async fn buy(
        &self,
        sheet: TermSheet,
        seller_url: &Url,
        hidden: &[HiddenCriterion],
    ) -> Result<Entry, Error> {
        let mandate = self
            .buyer
            .as_ref()
            .ok_or_else(|| Error::refused("buyer", "this agent's configuration has no [buyer]"))?;
        if !matches!(seller_url.scheme(), "http" | "https") {
            return Err(Error::refused("sellerUrl", "needs an http or https URL"));
        }
        self.session.check_place(&sheet)?;
        let seller = self.session.relayer.elsewhere("the seller", seller_url.as_str());
        let sheet = self.readers.complete(sheet, &seller).await?;
        reveal::check(&sheet, hidden)?;
        let deal = Deal::new(sheet, self.first_block().await?);
        if let Some(entry) = self.store.deal(deal.id).await? {
            self.store.keep_hidden(deal.id, hidden).await?;
            return Ok(entry);
        }
        // Before the lock: a stranger's jurors may be slow.
        self.readers.check(&self.session.chain, &deal, Role::Buyer).await?;
        let _signing = self.signing.lock().await;
        self.check(&deal, Role::Buyer, mandate).await?;
        let entry = Entry {
            buyer_authorization: open::sign(&self.session, &deal)?,
            seller_authorization: None,
            seller_url: Some(seller_url.to_string()),
            role: Role::Buyer,
            stage: Stage::Signed,
            problem: None,
            deal,
        };
        self.store.keep_hidden(entry.deal.id, hidden).await?;
        self.store.insert(&entry).await?;
        Ok(entry)
    }

    /// The seller's side: checks a stranger's offer, signs it and writes it down.
    pub(crate) async fn answer(&self, offer: Offer) -> Result<OfferAnswer, Error> {
        let (mandate, most) = self
            .seller
            .as_ref()
            .ok_or_else(|| Error::refused("seller", "this agent does not sell"))?;
        self.session.check_place(&offer.term_sheet)?;
        let deal = Deal::new(offer.term_sheet, self.first_block().await?);
        if let Some(answer) = self.answered(&deal).await? {
            return Ok(answer);
        }
        // The cheapest check that a stranger cannot pass without a key and its money comes first.
        open::verify(&self.session, &deal, Role::Buyer, &offer.buyer_authorization).await?;
        self.readers.check(&self.session.chain, &deal, Role::Seller).await?;
        let _signing = self.signing.lock().await;
        if self.store.count_waiting(Role::Seller).await? >= *most {
            return Err(Error::Busy("too many signed offers wait to be opened"));
        }
        self.check(&deal, Role::Seller, mandate).await?;
        let entry = Entry {
            buyer_authorization: offer.buyer_authorization,
            seller_authorization: Some(open::sign(&self.session, &deal)?),
            seller_url: None,
            role: Role::Seller,
            stage: Stage::Agreed,
            problem: None,
            deal,
        };
        self.store.insert(&entry).await?;
        self.answered(&entry.deal).await?.ok_or(Error::Store("reading a signed offer"))
    }

    /// A block that no event of a deal that is signed now can precede, reorganisations included.
    async fn first_block(&self) -> Result<u64, Error> {
        Ok(self.session.chain.head().await?.number.saturating_sub(REORG_BLOCKS))
    }

    /// The answer that was given to an offer before, if it was.
    async fn answered(&self, deal: &Deal) -> Result<Option<OfferAnswer>, Error> {
        let entry = self.store.deal(deal.id).await?;
        let signature =
            entry.filter(|e| e.role == Role::Seller).and_then(|e| e.seller_authorization);
        Ok(signature.map(|seller_authorization| OfferAnswer { seller_authorization }))
    }

    /// Everything that must hold before this agent signs in that role.
    async fn check(&self, deal: &Deal, role: Role, mandate: &Mandate) -> Result<(), Error> {
        let waiting = self.store.waiting(role).await?;
        let mut promised = waiting
            .iter()
            .fold(U256::ZERO, |sum, (_, amount)| sum.saturating_add(U256::from(*amount)));
        loop {
            let checked =
                checks::before_signing(&self.session, deal, role, mandate, promised).await;
            // A deal that was opened meanwhile counted twice: as promised and as paid. Nothing is
            // signed while this agent checks, so what is promised can only shrink.
            let still = if checked.is_ok() { promised } else { self.promised(role).await? };
            if still == promised {
                return checked;
            }
            promised = still;
        }
    }

    /// What the owner signed for in deals that the chain has not opened.
    async fn promised(&self, role: Role) -> Result<U256, Error> {
        let mut sum = U256::ZERO;
        for (deal_id, amount) in self.store.waiting(role).await? {
            if !self.session.chain.word(deal_id).await?.opened {
                sum = sum.saturating_add(U256::from(amount));
            }
        }
        Ok(sum)
    }

    /// Sends a stored offer to its seller and keeps the seller's signature.
    pub(crate) async fn send_offer(&self, entry: &Entry) -> Result<(), Error> {
        let Some(seller_url) = &entry.seller_url else { return Ok(()) };
        let offer = Offer {
            term_sheet: entry.deal.sheet.clone(),
            buyer_authorization: entry.buyer_authorization.clone(),
        };
        let seller = self.session.relayer.elsewhere("the seller", seller_url);
        let answer: OfferAnswer = seller.post("/v1/offers", &offer).await?;
        let signature: Bytes = answer.seller_authorization;
        open::verify(&self.session, &entry.deal, Role::Seller, &signature).await?;
        self.store.set_agreed(entry.deal.id, &signature).await
    }
}
