//! One owner's key, one escrow, one relayer: what every operation needs.

use std::{fmt, time::Duration};

use alloy::{
    primitives::{Address, B256, Bytes},
    signers::{SignerSync as _, local::PrivateKeySigner},
};
use surety_chain::Rpc;
use surety_terms::{
    Problem, TermSheet,
    wire::{TransactionState, TransactionStatus},
};
use tokio::time::Instant;

use crate::{Chain, Error, relayer};

/// What a transaction has to change on the chain for its operation to be done.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// The deal is open.
    Opened(B256),
    /// The milestone's deliverable is on the chain, or the milestone has ended.
    Delivered(B256, u8),
    /// The milestone has ended.
    Ended(B256, u8),
    /// The milestone is not in the state with this digest any more.
    Moved(B256, u8, B256),
    /// The owner has no credit left.
    Withdrawn(Address),
}

impl Effect {
    /// Its name in an error.
    const fn name(self) -> &'static str {
        match self {
            Self::Opened(_) => "the opening",
            Self::Delivered(..) => "the delivery",
            Self::Ended(..) => "the milestone's end",
            Self::Moved(..) => "the milestone's next state",
            Self::Withdrawn(_) => "the withdrawal",
        }
    }
}

/// An owner's key with its views of chain and relayer. It owns no ETH and needs none.
#[derive(Clone)]
pub struct Session {
    signer: PrivateKeySigner,
    /// The chain, as this owner reads it.
    pub chain: Chain,
    /// The relayer that sends this owner's transactions.
    pub relayer: relayer::Client,
    poll: Duration,
    patience: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("owner", &self.owner()).finish_non_exhaustive()
    }
}

impl Session {
    /// Joins key, chain and relayer.
    pub const fn new(signer: PrivateKeySigner, chain: Chain, relayer: relayer::Client) -> Self {
        let (poll, patience) = (Duration::from_millis(100), Duration::from_mins(2));
        Self { signer, chain, relayer, poll, patience }
    }

    /// Sets how often the chain is asked for an effect, and for how long.
    #[must_use]
    pub const fn with_pace(mut self, poll: Duration, patience: Duration) -> Self {
        self.poll = poll;
        self.patience = patience;
        self
    }

    /// Connects to an escrow through `rpc`, with a relayer at `relayer_url`.
    pub async fn connect(
        signer: PrivateKeySigner,
        rpc: Rpc,
        (chain_id, escrow): (u64, Address),
        relayer_url: &url::Url,
    ) -> Result<Self, Error> {
        let chain = Chain::connect(rpc, chain_id, escrow).await?;
        Ok(Self::new(signer, chain, relayer::Client::new(relayer_url)?))
    }

    /// The owner's address.
    pub fn owner(&self) -> Address {
        self.signer.address()
    }

    /// Signs a digest: 65 bytes, r, s, v.
    pub(crate) fn sign(&self, digest: B256) -> Result<Bytes, Error> {
        let signature = self
            .signer
            .sign_hash_sync(&digest)
            .map_err(|_| Error::refused("key", "the key cannot sign; check the key file"))?;
        Ok(signature.as_bytes().into())
    }

    /// Refuses a sheet that is for another chain or another escrow.
    pub fn check_place(&self, sheet: &TermSheet) -> Result<(), Error> {
        if sheet.chain_id != self.chain.chain_id {
            let (got, needed) = (sheet.chain_id, self.chain.chain_id);
            return Err(Error::refused("chainId", format!("is {got}, needed {needed}")));
        }
        if sheet.escrow != self.chain.escrow {
            let (got, needed) = (sheet.escrow, self.chain.escrow);
            return Err(Error::refused("escrow", format!("is {got}, needed {needed}")));
        }
        Ok(())
    }

    /// Refuses a milestone that the sheet does not have.
    pub(crate) fn check_milestone(&self, sheet: &TermSheet, milestone: u8) -> Result<(), Error> {
        self.check_place(sheet)?;
        let count = sheet.milestones.len();
        if usize::from(milestone) < count {
            return Ok(());
        }
        Err(Error::refused("milestone", format!("is {milestone}, the sheet has {count}, from 0")))
    }

    /// Has the relayer send calldata, and waits until the chain itself shows the effect.
    ///
    /// Calling it again is safe: what the chain already shows is not sent a second time. After an
    /// [`Error::NotSeen`] the transaction may still be mined.
    pub async fn submit(&self, calldata: Bytes, effect: Effect) -> Result<(), Error> {
        if self.shows(effect).await? {
            return Ok(());
        }
        let deadline = Instant::now() + self.patience;
        self.relayer.submit(&calldata).await?;
        loop {
            if self.shows(effect).await? {
                return Ok(());
            }
            // A failure counts only if the chain does not show the effect by another's transaction.
            let status = match self.relayer.status(&calldata, 0).await {
                // It took the calldata, and lost it with its disk.
                Err(error) if relayer::is_unknown(&error) => {
                    self.relayer.submit(&calldata).await.ok()
                }
                other => other.ok(),
            };
            if let Some(error) = status.and_then(failure) {
                return if self.shows(effect).await? { Ok(()) } else { Err(error) };
            }
            if Instant::now() >= deadline {
                return Err(Error::NotSeen(effect.name()));
            }
            tokio::time::sleep(self.poll).await;
        }
    }

    /// Whether the chain shows an effect now.
    async fn shows(&self, effect: Effect) -> Result<bool, Error> {
        Ok(match effect {
            Effect::Opened(deal_id) => self.chain.word(deal_id).await?.opened,
            Effect::Delivered(deal_id, milestone) => {
                let word = self.chain.word(deal_id).await?;
                word.is_delivered(milestone) || word.has_ended(milestone)
            }
            Effect::Ended(deal_id, milestone) => {
                self.chain.word(deal_id).await?.has_ended(milestone)
            }
            Effect::Moved(deal_id, milestone, from) => {
                self.chain.state_digest(deal_id, milestone).await? != from
            }
            Effect::Withdrawn(owner) => self.chain.credit(owner).await?.is_zero(),
        })
    }
}

/// Why a transaction failed, if it did.
fn failure(status: TransactionStatus) -> Option<Error> {
    if status.state != TransactionState::Failed {
        return None;
    }
    let problem = status.error.unwrap_or_else(|| {
        Problem::new("transaction-failed", 409, "The transaction failed", "no reason was given")
    });
    Some(Error::Problem { service: "the relayer", problem: Box::new(problem) })
}
