//! What the relayer reads from the escrow and its jury. Nothing here is remembered.

use alloy::primitives::{Address, B256, Bytes, Signature};
use alloy::sol_types::{Eip712Domain, SolCall};
use surety_bindings::escrow::{DealEscrow, SlowState, Terms};
use surety_bindings::jury::{Juror, Jury};
use surety_chain::{BlockTag, CallOutcome, ChainError, Rpc};
use surety_terms::digest;

use crate::RelayerError;

alloy::sol! {
    /// ERC-1271: a contract wallet's word on a signature.
    interface Wallet {
        function isValidSignature(bytes32 digest, bytes signature) external view returns (bytes4);
    }
}

/// A deal's word, as far as the relayer needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DealWord {
    pub(crate) opened: bool,
    pub(crate) revoked: bool,
    ended: u16,
    slow: u16,
}

impl DealWord {
    pub(crate) fn has_ended(self, milestone: u8) -> bool {
        bit(self.ended, milestone)
    }

    pub(crate) fn is_slow(self, milestone: u8) -> bool {
        bit(self.slow, milestone)
    }

    /// The milestones before this one that have not ended, as a mask.
    pub(crate) fn live_before(self, milestone: u8) -> u16 {
        !self.ended & 1_u16.checked_shl(milestone.into()).unwrap_or_default().wrapping_sub(1)
    }
}

fn bit(mask: u16, index: u8) -> bool {
    mask.checked_shr(u32::from(index)).is_some_and(|m| m & 1 == 1)
}

/// The escrow that this relayer serves, and the jury behind it.
#[derive(Debug, Clone)]
pub(crate) struct Escrow {
    pub(crate) rpc: Rpc,
    pub(crate) chain_id: u64,
    pub(crate) address: Address,
    pub(crate) jury: Address,
    pub(crate) tag: BlockTag,
}

impl Escrow {
    /// Checks the chain, the escrow and its jury before anything else is done.
    pub(crate) async fn connect(
        rpc: Rpc,
        chain_id: u64,
        address: Address,
        tag: BlockTag,
    ) -> Result<Self, ChainError> {
        rpc.expect_chain(chain_id).await?;
        rpc.expect_code(address).await?;
        rpc.head(tag).await?;
        let jury = rpc.read(address, &DealEscrow::juryCall {}, BlockTag::Latest).await?;
        rpc.expect_code(jury).await?;
        Ok(Self { rpc, chain_id, address, jury, tag })
    }

    pub(crate) fn domain(&self) -> Eip712Domain {
        digest::escrow_domain(self.chain_id, self.address)
    }

    /// A deal's word at a tag.
    pub(crate) async fn deal(&self, deal: B256, tag: BlockTag) -> Result<DealWord, ChainError> {
        let word = self.rpc.read(self.address, &DealEscrow::dealCall { dealId: deal }, tag).await?;
        Ok(DealWord {
            opened: word.opened,
            revoked: word.revoked,
            ended: word.ended,
            slow: word.slow,
        })
    }

    /// The keys of a jury's panel, in seat order.
    pub(crate) async fn panel(&self, jury: B256, round: u8) -> Result<Vec<Address>, ChainError> {
        self.rpc.read(self.jury, &Jury::panelCall { jury, round }, self.tag).await
    }

    /// A juror's registration.
    pub(crate) async fn juror(&self, key: Address) -> Result<Juror, ChainError> {
        self.rpc.read(self.jury, &Jury::jurorCall { key }, self.tag).await
    }

    /// Whether `signer` signed `digest`: by its key, else by its code (ERC-1271).
    pub(crate) async fn has_signed(
        &self,
        signer: Address,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, RelayerError> {
        if recover(digest, signature) == Some(signer) {
            return Ok(true);
        }
        let call = Wallet::isValidSignatureCall { digest, signature: signature.clone() };
        let calldata = Bytes::from(call.abi_encode());
        let answer = self.rpc.call(None, signer, &calldata, BlockTag::Latest).await?;
        Ok(match answer {
            // An address without code answers with nothing, a bomb with too much: neither is a yes.
            CallOutcome::Returned(bytes) => {
                bytes.len() == 32
                    && bytes.starts_with(&Wallet::isValidSignatureCall::SELECTOR)
                    && bytes.iter().skip(4).all(|b| *b == 0)
            }
            CallOutcome::Reverted(_) => false,
        })
    }

    /// The calldata of `settle`.
    pub(crate) fn settle(
        terms: Terms,
        milestone: u8,
        state: Option<SlowState>,
        (deliverable, ballots): (B256, Bytes),
    ) -> Bytes {
        let state = state.into_iter().collect();
        DealEscrow::settleCall { terms, milestone, state, deliverable, ballots }.abi_encode().into()
    }

    /// Simulates a call to the escrow on the newest block.
    pub(crate) async fn simulate(
        &self,
        from: Address,
        calldata: &Bytes,
    ) -> Result<CallOutcome, ChainError> {
        self.rpc.call(Some(from), self.address, calldata, BlockTag::Latest).await
    }
}

/// Who made a plain signature, in the 64- or 65-byte form and with a low s.
fn recover(digest: B256, signature: &[u8]) -> Option<Address> {
    let signature = match signature.len() {
        64 => Signature::from_erc2098(signature),
        65 => Signature::from_raw(signature).ok()?,
        _ => return None,
    };
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(&digest).ok()
}
