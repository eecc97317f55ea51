//! The services as processes of their own: started, watched, restarted, killed.
//!
//! A service that ends although it should run is started again, as an operator's supervisor would.
//! Whatever happens to the story, dropping a [`Service`] kills its process.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::config;
use crate::error::DemoError;

/// How long a service may take until it answers.
const START_WITHIN: Duration = Duration::from_secs(30);
/// The pause before a service that ended is started again; also lets ctrl-c reach everybody first.
const RESTART_AFTER: Duration = Duration::from_millis(200);
/// How often a condition outside is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How much of a log is shown when a service fails.
const TAIL_LINES: usize = 15;

/// The process ids of the running services, in a file for whoever watches.
#[derive(Debug, Clone)]
pub(super) struct Pids {
    path: PathBuf,
    running: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Pids {
    /// Starts with an empty file.
    pub(super) fn new(path: PathBuf) -> Result<Self, DemoError> {
        let pids = Self { path, running: Arc::default() };
        pids.set("", None)?;
        Ok(pids)
    }

    fn set(&self, name: &str, pid: Option<u32>) -> Result<(), DemoError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match pid {
            Some(pid) => running.insert(name.to_owned(), pid),
            None => running.remove(name),
        };
        let text = serde_json::to_string_pretty(&*running).unwrap_or_default();
        // Readers never see half a file.
        let draft = self.path.with_extension("json.new");
        std::fs::write(&draft, text).map_err(DemoError::file(&draft))?;
        std::fs::rename(&draft, &self.path).map_err(DemoError::file(&self.path))
    }
}

/// Kills whatever [`Pids`] lists once the story is gone, even by SIGKILL: the operating system closes
/// the story's end of the pipe.
const LEASH: &str = r#"trap '' INT TERM HUP; cat >/dev/null
grep -oE ': [0-9]+' "$1" | tr -d ': ' | xargs -r kill -9 2>/dev/null; true"#;

/// Holds the leash; without a shell there is none, and only SIGKILL can leave processes behind.
#[derive(Debug)]
pub(super) struct Leash {
    _held: Option<std::process::Child>,
}

impl Pids {
    /// Ties every process of the list to this one.
    pub(super) fn leash(&self) -> Leash {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", LEASH, "leash"]).arg(&self.path).stdin(Stdio::piped());
        let held = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Leash { _held: held.inspect_err(|error| tracing::debug!(%error, "no leash")).ok() }
    }
}

/// What is started, and how.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    pub(super) url: Url,
    pub(super) log: PathBuf,
    /// The only key variable that the process may see.
    pub(super) api_key_env: Option<&'static str>,
}

/// A supervised process.
#[derive(Debug)]
pub(super) struct Service {
    recipe: Recipe,
    wanted: watch::Sender<bool>,
    ended: watch::Receiver<u32>,
    pid: watch::Receiver<Option<u32>>,
    supervisor: JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        // Drops the child, which kills it.
        self.supervisor.abort();
    }
}

impl Service {
    /// Starts the process and waits until it answers.
    pub(super) async fn start(recipe: Recipe, pids: Pids) -> Result<Self, DemoError> {
        let (wanted, want) = watch::channel(true);
        let (count, ended) = watch::channel(0);
        let (tell, pid) = watch::channel(None);
        let watched = Watched { recipe: recipe.clone(), pids, want, count, tell };
        let supervisor = tokio::spawn(watched.run());
        let service = Self { recipe, wanted, ended, pid, supervisor };
        service.until_alive().await?;
        Ok(service)
    }

    /// The service's name.
    pub(super) fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Where it answers.
    pub(super) fn url(&self) -> &Url {
        &self.recipe.url
    }

    /// The last lines of its log.
    pub(super) fn tail(&self) -> String {
        tail(&self.recipe.log)
    }

    /// How often it ended by itself.
    pub(super) fn restarts(&self) -> u32 {
        *self.ended.borrow()
    }

    /// Whether it should be running.
    pub(super) fn is_wanted(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Kills the process, which stays dead.
    pub(super) async fn kill(&mut self) {
        self.wanted.send_replace(false);
        // An error says that the supervisor is gone, and the process with it.
        self.pid.wait_for(Option::is_none).await.map(drop).unwrap_or_default();
    }

    /// Starts it again after [`Self::kill`].
    pub(super) async fn revive(&self) -> Result<(), DemoError> {
        self.wanted.send_replace(true);
        self.until_alive().await
    }

    async fn until_alive(&self) -> Result<(), DemoError> {
        let started = Instant::now();
        let ended = self.restarts();
        let alive = format!("{}livez", self.recipe.url);
        let client = reqwest::Client::new();
        loop {
            if client.get(&alive).send().await.is_ok_and(|reply| reply.status().is_success()) {
                return Ok(());
            }
            let gave_up = self.restarts() > ended.saturating_add(1);
            if gave_up || started.elapsed() > START_WITHIN {
                let reason = format!("does not start; its log ends so:\n{}", self.tail());
                return Err(DemoError::Service { service: self.name().to_owned(), reason });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The supervisor's side.
struct Watched {
    recipe: Recipe,
    pids: Pids,
    want: watch::Receiver<bool>,
    count: watch::Sender<u32>,
    tell: watch::Sender<Option<u32>>,
}

impl Watched {
    async fn run(mut self) {
        // An error says that the story is over.
        while self.want.wait_for(|wanted| *wanted).await.is_ok() {
            match self.spawn() {
                Ok(child) => self.attend(child).await,
                Err(error) => self.note(&format!("cannot be started: {error}")),
            }
            if *self.want.borrow() {
                self.count.send_modify(|count| *count = count.saturating_add(1));
                self.note("ended by itself and is started again");
                tokio::time::sleep(RESTART_AFTER).await;
            }
        }
    }

    /// Writes a line of the supervisor's into the service's own log.
    fn note(&self, what: &str) {
        tracing::warn!(service = self.recipe.name, "{what}");
        if let Ok(mut log) = append(&self.recipe.log) {
            writeln!(log, "supervisor: {what}").unwrap_or_default();
        }
    }

    fn spawn(&self) -> Result<Child, DemoError> {
        let exe = std::env::current_exe().map_err(DemoError::file("the surety binary"))?;
        let log = append(&self.recipe.log)?;
        let errors = log.try_clone().map_err(DemoError::file(&self.recipe.log))?;
        let mut command = Command::new(exe);
        command
            .args(&self.recipe.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true);
        for name in config::key_names().filter(|name| Some(*name) != self.recipe.api_key_env) {
            command.env_remove(name);
        }
        command.spawn().map_err(DemoError::file(&self.recipe.name))
    }

    /// Waits until the process ends or is no longer wanted.
    async fn attend(&mut self, mut child: Child) {
        self.report(child.id());
        tokio::select! {
            // How it ended is in its log; what counts is that it did.
            _ = child.wait() => {}
            () = unwanted(&mut self.want) => child.kill().await.unwrap_or_default(),
        }
        self.report(None);
    }

    fn report(&self, pid: Option<u32>) {
        if let Err(error) = self.pids.set(&self.recipe.name, pid) {
            tracing::warn!(%error, "the list of process ids is out of date");
        }
        self.tell.send_replace(pid);
    }
}

/// Returns when the process should no longer run.
async fn unwanted(want: &mut watch::Receiver<bool>) {
    // An error says that the story is over.
    want.wait_for(|wanted| !*wanted).await.map(drop).unwrap_or_default();
}

fn append(path: &Path) -> Result<File, DemoError> {
    OpenOptions::new().create(true).append(true).open(path).map_err(DemoError::file(path))
}

fn tail(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
