//! What a buyer hid of its deals, and which juror was shown it.

use alloy::primitives::{Address, B256};
use surety_terms::{HiddenCriterion, Reveal, json};

use super::Store;
use crate::Error;

/// What is owed to one juror: the criterion with this id, revealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) juror: Address,
    pub(crate) criterion_id: String,
}

impl Store {
    /// Keeps what a deal hides, before the offer leaves.
    pub(crate) async fn keep_hidden(
        &self,
        deal_id: B256,
        documents: &[HiddenCriterion],
    ) -> Result<(), Error> {
        for document in documents {
            sqlx::query(
                "INSERT INTO hidden (deal_id, commitment, document) VALUES (?, ?, ?) \
                 ON CONFLICT (deal_id, commitment) DO NOTHING",
            )
            .bind(deal_id.as_slice())
            .bind(document.commitment().as_slice())
            .bind(json::canonical(document)?)
            .execute(&self.pool)
            .await
            .map_err(|_| Error::Store("writing what is hidden"))?;
        }
        Ok(())
    }

    /// What a deal hides, as far as the principal told.
    pub(crate) async fn hidden(&self, deal_id: B256) -> Result<Vec<HiddenCriterion>, Error> {
        let failed = "reading what is hidden";
        let rows: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT document FROM hidden WHERE deal_id = ?")
                .bind(deal_id.as_slice())
                .fetch_all(&self.pool)
                .await
                .map_err(|_| Error::Store(failed))?;
        let documents = rows.iter().map(|row| HiddenCriterion::parse(row));
        documents.collect::<Result<_, _>>().map_err(|_| Error::Store(failed))
    }

    /// Writes down what is to be revealed of a case to whom, before any of it is sent.
    pub(crate) async fn owe(
        &self,
        case_id: B256,
        reveals: &[Reveal],
        jurors: &[Address],
    ) -> Result<(), Error> {
        let failed = |_: sqlx::Error| Error::Store("writing a reveal");
        let mut tx = self.pool.begin().await.map_err(failed)?;
        for reveal in reveals {
            for juror in jurors {
                sqlx::query(
                    "INSERT INTO reveals (case_id, criterion_id, juror) VALUES (?, ?, ?) \
                     ON CONFLICT (case_id, criterion_id, juror) DO NOTHING",
                )
                .bind(case_id.as_slice())
                .bind(reveal.criterion_id.as_str())
                .bind(juror.as_slice())
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
            }
        }
        tx.commit().await.map_err(failed)
    }

    /// What is still owed of a case.
    pub(crate) async fn owed(&self, case_id: B256) -> Result<Vec<Owed>, Error> {
        let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
            "SELECT juror, criterion_id FROM reveals WHERE case_id = ? AND ended IS NULL \
             ORDER BY juror, criterion_id",
        )
        .bind(case_id.as_slice())
        .fetch_all(&self.pool)
        .await
        .map_err(|_| Error::Store("reading reveals"))?;
        let owed = rows.into_iter().map(|(juror, criterion_id)| {
            Some(Owed { juror: Address::try_from(juror.as_slice()).ok()?, criterion_id })
        });
        owed.collect::<Option<_>>().ok_or(Error::Store("reading reveals"))
    }

    /// Notes that a juror took what it was owed, or that it never will, and in which words.
    pub(crate) async fn end_reveal(
        &self,
        case_id: B256,
        owed: &Owed,
        how: &str,
    ) -> Result<(), Error> {
        sqlx::query(
            "UPDATE reveals SET ended = ? WHERE case_id = ? AND criterion_id = ? AND juror = ?",
        )
        .bind(how)
        .bind(case_id.as_slice())
        .bind(owed.criterion_id.as_str())
        .bind(owed.juror.as_slice())
        .execute(&self.pool)
        .await
        .map_err(|_| Error::Store("writing a reveal"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use surety_terms::Kind;

    use super::*;

    #[tokio::test]
    async fn what_is_owed_survives_a_restart_and_is_owed_once() {
        let folder = tempfile::tempdir().unwrap();
        let document = HiddenCriterion {
            salt: B256::repeat_byte(7),
            text: "Names the authors of the paper.".to_owned(),
            kind: Kind::Llm,
        };
        let (deal, case) = (B256::repeat_byte(1), B256::repeat_byte(2));
        let reveal = Reveal { criterion_id: "names".to_owned(), document: document.clone() };
        let jurors = [Address::repeat_byte(3), Address::repeat_byte(4)];
        let owed = jurors.map(|juror| Owed { juror, criterion_id: "names".to_owned() });

        let store = Store::open(folder.path()).await.unwrap();
        store.keep_hidden(deal, std::slice::from_ref(&document)).await.unwrap();
        store.keep_hidden(deal, std::slice::from_ref(&document)).await.unwrap();
        store.owe(case, std::slice::from_ref(&reveal), &jurors).await.unwrap();
        store.end_reveal(case, &owed[0], "taken").await.unwrap();
        drop(store);

        let store = Store::open(folder.path()).await.unwrap();
        assert_eq!(store.hidden(deal).await.unwrap(), [document]);
        assert!(store.hidden(case).await.unwrap().is_empty());
        store.owe(case, std::slice::from_ref(&reveal), &jurors).await.unwrap();
        assert_eq!(store.owed(case).await.unwrap(), owed[1..]);
        store.end_reveal(case, &owed[1], "reveal-late").await.unwrap();
        assert!(store.owed(case).await.unwrap().is_empty());
    }
}
