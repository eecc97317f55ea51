//! `surety terms ...`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use alloy::primitives::B256;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_terms::{TermSheet, limits};

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum TermsCommand {
    /// Check a term sheet: its form and every rule that needs neither chain nor clock
    Check(FileArgs),
    /// Compute a term sheet's document digest and deal id
    Digest(FileArgs),
}

#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// The JSON term sheet; `-` reads stdin
    file: PathBuf,
}

/// A sheet that keeps the rules.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Checked {
    valid: bool,
    /// The first field that today's contracts refuse to open.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsupported: Option<&'static str>,
    deal_id: B256,
}

/// A sheet's digests.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Digests {
    deal_id: B256,
    document: B256,
}

/// Runs the command.
pub(crate) fn run(command: TermsCommand, output: Output) -> Result<()> {
    match command {
        TermsCommand::Check(args) => {
            let sheet = read(&args.file)?;
            let unsupported = sheet.unsupported();
            output.result(&Checked { valid: true, unsupported, deal_id: sheet.deal_id() })
        }
        TermsCommand::Digest(args) => {
            let sheet = read(&args.file)?;
            output.result(&Digests { deal_id: sheet.deal_id(), document: sheet.document() })
        }
    }
}

/// Reads a sheet, but never much more than one may hold.
fn read(path: &Path) -> Result<TermSheet> {
    let most = u64::try_from(limits::SHEET_BYTES)?.saturating_add(1);
    let mut bytes = Vec::new();
    let source: Box<dyn std::io::Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(path).with_context(|| path.display().to_string())?)
    };
    source.take(most).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    TermSheet::parse(&bytes).with_context(|| path.display().to_string())
}
