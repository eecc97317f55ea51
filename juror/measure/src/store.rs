//! The folder of one measurement. The tables are those of a juror's store.

use std::{
    fs::DirBuilder,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::primitives::{B128, B256, keccak256};
use sqlx::{
    Row as _, SqlitePool,
    migrate::MigrateError,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};
use surety_judge::{Case, JudgeError, Records, write_whole};
use surety_jury::{Entry, Transcript};
use surety_qualify::{LabelledCase, Measured, Plan, certificate::MOST_BYTES};
use surety_store::Blobs;
use surety_terms::json;

use crate::MeasureError;

/// What `SQLite` says in its lowest byte when another process has the database.
const BUSY: u32 = 5;

/// What a measurement remembers.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    pool: SqlitePool,
    records: Records,
}

impl Store {
    /// Opens a folder, or makes one; refuses a folder that another process holds.
    pub(crate) async fn open(folder: &Path) -> Result<Self, MeasureError> {
        let transcripts = folder.join("transcripts");
        let blobs = transcripts.join("blobs");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&blobs)
            .map_err(|err| MeasureError::file(&blobs, &err))?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("juror.sqlite"))
            .create_if_missing(true)
            .foreign_keys(true)
            .locking_mode(SqliteLockingMode::Exclusive)
            .busy_timeout(Duration::ZERO)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.map_err(|err| held(folder, err))?;
        sqlx::migrate!("../migrations").run(&pool).await.map_err(|err| {
            if let MigrateError::Execute(err) = err { held(folder, err) } else { err.into() }
        })?;
        let files = Blobs::folder(&transcripts).map_err(JudgeError::from)?;
        let records = Records::new(pool.clone(), files);
        Ok(Self { folder: folder.to_owned(), pool, records })
    }

    pub(crate) const fn records(&self) -> &Records {
        &self.records
    }

    /// The database, for the budget.
    pub(crate) const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// The plan of the folder: `plan` where it is new, and what was begun before where it is not.
    pub(crate) async fn plan(&self, plan: Plan) -> Result<Plan, MeasureError> {
        let path = self.folder.join("plan.json");
        let Some(bytes) = read(&path).await? else {
            write(&path, &json::canonical(&plan)?).await?;
            return Ok(plan);
        };
        let damaged = || MeasureError::Damaged { path: path.clone() };
        let begun: Plan = json::parse_exact(&bytes, MOST_BYTES).map_err(|_| damaged())?;
        let wanted = Plan { begun_at: begun.begun_at, ..plan };
        if begun == wanted {
            return Ok(begun);
        }
        let as_value = |plan: &Plan| serde_json::to_value(plan).map_err(|_| damaged());
        let (begun, wanted) = (as_value(&begun)?, as_value(&wanted)?);
        let differs = |field: &&String| begun.get(*field) != wanted.get(*field);
        let field = begun.as_object().into_iter().flat_map(|it| it.keys()).find(differs);
        let field = field.cloned().unwrap_or_default();
        Err(MeasureError::Other { folder: self.folder.clone(), field })
    }

    /// What was measured, once all cases have ended.
    pub(crate) async fn measured(&self) -> Result<Option<Measured>, MeasureError> {
        let path = self.folder.join("measured.json");
        let Some(bytes) = read(&path).await? else { return Ok(None) };
        let measured = json::parse_exact(&bytes, MOST_BYTES);
        Ok(Some(measured.map_err(|_| MeasureError::Damaged { path })?))
    }

    pub(crate) async fn keep_measured(&self, measured: &Measured) -> Result<(), MeasureError> {
        write(&self.folder.join("measured.json"), &json::canonical(measured)?).await
    }

    /// Takes a case of a plan, or finds it. Its nonce is drawn once.
    pub(crate) async fn take(
        &self,
        case: &LabelledCase,
        plan: &Plan,
    ) -> Result<Case, MeasureError> {
        let case_id = case_id(case);
        let deliverable = keccak256(&case.deliverable);
        let nonce = B128::from(rand::random::<[u8; 16]>());
        sqlx::query(
            "INSERT INTO cases (case_id, deal_id, milestone, round, deliverable, seat, nonce,
             request, seen_at) VALUES (?1, ?1, 0, 1, ?2, 0, ?3, ?4, ?5)
             ON CONFLICT (case_id) DO NOTHING",
        )
        .bind(case_id.as_slice())
        .bind(deliverable.as_slice())
        .bind(nonce.as_slice())
        .bind(json::canonical(case)?)
        .bind(i64::try_from(plan.begun_at).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        let row = sqlx::query("SELECT nonce FROM cases WHERE case_id = ?")
            .bind(case_id.as_slice())
            .fetch_one(&self.pool)
            .await?;
        let nonce = B128::try_from(row.try_get::<&[u8], _>("nonce")?)
            .map_err(|_| JudgeError::StoreDamaged { column: "nonce" })?;
        Ok(Case { case_id, deliverable, nonce, template: Some(plan.template_digest) })
    }

    /// The transcript of a case as far as it is written.
    pub(crate) async fn transcript(&self, case: &LabelledCase) -> Result<Transcript, MeasureError> {
        let mut transcript = Transcript::new();
        for line in self.records.lines(case_id(case)).await? {
            let entry: Entry = serde_json::from_slice(&line)
                .map_err(|_| JudgeError::StoreDamaged { column: "line" })?;
            transcript.push(&entry);
        }
        Ok(transcript)
    }

    /// What was set aside or spent for all cases, in millionths of a US dollar.
    pub(crate) async fn spent(&self) -> Result<u64, MeasureError> {
        let row = sqlx::query("SELECT coalesce(sum(micro_usd), 0) AS spent FROM spending")
            .fetch_one(&self.pool)
            .await?;
        let spent = u64::try_from(row.try_get::<i64, _>("spent")?);
        Ok(spent.map_err(|_| JudgeError::StoreDamaged { column: "micro_usd" })?)
    }
}

/// A case's place in the store. The plan names the cases, so their own ids are enough.
fn case_id(case: &LabelledCase) -> B256 {
    keccak256(format!("qualification\0{}", case.id))
}

fn held(folder: &Path, err: sqlx::Error) -> MeasureError {
    let code = err.as_database_error().and_then(|it| it.code()?.parse::<u32>().ok());
    if code.is_some_and(|code| code & 0xff == BUSY) {
        MeasureError::Held { folder: folder.to_owned() }
    } else {
        err.into()
    }
}

async fn read(path: &Path) -> Result<Option<Vec<u8>>, MeasureError> {
    match tokio::fs::read(path).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(MeasureError::file(path, &err)),
    }
}

async fn write(path: &Path, bytes: &[u8]) -> Result<(), MeasureError> {
    write_whole(path, bytes).await.map_err(|err| MeasureError::file(path, &err))
}
