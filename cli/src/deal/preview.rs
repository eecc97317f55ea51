//! `surety deal preview`: what the jurors would say before the work is delivered.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use alloy::primitives::{B256, Bytes};
use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;
use surety_agent::ops::preview::{self, Answer};
use surety_jury::preview::{Forecast, PreviewState};
use surety_keys::KeySource;
use surety_terms::{TermSheet, limits};

use crate::{
    file,
    network::ChainArgs,
    output::{self, Output},
};

/// No juror takes more.
const MOST_BYTES: usize = 1 << 20;

#[derive(Args, Debug)]
pub(crate) struct PreviewArgs {
    /// The deliverable; `-` reads stdin. It is shown to every juror of the panel
    deliverable: PathBuf,
    /// The JSON term sheet of the opened deal
    #[arg(long, value_name = "FILE")]
    sheet: PathBuf,
    /// The milestone, from 0
    #[arg(long, default_value_t = 0)]
    milestone: u8,
    /// File with the seller's private key (0x-hex)
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// How long to wait for the answers, in seconds
    #[arg(long, default_value_t = 900, value_name = "N")]
    patience_secs: u64,
    /// Ask jurors on private networks too: on a local chain
    #[arg(long)]
    allow_private_hosts: bool,
    #[command(flatten)]
    chain: ChainArgs,
}

/// What the panel says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Previewed {
    preview_id: B256,
    /// Always false: the word for whoever reads the JSON only.
    binding: bool,
    jurors: Vec<Answer>,
}

/// Runs the command. A juror without an answer makes it a failure.
pub(crate) async fn run(args: PreviewArgs, output: Output) -> Result<ExitCode> {
    let place = args.sheet.display().to_string();
    let sheet = TermSheet::parse(&file::read(&args.sheet, limits::SHEET_BYTES)?).context(place)?;
    let deliverable = Bytes::from(file::read(&args.deliverable, MOST_BYTES)?);
    let key = KeySource::File(args.key_file).open().await?;
    let chain = args.chain.connect().await?;
    let request = preview::request(&chain, &key, sheet, (args.milestone, deliverable)).await?;
    output::say(
        "a preview binds nobody: the jurors are asked anew once you deliver, and may say otherwise",
    );
    let patience = Duration::from_secs(args.patience_secs);
    let jurors = preview::ask(&chain, &request, patience, args.allow_private_hosts).await?;
    output::table(&["juror", "family", "says"], jurors.iter().map(row));
    let said = |answer: &Answer| {
        let state = answer.status.as_ref().map(|status| status.state);
        state.is_some_and(|state| state != PreviewState::Pending)
    };
    let code = if jurors.iter().all(said) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    output.result(&Previewed { preview_id: request.id(), binding: false, jurors })?;
    Ok(code)
}

fn row(answer: &Answer) -> Vec<String> {
    let says = match (&answer.status, &answer.why) {
        // A stranger's words, on somebody's terminal.
        (_, Some(why)) => {
            let plain = why.chars().filter(|char| !char.is_control()).take(200);
            format!("no preview: {}", plain.collect::<String>())
        }
        (Some(status), None) => match status.state {
            PreviewState::Pending => "nothing yet: its time to answer has not come".to_owned(),
            PreviewState::Refused => "it gives no more previews of this deal".to_owned(),
            PreviewState::Answered => {
                let told = status.criteria.iter();
                let told = told.map(|told| format!("{}: {}", told.id, word(told.forecast)));
                told.collect::<Vec<_>>().join(", ")
            }
        },
        (None, None) => "nothing".to_owned(),
    };
    vec![answer.juror.to_string(), answer.family.clone(), says]
}

const fn word(forecast: Forecast) -> &'static str {
    match forecast {
        Forecast::Met => "met",
        Forecast::Failed => "failed",
        Forecast::Undecided => "undecided",
    }
}
