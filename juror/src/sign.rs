//! The juror's key: the only place that signs, and only what the store has committed.

use alloy::{
    primitives::{Address, B256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use surety_bindings::jury::Ballot;
use surety_terms::digest;

use crate::{
    JurorError,
    store::{BallotRow, Store},
};

/// Signs ballots for one `Jury` on one chain.
#[derive(Debug)]
pub(crate) struct BallotSigner {
    key: PrivateKeySigner,
    chain_id: u64,
    jury: Address,
}

impl BallotSigner {
    pub(crate) const fn new(key: PrivateKeySigner, chain_id: u64, jury: Address) -> Self {
        Self { key, chain_id, jury }
    }

    /// The juror's address.
    pub(crate) const fn juror(&self) -> Address {
        self.key.address()
    }

    /// Commits a ballot, signs what the store then holds, and keeps the signature.
    ///
    /// Dying between the commit and the signature is harmless: the next start signs the same row.
    /// When the store holds another answer for the case, that one is signed and `ballot` is not.
    pub(crate) async fn cast(
        &self,
        store: &Store,
        ballot: &Ballot,
    ) -> Result<BallotRow, JurorError> {
        let digest = digest::ballot_digest(ballot, self.chain_id, self.jury);
        let row = store.commit_ballot(ballot, digest).await?;
        if row.ballot != *ballot {
            tracing::warn!(
                case = %ballot.caseId,
                "another ballot was committed for this case before; it stands"
            );
        }
        self.finish(store, row).await
    }

    /// Signs a committed ballot that has no signature yet.
    pub(crate) async fn finish(
        &self,
        store: &Store,
        mut row: BallotRow,
    ) -> Result<BallotRow, JurorError> {
        if row.signature.is_some() {
            return Ok(row);
        }
        let needed = digest::ballot_digest(&row.ballot, self.chain_id, self.jury);
        if row.digest != needed {
            // The store was made for another chain or another Jury: nothing of it may be signed.
            return Err(JurorError::StoreForeign { case_id: row.ballot.caseId });
        }
        let signature = sign(&self.key, row.digest)?;
        store.keep_signature(row.ballot.caseId, &signature).await?;
        row.signature = Some(signature);
        Ok(row)
    }
}

/// 64 bytes as ERC-2098 packs them: r, then s with the parity in its top bit.
fn sign(key: &PrivateKeySigner, digest: B256) -> Result<[u8; 64], JurorError> {
    let signature = key.sign_hash_sync(&digest).map_err(|_| JurorError::Signer)?;
    Ok(signature.normalized_s().as_erc2098())
}
