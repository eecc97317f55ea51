//! A local chain as a process of its own, gone when its handle is.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::output::step;
use crate::repository::Repository;
use crate::setup;

/// How long a chain may take until it answers.
const START: Duration = Duration::from_secs(30);

/// How long between two questions whether it is there.
const POLL: Duration = Duration::from_millis(50);

/// Ends the chain when our end of its standard input closes, which the operating system does however
/// we end: no killed `cargo x` leaves a chain behind.
const LEASH: &str = r#"trap '' INT; "$@" & chain=$!; cat >/dev/null; kill "$chain" 2>/dev/null"#;

/// A running chain.
#[derive(Debug)]
pub(crate) struct LocalChain {
    process: Child,
    address: SocketAddr,
}

impl LocalChain {
    /// Starts the best chain there is: anvil on PATH, npm's anvil, or our own `Node`, which is at
    /// `node`.
    pub(crate) fn start(repository: &Repository, node: &Path) -> anyhow::Result<Self> {
        let address = free_address()?;
        let port = address.port().to_string();
        let (program, arguments) = match setup::foundry(repository, "anvil") {
            Some(anvil) => (anvil, anvil_arguments(&port)),
            None => (node.to_path_buf(), vec!["--port".to_owned(), port]),
        };
        step(&format!("local chain: {} at {address}", program.display()));
        let process = spawn(&program, &arguments)
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut chain = Self { process, address };
        chain.wait()?;
        Ok(chain)
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let since = Instant::now();
        while since.elapsed() < START {
            if chain_id(self.address).is_some() {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                bail!("the local chain ended at once ({status})");
            }
            thread::sleep(POLL);
        }
        bail!("the local chain does not answer within {} s", START.as_secs())
    }
}

impl Drop for LocalChain {
    fn drop(&mut self) {
        // Closing the leash ends the chain; without a leash the process is the chain.
        if self.process.stdin.take().is_none() {
            drop(self.process.kill());
        }
        drop(self.process.wait());
    }
}

fn anvil_arguments(port: &str) -> Vec<String> {
    let fixed = "--host 127.0.0.1 --chain-id 31337 --hardfork osaka --enable-tx-gas-limit --silent";
    let mut arguments: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
    arguments.extend(["--port".to_owned(), port.to_owned()]);
    arguments
}

#[cfg(unix)]
fn spawn(program: &Path, arguments: &[String]) -> std::io::Result<Child> {
    Command::new("sh")
        .args(["-c", LEASH, "leash"])
        .arg(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
}

#[cfg(not(unix))]
fn spawn(program: &Path, arguments: &[String]) -> std::io::Result<Child> {
    Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

/// A port that nobody listens on at the moment.
fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?)
}

/// Asks for the chain's id; None while nobody answers.
fn chain_id(address: SocketAddr) -> Option<String> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, json) = answer.split_once("\r\n\r\n")?;
    let json: serde_json::Value = serde_json::from_str(json).ok()?;
    json.get("result")?.as_str().map(str::to_owned)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_chain_ends_when_its_leash_is_dropped() {
        let mut process = spawn(Path::new("sleep"), &["600".to_owned()]).unwrap();
        drop(process.stdin.take());
        assert!(process.wait().unwrap().code().is_some());
    }

    #[test]
    fn nobody_at_the_address_is_no_chain() {
        assert_eq!(chain_id(free_address().unwrap()), None);
    }
}
