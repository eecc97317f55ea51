//! What is written down of the cases that are judged: transcripts line by line, and the exact bytes
//! that went to the provider and came back.
//!
//! The database and the place of the files are the juror's; its migrations make the tables. Of a private case
//! everything is encrypted to its parties and the juror before it reaches a disk, and files end in
//! `.age`.

use std::{io, path::Path};

use alloy::primitives::{B128, B256, hex, keccak256};
use sqlx::{Row, SqlitePool};
use surety_privacy::{Circle, is_private};
use surety_store::Blobs;
use tokio::io::AsyncWriteExt;

use crate::JudgeError;

/// The part of a juror's store that judging writes to.
#[derive(Debug, Clone)]
pub struct Records {
    pool: SqlitePool,
    files: Blobs,
    /// What their names begin with.
    prefix: String,
    /// Who may read it; everybody when there is none.
    circle: Option<Circle>,
}

/// The longest line of a transcript that is read back.
const LINE_BYTES: usize = 8 << 20;

/// What lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A finished transcript.
    Transcript,
    /// A request, or an answer.
    Blob,
}

impl Records {
    /// Over the juror's database and the place for its transcripts. Requests and answers go below
    /// `blobs` there.
    pub const fn new(pool: SqlitePool, files: Blobs) -> Self {
        Self { pool, files, prefix: String::new(), circle: None }
    }

    /// The records of one case, apart from all others, so that they can be deleted together.
    #[must_use]
    pub fn of_case(&self, case_id: B256, circle: Option<Circle>) -> Self {
        let prefix = format!("{}{}/", self.prefix, hex::encode(case_id));
        Self { pool: self.pool.clone(), files: self.files.clone(), prefix, circle }
    }

    /// Deletes what is written down of a case, but for its ballot.
    pub async fn delete(&self, case_id: B256) -> Result<(), JudgeError> {
        let prefix = format!("{}{}", self.prefix, hex::encode(case_id));
        self.files.delete_under(&prefix).await?;
        sqlx::query("DELETE FROM lines WHERE case_id = ?")
            .bind(case_id.as_slice())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A file of these records as it is kept, encrypted or not: the transcript with this
    /// root, or a blob with this digest.
    pub async fn file(&self, kind: Kept, digest: B256) -> Result<Option<Vec<u8>>, JudgeError> {
        Ok(self.files.get(&self.place(kind, digest), u64::MAX).await?)
    }

    fn place(&self, kind: Kept, digest: B256) -> String {
        let end = if self.circle.is_some() { ".age" } else { "" };
        let (prefix, name) = (&self.prefix, hex::encode(digest));
        match kind {
            Kept::Transcript => format!("{prefix}{name}.jsonl{end}"),
            Kept::Blob => format!("{prefix}blobs/{name}{end}"),
        }
    }

    /// The bytes as they may lie on a disk.
    fn for_disk(&self, bytes: &[u8]) -> Result<Vec<u8>, JudgeError> {
        match &self.circle {
            Some(circle) => Ok(circle.encrypt(bytes)?),
            None => Ok(bytes.to_vec()),
        }
    }

    /// Appends lines to a case's transcript, all or none; `seq` is the number of the first.
    pub async fn add_lines(
        &self,
        case_id: B256,
        seq: usize,
        lines: &[Vec<u8>],
    ) -> Result<(), JudgeError> {
        let mut tx = self.pool.begin().await?;
        for (line, seq) in lines.iter().zip(seq..) {
            let seq = i64::try_from(seq).map_err(|_| JudgeError::Transcript)?;
            sqlx::query("INSERT INTO lines (case_id, seq, line) VALUES (?, ?, ?)")
                .bind(case_id.as_slice())
                .bind(seq)
                .bind(self.for_disk(line)?)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// A case's transcript so far, in order.
    pub async fn lines(&self, case_id: B256) -> Result<Vec<Vec<u8>>, JudgeError> {
        let rows = sqlx::query("SELECT line FROM lines WHERE case_id = ? ORDER BY seq")
            .bind(case_id.as_slice())
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            let line: Vec<u8> = row.try_get("line")?;
            // A line is JSON, which does not begin as an age file does.
            match &self.circle {
                Some(circle) if is_private(&line) => Ok(circle.decrypt(&line, LINE_BYTES)?),
                Some(_) | None => Ok(line),
            }
        };
        rows.iter().map(read).collect()
    }

    /// Keeps the exact bytes of a request or a response beside the transcripts, and returns the
    /// digest by which the transcripts name them.
    pub async fn keep_blob(&self, bytes: &[u8]) -> Result<B256, JudgeError> {
        let digest = keccak256(bytes);
        let place = self.place(Kept::Blob, digest);
        if !self.files.has(&place).await? {
            self.files.put(&place, self.for_disk(bytes)?).await?;
        }
        Ok(digest)
    }

    /// Writes a finished transcript to its file, named by its root.
    pub async fn keep_transcript(&self, root: B256, text: &[u8]) -> Result<(), JudgeError> {
        Ok(self.files.put(&self.place(Kept::Transcript, root), self.for_disk(text)?).await?)
    }
}

/// Makes a folder that only its owner can read: deliverables and transcripts are private.
pub fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Writes a file so that a crash leaves the whole file or none: a temporary name, a sync, a rename
/// and a sync of the folder.
pub async fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Two writers of the same content may race; a name of its own keeps each whole.
    let part = path.with_extension(format!("{}.part", B128::from(rand::random::<[u8; 16]>())));
    let mut file = tokio::fs::File::create(&part).await?;
    file.write_all(bytes).await?;
    file.sync_all().await?;
    tokio::fs::rename(&part, path).await?;
    if let Some(folder) = path.parent() {
        tokio::fs::File::open(folder).await?.sync_all().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{a_case, open};

    #[tokio::test]
    async fn lines_keep_their_order_and_none_is_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let case = a_case(b"");
        let records = open(folder.path(), &case).await;
        let lines: Vec<Vec<u8>> = (0..12).map(|i: u8| vec![b'a' + i]).collect();
        records.add_lines(case.case_id, 0, &lines[..5]).await.unwrap();
        records.add_lines(case.case_id, 5, &lines[5..]).await.unwrap();
        let twice = [b"x".to_vec(), b"y".to_vec()];
        assert!(records.add_lines(case.case_id, 11, &twice).await.is_err());
        assert_eq!(records.lines(case.case_id).await.unwrap(), lines);
        assert!(records.add_lines(B256::ZERO, 0, &twice).await.is_err(), "there is no such case");
    }

    #[tokio::test]
    async fn bytes_are_kept_under_their_digest() {
        let folder = tempfile::tempdir().unwrap();
        let records = open(folder.path(), &a_case(b"")).await;
        for _ in 0..2 {
            assert_eq!(records.keep_blob(b"question").await.unwrap(), keccak256(b"question"));
        }
    }
}
