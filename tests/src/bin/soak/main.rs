//! `cargo x deep --only soak`: a relayer with five jurors under load, for an hour or as long as one likes.
//!
//! Everything but the agents is a real process with the configuration of an operator: the relayer and
//! five jurors on SQLite, the rehearsal of their providers, and an anvil with a block a second. At the end
//! every milestone must have ended once and as it had to, the audit of the relayer's store must find
//! nothing, nobody may have logged an error, and memory must have stayed flat.
//!
//! `samples.jsonl` has a line per sample, `summary.json` what came of it.

mod cast;
mod chain;
mod count;
mod deals;
mod flat;
mod load;
mod sample;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use clap::Parser;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use cast::Cast;
use chain::Chain;
use flat::{Course, Point};
use load::Load;
use sample::Watch;

/// The longest that a process may take to become warm.
const WARM_UP: Duration = Duration::from_mins(10);
/// Pages of metrics that may fail to come.
const MISSED: u32 = 3;

/// Runs a relayer and five jurors under load.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long deals are opened.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Verdicts a second.
    #[arg(long, default_value_t = 1.5)]
    rate: f64,
    /// Deals that may be in flight before the load waits.
    #[arg(long, default_value_t = 100)]
    flight: usize,
    /// Seconds between samples.
    #[arg(long, default_value_t = 10)]
    every: u64,
    /// Where everything of the run goes; what an earlier run left there goes.
    #[arg(long, default_value = "target/deep/soak")]
    dir: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    ensure!(arguments.minutes > 0 && arguments.every > 0, "--minutes and --every are at least 1");
    ensure!((0.01..=1_000.0).contains(&arguments.rate), "--rate is from 0.01 to 1000");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Whichever way this ends, the processes end with the future.
    let problems = runtime.block_on(async {
        tokio::select! {
            problems = Box::pin(soak(&arguments)) => problems,
            told = told() => told.and_then(|()| Err(anyhow!("told to end"))),
        }
    })?;
    for problem in &problems {
        say(&format!("soak: {problem}"));
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn told() -> anyhow::Result<()> {
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    Ok(())
}

/// Says a line to the person who watches.
fn say(line: &str) {
    // A closed stderr must not end an hour's run.
    writeln!(io::stderr(), "{line}").unwrap_or_default();
}

/// The whole run; returns what is wrong.
async fn soak(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let folder = prepare(&arguments.dir)?;
    let seats = cast::seats()?;
    let chain = Chain::start(&seats).await?;
    let mut cast = Box::pin(Cast::start(&chain, &seats, &folder.join("run"))).await?;
    let time = Duration::from_mins(1) * arguments.minutes;
    let mut load = Load::new(&chain, &cast.relayer_url, (pace(arguments.rate), arguments.flight))?;
    let mut watch = Watch::new(&folder, Duration::from_secs(arguments.every), load.counts())?;
    say(&format!("soak: {} min, everything in {}", arguments.minutes, folder.display()));
    let ledger = tokio::select! {
        ledger = Box::pin(load.run(time)) => ledger?,
        error = Box::pin(watch.run(&mut cast)) => return Err(error),
    };
    let book = load.book;
    let mut problems = book.problems.clone();
    problems.extend(count::compare(&book, &ledger));
    let (numbers, wrong) = count::relayer(&chain, &cast, (&book, &ledger)).await?;
    problems.extend(wrong);
    problems.extend(cast.end().await?);
    let (audit, unclean) = count::audit(&cast, &book, &ledger).await?;
    problems.extend(unclean);
    problems.extend(cast.complaints());
    if watch.missed > MISSED {
        problems.push(format!("the relayer's metrics did not come {} times", watch.missed));
    }
    let warm_up = WARM_UP.min(time / 6);
    let courses = courses(&cast, &watch, (warm_up, book.loaded));
    problems.extend(courses.iter().filter_map(Judged::problem));
    let verdicts = count::judged(&book);
    let per_second = count::as_number(verdicts) / book.loaded.as_secs_f64();
    let summary = json!({
        "minutes": arguments.minutes,
        "deals": book.deals,
        "milestones": book.milestones.len(),
        "verdicts": verdicts,
        "verdictsPerSecond": (per_second * 100.0).round() / 100.0,
        "verdictsSkippedInBatches": ledger.skipped,
        "warmUpSecs": warm_up.as_secs(),
        "loadedSecs": book.loaded.as_secs(),
        "memory": courses.iter().map(Judged::document).collect::<Vec<_>>(),
        "relayer": numbers,
        "audit": audit,
        "problems": problems,
    });
    fs::write(folder.join("summary.json"), serde_json::to_string_pretty(&summary)? + "\n")?;
    show(&summary, &courses)?;
    Ok(problems)
}

/// An empty folder for the run.
fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let folder = dir.canonicalize()?;
    let run = folder.join("run");
    if run.exists() {
        fs::remove_dir_all(&run)?;
    }
    for file in ["samples.jsonl", "summary.json"] {
        let path = folder.join(file);
        if path.exists() {
            fs::remove_file(path)?;
        }
    }
    fs::create_dir(&run)?;
    Ok(folder)
}

/// The time between two deals that makes so many verdicts a second.
fn pace(rate: f64) -> Duration {
    let per_deal = f64::from(deals::VERDICTS_IN_TURN) / f64::from(deals::DEALS_IN_TURN);
    Duration::from_secs_f64(per_deal / rate)
}

/// A process and how its memory went.
struct Judged {
    name: String,
    /// Whether its memory may not grow.
    has_to_be_flat: bool,
    /// None when too little was seen of it.
    course: Option<Course>,
}

fn courses(cast: &Cast, watch: &Watch, (warm_up, loaded): (Duration, Duration)) -> Vec<Judged> {
    let of = |name: &str| {
        let points = watch.memory.get(name).map(Vec::as_slice).unwrap_or_default();
        // Afterwards there is no load under which it could rise.
        let under_load = |point: &&Point| point.0 <= loaded.as_secs_f64();
        let points: Vec<Point> = points.iter().filter(under_load).copied().collect();
        Course::of(&points, warm_up.as_secs_f64())
    };
    let judged = cast.services.iter().map(|service| Judged {
        name: service.name.clone(),
        has_to_be_flat: service.is_judged,
        course: of(&service.name),
    });
    judged.collect()
}

impl Judged {
    fn problem(&self) -> Option<String> {
        if !self.has_to_be_flat {
            return None;
        }
        let Some(course) = &self.course else {
            return Some(format!("{}: too little was seen of its memory", self.name));
        };
        course.problem().map(|problem| format!("{}: {problem}", self.name))
    }

    fn document(&self) -> Value {
        let course = self.course.as_ref();
        let number = |read: fn(&Course) -> f64| course.map(|c| (read(c) * 100.0).round() / 100.0);
        json!({
            "process": self.name,
            "isJudged": self.has_to_be_flat,
            "warmMib": number(|course| course.warm),
            "endMib": number(|course| course.end),
            "mostMib": number(|course| course.most),
            "mostBoundMib": number(|course| course.most_bound),
            "slopeMibPerHour": number(|course| course.slope),
            "slopeBoundMibPerHour": number(|course| course.slope_bound),
        })
    }

    fn row(&self) -> String {
        let Some(Course { warm, end, most, slope, slope_bound, .. }) = &self.course else {
            return format!("{:<10} too few samples", self.name);
        };
        let name = &self.name;
        let bound =
            if self.has_to_be_flat { format!("{slope_bound:>8.1}") } else { "-".to_owned() };
        format!("{name:<10}{warm:>8.1}{end:>8.1}{most:>8.1}{slope:>9.2}{bound:>8}")
    }
}

/// The table at the end.
fn show(summary: &Value, courses: &[Judged]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} deals, {} verdicts, {} a second",
        summary["deals"], summary["verdicts"], summary["verdictsPerSecond"]
    )?;
    let heads = ["warm", "end", "most", "MiB/h", "bound"];
    let [warm, end, most, slope, bound] = heads;
    writeln!(out, "{:<10}{warm:>8}{end:>8}{most:>8}{slope:>9}{bound:>8}", "MiB")?;
    for course in courses {
        writeln!(out, "{}", course.row())?;
    }
    writeln!(out, "audit: {}", summary["audit"])?;
    Ok(())
}
