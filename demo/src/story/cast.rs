//! Who plays: keys, configuration files and processes of the provider server, the jurors, the relayer
//! and the agents.
//!
//! Each service gets what an operator would write for it and nothing else. None is told that it is in
//! a demonstration, how a deal should end, or what another service thinks.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256};
use alloy::signers::local::PrivateKeySigner;
use futures::future::try_join_all;
use url::Url;

use super::chain::{Addresses, Claims, LocalChain};
use super::plot::Seller;
use super::process::{Pids, Recipe, Service};
use crate::config::{self, Seat};
use crate::error::DemoError;

/// How often services look at a local chain, whose blocks come at once.
const POLL_MS: u64 = 50;
/// What a juror may pay a real provider, whose prices are at most these: 5 and 25 dollars for a
/// million tokens, two dollars for a case and 20 for a day.
const BUDGET: &str = "[budget]\ninput_micro_usd = 5000000\noutput_micro_usd = 25000000\n\
                      case_micro_usd = 2000000\nday_micro_usd = 20000000";
/// The gas money of the relayer.
const RELAYER_ETHER: u64 = 10;

/// A juror with its process.
#[derive(Debug)]
pub(super) struct JurorSeat {
    pub(super) family: String,
    pub(super) service: Service,
}

/// Everybody.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) addresses: Addresses,
    pub(super) jury: B256,
    pub(super) jurors: Vec<JurorSeat>,
    pub(super) relayer: Service,
    pub(super) buyer: Party,
    pub(super) alder: Party,
    pub(super) birch: Party,
    /// Held for as long as the story runs; nobody talks to it but jurors.
    _provider: Service,
}

/// An agent with its process.
#[derive(Debug)]
pub(super) struct Party {
    pub(super) wallet: Address,
    pub(super) service: Service,
}

/// How the cast is assembled.
pub(super) struct Casting<'a> {
    pub(super) chain: &'a LocalChain,
    pub(super) addresses: Addresses,
    /// Where keys, stores and logs go.
    pub(super) folder: &'a Path,
    pub(super) pids: &'a Pids,
    /// The recorded judges, when they judge.
    pub(super) data: Option<&'a Path>,
}

impl Cast {
    /// Every process that runs, for whoever wants to know where.
    pub(super) fn services(&self) -> impl Iterator<Item = &Service> {
        let agents = [&self.relayer, &self.buyer.service, &self.alder.service, &self.birch.service];
        agents.into_iter().chain(self.jurors.iter().map(|juror| &juror.service))
    }

    /// The folders in which the relayer and the jurors keep what they were given.
    pub(super) fn stores(&self) -> impl Iterator<Item = &str> {
        let jurors = self.jurors.iter().map(|juror| juror.service.name());
        std::iter::once(self.relayer.name()).chain(jurors)
    }

    /// The seller's agent.
    pub(super) fn seller(&self, seller: Seller) -> &Party {
        match seller {
            Seller::Alder => &self.alder,
            Seller::Birch => &self.birch,
        }
    }
}

impl Casting<'_> {
    /// Starts everybody in the order in which they need each other.
    pub(super) async fn assemble(&self) -> Result<Cast, DemoError> {
        let provider_url = reserve(1)?.remove(0);
        let provider = self.start_provider(&provider_url).await?;
        let seats = match self.data {
            Some(_) => config::replay_panel(&provider_url)?,
            None => config::panel(&provider_url)?,
        };
        let urls = reserve(seats.len())?;
        let mut panel = Vec::new();
        for (seat, url) in seats.iter().zip(&urls) {
            let key = self.key(&seat.family)?;
            let operator = format!("{}.operators.example", seat.family);
            let claims = Claims { key: &key, family: &seat.family, operator: &operator, url };
            self.chain.register(self.addresses, &claims).await?;
            panel.push(key.address());
        }
        let jury = self.chain.create_jury(self.addresses, panel).await?;
        let jurors = seats.iter().zip(urls).map(|(seat, url)| self.start_juror(seat, url));
        let jurors = try_join_all(jurors).await?;
        let relayer = self.start_relayer().await?;
        let relay = relayer.url().clone();
        let (buyer, alder, birch) = tokio::try_join!(
            self.start_party("buyer", &relay, vec!["[buyer]".to_owned()]),
            self.start_party("seller-alder", &relay, self.selling(&[])?),
            self.start_party("seller-birch", &relay, self.selling(&BIRCH_HABITS)?),
        )?;
        let addresses = self.addresses;
        Ok(Cast { addresses, jury, jurors, relayer, buyer, alder, birch, _provider: provider })
    }

    async fn start_provider(&self, url: &Url) -> Result<Service, DemoError> {
        let mut arguments = vec!["demo", "provider", "--listen"];
        let listen = listen(url);
        arguments.push(&listen);
        let data = self.data.map(|path| path.display().to_string());
        if let Some(data) = &data {
            arguments.extend(["--data", data]);
        }
        self.start("provider", arguments, url.clone(), None).await
    }

    async fn start_juror(&self, seat: &Seat, url: Url) -> Result<JurorSeat, DemoError> {
        let name = format!("juror-{}", seat.family);
        let mut text = self.common(&url);
        text.push(line("jury", self.addresses.jury));
        text.push(format!("consumers = [{}]", quoted(self.addresses.escrow)));
        text.push(line("key_file", self.key_file(&seat.family).display()));
        let identity = self.folder.join(format!("{name}.age"));
        surety_privacy::create(&identity).map_err(|e| DemoError::Story(e.to_string()))?;
        text.push(format!("identities = [{}]", quoted(identity.display())));
        text.push(line("store", self.folder.join(&name).display()));
        text.push(line("block_tag", "latest"));
        text.push("[provider]".to_owned());
        text.push(line("dialect", seat.dialect));
        text.push(line("base_url", seat.base_url.as_str().trim_end_matches('/')));
        text.push(line("model", &seat.model));
        if let Some(name) = seat.api_key_env {
            text.push(line("api_key_env", name));
            text.push(BUDGET.to_owned());
        }
        text.extend(["[fetch]".to_owned(), "allow_private_hosts = true".to_owned()]);
        let file = self.write(&name, &text)?;
        let arguments = vec!["juror", "run", "--config", &file];
        let service = self.start(&name, arguments, url, seat.api_key_env).await?;
        Ok(JurorSeat { family: seat.family.clone(), service })
    }

    async fn start_relayer(&self) -> Result<Service, DemoError> {
        let key = self.key("relayer")?;
        self.chain.fund(key.address(), RELAYER_ETHER).await?;
        let url = reserve(1)?.remove(0);
        let mut text = self.common(&url);
        text.push(line("escrow", self.addresses.escrow));
        text.push(line("key_file", self.key_file("relayer").display()));
        text.push(line("store", self.folder.join("relayer").display()));
        text.push(line("block_tag", "latest"));
        text.extend(["[jurors]".to_owned(), "allow_private_hosts = true".to_owned()]);
        // Here all seats are on one machine: who takes longer is not there.
        text.push("commit_ms = 5000".to_owned());
        let file = self.write("relayer", &text)?;
        self.start("relayer", vec!["relayer", "run", "--config", &file], url, None).await
    }

    async fn start_party(
        &self,
        name: &str,
        relay: &Url,
        role: Vec<String>,
    ) -> Result<Party, DemoError> {
        let key = self.key(name)?;
        let url = reserve(1)?.remove(0);
        let mut text = self.common(&url);
        text.push(line("escrow", self.addresses.escrow));
        text.push(line("relayer_url", relay.as_str().trim_end_matches('/')));
        text.push(line("key_file", self.key_file(name).display()));
        text.push(line("store", self.folder.join(name).display()));
        text.push("allow_private_hosts = true".to_owned());
        text.extend(role);
        let file = self.write(name, &text)?;
        let arguments = vec!["agent", "run", "--config", &file];
        let service = self.start(name, arguments, url, None).await?;
        Ok(Party { wallet: key.address(), service })
    }

    /// The `[seller]` section: the program that does the work, with this house's habits.
    fn selling(&self, habits: &[&str]) -> Result<Vec<String>, DemoError> {
        let exe = std::env::current_exe().map_err(DemoError::file("the surety binary"))?;
        let mut worker = vec![exe.display().to_string(), "demo".to_owned(), "worker".to_owned()];
        for habit in habits {
            worker.extend(["--habit".to_owned(), (*habit).to_owned()]);
        }
        if let Some(data) = self.data {
            worker.extend(["--data".to_owned(), data.display().to_string()]);
        }
        let worker: Vec<String> = worker.iter().map(quoted).collect();
        Ok(vec!["[seller]".to_owned(), format!("worker = [{}]", worker.join(", "))])
    }

    /// What every service's configuration begins with.
    fn common(&self, url: &Url) -> Vec<String> {
        vec![
            line("chain_rpc", &self.chain.rpc),
            format!("chain_id = {}", self.chain.chain_id),
            line("listen", listen(url)),
            format!("poll_ms = {POLL_MS}"),
        ]
    }

    async fn start(
        &self,
        name: &str,
        arguments: Vec<&str>,
        url: Url,
        api_key_env: Option<&'static str>,
    ) -> Result<Service, DemoError> {
        let recipe = Recipe {
            name: name.to_owned(),
            arguments: arguments.into_iter().map(str::to_owned).collect(),
            url,
            log: self.folder.join(format!("{name}.log")),
            api_key_env,
        };
        Service::start(recipe, self.pids.clone()).await
    }

    fn key_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.key"))
    }

    /// A fresh key in a file that nobody else may read.
    fn key(&self, name: &str) -> Result<PrivateKeySigner, DemoError> {
        use std::io::Write as _;
        let key = PrivateKeySigner::random();
        let path = self.key_file(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(DemoError::file(&path))?;
        writeln!(file, "{}", key.to_bytes()).map_err(DemoError::file(&path))?;
        Ok(key)
    }

    fn write(&self, name: &str, lines: &[String]) -> Result<String, DemoError> {
        let path = self.folder.join(format!("{name}.toml"));
        std::fs::write(&path, lines.join("\n")).map_err(DemoError::file(&path))?;
        Ok(path.display().to_string())
    }
}

/// How Birch works on what.
const BIRCH_HABITS: [&str; 4] =
    ["e-mail=careless", "login=injecting", "logo=absent", "bicycle=borderline"];

fn line(key: &str, value: impl std::fmt::Display) -> String {
    format!("{key} = {}", quoted(value))
}

/// A TOML string.
fn quoted(value: impl std::fmt::Display) -> String {
    let text = value.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// Free addresses on this machine. Another program could take one before its service does; then
/// that service does not start and says so.
fn reserve(count: usize) -> Result<Vec<Url>, DemoError> {
    let address = "127.0.0.1:0";
    let failed = |source| DemoError::Listen { address: address.to_owned(), source };
    let bound: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind(address).map_err(failed)).collect::<Result<_, _>>()?;
    let urls = bound.iter().map(|listener| {
        let local: SocketAddr = listener.local_addr().map_err(failed)?;
        format!("http://{local}/").parse().map_err(|_| DemoError::Story(format!("{local}: no URL")))
    });
    urls.collect()
}

fn listen(url: &Url) -> String {
    url.authority().to_owned()
}
