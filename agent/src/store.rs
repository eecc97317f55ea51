//! What an agent writes down before it acts: its deals, its signatures, its deliveries.
//!
//! Invariant: no signature leaves the process before the row that holds it is committed, and no row
//! with a delivery is ever replaced, so a restart cannot sign a second one.

pub(crate) mod hidden;

use std::path::Path;

use alloy::primitives::{Address, B256, Bytes};
use sqlx::{
    Row as _, SqlitePool,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use surety_bindings::escrow::Delivery;
use surety_terms::Problem;

use crate::{Deal, Error, Role};

/// The schema, applied at every start.
const SCHEMA: &str = include_str!("schema.sql");

/// Where a deal stands in this agent's own book. The chain knows better once it is open.
///
/// - `Signed`: the owner's signature is stored; leaves to `Agreed`, `Open` or `Lapsed`.
/// - `Refused`: as `Signed`, but the seller declined; it could still open it until `openBy`.
/// - `Agreed`: both signatures are stored; leaves to `Open` or `Lapsed`.
/// - `Open`: the chain showed it open; leaves to `Ended`.
/// - `Ended`: every milestone has ended. Nothing leaves it.
/// - `Lapsed`: `openBy` passed before it was opened. Nothing leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The owner signed.
    Signed,
    /// The seller declined.
    Refused,
    /// Both signed.
    Agreed,
    /// The money is in escrow.
    Open,
    /// All milestones have ended.
    Ended,
    /// The signatures are worth nothing any more.
    Lapsed,
}

impl Stage {
    /// All of them, in the order of a deal's life.
    const ALL: [Self; 6] =
        [Self::Signed, Self::Refused, Self::Agreed, Self::Open, Self::Ended, Self::Lapsed];

    /// Its name in the database.
    const fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Refused => "refused",
            Self::Agreed => "agreed",
            Self::Open => "open",
            Self::Ended => "ended",
            Self::Lapsed => "lapsed",
        }
    }

    /// Whether the agent still has to do or to watch something.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::Ended | Self::Lapsed)
    }
}

/// A deal in this agent's book.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The deal.
    pub deal: Deal,
    /// The owner's side.
    pub role: Role,
    /// Where it stands.
    pub stage: Stage,
    /// The buyer's signature.
    pub buyer_authorization: Bytes,
    /// The seller's signature, once it is known.
    pub seller_authorization: Option<Bytes>,
    /// Where the seller answers, if the owner is the buyer.
    pub seller_url: Option<String>,
    /// The agent's last problem with it.
    pub problem: Option<Problem>,
}

/// What the seller's program gave for a milestone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing to deliver, by the program's own word.
    Nothing,
    /// A signed delivery.
    Delivery(Delivery, Bytes),
}

/// The agent's database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens or creates the database in a folder.
    pub(crate) async fn open(folder: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(folder).map_err(|_| Error::Store("its folder"))?;
        let options = SqliteConnectOptions::new()
            .filename(folder.join("agent.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true);
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options)
            .await
            .map_err(|_| Error::Store("opening"))?;
        sqlx::raw_sql(SCHEMA).execute(&pool).await.map_err(|_| Error::Store("its schema"))?;
        Ok(Self { pool })
    }

    /// Writes a new deal down; one that is there already stays as it is.
    pub(crate) async fn insert(&self, entry: &Entry) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO deals (deal_id, role, stage, sheet, buyer_authorization, \
             seller_authorization, seller_url, from_block, promised) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (deal_id) DO NOTHING",
        )
        .bind(entry.deal.id.as_slice())
        .bind(role_name(entry.role))
        .bind(entry.stage.name())
        .bind(entry.deal.sheet.canonical())
        .bind(entry.buyer_authorization.to_vec())
        .bind(entry.seller_authorization.as_ref().map(|bytes| bytes.to_vec()))
        .bind(entry.seller_url.as_deref())
        .bind(i64::try_from(entry.deal.from_block).unwrap_or(0))
        .bind(promised(entry).to_string())
        .execute(&self.pool)
        .await
        .map_err(|_| Error::Store("writing a deal"))?;
        Ok(())
    }

    /// One deal.
    pub(crate) async fn deal(&self, deal_id: B256) -> Result<Option<Entry>, Error> {
        let row = sqlx::query("SELECT * FROM deals WHERE deal_id = ?")
            .bind(deal_id.as_slice())
            .fetch_optional(&self.pool)
            .await
            .map_err(|_| Error::Store("reading a deal"))?;
        row.as_ref().map(entry).transpose()
    }

    /// The newest deals, at most `limit`.
    pub(crate) async fn deals(&self, limit: u32) -> Result<Vec<Entry>, Error> {
        let rows = sqlx::query("SELECT * FROM deals ORDER BY number DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(|_| Error::Store("reading deals"))?;
        rows.iter().map(entry).collect()
    }

    /// The deals that still need something, oldest first.
    pub(crate) async fn live(&self) -> Result<Vec<B256>, Error> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT deal_id FROM deals WHERE stage NOT IN ('ended', 'lapsed') ORDER BY number",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|_| Error::Store("reading deals"))?;
        let ids = rows.iter().map(|id| B256::try_from(id.as_slice()));
        ids.collect::<Result<_, _>>().map_err(|_| Error::Store("reading deals"))
    }

    /// How many signed deals wait to be opened.
    pub(crate) async fn count_waiting(&self, role: Role) -> Result<u32, Error> {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM deals WHERE role = ? AND stage IN ('signed', 'refused', 'agreed')",
        )
        .bind(role_name(role))
        .fetch_one(&self.pool)
        .await
        .map_err(|_| Error::Store("counting deals"))
    }

    /// The deals that wait to be opened, and what the owner promised in each, in base units.
    pub(crate) async fn waiting(&self, role: Role) -> Result<Vec<(B256, u128)>, Error> {
        let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
            "SELECT deal_id, promised FROM deals \
             WHERE role = ? AND stage IN ('signed', 'refused', 'agreed')",
        )
        .bind(role_name(role))
        .fetch_all(&self.pool)
        .await
        .map_err(|_| Error::Store("reading deals"))?;
        let read = |(id, amount): (Vec<u8>, String)| {
            Some((B256::try_from(id.as_slice()).ok()?, amount.parse().ok()?))
        };
        rows.into_iter().map(read).collect::<Option<_>>().ok_or(Error::Store("reading deals"))
    }

    /// Moves a deal to another stage.
    pub(crate) async fn set_stage(&self, deal_id: B256, stage: Stage) -> Result<(), Error> {
        sqlx::query("UPDATE deals SET stage = ? WHERE deal_id = ?")
            .bind(stage.name())
            .bind(deal_id.as_slice())
            .execute(&self.pool)
            .await
            .map_err(|_| Error::Store("writing a stage"))?;
        Ok(())
    }

    /// Notes that the seller declined, and why.
    pub(crate) async fn set_refused(&self, deal_id: B256, why: &Problem) -> Result<(), Error> {
        sqlx::query("UPDATE deals SET stage = 'refused', problem = ? WHERE deal_id = ?")
            .bind(serde_json::to_string(why).ok())
            .bind(deal_id.as_slice())
            .execute(&self.pool)
            .await
            .map_err(|_| Error::Store("writing a refusal"))?;
        Ok(())
    }

    /// Forgets a deal that can never be opened any more.
    pub(crate) async fn forget(&self, deal_id: B256) -> Result<(), Error> {
        sqlx::query("DELETE FROM deals WHERE deal_id = ?")
            .bind(deal_id.as_slice())
            .execute(&self.pool)
            .await
            .map_err(|_| Error::Store("forgetting a deal"))?;
        Ok(())
    }

    /// Keeps the seller's signature: from now on the deal can be opened.
    pub(crate) async fn set_agreed(&self, deal_id: B256, signature: &Bytes) -> Result<(), Error> {
        sqlx::query(
            "UPDATE deals SET seller_authorization = ?, stage = 'agreed', problem = NULL \
             WHERE deal_id = ? AND stage IN ('signed', 'refused')",
        )
        .bind(signature.to_vec())
        .bind(deal_id.as_slice())
        .execute(&self.pool)
        .await
        .map_err(|_| Error::Store("writing a signature"))?;
        Ok(())
    }

    /// Keeps the last problem for the principal to see; `None` clears it.
    pub(crate) async fn set_problem(
        &self,
        deal_id: B256,
        problem: Option<&Problem>,
    ) -> Result<(), Error> {
        let problem = problem.and_then(|problem| serde_json::to_string(problem).ok());
        sqlx::query("UPDATE deals SET problem = ? WHERE deal_id = ?")
            .bind(problem)
            .bind(deal_id.as_slice())
            .execute(&self.pool)
            .await
            .map_err(|_| Error::Store("writing a problem"))?;
        Ok(())
    }

    /// Notes the age file that holds a deliverable.
    pub(crate) async fn keep_age_file(
        &self,
        (deal_id, deliverable): (B256, B256),
        age_file: B256,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT OR REPLACE INTO age_files (deal_id, deliverable, age_file) VALUES (?, ?, ?)",
        )
        .bind(deal_id.as_slice())
        .bind(deliverable.as_slice())
        .bind(age_file.as_slice())
        .execute(&self.pool)
        .await
        .map_err(|_| Error::Store("writing an age file"))?;
        Ok(())
    }

    /// The digest of the age file that holds a deliverable.
    pub(crate) async fn age_file(
        &self,
        deal_id: B256,
        deliverable: B256,
    ) -> Result<Option<B256>, Error> {
        let failed = "reading an age file";
        let digest: Option<Vec<u8>> = sqlx::query_scalar(
            "SELECT age_file FROM age_files WHERE deal_id = ? AND deliverable = ?",
        )
        .bind(deal_id.as_slice())
        .bind(deliverable.as_slice())
        .fetch_optional(&self.pool)
        .await
        .map_err(|_| Error::Store(failed))?;
        let digest = digest.map(|digest| B256::try_from(digest.as_slice()));
        digest.transpose().map_err(|_| Error::Store(failed))
    }

    /// Keeps a juror's document, for when it cannot be asked.
    pub(crate) async fn keep_document(&self, juror: Address, document: &[u8]) -> Result<(), Error> {
        sqlx::query("INSERT OR REPLACE INTO juror_documents (juror, document) VALUES (?, ?)")
            .bind(juror.as_slice())
            .bind(document)
            .execute(&self.pool)
            .await
            .map_err(|_| Error::Store("writing a juror's document"))?;
        Ok(())
    }

    /// A juror's last document.
    pub(crate) async fn document(&self, juror: Address) -> Result<Option<Vec<u8>>, Error> {
        sqlx::query_scalar("SELECT document FROM juror_documents WHERE juror = ?")
            .bind(juror.as_slice())
            .fetch_optional(&self.pool)
            .await
            .map_err(|_| Error::Store("reading a juror's document"))
    }

    /// Writes down what a milestone's work gave, and tells what stands: the first one, always.
    pub(crate) async fn keep_work(
        &self,
        deal_id: B256,
        milestone: u8,
        work: &Work,
    ) -> Result<Work, Error> {
        let (digest, uri, signature) = match work {
            Work::Nothing => (None, None, None),
            Work::Delivery(delivery, signature) => (
                Some(delivery.deliverable.to_vec()),
                Some(delivery.uri.as_str()),
                Some(signature.to_vec()),
            ),
        };
        sqlx::query(
            "INSERT INTO works (deal_id, milestone, deliverable, uri, signature) \
             VALUES (?, ?, ?, ?, ?) ON CONFLICT (deal_id, milestone) DO NOTHING",
        )
        .bind(deal_id.as_slice())
        .bind(milestone)
        .bind(digest)
        .bind(uri)
        .bind(signature)
        .execute(&self.pool)
        .await
        .map_err(|_| Error::Store("writing a delivery"))?;
        self.work(deal_id, milestone).await?.ok_or(Error::Store("reading a delivery"))
    }

    /// What a milestone's work gave, if it is done.
    pub(crate) async fn work(&self, deal_id: B256, milestone: u8) -> Result<Option<Work>, Error> {
        let row = sqlx::query(
            "SELECT deliverable, uri, signature FROM works WHERE deal_id = ? AND milestone = ?",
        )
        .bind(deal_id.as_slice())
        .bind(milestone)
        .fetch_optional(&self.pool)
        .await
        .map_err(|_| Error::Store("reading a delivery"))?;
        let Some(row) = row else { return Ok(None) };
        let digest: Option<Vec<u8>> = row.get("deliverable");
        let Some(digest) = digest else { return Ok(Some(Work::Nothing)) };
        let deliverable =
            B256::try_from(digest.as_slice()).map_err(|_| Error::Store("reading a delivery"))?;
        let delivery = Delivery { dealId: deal_id, milestone, deliverable, uri: row.get("uri") };
        let signature: Vec<u8> = row.get("signature");
        Ok(Some(Work::Delivery(delivery, signature.into())))
    }
}

/// Reads a row of `deals`.
fn entry(row: &SqliteRow) -> Result<Entry, Error> {
    let bad = || Error::Store("reading a deal");
    let sheet: Vec<u8> = row.get("sheet");
    let sheet = surety_terms::TermSheet::parse(&sheet).map_err(|_| bad())?;
    let from_block: i64 = row.get("from_block");
    let stage: String = row.get("stage");
    let role: String = row.get("role");
    Ok(Entry {
        deal: Deal::new(sheet, u64::try_from(from_block).unwrap_or(0)),
        role: if role == role_name(Role::Buyer) { Role::Buyer } else { Role::Seller },
        stage: Stage::ALL.into_iter().find(|s| s.name() == stage).ok_or_else(bad)?,
        buyer_authorization: row.get::<Vec<u8>, _>("buyer_authorization").into(),
        seller_authorization: row.get::<Option<Vec<u8>>, _>("seller_authorization").map(Into::into),
        seller_url: row.get("seller_url"),
        problem: row
            .get::<Option<&str>, _>("problem")
            .and_then(|text| serde_json::from_str(text).ok()),
    })
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Buyer => "buyer",
        Role::Seller => "seller",
    }
}

/// What the owner puts in, in base units.
fn promised(entry: &Entry) -> u128 {
    match entry.role {
        Role::Buyer => entry.deal.sheet.total.base_units(),
        Role::Seller => entry.deal.sheet.bond.base_units(),
    }
}
