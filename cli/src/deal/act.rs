//! `surety deal act`: a relayer does what time allows with a milestone, for a fee.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use alloy::primitives::{Address, B256};
use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use serde::Serialize;
use surety_agent::{Chain, History, relayer::Client};
use surety_bindings::escrow::SlowState;
use surety_keys::KeySource;
use surety_relayer::wire::{Act, ActRequest, next_act};
use surety_terms::{
    Usdc, digest,
    wire::{TransactionState, TransactionStatus},
};
use tokio::time::Instant;
use url::Url;

use crate::{
    network::ChainArgs,
    output::{self, Output},
};

/// The longest that one question is held open.
const HELD_SECS: u64 = 20;
/// The shortest time between two questions.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
pub(crate) enum ActCommand {
    /// Sign a request with a fee for what time allows now, and hand it to a relayer
    Ask(AskArgs),
    /// Show what became of a request
    Show(ShowArgs),
}

#[derive(Args, Debug)]
pub(crate) struct AskArgs {
    /// The deal's id
    deal: B256,
    /// The milestone, from 0
    #[arg(long, default_value_t = 0)]
    milestone: u8,
    /// Where the relayer answers
    #[arg(long)]
    relayer: Url,
    /// File with the buyer's or the seller's private key (0x-hex)
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// What that party pays for it, in base units of USDC (1000000 is one dollar)
    #[arg(long, value_name = "USDC")]
    fee: Usdc,
    /// How long the request is good, in seconds
    #[arg(long, default_value_t = 3_600, value_name = "N")]
    valid_secs: u64,
    /// How long to wait until it is done, in seconds
    #[arg(long, default_value_t = 120, value_name = "N")]
    patience_secs: u64,
    /// A block before the deal was opened; a later one is read faster
    #[arg(long, default_value_t = 0)]
    from_block: u64,
    #[command(flatten)]
    chain: ChainArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The id that `ask` showed
    id: B256,
    /// Where the relayer answers
    #[arg(long)]
    relayer: Url,
    /// How long to wait until it is done, in seconds, at most 20
    #[arg(long, default_value_t = 0, value_name = "N")]
    wait_secs: u64,
}

/// What was asked for, and where it is. The signatures stay with whoever was asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    deal_id: B256,
    milestone: u8,
    action: Act,
    party: Address,
    fee: Usdc,
    valid_until: u64,
    transaction: TransactionStatus,
}

/// Runs the command. What the escrow refused makes it a failure.
pub(crate) async fn run(command: ActCommand, output: Output) -> Result<ExitCode> {
    match command {
        ActCommand::Ask(args) => ask(args, output).await,
        ActCommand::Show(args) => {
            let relayer = Client::new(&args.relayer)?;
            let status = relayer.transaction(args.id, args.wait_secs.min(HELD_SECS)).await?;
            table(&status);
            output.result(&status)?;
            Ok(code(&status))
        }
    }
}

async fn ask(args: AskArgs, output: Output) -> Result<ExitCode> {
    let relayer = Client::new(&args.relayer)?;
    let place = (args.deal, args.milestone);
    let chain = args.chain.connect().await?;
    let Possible { action, state, parties, now } = possible(&chain, place, args.from_block).await?;
    let key = KeySource::File(args.key_file).open().await?;
    let (party, fee, valid_until) = (key.address(), args.fee, now.saturating_add(args.valid_secs));
    ensure!(parties.contains(&party), "{party} is neither the buyer nor the seller of the deal");
    let from = (party, fee, valid_until);
    let mut request = ActRequest::unsigned(action, place, state.as_ref(), from);
    let domain = digest::escrow_domain(chain.chain_id, chain.escrow);
    request.signature = key.sign(&request.digest(&domain)).await?.as_bytes().into();
    let pull = digest::authorization_digest(&request.pull(&domain), &chain.token);
    request.authorization = digest::by_authorization(&key.sign(&pull).await?.as_bytes());
    let taken = relayer.ask(&request).await?;
    let patience = Duration::from_secs(args.patience_secs.min(u32::MAX.into()));
    let transaction = done(&relayer, taken, patience).await?;
    table(&transaction);
    let code = code(&transaction);
    let (deal_id, milestone) = place;
    output.result(&Asked { deal_id, milestone, action, party, fee, valid_until, transaction })?;
    Ok(code)
}

/// What time allows with a milestone now.
struct Possible {
    action: Act,
    state: Option<SlowState>,
    parties: [Address; 2],
    now: u64,
}

/// Reads it from the chain. It is an error when time allows nothing yet.
async fn possible(
    chain: &Chain,
    (deal, milestone): (B256, u8),
    from_block: u64,
) -> Result<Possible> {
    let word = chain.word(deal).await?;
    ensure!(word.opened, "deal {deal} is not open on this escrow");
    ensure!(!word.has_ended(milestone), "milestone {milestone} has ended");
    let history = History::read(chain, deal, from_block).await?;
    let missing = "the chain's endpoint does not show the deal's events; check --from-block";
    let terms = history.opened.as_ref().map(|opened| &opened.terms).context(missing)?;
    let state = history.state(milestone).into_iter().next();
    ensure!(!word.is_delivered(milestone) || state.is_some(), missing);
    let due = next_act(terms, milestone, state.as_ref());
    let due = due.with_context(|| format!("the deal has no milestone {milestone}"))?;
    let action = due.act.under(chain.has_appeal_panel(terms.jury).await?);
    let (now, at, name) = (chain.head().await?.timestamp, due.at, action.as_str());
    ensure!(now >= at, "{name} is possible from {at} on, and it is {now} on the chain");
    Ok(Possible { action, state, parties: [terms.buyer, terms.seller], now })
}

/// Waits until a request is mined or has failed, at most for so long.
async fn done(
    relayer: &Client,
    taken: TransactionStatus,
    patience: Duration,
) -> Result<TransactionStatus> {
    let (mut status, deadline, mut asked_at) = (taken, Instant::now() + patience, None::<Instant>);
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_secs();
        let waits = matches!(status.state, TransactionState::Queued | TransactionState::Sent);
        if !waits || left == 0 {
            return Ok(status);
        }
        if asked_at.is_some_and(|at| at.elapsed() < PAUSE) {
            // It holds as many questions open as it may, and answered at once.
            tokio::time::sleep(PAUSE).await;
        }
        let id = status.id;
        asked_at = Some(Instant::now());
        let asked = relayer.transaction(id, left.min(HELD_SECS)).await;
        let how = || format!("the relayer has taken the request: see `surety deal act show {id}`");
        status = asked.with_context(how)?;
    }
}

fn code(status: &TransactionStatus) -> ExitCode {
    if status.state == TransactionState::Failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Shows a request to the person who watches.
fn table(status: &TransactionStatus) {
    let state = match status.state {
        TransactionState::Queued => "queued",
        TransactionState::Sent => "sent",
        TransactionState::Mined => "mined",
        TransactionState::Failed => "failed",
    };
    let hash = status.tx_hash.map(|hash| hash.to_string()).unwrap_or_default();
    let why = status.error.as_ref().map(ToString::to_string).unwrap_or_default();
    let plain = why.chars().filter(|char| !char.is_control()).take(200).collect();
    let row = vec![status.id.to_string(), state.to_owned(), hash, plain];
    output::table(&["id", "state", "transaction", "why not"], [row]);
}
