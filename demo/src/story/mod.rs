//! The story: a local chain, the real services as processes, agents that trade, and the books.
//!
//! Everything that moves money is done by the services. The story itself deploys, registers jurors,
//! orders as the principal, kills jurors, moves the clock, and reads the chain.

mod cast;
mod chain;
mod ledger;
mod play;
mod plot;
mod process;
mod secrecy;
mod stage;
mod summary;
mod table;
mod token;
mod voice;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use alloy::providers::Provider as _;

use crate::command::StoryArgs;
use crate::error::DemoError;
use cast::{Cast, Casting};
use chain::LocalChain;
use ledger::Follower;
use process::{Leash, Pids};
use stage::Stage;
pub use summary::{Confusion, Percentiles, Row, Summary};
use surety_qualify::llmbar::{Item, Llmbar};
use voice::Voice;

/// What runs until it is dropped.
struct Running {
    cast: Cast,
    _leash: Leash,
}

/// Tells the story; the exit code is 0 when every deal ended and the books balance.
pub async fn run(args: &StoryArgs) -> Result<u8, DemoError> {
    let voice = Voice::new();
    let told = tokio::select! {
        told = tell(args, &voice) => told,
        () = interrupted() => Err(DemoError::Story("interrupted".to_owned())),
    };
    voice.finish();
    let running = told?;
    if args.stay {
        stay(&running.cast, &voice).await;
    }
    Ok(0)
}

async fn tell(args: &StoryArgs, voice: &Voice) -> Result<Running, DemoError> {
    let started = Instant::now();
    let items = recorded(args)?;
    let folder = prepare(&args.dir)?;
    let pids = Pids::new(args.dir.join("pids.json"))?;
    let leash = pids.leash();
    let chain = LocalChain::connect(&args.rpc).await?;
    voice.say(format!("Chain {} at {}: deploying.", chain.chain_id, args.rpc));
    let from = chain.provider.get_block_number().await.map_err(chain::failed("the head"))?;
    let addresses = chain.deploy().await?;
    voice.say(format!("Escrow {}, jury contract {}.", addresses.escrow, addresses.jury));
    let data = args.data.as_deref().map(absolute).transpose()?;
    let casting =
        Casting { chain: &chain, addresses, folder: &folder, pids: &pids, data: data.as_deref() };
    let mut cast = casting.assemble().await?;
    introduce(&cast, voice);
    let follower = Follower::start(chain.clone(), addresses, from);
    let mut stage = Stage::new(&chain, &mut cast, follower, voice);
    let confusion = match perform(args, &mut stage, items).await {
        Ok(confusion) => confusion,
        Err(error) => {
            logs(stage.cast, voice);
            return Err(error);
        }
    };
    let searched = secrecy::search(stage.cast, &folder, &stage.texts)?;
    close(args, &stage, started, confusion).await?;
    voice.say(table::private(searched));
    Ok(Running { cast, _leash: leash })
}

async fn perform(
    args: &StoryArgs,
    stage: &mut Stage<'_>,
    items: Option<Vec<Item>>,
) -> Result<Option<Confusion>, DemoError> {
    if let Some(items) = items {
        return stage.replay(&items).await.map(Some);
    }
    let scenes = play::program(args.deals.unwrap_or(play::STORIES));
    stage.play(&scenes).await.map(|()| None)
}

/// Adds up the books, shows and writes them, and fails when they do not balance.
async fn close(
    args: &StoryArgs,
    stage: &Stage<'_>,
    started: Instant,
    confusion: Option<Confusion>,
) -> Result<(), DemoError> {
    let voice = stage.voice;
    let ledger = stage.follower.ledger();
    let facts = stage.facts(&ledger).await?;
    let left = facts.left;
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let summary = Summary { elapsed_ms, confusion, ..Summary::of(&ledger, facts) };
    let families: Vec<String> = stage.cast.jurors.iter().map(|j| j.family.clone()).collect();
    voice.finish();
    voice.say("");
    voice.say(table::render(&ledger, &stage.agreed, &families));
    if let Some(confusion) = &summary.confusion {
        voice.say(table::confusion(confusion));
    }
    voice.say(table::closing(&summary));
    publish(args, &summary)?;
    summary::balance(&ledger, left)
}

/// The recorded cases to trade, when there are any.
fn recorded(args: &StoryArgs) -> Result<Option<Vec<Item>>, DemoError> {
    let Some(folder) = &args.data else { return Ok(None) };
    let data = Llmbar::load(folder)?;
    let items = data.natural().take(args.deals.unwrap_or(usize::MAX)).cloned().collect();
    Ok(Some(items))
}

/// An empty folder for this run's keys, stores and logs, below the one that was named.
fn prepare(dir: &Path) -> Result<PathBuf, DemoError> {
    let folder = dir.join("run");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(DemoError::file(&folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(DemoError::file(&folder))?;
    absolute(&folder)
}

fn absolute(path: &Path) -> Result<PathBuf, DemoError> {
    std::path::absolute(path).map_err(DemoError::file(path))
}

fn introduce(cast: &Cast, voice: &Voice) {
    let families: Vec<&str> = cast.jurors.iter().map(|juror| juror.family.as_str()).collect();
    voice.say(format!("Five jurors with keys of their own: {}.", families.join(", ")));
    let makers = families.iter().filter(|family| family.starts_with("replay-")).count();
    if makers > 0 {
        voice.say(
            "They replay answers that real models gave in 2023; GPT-4 and ChatGPT share one maker.",
        );
    } else if families.iter().any(|family| family.starts_with("rehearsal-")) {
        voice.say("\"rehearsal\" means: judged by small heuristics, never by a real model.");
    }
}

/// The ends of the logs of everybody who has a part in a deal.
fn logs(cast: &Cast, voice: &Voice) {
    for service in cast.services() {
        voice.say(format!("The log of {} ends so:\n{}", service.name(), service.tail()));
    }
}

fn publish(args: &StoryArgs, summary: &Summary) -> Result<(), DemoError> {
    let mut text = serde_json::to_string_pretty(summary)
        .map_err(|error| DemoError::Story(format!("the summary: {error}")))?;
    text.push('\n');
    let path = args.summary.clone().unwrap_or_else(|| args.dir.join("summary.json"));
    std::fs::write(&path, &text).map_err(DemoError::file(&path))?;
    if args.json {
        std::io::stdout().write_all(text.as_bytes()).map_err(DemoError::file("stdout"))?;
    }
    Ok(())
}

async fn stay(cast: &Cast, voice: &Voice) {
    voice.say("Everything keeps running until ctrl-c:");
    for service in cast.services() {
        voice.say(format!("  {:<28} {}", service.name(), service.url()));
    }
    interrupted().await;
}

/// Ctrl-c, or a polite request to end.
async fn interrupted() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await.map_or((), drop),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}
