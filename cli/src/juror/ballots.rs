//! The ballots of a juror as one document: `surety juror export` and `import`.

use std::{io::Write as _, path::PathBuf};

use alloy::primitives::{Address, B256};
use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;
use surety_interchange::{Document, MOST_BYTES};

use super::seat::SeatArgs;
use crate::{
    file,
    output::{self, Output},
};

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    seat: SeatArgs,
    /// The file to write, which must not exist yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    seat: SeatArgs,
    /// The document; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// A block before the key registered; a later one is read faster
    #[arg(long, default_value_t = 0)]
    from_block: u64,
}

/// A document that was written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Exported {
    juror: Address,
    ballots: usize,
    digest: B256,
}

/// A document that was added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Imported {
    juror: Address,
    /// Ballots that the store lacked.
    added: usize,
    /// Ballots that it had.
    known: usize,
    /// Ballots of this juror that the chain shows as counted; the store has them all.
    counted: usize,
}

pub(crate) async fn export(args: ExportArgs, output: Output) -> Result<()> {
    let (config, key, _) = args.seat.open().await?;
    let document = surety_juror::export(&config, &key).await?;
    let place = || args.to.display().to_string();
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).open(&args.to).with_context(place)?;
    file.write_all(&document.canonical()?).and_then(|()| file.sync_all()).with_context(place)?;
    output::say("import it before the juror starts elsewhere, and start it here no more");
    let (juror, ballots) = (document.owner().juror, document.ballots().len());
    output.result(&Exported { juror, ballots, digest: document.digest() })
}

pub(crate) async fn import(args: ImportArgs, output: Output) -> Result<()> {
    let bytes = file::read(&args.from, MOST_BYTES)?;
    let document = Document::parse(&bytes).with_context(|| args.from.display().to_string())?;
    let (config, key, seat) = args.seat.open().await?;
    output::say("reading the chain for ballots that were counted");
    let counted = seat.counted(&config.consumers, args.from_block).await?;
    let merged = surety_juror::import(&config, &key, &document, &counted).await?;
    let (juror, counted) = (key.address(), counted.len());
    output.result(&Imported { juror, added: merged.added, known: merged.known, counted })
}
