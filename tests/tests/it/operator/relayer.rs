//! A relayer's operator: the real binary, its configuration in layers, its secrets and its end.

use std::process::Output;
use std::time::{Duration, Instant};

use alloy::primitives::{B256, U256};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use surety_tests::World;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use super::keys::{API_KEY, AWS_SECRET, AWS_TOKEN, PHRASE, document, expect_silent, loud};
use super::kms::{Kms, Mood};
use super::{Office, Running};
use crate::agent::key_file;
use crate::cli::{surety, write};

const PATH_KEY: &str = "planted-path-key-77aa";
const QUERY_KEY: &str = "planted-query-key-88bb";
const UP: &str = "the relayer is up";

/// An endpoint of the office's chain that keeps its keys in path and query, as vendors' do.
async fn vendor(chain: String) -> String {
    async fn forward(State(chain): State<String>, body: Bytes) -> (StatusCode, Bytes) {
        let client = reqwest::Client::new();
        let request = client.post(chain).header("content-type", "application/json").body(body);
        (StatusCode::OK, request.send().await.unwrap().bytes().await.unwrap())
    }
    let app = Router::new().fallback(forward).with_state(chain);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/v2/{PATH_KEY}?token={QUERY_KEY}")
}

/// A relayer's configuration; `chain` and `key` are its lines or tables.
fn config(office: &Office, name: &str, (chain, key): (&str, &str)) -> String {
    let contracts = office.market.world.contracts();
    let text = format!(
        "chain_rpc = {chain}\nchain_id = {}\nescrow = '{}'\nblock_tag = 'latest'\n\
         listen = '127.0.0.1:0'\nstore = '{name}-store'\npoll_ms = 20\n{key}\n\
         [jurors]\nallow_private_hosts = true\ncommit_ms = 500\n",
        contracts.chain_id, contracts.escrow,
    );
    write(&office.market.folder, &format!("{name}.toml"), &text)
}

fn file_key(office: &Office) -> String {
    let file = key_file(&office.market.folder, "gas", &office.market.world.relayer());
    format!("[key]\nfile = '{}'", file.display())
}

fn plain(office: &Office) -> String {
    format!("'{}'", office.served.url())
}

async fn check(config: &str, change: impl FnOnce(&mut Command)) -> Output {
    let mut command = surety();
    command.args(["--json", "relayer", "check-config", "--config", config]);
    change(&mut command);
    command.output().await.unwrap()
}

#[tokio::test]
async fn the_world_is_compared_with_the_configuration_before_a_start() {
    let office = Office::of(World::new()).await;
    let (gas, ether) = (office.market.world.relayer().address(), 1_000_000_000_000_000_000_u64);
    office.market.node.set_balance(gas, U256::from(ether));
    let good = config(&office, "good", (&plain(&office), &file_key(&office)));
    let checked = check(&good, |_| {}).await;
    let report = document(&checked);
    let table = String::from_utf8_lossy(&checked.stderr).into_owned();
    let names: Vec<_> = report["checks"].as_array().unwrap().iter().map(|c| &c["name"]).collect();
    let needed = ["store", "key", "endpoint", "escrow", "jury", "clock", "block_tag", "balance"];
    assert_eq!(names, needed);
    assert!(needed.iter().all(|name| table.contains(name)), "{table}");
    assert!(table.contains("code hash 0x") && table.contains("new: the first start makes it"));
    assert!(!office.market.folder.path().join("good-store").exists(), "nothing is started");

    // The same file under other layers: a flag wins over the environment, which wins over the file.
    let poor = check(&good, |command| {
        command.env("SURETY_RELAYER__HEALTH__LEAST_BALANCE_WEI", "9000000000000000000");
    });
    let poor = poor.await;
    assert_eq!(poor.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&poor.stdout).unwrap();
    assert_eq!((&report["good"], &report["checks"][7]["grade"]), (&json!(false), &json!("bad")));
    let rich = check(&good, |command| {
        command.env("SURETY_RELAYER__HEALTH__LEAST_BALANCE_WEI", "9000000000000000000");
        command.args(["--set", "health.least_balance_wei=1"]);
    });
    assert_eq!(document(&rich.await)["good"], json!(true));
    for (name, value, needed) in [
        ("SURETY_RELAYER__POLL", "1", "SURETY_RELAYER__POLL: unknown field"),
        ("SURETY_RELAYER__CHAIN_ID", "1", "the node's chain id is"),
        ("SURETY_RELAYER__CHAIN_RPC", "http://127.0.0.1:1/planted", "cannot be reached"),
    ] {
        let wrong = check(&good, |command| {
            command.env(name, value);
        });
        let wrong = wrong.await;
        let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
        assert_eq!(wrong.status.code(), Some(1), "{said}");
        assert!(said.contains(needed) && !said.contains("planted"), "{said}");
    }
}

#[tokio::test]
async fn a_relayers_loudest_log_its_numbers_and_its_faults_hold_no_secret() {
    let office = Office::of(World::new()).await;
    let relayer = office.market.world.relayer();
    let secret = relayer.to_bytes().to_string();
    let rpc = vendor(office.served.url()).await;
    let file = key_file(&office.market.folder, "gas", &relayer).display().to_string();
    let store = office.market.folder.path().join("keystore").display().to_string();
    let into = ["--keystore", &store, "--passphrase-env", "PLANTED_PASSPHRASE"];
    let imported = loud().args(["--json", "key", "import", &file]).args(into).output().await;
    document(&imported.unwrap());
    let kms = Kms::start(relayer.to_bytes().0, Mood::Signs).await;
    let secrets = [&secret, PHRASE, API_KEY, AWS_SECRET, AWS_TOKEN, PATH_KEY, QUERY_KEY];
    for (name, key) in [
        ("file", format!("[key]\nfile = '{file}'")),
        ("keystore", format!("[key]\nkeystore = '{store}'\npassphrase_env = 'PLANTED_PASSPHRASE'")),
        (
            "kms",
            format!(
                "[key]\nkms = 'alias/a'\nregion = 'eu-central-1'\nendpoint_url = '{}'",
                kms.url
            ),
        ),
    ] {
        let config = config(&office, name, ("{ env = 'PLANTED_RPC' }", &key));
        let mut command = loud();
        command.env("PLANTED_RPC", &rpc).args([
            "--log-json",
            "relayer",
            "run",
            "--config",
            &config,
        ]);
        let running = Running::start_until(command, UP).await;
        let mut seen = String::new();
        for path in ["readyz", "metrics", "startupz", "v1/deals/0x12", "v1/nothing"] {
            let answer = reqwest::get(format!("{}/{path}", running.url)).await.unwrap();
            seen.push_str(&answer.text().await.unwrap());
        }
        // An order goes through the operator's socket, and names the address that it is about.
        let keys = loud()
            .env("PLANTED_RPC", &rpc)
            .args(["--json", "relayer", "keys", "--config", &config])
            .output()
            .await
            .unwrap();
        assert_eq!(document(&keys)[0]["address"], json!(relayer.address()));
        let unknown = B256::ZERO.to_string();
        let refused = loud()
            .env("PLANTED_RPC", &rpc)
            .args(["relayer", "case", "show", &unknown, "--config", &config])
            .output()
            .await
            .unwrap();
        assert!(String::from_utf8_lossy(&refused.stderr).contains("No such case"));
        for output in [keys, refused] {
            seen.push_str(&String::from_utf8_lossy(&output.stderr));
            seen.push_str(&String::from_utf8_lossy(&output.stdout));
        }
        let log = running.end().await;
        assert!(log.contains("\"TRACE\"") && log.contains("\"id\":\""), "{name}: {log}");
        expect_silent(&(seen + &log), &secrets);
    }
}

#[tokio::test]
async fn a_relayer_that_cannot_start_says_why_without_the_endpoints_keys() {
    let office = Office::of(World::new()).await;
    let config = config(&office, "gone", ("{ env = 'PLANTED_RPC' }", &file_key(&office)));
    for rpc in [format!("http://127.0.0.1:1/{PATH_KEY}?k={QUERY_KEY}"), String::new()] {
        let mut command = loud();
        command.env("PLANTED_RPC", rpc).args(["relayer", "run", "--config", &config]);
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let secrets = [PATH_KEY, QUERY_KEY, PHRASE];
        expect_silent(&String::from_utf8_lossy(&output.stderr), &secrets);
    }
}

/// A relayer on which a client holds a question and another one an unfinished body.
async fn busy(office: &Office, name: &str) -> (Running, TcpStream) {
    let config = config(office, name, (&plain(office), &file_key(office)));
    let mut command = surety();
    command.args(["relayer", "run", "--config", &config]);
    let running = Running::start_until(command, UP).await;
    let address = running.url.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /v1/deliveries HTTP/1.1\r\nhost: r\r\ncontent-length: 99\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    // The connection is accepted once another one, made later, is answered.
    let alive = reqwest::get(format!("{}/livez", running.url)).await.unwrap();
    assert_eq!(alive.status(), reqwest::StatusCode::OK);
    (running, stream)
}

#[tokio::test]
async fn a_relayer_that_is_told_to_end_drains_and_ends_well_in_time() {
    let office = Office::of(World::new()).await;
    let (running, _stream) = busy(&office, "drained").await;
    let began = Instant::now();
    let url = running.url.clone();
    running.tell().await;
    let log = running.ended().await;
    assert!(began.elapsed() < Duration::from_secs(20), "{log}");
    assert!(log.contains("told to end") && log.contains("cut off"), "{log}");
    assert!(reqwest::get(format!("{url}/livez")).await.is_err());
    // Its store was let go of, and a next one ends at once when nobody keeps it.
    let config = office.market.folder.path().join("drained.toml").display().to_string();
    let mut command = surety();
    command.args(["relayer", "run", "--config", &config]);
    let began = Instant::now();
    let next = Running::start_until(command, UP).await;
    let log = next.end().await;
    assert!(began.elapsed() < Duration::from_secs(20) && !log.contains("cut off"), "{log}");
}

#[tokio::test]
async fn a_relayer_that_is_told_twice_ends_at_once() {
    let office = Office::of(World::new()).await;
    let (running, _stream) = busy(&office, "hurried").await;
    running.tell().await;
    running.wrote("told to end").await;
    let began = Instant::now();
    running.tell().await;
    let (code, log) = running.left().await;
    assert_eq!(code, Some(1), "{log}");
    assert!(began.elapsed() < Duration::from_secs(4) && log.contains("told twice"), "{log}");
}
