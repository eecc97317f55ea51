//! What a relayer carries: the real process on a real anvil, with jurors that answer from memory, and
//! its stores by themselves.
//!
//! ```text
//! cold start, idle memory      five starts on empty stores
//! latencies                    one case after another
//! settlements per second       many cases at once, one transaction each, and gathered
//! a backlog                    handed in while the jurors are silent, then worked off
//! intents per second           the sender's part alone, by database and by instances
//! ```
//!
//! Everything shares one machine: the figures are what is left beside anvil and five jurors.

mod chain;
mod intents;
mod jurors;
mod load;
mod process;
pub(super) mod table;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use self::chain::Chain;
use self::jurors::Panel;
use self::load::Tally;
use self::process::Process;
use super::{Arguments, Keys, measured};

/// The page that shows the figures of a whole run.
const PAGE: &str = "docs/scale.md";
/// The backlog of a whole run.
const WHOLE: usize = 10_000;

/// Starts that are timed.
const STARTS: usize = 5;
/// Cases that are timed, one after another.
const TIMED: usize = 200;
/// Cases that are handed in at once for the rate.
const AT_ONCE: usize = 500;
/// Settles each verdict in a transaction of its own.
const ALONE: &str = "[batch]\nverdicts = 1\n";
/// Seconds without work after which a process counts as idle.
const IDLE: Duration = Duration::from_secs(5);

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Keys> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut keys = runtime.block_on(service(arguments.cases))?;
    keys.extend(crashes(&arguments.results));
    keys.extend(intents::measure(&runtime)?);
    if arguments.cases == WHOLE {
        let page = fs::read_to_string(PAGE).context(PAGE)?;
        let page = measured::put_table(&page, "relayer", &table::page(&keys)?);
        fs::write(PAGE, page.context("docs/scale.md has no place for it")?).context(PAGE)?;
    }
    Ok(keys)
}

/// What the crash matrix counted last: `cargo x deep --only crash` writes its keys itself.
fn crashes(results: &Path) -> Keys {
    let present = fs::read(results).unwrap_or_default();
    let all: BTreeMap<String, Value> = serde_json::from_slice(&present).unwrap_or_default();
    let ours = all.into_iter().filter_map(|(key, value)| {
        let key = key.strip_prefix("relayer.").filter(|key| key.starts_with("crash_"))?;
        Some((key.to_owned(), value))
    });
    ours.collect()
}

async fn service(backlog: usize) -> anyhow::Result<Keys> {
    ensure!(backlog > 0, "--cases must be at least 1");
    let panel = Panel::start().await?;
    let chain = Chain::new(&panel, TIMED + 2 * AT_ONCE + backlog).await?;
    let mut keys = starts(&chain).await?;
    let mut tally = Tally::default();
    keys.extend(load::latencies(&chain, &panel, 0..TIMED, &mut tally).await?);
    let many = TIMED..TIMED + AT_ONCE;
    let rate = load::rate(&chain, many.clone(), &mut tally, ALONE).await?;
    keys.push(("settlements_per_s.unbatched".to_owned(), json!(rate)));
    let many = many.end..many.end + AT_ONCE;
    let rate = load::rate(&chain, many.clone(), &mut tally, "").await?;
    keys.push(("settlements_per_s.batched".to_owned(), json!(rate)));
    keys.extend(load::backlog(&chain, &panel, many.end..many.end + backlog, &mut tally).await?);
    keys.push(("lost".to_owned(), json!(tally.lost)));
    keys.push(("double".to_owned(), json!(tally.double)));
    Ok(keys)
}

/// How long a process takes until it says that it is ready, and what it needs while nothing happens.
async fn starts(chain: &Chain) -> anyhow::Result<Keys> {
    let mut took = Vec::new();
    let mut idle = 0.0;
    for start in 0..STARTS {
        let process = Process::start(chain, chain.url(), &format!("start-{start}")).await?;
        took.push(process.ready_after);
        if start + 1 == STARTS {
            tokio::time::sleep(IDLE).await;
            idle = process.resident_mb()?;
        }
    }
    took.sort_unstable();
    let median = took.get(STARTS / 2).copied().unwrap_or_default();
    Ok(vec![
        ("cold_start_ms".to_owned(), json!(millis(median))),
        ("rss_idle_mb".to_owned(), json!(idle)),
    ])
}

/// To a tenth.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// The percentiles of what was timed, in milliseconds.
fn percentiles(name: &str, times: &mut [Duration]) -> Keys {
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times.get(index).copied().map_or(0.0, millis)
    };
    [50, 95, 99].map(|percent| (format!("{name}.p{percent}"), json!(at(percent)))).into()
}
