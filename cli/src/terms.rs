//! `surety terms ...`.

mod prices;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use alloy::primitives::{Address, B256};
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_agent::Chain;
use surety_criteria::lint::{self, Lint, Prose};
use surety_jury::Template;
use surety_terms::{HiddenCriterion, TermSheet, limits};
use url::Url;

use crate::{file, network, output::Output};
use prices::{Priced, Source};

#[derive(Debug, Subcommand)]
pub(crate) enum TermsCommand {
    /// Check a term sheet: its form and every rule that needs neither chain nor clock
    Check(FileArgs),
    /// Say what is wrong with the criteria, and what to write instead, before anybody signs
    Lint(LintArgs),
    /// Compute the commitment to a hidden criterion's document
    Commit(FileArgs),
    /// Compute a term sheet's document digest and deal id
    Digest(FileArgs),
}

#[derive(Args, Debug)]
pub(crate) struct FileArgs {
    /// The JSON document; `-` reads stdin
    file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct LintArgs {
    /// The JSON term sheet; `-` reads stdin
    file: PathBuf,
    /// A family that sits in the jury; more than one with commas
    #[arg(long, value_delimiter = ',', conflicts_with = "rpc")]
    family: Vec<String>,
    /// JSON-RPC endpoint to read the jury's families from
    #[arg(long, env = "SURETY_RPC", hide_env_values = true)]
    rpc: Option<Url>,
    /// Also say whether the sheet's jury fee pays every juror's price; without a file, the jurors
    /// are asked at their registered URLs
    #[arg(long, value_name = "FILE", num_args = 0.., requires = "rpc")]
    prices: Option<Vec<PathBuf>>,
    /// Ask jurors on private networks too: only on a local chain
    #[arg(long, requires = "prices")]
    allow_private_hosts: bool,
}

/// What a linter says of a sheet.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Linted {
    /// Whether it may be signed.
    signable: bool,
    findings: Vec<Lint>,
    /// What is wrong with the prompt template that it pins.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    /// What the jury asks, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<Priced>,
}

/// What a buyer puts into a sheet instead of a criterion.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Committed {
    commitment: B256,
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

/// Runs the command. A sheet that nobody should sign makes `lint` a failure.
pub(crate) async fn run(command: TermsCommand, output: Output) -> Result<ExitCode> {
    match command {
        TermsCommand::Check(args) => {
            let sheet = read(&args.file)?;
            let unsupported = sheet.unsupported();
            output.result(&Checked { valid: true, unsupported, deal_id: sheet.deal_id() })?;
        }
        TermsCommand::Lint(args) => return lint(args, output).await,
        TermsCommand::Commit(args) => {
            let bytes = file::read(&args.file, limits::SHEET_BYTES)?;
            let document = HiddenCriterion::parse(&bytes);
            let document = document.with_context(|| args.file.display().to_string())?;
            if let Some(finding) = Template::NEWEST.refusal(&document) {
                anyhow::bail!("jurors would refuse it, and count the criterion as met: {finding}");
            }
            output.result(&Committed { commitment: document.commitment() })?;
        }
        TermsCommand::Digest(args) => {
            let sheet = read(&args.file)?;
            output.result(&Digests { deal_id: sheet.deal_id(), document: sheet.document() })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn lint(args: LintArgs, output: Output) -> Result<ExitCode> {
    let sheet = read(&args.file)?;
    let chain = match args.rpc {
        Some(rpc) => Some(connect(rpc, sheet.escrow).await?),
        None => None,
    };
    let families = match &chain {
        Some(chain) => families(chain, sheet.jury).await?,
        None => args.family,
    };
    let prices = match (&chain, args.prices) {
        (Some(chain), Some(files)) => {
            let allow_private_hosts = args.allow_private_hosts;
            let at_urls = files.is_empty();
            let source =
                if at_urls { Source::Urls { allow_private_hosts } } else { Source::Files(files) };
            Some(prices::compare(chain, &sheet, &source).await?)
        }
        _ => None,
    };
    let paid = prices.as_ref().is_none_or(|prices| prices.covered);
    let pinned = Template::pinned(sheet.template);
    let is_shown = pinned.as_ref().is_ok_and(|template| template.shows_prose());
    let prose = if is_shown { Prose::Shown } else { Prose::Unseen };
    let findings = [lint::sheet(&sheet, prose), lint::panel(&sheet, &families)].concat();
    let template = pinned.err().map(|unknown| unknown.to_string());
    let signable = lint::refusal(&findings).is_none() && template.is_none() && paid;
    output.result(&Linted { signable, findings, template, prices })?;
    Ok(if signable { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn connect(rpc: Url, escrow: Address) -> Result<Chain> {
    let rpc = network::connect(rpc)?;
    let chain_id = rpc.chain_id().await?;
    Ok(Chain::connect(rpc, chain_id, escrow).await?)
}

/// The families of a jury's panel and appeal panel, as registered.
async fn families(chain: &Chain, jury: B256) -> Result<Vec<String>> {
    Ok(chain.seats(jury).await?.into_iter().map(|seat| seat.family).collect())
}

fn read(path: &Path) -> Result<TermSheet> {
    let bytes = file::read(path, limits::SHEET_BYTES)?;
    TermSheet::parse(&bytes).with_context(|| path.display().to_string())
}
