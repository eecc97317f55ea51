//! The agent's own view of the chain. Nothing that a relayer or a counterparty says replaces it.

use alloy::{
    primitives::{Address, B256, Bytes, Signature, U256},
    sol_types::SolCall,
};
use surety_bindings::{
    escrow::DealEscrow,
    jury::{Case, Juror, Jury},
};
use surety_chain::{BlockTag, CallOutcome, Header, Rpc};
use surety_terms::{TokenDomain, digest};

use crate::Error;

mod token {
    //! The few functions of a `FiatToken` and of a contract wallet that an agent reads.
    alloy::sol! {
        function name() external view returns (string);
        function version() external view returns (string);
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function balanceOf(address owner) external view returns (uint256);
        function isValidSignature(bytes32 digest, bytes signature) external view returns (bytes4);
    }
}

/// What an ERC-1271 wallet answers to a signature of its own.
const VALID_SIGNATURE: [u8; 4] = [0x16, 0x26, 0xba, 0x7e];

/// A deal's word on the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Whether it was ever opened.
    pub opened: bool,
    /// Bit i: milestone i has ended.
    pub ended: u16,
    /// Bit i: milestone i has a slow-path state.
    pub slow: u16,
}

impl Word {
    /// Whether a milestone has ended.
    pub fn has_ended(self, milestone: u8) -> bool {
        bit(self.ended, milestone)
    }

    /// Whether a milestone's deliverable is on the chain and the milestone still lives.
    pub fn is_delivered(self, milestone: u8) -> bool {
        bit(self.slow, milestone) && !self.has_ended(milestone)
    }
}

/// One bit of a milestone mask.
pub(crate) fn bit(mask: u16, index: u8) -> bool {
    mask.checked_shr(index.into()).is_some_and(|rest| rest & 1 == 1)
}

/// One seat of a panel, as registered.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The juror's key.
    pub juror: Address,
    /// Who trained its model, by its own claim.
    pub family: String,
    /// Who runs it, by its own claim.
    pub operator: String,
    /// Where it answers.
    pub url: String,
}

/// Reads one escrow, its token and its jury contract through one endpoint.
#[derive(Clone, Debug)]
pub struct Chain {
    pub(crate) rpc: Rpc,
    /// The chain's id.
    pub chain_id: u64,
    /// The escrow.
    pub escrow: Address,
    /// The jury contract that the escrow asks.
    pub jury: Address,
    /// The only token that the escrow takes, with the domain it signs in.
    pub token: TokenDomain,
}

impl Chain {
    /// Checks chain id, escrow and token, and reads what never changes.
    pub async fn connect(rpc: Rpc, chain_id: u64, escrow: Address) -> Result<Self, Error> {
        rpc.expect_chain(chain_id).await?;
        rpc.expect_code(escrow).await?;
        let jury = read(&rpc, escrow, &DealEscrow::juryCall {}).await?;
        let token = read(&rpc, escrow, &DealEscrow::tokenCall {}).await?;
        let token = token_domain(&rpc, chain_id, token).await?;
        Ok(Self { rpc, chain_id, escrow, jury, token })
    }

    /// The latest block: the agent's only clock.
    pub async fn head(&self) -> Result<Header, Error> {
        Ok(self.rpc.head(BlockTag::Latest).await?)
    }

    /// A deal's word; all zero when it was never opened.
    pub async fn word(&self, deal_id: B256) -> Result<Word, Error> {
        let call = DealEscrow::dealCall { dealId: deal_id };
        let word = read(&self.rpc, self.escrow, &call).await?;
        Ok(Word { opened: word.opened, ended: word.ended, slow: word.slow })
    }

    /// The digest of the state that the escrow keeps of a milestone; zero when it keeps none.
    pub async fn state_digest(&self, deal_id: B256, milestone: u8) -> Result<B256, Error> {
        let call = DealEscrow::stateDigestCall { dealId: deal_id, milestone };
        read(&self.rpc, self.escrow, &call).await
    }

    /// The id of a round's case about a milestone's deliverable.
    pub(crate) fn case_id(
        &self,
        (deal_id, milestone): (B256, u8),
        round: u8,
        deliverable: B256,
    ) -> B256 {
        digest::case_id(&Case {
            chainId: U256::from(self.chain_id),
            jury: self.jury,
            consumer: self.escrow,
            dealId: deal_id,
            milestone,
            round,
            deliverable,
        })
    }

    /// What an owner may withdraw, in base units.
    pub async fn credit(&self, owner: Address) -> Result<U256, Error> {
        let call = DealEscrow::creditsCall { token: self.token.address, owner };
        read(&self.rpc, self.escrow, &call).await
    }

    /// An owner's balance of the token, in base units.
    pub async fn balance(&self, owner: Address) -> Result<U256, Error> {
        read(&self.rpc, self.token.address, &token::balanceOfCall { owner }).await
    }

    /// Whether a signature over `digest` is the wallet's: by its key, or by its code if it has any.
    pub async fn is_signed_by(
        &self,
        wallet: Address,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, Error> {
        if recovers(wallet, digest, signature) {
            return Ok(true);
        }
        // An account without code answers every call with nothing, which does not decode.
        let call = token::isValidSignatureCall { digest, signature: signature.clone() };
        let calldata = call.abi_encode().into();
        match self.rpc.call(None, wallet, &calldata, BlockTag::Latest).await? {
            CallOutcome::Returned(answer) => {
                let magic = token::isValidSignatureCall::abi_decode_returns(&answer);
                Ok(magic.is_ok_and(|magic| magic == VALID_SIGNATURE))
            }
            CallOutcome::Reverted(_) => Ok(false),
        }
    }

    /// Checks that the jury exists and that neither party holds a seat.
    pub async fn check_jury(
        &self,
        jury: B256,
        buyer: Address,
        seller: Address,
    ) -> Result<(), Error> {
        let call = Jury::checkJuryCall { jury, buyer, seller, needsAppealPanel: false };
        read(&self.rpc, self.jury, &call).await?;
        Ok(())
    }

    /// Whether a jury that exists has an appeal panel.
    pub async fn has_appeal_panel(&self, jury: B256) -> Result<bool, Error> {
        let call = Jury::panelCall { jury, round: 2 };
        Ok(!read(&self.rpc, self.jury, &call).await?.is_empty())
    }

    /// The seats of a jury's panel and then those of its appeal panel.
    pub async fn seats(&self, jury: B256) -> Result<Vec<Seat>, Error> {
        let mut seats = self.panel(jury, 1).await?;
        seats.extend(self.panel(jury, 2).await?);
        Ok(seats)
    }

    /// The seats of a jury's panel, in order, as registered; in round 2 those of its appeal panel,
    /// which is empty when there is none.
    pub async fn panel(&self, jury: B256, round: u8) -> Result<Vec<Seat>, Error> {
        let call = Jury::panelCall { jury, round };
        let keys = read(&self.rpc, self.jury, &call).await?;
        let mut seats = Vec::with_capacity(keys.len());
        for juror in keys {
            let Juror { family, operator, url, .. } = self.juror(juror).await?;
            seats.push(Seat { juror, family, operator, url });
        }
        Ok(seats)
    }

    /// A juror as registered; all zero when the key never registered.
    pub async fn juror(&self, key: Address) -> Result<Juror, Error> {
        read(&self.rpc, self.jury, &Jury::jurorCall { key }).await
    }
}

/// Reads a view. Its revert is a named error, since views revert with facts.
pub(crate) async fn read<C: SolCall>(rpc: &Rpc, to: Address, call: &C) -> Result<C::Return, Error> {
    match rpc.view(to, call, BlockTag::Latest).await? {
        CallOutcome::Returned(value) => Ok(value),
        CallOutcome::Reverted(data) => Err(Error::reverted(&data)),
    }
}

/// Whether the plain key of `wallet` made this signature.
fn recovers(wallet: Address, digest: B256, signature: &Bytes) -> bool {
    let Ok(signature) = Signature::from_raw(signature) else { return false };
    // The token and the escrow refuse a high s alike.
    signature.normalize_s().is_none()
        && signature.recover_address_from_prehash(&digest).is_ok_and(|got| got == wallet)
}

/// Reads the token's signing domain and compares it with the separator that the token itself uses.
pub(crate) async fn token_domain(
    rpc: &Rpc,
    chain_id: u64,
    address: Address,
) -> Result<TokenDomain, Error> {
    let name = read(rpc, address, &token::nameCall {}).await?;
    let version = read(rpc, address, &token::versionCall {}).await?;
    let separator = read(rpc, address, &token::DOMAIN_SEPARATORCall {}).await?;
    let domain = TokenDomain { name, version, chain_id, address };
    if domain.separator() == separator { Ok(domain) } else { Err(Error::TokenDomain(address)) }
}
