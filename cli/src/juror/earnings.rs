//! `surety juror earnings`: what came in, and what it cost.

use alloy::primitives::Address;
use anyhow::Result;
use clap::Args;
use surety_seat::{Cost, Earnings, Payers, Sums};

use super::seat::StatusArgs;
use crate::output::{self, Output};

#[derive(Args, Debug)]
pub(crate) struct EarningsArgs {
    #[command(flatten)]
    status: StatusArgs,
    /// Count only the gas that this address paid; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    paid_by: Vec<Address>,
}

pub(crate) async fn earnings(args: EarningsArgs, output: Output) -> Result<()> {
    let (config, _, seat) = args.status.seat.open().await?;
    let spending = surety_juror::spending(&config).await?;
    let costs: Vec<Cost> = spending
        .into_iter()
        .map(|(case_id, day, micro_usd)| Cost { case_id, day, micro_usd })
        .collect();
    let payers = if args.paid_by.is_empty() {
        Payers::All
    } else {
        Payers::Only(args.paid_by.into_iter().collect())
    };
    let from_block = args.status.from_block;
    output::say("reading the chain for fees and transactions");
    let earnings = seat.earnings(&config.consumers, from_block, &payers, &costs).await?;
    table(&earnings);
    if config.budget.is_none() {
        output::say("without [budget] in the configuration nobody counts what the provider costs");
    }
    output.result(&earnings)
}

/// Shows the days to the person who watches.
fn table(earnings: &Earnings) {
    let row = |name: &str, sums: &Sums| {
        let Sums { fees, claimed, provider_micro_usd, gas_wei } = sums;
        let [fees, claimed] = [fees, claimed].map(ToString::to_string);
        vec![name.to_owned(), fees, claimed, provider_micro_usd.to_string(), gas_wei.to_string()]
    };
    let days = earnings.days.iter().map(|day| row(&day.day, &day.sums));
    let all = row("all", &earnings.sum);
    let heads = ["day", "fees", "claimed", "provider (micro-USD)", "gas (wei)"];
    output::table(&heads, days.chain([all]));
}
