//! The juror's key: the only place that signs. Of ballots, only what the store has committed.

use alloy::primitives::{Address, B256};
use surety_bindings::jury::Ballot;
use surety_keys::Key;
use surety_terms::digest;

use crate::{
    JurorError,
    store::{BallotRow, Store},
};

/// Signs ballots for one `Jury` on one chain.
#[derive(Debug)]
pub(crate) struct BallotSigner {
    key: Key,
    chain_id: u64,
    jury: Address,
}

impl BallotSigner {
    pub(crate) const fn new(key: Key, chain_id: u64, jury: Address) -> Self {
        Self { key, chain_id, jury }
    }

    /// The juror's address.
    pub(crate) fn juror(&self) -> Address {
        self.key.address()
    }

    /// The key, for what is no ballot.
    pub(crate) const fn key(&self) -> &Key {
        &self.key
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
        let signature = sign(&self.key, row.digest).await?;
        store.keep_signature(row.ballot.caseId, &signature).await?;
        row.signature = Some(signature);
        Ok(row)
    }
}

/// 64 bytes as ERC-2098 packs them: r, then s with the parity in its top bit.
async fn sign(key: &Key, digest: B256) -> Result<[u8; 64], JurorError> {
    Ok(key.sign(&digest).await?.as_erc2098())
}

#[cfg(test)]
mod tests {
    use alloy::{primitives::B128, signers::local::PrivateKeySigner};
    use surety_jury::ballot;

    use super::*;
    use crate::store::CaseRow;

    const CHAIN: u64 = 31_337;
    const JURY: Address = Address::repeat_byte(0x11);

    fn signer() -> BallotSigner {
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(5)).unwrap();
        BallotSigner::new(key.into(), CHAIN, JURY)
    }

    fn ballot(met: u16) -> Ballot {
        let (case, transcript) = (B256::repeat_byte(1), B256::repeat_byte(2));
        Ballot { caseId: case, met, failed: 0, reason: 0, transcript }
    }

    async fn store(folder: &std::path::Path) -> Store {
        let store = Store::open(folder).await.unwrap();
        let row = CaseRow {
            case_id: ballot(0).caseId,
            deal_id: B256::ZERO,
            milestone: 0,
            round: 1,
            deliverable: B256::ZERO,
            seat: 0,
            nonce: B128::ZERO,
            request: vec![],
            seen_at: 1,
            closed: None,
        };
        store.take(&row, false).await.unwrap();
        store
    }

    #[tokio::test]
    async fn a_ballot_is_signed_as_the_contract_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let row = signer().cast(&store, &ballot(3)).await.unwrap();
        let expected = ballot::Signer { chain_id: CHAIN, jury: JURY, juror: signer().juror() };
        ballot::verify(&ballot(3), &row.signature.unwrap().into(), &expected).unwrap();
    }

    #[tokio::test]
    async fn a_second_different_ballot_is_never_signed() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let first = signer().cast(&store, &ballot(1)).await.unwrap();
        let second = signer().cast(&store, &ballot(2)).await.unwrap();
        assert_eq!(second, first);
    }

    #[tokio::test]
    async fn dying_between_commit_and_signature_signs_the_same_ballot_later() {
        let folder = tempfile::tempdir().unwrap();
        let digest = digest::ballot_digest(&ballot(1), CHAIN, JURY);
        let before = store(folder.path()).await;
        before.commit_ballot(&ballot(1), digest).await.unwrap();
        before.close().await;

        let after = Store::open(folder.path()).await.unwrap();
        let row = after.ballot(ballot(1).caseId).await.unwrap().unwrap();
        assert_eq!(row.signature, None);
        let signed = signer().finish(&after, row).await.unwrap();
        assert_eq!(signed.ballot, ballot(1));
        assert_eq!(signer().cast(&after, &ballot(2)).await.unwrap(), signed);
    }

    #[tokio::test]
    async fn a_store_of_another_chain_is_not_signed_from() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let foreign = digest::ballot_digest(&ballot(1), CHAIN + 1, JURY);
        store.commit_ballot(&ballot(1), foreign).await.unwrap();
        let fault = signer().cast(&store, &ballot(1)).await.unwrap_err();
        assert!(matches!(fault, JurorError::StoreForeign { .. }), "{fault}");
    }
}
