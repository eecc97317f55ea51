//! Who may read a private deal: its parties and the jurors of its jury, and nobody who carries it.
//!
//! A juror says to whom it wants to be written in a document that its registered key signed. What
//! it said last is kept, so that a juror that is down for a moment does not hold up a deal.

use alloy::primitives::B256;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use surety_prices::{PriceList, SignedPrices, ask};
use surety_privacy::{Identity, Recipient, Recipients, encrypt, open_or_create};
use surety_terms::TermSheet;

use crate::{Chain, Config, Deal, Error, Role, Seat, for_juror, relayer::Client, store::Store};

/// What an agent tells whoever wants to write to its owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RecipientAnswer {
    pub(crate) recipient: Recipient,
}

/// What a document of a juror is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// To sign terms that name the juror: it has to hold now.
    Sign,
    /// To write to a juror of a deal that was signed: its last one will do, since jurors keep old
    /// identities while cases are open.
    Write,
}

/// One owner's identity, and what it knows of jurors.
#[derive(Debug)]
pub(crate) struct Readers {
    identity: Identity,
    store: Store,
    allow_private_hosts: bool,
    public_deals: bool,
}

impl Readers {
    /// Opens the owner's identity, or makes it at the first start.
    pub(crate) fn open(config: &Config, store: Store) -> Result<Self, Error> {
        let file = config.identity_file.clone();
        let file = file.unwrap_or_else(|| config.store.join("identity.age"));
        Ok(Self {
            identity: open_or_create(&file)?,
            store,
            allow_private_hosts: config.allow_private_hosts,
            public_deals: config.public_deals,
        })
    }

    /// To whom others write.
    pub(crate) const fn answer(&self) -> RecipientAnswer {
        RecipientAnswer { recipient: self.identity.recipient() }
    }

    /// Makes a deal private that says nothing about it, unless the principal allows public ones.
    ///
    /// The seller's word for its own recipient needs no proof: it signs the sheet with it, or not.
    pub(crate) async fn complete(
        &self,
        mut sheet: TermSheet,
        seller: &Client,
    ) -> Result<TermSheet, Error> {
        if sheet.recipients.is_none() && !self.public_deals {
            let RecipientAnswer { recipient } = seller.get("/v1/recipient").await?;
            let buyer = self.identity.recipient();
            sheet.recipients = Some(Recipients { buyer, seller: recipient });
        }
        Ok(sheet)
    }

    /// Refuses a public deal that the principal does not want, a private one that the owner could
    /// not read, and a jury with a seat that nobody can write to.
    pub(crate) async fn check(&self, chain: &Chain, deal: &Deal, role: Role) -> Result<(), Error> {
        let Some(recipients) = deal.sheet.recipients else {
            if self.public_deals {
                return Ok(());
            }
            let why = "is null, so everybody could read the deal; give both parties' recipients, or \
                       set public_deals";
            return Err(Error::refused("recipients", why));
        };
        let (field, got) = match role {
            Role::Buyer => ("recipients.buyer", recipients.buyer),
            Role::Seller => ("recipients.seller", recipients.seller),
        };
        let own = self.identity.recipient();
        if got != own {
            return Err(Error::refused(field, format!("is {got}, this agent reads as {own}")));
        }
        self.jurors(chain, deal, Need::Sign).await.map(drop)
    }

    /// Encrypts to everybody who may read a private deal; `None` for a public one. The appeal panel
    /// is among them from the beginning: a relayer keeps the first file, and a seller that lost its
    /// case need not be there when the appeal panel is asked.
    pub(crate) async fn encrypt(
        &self,
        chain: &Chain,
        deal: &Deal,
        bytes: &[u8],
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(parties) = deal.sheet.recipients else { return Ok(None) };
        let mut readers = self.jurors(chain, deal, Need::Write).await?;
        readers.extend(parties.both());
        let file = encrypt(bytes, &readers);
        file.map(Some).map_err(|why| Error::refused("recipients", why.to_string()))
    }

    /// Encrypts what only one juror may read, unless the deal is public.
    pub(crate) async fn encrypt_to(
        &self,
        chain: &Chain,
        (deal, seat): (&Deal, &Seat),
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        if deal.sheet.recipients.is_none() {
            return Ok(bytes);
        }
        let now = chain.head().await?.timestamp;
        let recipient = self.juror(chain, seat, (now, Need::Write)).await?;
        for_juror::encrypted(seat, &bytes, recipient)
    }

    /// The recipients of a jury's panel and appeal panel, in seat order.
    async fn jurors(
        &self,
        chain: &Chain,
        deal: &Deal,
        need: Need,
    ) -> Result<Vec<Recipient>, Error> {
        let seats = chain.seats(deal.terms.jury).await?;
        let now = chain.head().await?.timestamp;
        let asked = seats.iter().map(|seat| self.juror(chain, seat, (now, need)));
        try_join_all(asked).await
    }

    async fn juror(
        &self,
        chain: &Chain,
        seat: &Seat,
        (now, need): (u64, Need),
    ) -> Result<Recipient, Error> {
        let refused = |why: &str| for_juror::refused(seat, why);
        let holds = |signed: &SignedPrices, at| for_juror::verified(chain, seat, signed, at);
        let kept = self.kept(seat).await?;
        let good = kept.as_ref().and_then(|kept| holds(kept, now).ok()?.recipient);
        if let Some(recipient) = good {
            return Ok(recipient);
        }
        let list = match self.ask(seat, |signed| holds(signed, now)).await {
            Ok(list) => list,
            Err(AskError::Store(error)) => return Err(error),
            Err(AskError::Juror(why)) => match kept.filter(|_| need == Need::Write) {
                Some(kept) => holds(&kept, kept.prices.valid_from)?,
                None => return Err(refused(&why)),
            },
        };
        let none = || refused("has no age recipient and judges public deals only");
        list.recipient.ok_or_else(none)
    }

    /// Asks a juror, and keeps what holds.
    async fn ask(
        &self,
        seat: &Seat,
        holds: impl Fn(&SignedPrices) -> Result<PriceList, Error>,
    ) -> Result<PriceList, AskError> {
        let signed = ask(&seat.url, self.allow_private_hosts).await;
        let signed = signed.map_err(|why| AskError::Juror(why.to_string()))?;
        let list = holds(&signed).map_err(|why| AskError::Juror(why.to_string()))?;
        let document = serde_json::to_vec(&signed);
        let document = document.map_err(|why| AskError::Juror(why.to_string()))?;
        self.store.keep_document(seat.juror, &document).await.map_err(AskError::Store)?;
        Ok(list)
    }

    async fn kept(&self, seat: &Seat) -> Result<Option<SignedPrices>, Error> {
        let document = self.store.document(seat.juror).await?;
        Ok(document.and_then(|bytes| SignedPrices::parse(&bytes).ok()))
    }

    /// The name under which a deliverable is kept and served: of a private deal, its age file's.
    pub(crate) async fn name_of(&self, deal: &Deal, deliverable: B256) -> Result<B256, Error> {
        Ok(self.store.age_file(deal.id, deliverable).await?.unwrap_or(deliverable))
    }
}

/// Whose fault it is that there is no document.
enum AskError {
    Juror(String),
    Store(Error),
}
