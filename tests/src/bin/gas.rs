//! `cargo x gas [--check]`: measures the gas cases and writes tests/snapshots/gas.json and docs/gas.md,
//! or says which case costs something else now.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use surety_tests::gas::{self, Costs};

/// Measures the gas of whole transactions and writes or compares the snapshot.
#[derive(Debug, Parser)]
struct Arguments {
    /// Compare instead of writing.
    #[arg(long)]
    check: bool,
    /// The snapshot.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/gas.json"))]
    snapshot: PathBuf,
    /// Where the gas goes, by contract and instruction.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gas.md"))]
    page: PathBuf,
}

fn main() -> ExitCode {
    let Err(error) = run(&Arguments::parse()) else { return ExitCode::SUCCESS };
    drop(writeln!(io::stderr(), "error: {error:#}"));
    ExitCode::FAILURE
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (measured, page) = gas::measure();
    let present = read(&arguments.snapshot).unwrap_or_default();
    show(&measured, &present)?;
    if arguments.check {
        ensure!(
            measured == present,
            "tests/snapshots/gas.json is not what the contracts cost; run `cargo x gas`, look at the \
             difference and commit it"
        );
        ensure!(
            fs::read_to_string(&arguments.page).is_ok_and(|present| present == page),
            "docs/gas.md is not where the gas goes; run `cargo x gas` and commit it"
        );
        return Ok(());
    }
    fs::write(&arguments.page, page)
        .with_context(|| format!("cannot write {}", arguments.page.display()))?;
    let text = serde_json::to_string_pretty(&measured)? + "\n";
    fs::write(&arguments.snapshot, text)
        .with_context(|| format!("cannot write {}", arguments.snapshot.display()))
}

fn read(snapshot: &PathBuf) -> anyhow::Result<Costs> {
    Ok(serde_json::from_slice(&fs::read(snapshot)?)?)
}

/// One line per case: what it costs, and what the snapshot says where that differs.
fn show(measured: &Costs, present: &Costs) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, cost) in measured {
        write!(out, "{name:<20} {:>8} gas {:>6} bytes", cost.gas, cost.calldata)?;
        match present.get(name) {
            Some(before) if before == cost => writeln!(out)?,
            Some(before) => writeln!(out, "   was {} and {}", before.gas, before.calldata)?,
            None => writeln!(out, "   new")?,
        }
    }
    for name in present.keys().filter(|name| !measured.contains_key(*name)) {
        writeln!(out, "{name:<20} is in the snapshot but no longer measured")?;
    }
    Ok(())
}
