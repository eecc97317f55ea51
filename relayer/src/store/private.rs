//! What is kept of private deals: sheets and deliverables as age files.

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::SolValue;
use surety_bindings::escrow::Terms;
use surety_store::Conn;

use super::columns::{bytes, kept, maybe_word, word};
use super::{deals, deliverables};
use crate::RelayerError;

type Result<T> = std::result::Result<T, RelayerError>;

/// Who handed in a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    Buyer,
    Seller,
}

/// Keeps a private deal's sheet; a party's first one stays. The caller has checked that the terms
/// are this deal's, and that the party signed for the file.
pub(crate) async fn keep_sheet(
    conn: &mut Conn,
    deal: B256,
    terms: &Terms,
    (party, file): (Party, &[u8]),
) -> Result<()> {
    sqlx::query(
        "INSERT INTO deal (id, shown_terms) VALUES ($1, $2)
         ON CONFLICT (id) DO UPDATE SET shown_terms = excluded.shown_terms",
    )
    .bind(deal.as_slice())
    .bind(terms.abi_encode())
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO private_sheet (deal, party, age_file) VALUES ($1, $2, $3)
         ON CONFLICT (deal, party) DO NOTHING",
    )
    .bind(deal.as_slice())
    .bind(match party {
        Party::Buyer => 0_i64,
        Party::Seller => 1,
    })
    .bind(file)
    .execute(conn)
    .await?;
    Ok(())
}

/// A private deal's sheet as its parties handed it in, none for a public deal.
pub(crate) async fn sheets(conn: &mut Conn, deal: B256) -> Result<Vec<Bytes>> {
    let rows = sqlx::query("SELECT age_file FROM private_sheet WHERE deal = $1 ORDER BY party")
        .bind(deal.as_slice())
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| bytes(row, "age_file")).collect()
}

/// Notes which age file holds a deliverable; a later one takes its place.
pub(crate) async fn keep_upload(
    conn: &mut Conn,
    (deal, deliverable): (B256, B256),
    file: B256,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO upload (deal, deliverable, age_file) VALUES ($1, $2, $3)
         ON CONFLICT (deal, deliverable) DO UPDATE SET age_file = excluded.age_file",
    )
    .bind(deal.as_slice())
    .bind(deliverable.as_slice())
    .bind(file.as_slice())
    .execute(conn)
    .await?;
    Ok(())
}

/// The digest of the age file that holds a deliverable.
pub(crate) async fn upload(
    conn: &mut Conn,
    (deal, deliverable): (B256, B256),
) -> Result<Option<B256>> {
    let row = sqlx::query("SELECT age_file FROM upload WHERE deal = $1 AND deliverable = $2")
        .bind(deal.as_slice())
        .bind(deliverable.as_slice())
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(|row| maybe_word(row, "age_file")).transpose()?.flatten())
}

/// The deals that could not be judged any more at `before`, with no open case, and of which
/// something is kept.
pub(crate) async fn due_to_delete(conn: &mut Conn, before: u64) -> Result<Vec<B256>> {
    let rows = sqlx::query(
        "SELECT id FROM deal WHERE judge_by < $1 AND NOT EXISTS (
           SELECT 1 FROM case_file WHERE case_file.deal = deal.id
             AND state NOT IN ('final', 'given-up'))
         ORDER BY judge_by LIMIT 100",
    )
    .bind(kept(before))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| word(row, "id")).collect()
}

/// The files on the shelf that only this deal's deliveries need.
pub(crate) async fn files(conn: &mut Conn, deal: B256) -> Result<Vec<B256>> {
    let rows = sqlx::query(
        "SELECT age_file AS digest FROM upload WHERE deal = $1
         UNION
         SELECT deliverable AS digest FROM case_file WHERE deal = $1 AND NOT EXISTS (
           SELECT 1 FROM case_file other JOIN deal ON deal.id = other.deal
           WHERE other.deliverable = case_file.deliverable AND other.deal <> $1
             AND deal.judge_by IS NOT NULL)",
    )
    .bind(deal.as_slice())
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| word(row, "digest")).collect()
}

/// Forgets what parties handed in of a deal. What the chain says stays.
pub(crate) async fn forget(conn: &mut Conn, deal: B256, files: &[B256]) -> Result<()> {
    deals::lock(conn, deal).await?;
    for file in files {
        deliverables::remove(conn, *file, true).await?;
    }
    for statement in [
        "DELETE FROM private_sheet WHERE deal = $1",
        "DELETE FROM upload WHERE deal = $1",
        "UPDATE deal SET sheet = NULL, judge_by = NULL WHERE id = $1",
    ] {
        sqlx::query(statement).bind(deal.as_slice()).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Notes until when a deal can be judged.
pub(crate) async fn keep_until(conn: &mut Conn, deal: B256, terms: &Terms) -> Result<()> {
    let judging: u64 = terms.judgeWithin.to();
    let appeal = match terms.appealWithin.to::<u64>() {
        0 => 0,
        within => within.saturating_add(judging),
    };
    let last = terms.milestones.iter().map(|part| part.deliverBy.to::<u64>()).max();
    let judge_by = last.unwrap_or_default().saturating_add(judging).saturating_add(appeal);
    sqlx::query("UPDATE deal SET judge_by = $2 WHERE id = $1")
        .bind(deal.as_slice())
        .bind(kept(judge_by))
        .execute(conn)
        .await?;
    Ok(())
}
