//! The real relayer binary, killed in the middle of a run.
//!
//! Whole runs of `surety demo` over recorded cases, each on a chain of its own: one undisturbed, one
//! whose relayer is killed by SIGKILL again and again while it settles, and one whose relayer loses its
//! whole store as well. Whoever operates the demo starts it again, and all must come to the same totals.
//!
//! Where exactly it is killed is chance here, and named in [`matrix`].

mod matrix;
mod party;
mod place;
mod run;
mod scene;

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use alloy::{
    providers::{Provider, ProviderBuilder},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use serde_json::{Value, json};
use surety_bindings::escrow::DealEscrow;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const DEALS: usize = 40;
/// After so many ended milestones the relayer is killed.
const KILLS: [usize; 3] = [3, 15, 28];
/// Far more than a run takes; a run that hangs should fail as one.
const PATIENCE: Duration = Duration::from_mins(4);

/// What must not depend on how often the relayer died.
const TOTALS: [&str; 12] = [
    "deals",
    "milestones",
    "accepted",
    "rejected",
    "undetermined",
    "silent",
    "reclaimed",
    "other",
    "usdc_in",
    "usdc_out",
    "usdc_left_in_escrow",
    "agents_eth_total",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_relayer_killed_or_robbed_in_the_middle_of_a_run_ends_with_the_same_totals() {
    let folder = TempDir::new().unwrap();
    let data = data(folder.path(), DEALS);
    let calm = run(&folder.path().join("calm"), &data, &[], Disk::Stays).await;
    assert_eq!(calm["deals"], json!(DEALS));
    assert_eq!(calm["agents_eth_total"], json!("0"));
    assert_eq!(calm["restarts"], json!(0));
    for (name, kills, disk) in
        [("killed", &KILLS[..], Disk::Stays), ("robbed", &KILLS[1..2], Disk::IsLost)]
    {
        let killed = run(&folder.path().join(name), &data, kills, disk).await;
        for total in TOTALS {
            assert_eq!(killed[total], calm[total], "{total}: {name} {killed:#}, calm {calm:#}");
        }
        assert_eq!(killed["restarts"], json!(kills.len()));
    }
}

/// What becomes of a killed relayer's store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    Stays,
    IsLost,
}

/// One run of the demo; its relayer dies after each of these numbers of ended milestones.
async fn run(folder: &Path, data: &Path, kills: &[usize], disk: Disk) -> Value {
    fs::create_dir_all(folder).unwrap();
    let (_chain, rpc) = start_chain(folder).await;
    let log = fs::File::create(folder.join("story.log")).unwrap();
    let story = Command::new(program("surety"))
        .args(["demo", "--json", "--rpc", &rpc, "--deals", &DEALS.to_string()])
        .args([Path::new("--data"), data, Path::new("--dir"), folder])
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut story = Killed(story);
    let mut pid = None;
    for kill in kills {
        until(&mut story, folder, async || ended(&rpc).await >= *kill).await;
        let dead = pid.take();
        until(&mut story, folder, async || relayer(folder).is_some_and(|p| Some(p) != dead)).await;
        pid = relayer(folder);
        let pid = pid.unwrap().to_string();
        if disk == Disk::IsLost {
            signal("-STOP", &pid);
            until(&mut story, folder, async || is_stopped(&pid)).await;
            fs::remove_dir_all(folder.join("run/relayer")).unwrap();
        }
        signal("-KILL", &pid);
    }
    let status = timeout(PATIENCE, async {
        loop {
            match story.0.try_wait().unwrap() {
                Some(status) => break status,
                None => sleep(Duration::from_millis(50)).await,
            }
        }
    });
    let status = status.await.unwrap_or_else(|_| panic!("the run hangs: {}", story_log(folder)));
    assert!(status.success(), "the run failed: {}", story_log(folder));
    serde_json::from_slice(&fs::read(folder.join("summary.json")).unwrap()).unwrap()
}

fn signal(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// Whether every thread has heard the signal: until then it may write, and delete.
fn is_stopped(pid: &str) -> bool {
    // Elsewhere than on Linux it is believed.
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads
        .map(|thread| fs::read_to_string(thread.unwrap().path().join("status")))
        .all(|status| status.is_ok_and(|status| status.contains("State:\tT")))
}

/// Looks until the condition holds; a story that ends before has failed.
async fn until(story: &mut Killed, folder: &Path, condition: impl AsyncFn() -> bool) {
    let looked = timeout(PATIENCE, async {
        while !condition().await {
            if story.0.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        true
    });
    let held = looked.await.unwrap_or(false);
    assert!(held, "the run ended or hangs before the next kill: {}", story_log(folder));
}

async fn ended(rpc: &str) -> usize {
    let provider = ProviderBuilder::new().connect_http(rpc.parse().unwrap());
    let filter =
        Filter::new().from_block(0).event_signature(DealEscrow::MilestoneEnded::SIGNATURE_HASH);
    provider.get_logs(&filter).await.map_or(0, |logs| logs.len())
}

fn relayer(folder: &Path) -> Option<u64> {
    let pids: Value = serde_json::from_slice(&fs::read(folder.join("pids.json")).ok()?).ok()?;
    pids["relayer"].as_u64()
}

fn story_log(folder: &Path) -> String {
    let log = fs::read_to_string(folder.join("story.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Our own chain over HTTP, as a process.
async fn start_chain(folder: &Path) -> (Killed, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let log = fs::File::create(folder.join("chain.log")).unwrap();
    let chain = Command::new(env!("CARGO_BIN_EXE_surety-node"))
        .args(["--port", &port.to_string()])
        .stderr(log)
        .spawn()
        .unwrap();
    let chain = Killed(chain);
    let rpc = format!("http://127.0.0.1:{port}");
    let provider = ProviderBuilder::new().connect_http(rpc.parse().unwrap());
    let answered = timeout(PATIENCE, async {
        while provider.get_chain_id().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
    });
    answered.await.unwrap_or_else(|_| panic!("the chain does not answer"));
    (chain, rpc)
}

/// A process that ends with the test, whatever happens.
#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A program of the workspace, beside those of this crate.
pub(crate) fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_surety-node")).with_file_name(name)
}

/// The real cases when `SURETY_DATA` names them, else so many of the same form.
#[expect(
    clippy::print_stderr,
    reason = "who reads the test's output should know which cases it ran"
)]
pub(crate) fn data(folder: &Path, cases: usize) -> PathBuf {
    if let Some(data) = env::var_os("SURETY_DATA") {
        return PathBuf::from(data).join("llmbar");
    }
    eprintln!("SURETY_DATA is not set: the cases are made up, in the same form");
    let made_up = folder.join("llmbar");
    fs::create_dir_all(&made_up).unwrap();
    let mut items = String::new();
    let mut judges = "id,judge,prompt,winner_orig,winner_swapped\n".to_owned();
    for i in 0..cases {
        let id = format!("natural-{i:03}");
        let item = json!({
            "id": id, "split": "natural", "input": format!("Name {i} fruits."),
            "output_1": format!("Apples and pears, {i}."), "output_2": format!("A stone, {i}."),
            "label": 1 + i % 2,
        });
        writeln!(items, "{item}").unwrap();
        for (seat, judge) in ["GPT-4", "ChatGPT", "PaLM2", "LLaMA2", "Falcon"].iter().enumerate() {
            // All for the first output, all for the second, or an even split with one abstention.
            let winner = match i % 3 {
                0 => "1",
                1 => "2",
                _ => ["1", "2", "1", "2", ""][seat],
            };
            writeln!(judges, "{id},{judge},Metrics_Reference,{winner},{winner}").unwrap();
        }
    }
    fs::write(made_up.join("items.jsonl"), items).unwrap();
    fs::write(made_up.join("judges.csv"), judges).unwrap();
    made_up
}
