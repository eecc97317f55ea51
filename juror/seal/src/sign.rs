//! The juror's key: the only place that signs. Of ballots, only what the store has committed.

use alloy::primitives::{Address, B256};
use surety_bindings::jury::{Ballot, BallotBatch};
use surety_jury::{CompactSignature, SignedCommitment, commitment};
use surety_keys::Key;
use surety_terms::digest;

use crate::{Ballots, Batched, Row, SealError};

/// Signs ballots and commitments for one `Jury` on one chain.
#[derive(Debug)]
pub struct BallotSigner {
    key: Key,
    chain_id: u64,
    jury: Address,
}

impl BallotSigner {
    /// A signer with a juror's key.
    pub const fn new(key: Key, chain_id: u64, jury: Address) -> Self {
        Self { key, chain_id, jury }
    }

    /// The juror's address.
    pub fn juror(&self) -> Address {
        self.key.address()
    }

    /// The key, for what is no ballot.
    pub const fn key(&self) -> &Key {
        &self.key
    }

    /// The chain and the `Jury`.
    pub const fn place(&self) -> (u64, Address) {
        (self.chain_id, self.jury)
    }

    /// Commits a ballot to disk under a fresh seal, signs what the store then holds, and keeps the
    /// signatures.
    ///
    /// Dying between the commit and the signatures is harmless: the next start signs the same row.
    /// When the store holds another answer for the case, that one is signed and `ballot` is not.
    pub async fn cast(&self, ballots: &Ballots, ballot: &Ballot) -> Result<Row, SealError> {
        let digest = digest::ballot_digest(ballot, self.chain_id, self.jury);
        let salt = B256::from(rand::random::<[u8; 32]>());
        let row = ballots.commit(ballot, digest, salt).await?;
        if row.ballot != *ballot {
            tracing::warn!(
                case = %ballot.caseId,
                "another ballot was committed for this case before; it stands"
            );
        }
        self.finish(ballots, row).await
    }

    /// Signs a committed ballot, and its commitment, as far as they have no signature yet.
    pub async fn finish(&self, ballots: &Ballots, mut row: Row) -> Result<Row, SealError> {
        let case_id = row.ballot.caseId;
        let is_bound = row.seal.is_none_or(|seal| seal.signature.is_some());
        if row.signature.is_some() && is_bound {
            return Ok(row);
        }
        let needed = digest::ballot_digest(&row.ballot, self.chain_id, self.jury);
        let sealed = row.seal.is_none_or(|it| it.digest == commitment::seal(needed, it.salt));
        if row.digest != needed || !sealed {
            // The store was made for another chain or another Jury: nothing of it may be signed.
            return Err(SealError::StoreForeign { case_id });
        }
        let signature = match row.signature {
            Some(signature) => signature,
            None => self.sign(row.digest).await?,
        };
        if let Some(seal) = row.seal.as_mut().filter(|seal| seal.signature.is_none()) {
            let digest = commitment::commitment_digest(case_id, seal.digest, self.place());
            seal.signature = Some(self.sign(digest).await?);
        }
        let bound = row.seal.and_then(|seal| seal.signature);
        ballots.keep_signatures(case_id, signature, bound).await?;
        row.signature = Some(signature);
        Ok(row)
    }

    /// Commits the answers to a list of cases to disk, signs what the store then holds, and keeps the
    /// signature. The same list is answered with the same signature, for ever.
    pub async fn cast_batch(
        &self,
        ballots: &Ballots,
        cases: &[B256],
    ) -> Result<Batched, SealError> {
        let digest =
            |batch: &BallotBatch| digest::ballot_batch_digest(batch, self.chain_id, self.jury);
        let batched = ballots.commit_batch(cases, digest).await?;
        let Batched::Row(mut row) = batched else { return Ok(batched) };
        if row.signature.is_some() {
            return Ok(Batched::Row(row));
        }
        if row.digest != digest(&row.batch) {
            let case_id = cases.first().copied().unwrap_or_default();
            return Err(SealError::StoreForeign { case_id });
        }
        let signature = self.sign(row.digest).await?;
        ballots.keep_batch_signature(cases, signature).await?;
        row.signature = Some(signature);
        Ok(Batched::Row(row))
    }

    /// The commitment to a ballot, once it is signed; a ballot without a seal has none.
    pub fn commitment(&self, row: &Row) -> Option<SignedCommitment> {
        let seal = row.seal?;
        let (case_id, juror) = (row.ballot.caseId, self.juror());
        let signature = seal.signature?;
        Some(SignedCommitment { case_id, digest: seal.digest, juror, signature })
    }

    /// 64 bytes as ERC-2098 packs them: r, then s with the parity in its top bit.
    async fn sign(&self, digest: B256) -> Result<CompactSignature, SealError> {
        Ok(self.key.sign(&digest).await?.as_erc2098().into())
    }
}

#[cfg(test)]
mod tests {
    use alloy::signers::local::PrivateKeySigner;
    use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
    use std::path::Path;
    use surety_jury::{SignedBatch, ballot};

    use super::*;

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

    fn digest_of(ballot: &Ballot) -> B256 {
        digest::ballot_digest(ballot, CHAIN, JURY)
    }

    /// The juror's database in a folder, with one case in it.
    async fn open(folder: &Path) -> (SqlitePool, Ballots) {
        let file = folder.join("juror.sqlite");
        let options =
            SqliteConnectOptions::new().filename(file).create_if_missing(true).foreign_keys(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        sqlx::migrate!("../migrations").run(&pool).await.unwrap();
        add_case(&pool, ballot(0).caseId).await;
        (pool.clone(), Ballots::new(pool))
    }

    async fn add_case(pool: &SqlitePool, case_id: B256) {
        sqlx::query(
            "INSERT INTO cases (case_id, deal_id, milestone, round, deliverable, seat, nonce,
             request, seen_at) VALUES (?, zeroblob(32), 0, 1, zeroblob(32), 0, zeroblob(16), x'', 1)
             ON CONFLICT DO NOTHING",
        )
        .bind(case_id.as_slice())
        .execute(pool)
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_ballot_is_signed_as_the_contract_reads_it_and_its_commitment_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (_, ballots) = open(folder.path()).await;
        let row = signer().cast(&ballots, &ballot(3)).await.unwrap();
        let expected = ballot::Signer { chain_id: CHAIN, jury: JURY, juror: signer().juror() };
        ballot::verify(&ballot(3), &row.signature.unwrap(), &expected).unwrap();
        let commitment = signer().commitment(&row).unwrap();
        let panel = [Address::ZERO, signer().juror()];
        assert_eq!(commitment.seat(ballot(3).caseId, &panel, (CHAIN, JURY)), Ok(1));
        let salt = row.seal.unwrap().salt;
        assert_eq!(commitment.digest, commitment::seal(digest_of(&ballot(3)), salt));
        assert!(row.is_sealed());
        assert_eq!(ballots.get(ballot(3).caseId).await.unwrap(), Some(row));
    }

    #[tokio::test]
    async fn a_second_different_ballot_is_never_signed() {
        let folder = tempfile::tempdir().unwrap();
        let (_, ballots) = open(folder.path()).await;
        let first = signer().cast(&ballots, &ballot(1)).await.unwrap();
        let second = signer().cast(&ballots, &ballot(2)).await.unwrap();
        assert_eq!(second, first, "the same ballot under the same seal");
    }

    #[tokio::test]
    async fn dying_between_commit_and_signature_signs_the_same_ballot_under_the_same_seal() {
        let folder = tempfile::tempdir().unwrap();
        let (pool, before) = open(folder.path()).await;
        let salt = B256::repeat_byte(7);
        let committed = before.commit(&ballot(1), digest_of(&ballot(1)), salt).await.unwrap();
        assert_eq!((committed.signature, committed.seal.unwrap().signature), (None, None));
        pool.close().await;

        let (_, after) = open(folder.path()).await;
        assert_eq!(after.unsigned().await.unwrap(), std::slice::from_ref(&committed));
        let row = after.get(ballot(1).caseId).await.unwrap().unwrap();
        assert_eq!(row, committed);
        let signed = signer().finish(&after, row).await.unwrap();
        assert_eq!((signed.ballot.clone(), signed.seal.unwrap().salt), (ballot(1), salt));
        assert_eq!(signer().cast(&after, &ballot(2)).await.unwrap(), signed);
        assert_eq!(after.unsigned().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_ballot_that_came_without_its_commitments_signature_gets_that_one_only() {
        let folder = tempfile::tempdir().unwrap();
        let (pool, ballots) = open(folder.path()).await;
        let committed = ballots.commit(&ballot(1), digest_of(&ballot(1)), B256::ZERO).await;
        let committed = committed.unwrap();
        let first = signer().sign(committed.digest).await.unwrap();
        // As an import leaves it.
        let signed = sqlx::query("UPDATE ballots SET signature = ?").bind(first.as_slice());
        signed.execute(&pool).await.unwrap();
        ballots.open(ballot(1).caseId).await.unwrap();
        let unsigned = ballots.unsigned().await.unwrap();
        let [row] = <[Row; 1]>::try_from(unsigned).unwrap();
        let signed = signer().finish(&ballots, row).await.unwrap();
        assert_eq!(signed.signature, Some(first));
        let bound = signer().commitment(&signed).unwrap();
        assert_eq!(bound.seat(ballot(1).caseId, &[signer().juror()], (CHAIN, JURY)), Ok(0));
        assert_eq!(ballots.unsigned().await.unwrap(), []);
        assert_eq!(ballots.get(ballot(1).caseId).await.unwrap(), Some(signed));
    }

    #[tokio::test]
    async fn a_store_of_another_chain_is_not_signed_from() {
        let folder = tempfile::tempdir().unwrap();
        let (_, ballots) = open(folder.path()).await;
        let foreign = digest::ballot_digest(&ballot(1), CHAIN + 1, JURY);
        ballots.commit(&ballot(1), foreign, B256::ZERO).await.unwrap();
        let fault = signer().cast(&ballots, &ballot(1)).await.unwrap_err();
        assert!(matches!(fault, SealError::StoreForeign { .. }), "{fault}");
    }

    #[tokio::test]
    async fn a_case_has_one_ballot_and_one_seal_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let (pool, ballots) = open(folder.path()).await;
        let row = signer().cast(&ballots, &ballot(1)).await.unwrap();
        ballots.open(row.ballot.caseId).await.unwrap();
        for sql in [
            "UPDATE ballots SET met = 2",
            "UPDATE ballots SET digest = zeroblob(32)",
            "UPDATE ballots SET signature = zeroblob(64)",
            "UPDATE ballots SET signature = NULL",
            "DELETE FROM ballots",
            "UPDATE seals SET salt = zeroblob(32)",
            "UPDATE seals SET commitment = zeroblob(32)",
            "UPDATE seals SET signature = zeroblob(64)",
            "UPDATE seals SET signature = NULL",
            "UPDATE seals SET is_open = 0",
            "DELETE FROM seals",
        ] {
            assert!(sqlx::query(sql).execute(&pool).await.is_err(), "{sql}");
        }
        let seal = row.seal.map(|seal| crate::Seal { is_open: true, ..seal });
        let kept = ballots.get(row.ballot.caseId).await.unwrap().unwrap();
        assert_eq!(kept, Row { seal, ..row });
        assert!(!kept.is_sealed());
    }

    #[tokio::test]
    async fn a_ballot_needs_a_case() {
        let folder = tempfile::tempdir().unwrap();
        let (_, ballots) = open(folder.path()).await;
        let stray = Ballot { caseId: B256::repeat_byte(9), ..ballot(1) };
        assert!(ballots.commit(&stray, B256::ZERO, B256::ZERO).await.is_err());
    }

    #[tokio::test]
    async fn a_list_says_what_the_ballots_say_once_they_may_be_seen_and_is_signed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (pool, ballots) = open(folder.path()).await;
        let (case, other) = (ballot(1).caseId, B256::repeat_byte(9));
        let list = [other, case];
        signer().cast(&ballots, &ballot(1)).await.unwrap();
        assert_eq!(signer().cast_batch(&ballots, &list).await.unwrap(), Batched::Absent, "sealed");
        ballots.open(case).await.unwrap();
        let Batched::Row(row) = signer().cast_batch(&ballots, &list).await.unwrap() else {
            panic!("it has a ballot")
        };
        let (batch, signature) = (row.batch.clone(), row.signature.unwrap());
        let signed = SignedBatch { seat: 4, batch, signature };
        signed.verify(CHAIN, JURY, signer().juror()).unwrap();
        assert_eq!((signed.answers(0), signed.answers(1)), (None, Some((4, 1, 0))));
        let root = ballot::batch_transcript(&[B256::ZERO, ballot(1).transcript]);
        assert_eq!(signed.batch.transcript, root);
        let again = signer().cast_batch(&ballots, &list).await.unwrap();
        assert_eq!(again, Batched::Row(row), "the same list, the same signature");
        for sql in [
            "UPDATE batches SET votes = x'0000000000'",
            "UPDATE batches SET transcript = zeroblob(32)",
            "UPDATE batches SET is_whole = 1",
            "UPDATE batches SET signature = zeroblob(64)",
            "DELETE FROM batches",
        ] {
            assert!(sqlx::query(sql).execute(&pool).await.is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn dying_between_a_list_and_its_signature_signs_the_same_list() {
        let folder = tempfile::tempdir().unwrap();
        let (pool, before) = open(folder.path()).await;
        signer().cast(&before, &ballot(1)).await.unwrap();
        before.open(ballot(1).caseId).await.unwrap();
        let list = [ballot(1).caseId];
        let digest = |batch: &BallotBatch| digest::ballot_batch_digest(batch, CHAIN, JURY);
        let Batched::Row(committed) = before.commit_batch(&list, digest).await.unwrap() else {
            panic!("it has a ballot")
        };
        assert_eq!(committed.signature, None);
        pool.close().await;
        let (_, after) = open(folder.path()).await;
        let Batched::Row(signed) = signer().cast_batch(&after, &list).await.unwrap() else {
            panic!("it has a ballot")
        };
        assert!(signed.signature.is_some());
        assert_eq!(signed.batch, committed.batch);
    }

    #[tokio::test]
    async fn strangers_cannot_have_lists_signed_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let (pool, ballots) = open(folder.path()).await;
        let shown = |n| Ballot { caseId: B256::repeat_byte(n), ..ballot(1) };
        let case_id = ballot(1).caseId;
        signer().cast(&ballots, &ballot(1)).await.unwrap();
        ballots.open(case_id).await.unwrap();
        for n in 0..64_u8 {
            let list = [case_id, B256::with_last_byte(n)];
            let cast = signer().cast_batch(&ballots, &list).await.unwrap();
            assert!(matches!(cast, Batched::Row(_)), "{n}");
        }
        let strange = signer().cast_batch(&ballots, &[case_id, B256::repeat_byte(99)]).await;
        assert_eq!(strange.unwrap(), Batched::TooOften { case_id });

        // None of these has used up the lists in which every case is answered.
        let others: Vec<B256> = (101..=108).map(|n| shown(n).caseId).collect();
        for n in 101..=108 {
            add_case(&pool, shown(n).caseId).await;
            signer().cast(&ballots, &shown(n)).await.unwrap();
            ballots.open(shown(n).caseId).await.unwrap();
        }
        let pairs = others.iter().flat_map(|one| others.iter().map(move |other| (*one, *other)));
        for (one, other) in pairs {
            let list = if one == other { vec![case_id, one] } else { vec![case_id, one, other] };
            let cast = signer().cast_batch(&ballots, &list).await.unwrap();
            assert!(matches!(cast, Batched::Row(_)), "{list:?}");
        }
        let last = signer().cast_batch(&ballots, &[case_id]).await.unwrap();
        assert_eq!(last, Batched::TooOften { case_id });
    }

    #[tokio::test]
    async fn each_other_seat_is_counted_once_by_its_first_commitment() {
        let folder = tempfile::tempdir().unwrap();
        let (pool, ballots) = open(folder.path()).await;
        let case = ballot(1).caseId;
        let row = signer().cast(&ballots, &ballot(1)).await.unwrap();
        let first = signer().commitment(&row).unwrap();
        let second = SignedCommitment { digest: B256::ZERO, ..first };
        ballots.keep_commitments(case, &[(0, first), (2, first), (2, second)]).await.unwrap();
        ballots.keep_commitments(case, &[(2, second)]).await.unwrap();
        assert_eq!(ballots.others_bound(case, 0).await.unwrap(), 1);
        assert_eq!(ballots.others_bound(case, 1).await.unwrap(), 2);
        let kept = sqlx::query("SELECT digest FROM commitments WHERE seat = 2");
        let kept: Vec<u8> = sqlx::Row::get(&kept.fetch_one(&pool).await.unwrap(), 0);
        assert_eq!(kept, first.digest.to_vec());
    }
}
