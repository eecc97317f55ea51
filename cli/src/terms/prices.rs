//! Whether a term sheet pays its jury: the jurors' own price lists, from files or their URLs.

use std::path::{Path, PathBuf};

use alloy::primitives::Address;
use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use surety_agent::Chain;
use surety_prices::{MOST_BYTES, PriceList, SignedPrices, Underpaid, ask, underpaid};
use surety_terms::{TermSheet, Usdc};

use crate::file;

/// Where price lists are.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// At the jurors' registered URLs.
    Urls { allow_private_hosts: bool },
    /// In files, one list each.
    Files(Vec<PathBuf>),
}

/// What the jury asks, and which seats the sheet does not pay.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Priced {
    /// Whether every seat is paid its price.
    pub(crate) covered: bool,
    jury_fee: Usdc,
    prices: Vec<PriceList>,
    underpaid: Vec<Underpaid>,
}

/// Compares the sheet's fee with the lists of all seats of its panel.
pub(crate) async fn compare(chain: &Chain, sheet: &TermSheet, source: &Source) -> Result<Priced> {
    let now = chain.head().await?.timestamp;
    let panel = chain.panel(sheet.jury, 1).await?;
    ensure!(!panel.is_empty(), "jury {} has no panel", sheet.jury);
    let given = match source {
        Source::Urls { .. } => Vec::new(),
        Source::Files(files) => files.iter().map(|path| read(path)).collect::<Result<_>>()?,
    };
    let mut prices = Vec::with_capacity(panel.len());
    for seat in panel {
        let list = match source {
            Source::Urls { allow_private_hosts } => {
                let place = || format!("juror {} at {}", seat.juror, seat.url);
                ask(&seat.url, *allow_private_hosts).await.with_context(place)?
            }
            Source::Files(_) => of(&given, seat.juror)?,
        };
        let place = (chain.chain_id, chain.jury);
        let list = list.verify(seat.juror, place, now);
        prices.push(list.with_context(|| format!("juror {}", seat.juror))?);
    }
    let underpaid = underpaid(sheet, &prices);
    Ok(Priced { covered: underpaid.is_empty(), jury_fee: sheet.jury_fee, prices, underpaid })
}

fn read(path: &Path) -> Result<SignedPrices> {
    let bytes = file::read(path, MOST_BYTES)?;
    SignedPrices::parse(&bytes).with_context(|| path.display().to_string())
}

fn of(given: &[SignedPrices], juror: Address) -> Result<SignedPrices> {
    let found = given.iter().find(|list| list.prices.juror == juror);
    let Some(found) = found else { bail!("no price list is of juror {juror}: give its file too") };
    Ok(found.clone())
}
