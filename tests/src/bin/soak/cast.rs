//! The processes of a run: the provider server, five jurors and the relayer, each with the
//! configuration, the key and the store that an operator would give it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::Client;
use surety_tests::seat::key_file;
use surety_tests::{actors, process};
use tokio::process::{Child, Command};

use super::chain::Chain;

/// How long a process may take to start or to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);
/// How often the relayer compares its rows with the chain, twice as often as by default.
const AUDIT_SECS: u64 = 300;

/// What is different about the jurors: family, dialect, the provider's path, model.
const SEATS: [[&str; 4]; 5] = [
    ["rehearsal-openai", "openai-chat", "/careful/v1", "rehearsal-careful"],
    ["rehearsal-anthropic", "anthropic", "/strict", "rehearsal-strict"],
    ["rehearsal-google", "gemini", "/lenient", "rehearsal-lenient"],
    ["rehearsal-mistral", "openai-compatible", "/strict/v1", "rehearsal-strict"],
    ["rehearsal-meta", "ollama", "/obedient", "rehearsal-obedient"],
];

/// A juror before it is started.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) family: &'static str,
    dialect: &'static str,
    path: &'static str,
    model: &'static str,
    pub(super) url: String,
}

/// The jurors, on ports that are free now. Another program could take one before its juror does; then
/// that juror does not start and says so.
pub(super) fn seats() -> anyhow::Result<Vec<Seat>> {
    let urls = reserve(SEATS.len())?;
    let seats = SEATS.into_iter().zip(urls).map(|(words, url)| {
        let [family, dialect, path, model] = words;
        Seat { family, dialect, path, model, url }
    });
    Ok(seats.collect())
}

/// A process; it ends with this value.
pub(super) struct Service {
    pub(super) name: String,
    pub(super) url: String,
    /// Whether its memory has to stay flat: the provider only stands in for somebody else's service.
    pub(super) is_judged: bool,
    store: PathBuf,
    log: PathBuf,
    child: Child,
}

/// All of them, the relayer last.
pub(super) struct Cast {
    folder: PathBuf,
    pub(super) services: Vec<Service>,
    pub(super) relayer_url: String,
}

impl Cast {
    /// Starts them in the order in which they need each other, and waits until all are ready.
    pub(super) async fn start(
        chain: &Chain,
        seats: &[Seat],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let urls = reserve(2)?;
        let [provider, relayer] = <[String; 2]>::try_from(urls).ok().context("two ports")?;
        let services = Vec::new();
        let mut cast = Self { folder: folder.to_owned(), services, relayer_url: relayer.clone() };
        cast.begin("provider", &provider, &["demo", "provider", "--listen", listen(&provider)])?;
        cast.until_good("livez").await?;
        for (number, seat) in seats.iter().enumerate() {
            let name = format!("juror-{number}");
            let text = cast.juror_toml(chain, (&name, number), seat, &provider);
            let file = cast.write(&name, &text)?;
            cast.begin(&name, &seat.url, &["juror", "run", "--config", &file])?;
            cast.until_good("readyz").await?;
        }
        let text = cast.relayer_toml(chain);
        let file = cast.write(RELAYER, &text)?;
        cast.begin(RELAYER, &relayer, &["relayer", "run", "--config", &file])?;
        cast.until_good("readyz").await?;
        Ok(cast)
    }

    /// What ended although nobody told it to.
    pub(super) fn dead(&mut self) -> anyhow::Result<Option<String>> {
        for service in &mut self.services {
            if let Some(status) = service.child.try_wait()? {
                return Ok(Some(format!("{} ended ({status})\n{}", service.name, service.tail())));
            }
        }
        Ok(None)
    }

    /// Tells all of them to end, the relayer first, and says who ended badly.
    pub(super) async fn end(&mut self) -> anyhow::Result<Vec<String>> {
        let mut problems = Vec::new();
        for service in self.services.iter_mut().rev() {
            let status = service.end().await?;
            // The provider server knows no other end than that of the signal.
            if service.is_judged && !status.success() {
                problems.push(format!("{} did not end well ({status})", service.name));
            }
        }
        Ok(problems)
    }

    /// Lines of errors and of panics in the logs of who is judged.
    pub(super) fn complaints(&self) -> Vec<String> {
        let judged = self.services.iter().filter(|service| service.is_judged);
        judged.filter_map(Service::complaint).collect()
    }

    pub(super) fn relayer_config(&self) -> PathBuf {
        self.folder.join(format!("{RELAYER}.toml"))
    }

    pub(super) fn relayer_store(&self) -> PathBuf {
        self.store(RELAYER)
    }

    fn begin(&mut self, name: &str, url: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let log = self.folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        let child = Command::new(binary()?)
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .context("`surety` does not start: build it beside this program")?;
        let (name, url, store) = (name.to_owned(), url.to_owned(), self.store(name));
        let is_judged = name != "provider";
        self.services.push(Service { name, url, is_judged, store, log, child });
        Ok(())
    }

    /// Waits until the one that was started last answers with success.
    async fn until_good(&mut self, path: &str) -> anyhow::Result<()> {
        let service = self.services.last_mut().context("nothing was started")?;
        let (http, since, url) = (Client::new(), Instant::now(), format!("{}/{path}", service.url));
        let is_good =
            async || http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success());
        while !is_good().await {
            let ended = service.child.try_wait()?.is_some();
            ensure!(
                !ended && since.elapsed() < PATIENCE,
                "{} is not ready: {}",
                service.name,
                service.tail()
            );
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn store(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.folder.join(format!("{name}.toml"));
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    fn juror_toml(
        &self,
        chain: &Chain,
        (name, number): (&str, usize),
        seat: &Seat,
        provider: &str,
    ) -> String {
        let key = key_file(&self.folder.join(format!("{name}.key")), &actors::juror(number));
        format!(
            "chain_rpc = '{}'\nchain_id = {}\njury = '{}'\nconsumers = ['{}']\n\
             block_tag = 'latest'\nlisten = '{}'\nstore = '{}'\nkey_file = '{}'\n\
             [provider]\ndialect = '{}'\nbase_url = '{provider}{}'\nmodel = '{}'\n\
             [fetch]\nallow_private_hosts = true\n",
            chain.url(),
            chain.contracts.chain_id,
            chain.contracts.jury,
            chain.contracts.escrow,
            listen(&seat.url),
            self.store(name).display(),
            key.display(),
            seat.dialect,
            seat.path,
            seat.model,
        )
    }

    fn relayer_toml(&self, chain: &Chain) -> String {
        let key = key_file(&self.folder.join("relayer.key"), &actors::relayer());
        format!(
            "chain_rpc = '{}'\nchain_id = {}\nescrow = '{}'\nblock_tag = 'latest'\n\
             listen = '{}'\nstore = '{}'\nkey_file = '{}'\naudit_secs = {AUDIT_SECS}\n\
             [jurors]\nallow_private_hosts = true\n",
            chain.url(),
            chain.contracts.chain_id,
            chain.contracts.escrow,
            listen(&self.relayer_url),
            self.store(RELAYER).display(),
            key.display(),
        )
    }
}

/// The relayer's name among the processes.
pub(super) const RELAYER: &str = "relayer";

impl Service {
    /// What it holds in memory, in MiB.
    pub(super) fn resident_mib(&self) -> Option<f64> {
        process::resident_mib(self.child.id()?)
    }

    /// Bytes of its database.
    pub(super) fn database_bytes(&self) -> u64 {
        let entries = fs::read_dir(&self.store).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.file_name().to_string_lossy().contains("sqlite"));
        files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    async fn end(&mut self) -> anyhow::Result<ExitStatus> {
        let pid = self.child.id().with_context(|| format!("{} is gone", self.name))?.to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status().await?;
        ensure!(told.success(), "{} cannot be told to end", self.name);
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} does not end", self.name))??)
    }

    /// Its log as text; a log that cannot be read says so.
    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| format!("ERROR no log: {error}"))
    }

    fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n")
    }

    fn complaint(&self) -> Option<String> {
        let text = self.text();
        let mut lines = text.lines().filter(|l| l.contains("ERROR") || l.contains("panicked at"));
        let (first, more) = (lines.next()?, lines.count());
        Some(format!("{} logged an error, and {more} more: {first}", self.name))
    }
}

/// The binary beside this program.
pub(super) fn binary() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("surety"))
}

fn reserve(count: usize) -> anyhow::Result<Vec<String>> {
    let bound: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    bound.iter().map(|listener| Ok(format!("http://{}", listener.local_addr()?))).collect()
}

/// The address of a URL of [`reserve`].
fn listen(url: &str) -> &str {
    url.trim_start_matches("http://")
}
