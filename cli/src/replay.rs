//! `surety jury replay` and `surety jury explain`.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, U256, hex};
use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde::Serialize;
use surety_bindings::jury::Case;
use surety_jury::{Opinion, ballot::Reason};
use surety_privacy::{Identities, ciphertext_most, is_private};
use surety_replay::{Evidence, Replayed};
use surety_terms::{TermSheet, digest, limits};

use crate::{file, output::Output};

/// The largest deliverable, transcript, request or answer that is read, in bytes.
const MOST_BYTES: usize = 256 * 1024 * 1024;

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// The juror's transcript, as it keeps it: lines of JSON in a file that the root names
    transcript: PathBuf,
    /// The JSON term sheet
    #[arg(long, value_name = "FILE")]
    sheet: PathBuf,
    /// The milestone, from 0
    #[arg(long, default_value_t = 0)]
    milestone: u8,
    /// The bytes that were judged; leave it out where the juror says that they were missing
    #[arg(long, value_name = "FILE")]
    deliverable: Option<PathBuf>,
    /// A file with the age identity of a party, or of the juror; what is encrypted is read with it
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// The root in the signed ballot; by default the file's name says it
    #[arg(long)]
    root: Option<B256>,
    /// The address of the `Jury` contract: with it, the case's id is computed too
    #[arg(long, value_name = "ADDRESS")]
    jury: Option<Address>,
    /// The folder with the exact requests and answers; by default `blobs` beside the transcript
    #[arg(long, value_name = "FOLDER")]
    blobs: Option<PathBuf>,
}

/// A transcript that holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Holds {
    case_id: B256,
    root: B256,
    /// The version of the prompt in which the model was asked.
    template: &'static str,
    met: u16,
    failed: u16,
    reason: Reason,
}

/// Recomputes a ballot and says what it is.
pub(crate) fn replay(args: &ReplayArgs, output: Output) -> Result<()> {
    let (root, replayed) = read(args)?;
    let (case_id, template) = (replayed.case_id, replayed.template.name());
    let Opinion { met, failed, reason } = replayed.opinion;
    output.result(&Holds { case_id, root, template, met, failed, reason })
}

/// Recomputes a ballot and says why it is what it is.
pub(crate) fn explain(args: &ReplayArgs, output: Output) -> Result<()> {
    output.result(&read(args)?.1.explain())
}

fn read(args: &ReplayArgs) -> Result<(B256, Replayed)> {
    let identities = Identities::read(args.identity.iter().map(PathBuf::as_path))?;
    let open = |path: &Path, most: usize| open(&identities, path, most);
    let bytes = open(&args.sheet, limits::SHEET_BYTES)?;
    let sheet = TermSheet::parse(&bytes).with_context(|| args.sheet.display().to_string())?;
    let count = sheet.milestones.len();
    let milestone = sheet.milestones.get(usize::from(args.milestone));
    let milestone = milestone
        .with_context(|| format!("milestone {} of {count}; count from 0", args.milestone))?;
    let transcript = open(&args.transcript, MOST_BYTES)?;
    let deliverable = args.deliverable.as_deref().map(|path| open(path, MOST_BYTES));
    let deliverable = deliverable.transpose()?;
    // `ROOT.jsonl`, or `ROOT.jsonl.age`.
    let named = || args.transcript.file_name()?.to_str()?.split('.').next()?.parse().ok();
    let root = args.root.or_else(named).context("the file's name is no root: give --root")?;
    let beside = args.transcript.parent().unwrap_or(Path::new(".")).join("blobs");
    let blobs = args.blobs.as_deref().unwrap_or(&beside);
    let (deliverable, template) = (deliverable.as_deref(), sheet.template);
    let evidence = Evidence { transcript: &transcript, root, milestone, deliverable, template };
    let blob = |digest: B256| {
        let name = hex::encode(digest);
        let found = open(&blobs.join(format!("{name}.age")), MOST_BYTES);
        found.or_else(|_| file::read(&blobs.join(name), MOST_BYTES)).ok()
    };
    let replayed = surety_replay::replay(&evidence, &blob);
    let replayed = replayed.with_context(|| args.transcript.display().to_string())?;
    if let Some(jury) = args.jury {
        expect_case(&sheet, args.milestone, jury, &replayed)?;
    }
    Ok((root, replayed))
}

/// Fails unless the transcript is of a case of this milestone, in either round.
fn expect_case(sheet: &TermSheet, milestone: u8, jury: Address, replayed: &Replayed) -> Result<()> {
    let case = |round| {
        digest::case_id(&Case {
            chainId: U256::from(sheet.chain_id),
            jury,
            consumer: sheet.escrow,
            dealId: sheet.deal_id(),
            milestone,
            round,
            deliverable: replayed.deliverable,
        })
    };
    let cases = [case(1), case(2)];
    ensure!(
        cases.contains(&replayed.case_id),
        "the transcript is of case {}, and the sheet's milestone has case {}: give the sheet, the \
         milestone and the Jury that the ballot was cast for",
        replayed.case_id,
        cases[0],
    );
    Ok(())
}

/// A file's bytes, decrypted if there is an identity and the file is encrypted.
fn open(identities: &Identities, path: &Path, most: usize) -> Result<Vec<u8>> {
    let bytes = file::read(path, ciphertext_most(most))?;
    if identities.recipient().is_none() || !is_private(&bytes) {
        return Ok(bytes);
    }
    identities.decrypt(&bytes, most).with_context(|| path.display().to_string())
}
