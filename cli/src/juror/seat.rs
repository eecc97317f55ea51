//! What an operator does with a juror's seat besides running it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use surety_juror::Config;
use surety_keys::Key;
use surety_seat::{Seat, Status, Successor};
use surety_terms::Usdc;

use super::{
    endpoint,
    qualify::{self, Shown},
};
use crate::{
    network::{self, SenderArgs},
    output::{self, Output},
};

/// Whose seat.
#[derive(Args, Debug)]
pub(crate) struct SeatArgs {
    /// The juror's TOML configuration: its key, chain and jury contract
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(super) seat: SeatArgs,
    /// A block before the key registered; a later one is read faster
    #[arg(long, default_value_t = 0)]
    pub(super) from_block: u64,
}

/// How a juror stands, and what it measured of itself.
#[derive(Debug, Serialize)]
struct Standing {
    #[serde(flatten)]
    status: Status,
    /// The certificate beside the store; null without one.
    qualification: Option<Shown>,
}

#[derive(Args, Debug)]
pub(crate) struct UnbondArgs {
    #[command(flatten)]
    seat: SeatArgs,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ClaimArgs {
    #[command(flatten)]
    status: StatusArgs,
    #[command(flatten)]
    sender: SenderArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    seat: SeatArgs,
    /// The TOML configuration of the juror that follows: its key
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Where it answers, without a trailing slash; by default as the old one
    #[arg(long)]
    url: Option<String>,
    /// What it stakes, in base units of USDC; by default what the old one staked
    #[arg(long)]
    stake: Option<Usdc>,
    #[command(flatten)]
    sender: SenderArgs,
}

impl SeatArgs {
    pub(super) async fn open(&self) -> Result<(Config, Key, Seat)> {
        let config = Config::load(&self.config)?;
        let key = config.key.open().await?;
        let rpc = network::connect(endpoint(&config)?)?;
        let seat = Seat::connect(rpc, config.chain_id, config.jury, key.address()).await?;
        Ok((config, key, seat))
    }
}

pub(crate) async fn status(args: StatusArgs, output: Output) -> Result<()> {
    let (config, _, seat) = args.seat.open().await?;
    let status = seat.status(args.from_block).await?;
    pots(&status);
    let qualification = qualify::beside(&config)?;
    output.result(&Standing { status, qualification })
}

pub(crate) async fn unbond(args: UnbondArgs, output: Output) -> Result<()> {
    let (config, key, seat) = args.seat.open().await?;
    seat.may_unbond().await?;
    let sender = args.sender.connect(endpoint(&config)?, config.chain_id, config.jury).await?;
    output::say("unbonding; this waits until the transaction is mined");
    let unbound = seat.unbond(&key, &sender).await?;
    output::say("keep the juror running until the deals of its juries have ended");
    output.result(&unbound)
}

pub(crate) async fn claim(args: ClaimArgs, output: Output) -> Result<()> {
    let (config, _, seat) = args.status.seat.open().await?;
    let sender = args.sender.connect(endpoint(&config)?, config.chain_id, config.jury).await?;
    output::say("claiming; this waits until each transaction is mined");
    let claimed = seat.claim(args.status.from_block, &sender).await?;
    let rows = claimed.payments.iter().map(|payment| {
        let from = payment.pot.map_or_else(
            || "stake".to_owned(),
            |pot| format!("jury {} round {} seat {}", pot.jury, pot.round, pot.seat),
        );
        vec![from, payment.amount.to_string(), payment.tx_hash.to_string()]
    });
    output::table(&["from", "amount", "transaction"], rows);
    output.result(&claimed)
}

pub(crate) async fn rotate(args: RotateArgs, output: Output) -> Result<()> {
    let (config, _, seat) = args.seat.open().await?;
    let key = Config::load(&args.to)?.key.open().await?;
    let url = args.url.as_deref().map(network::without_slash);
    let sender = args.sender.connect(endpoint(&config)?, config.chain_id, config.jury).await?;
    output::say("registering the new key; this waits until the transaction is mined");
    let rotated = seat.rotate(Successor { key, url, stake: args.stake }, &sender).await?;
    output::say("now create juries with the new key; no jury changes its keys");
    output::say("let both jurors run until the old juries' deals have ended, then unbond the old");
    output.result(&rotated)
}

/// Shows the seats to the person who watches.
fn pots(status: &Status) {
    let rows = status.pots.iter().map(|pot| {
        let numbers = [pot.round.to_string(), pot.seat.to_string(), pot.fees.to_string()];
        [vec![pot.jury.to_string()], numbers.to_vec()].concat()
    });
    output::table(&["jury", "round", "seat", "fees"], rows);
}
