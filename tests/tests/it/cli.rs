//! The built `surety` binary against a chain: what it prints, where, and with which exit code.
//!
//! What needs no chain is tested in `cli/tests`, whose presence has cargo build the binary.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failure here is a test's failure")]

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use alloy::network::TransactionBuilder as _;
use alloy::primitives::{B256, U256};
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall as _;
use serde_json::{Value, json};
use surety_bindings::escrow::DealEscrow;
use surety_tests::{World, actors, sign};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::agent::{Market, key_file, usd};
use crate::relayer::court::eventually;

/// The binary that `--workspace` built beside the tests.
pub(crate) fn surety() -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(std::path::Path::parent).unwrap();
    let mut command = Command::new(folder.join("surety"));
    command.kill_on_drop(true).stdin(Stdio::null()).env_remove("SURETY_RPC");
    command
}

pub(crate) async fn run(arguments: &[&str]) -> Output {
    surety()
        .args(arguments)
        .output()
        .await
        .expect("the binary is built beside the tests: run with --workspace")
}

/// The one JSON document of a command that did its work.
pub(crate) async fn result(arguments: &[&str]) -> Value {
    let output = run(&[&["--json"], arguments].concat()).await;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one line of a command that failed.
pub(crate) async fn failure(arguments: &[&str]) -> String {
    let output = run(arguments).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line
}

pub(crate) fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_term_sheet_is_checked_and_digested() {
    let market = Market::open().await;
    let sheet = market.sheet(2, 10);
    let good = write(&market.folder, "sheet.json", &serde_json::to_string_pretty(&sheet).unwrap());
    let checked = result(&["terms", "check", &good]).await;
    assert_eq!(checked, json!({ "valid": true, "dealId": sheet.deal_id() }));
    let digests = result(&["terms", "digest", &good]).await;
    assert_eq!(digests, json!({ "dealId": sheet.deal_id(), "document": sheet.document() }));
    let mut bad = serde_json::to_value(&sheet).unwrap();
    bad["total"] = json!("1");
    let bad = write(&market.folder, "bad.json", &bad.to_string());
    assert!(failure(&["terms", "check", &bad]).await.contains("total"));
    let mut child = surety()
        .args(["terms", "digest", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let child = child.as_mut().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&sheet.canonical()).await.unwrap();
    drop(stdin);
    assert!(child.wait().await.unwrap().success());
}

/// An agent's configuration for a chain endpoint.
fn agent_toml(market: &Market, rpc: &str, chain_id: u64) -> String {
    let key = key_file(&market.folder, "buyer", &market.world.buyer());
    format!(
        "key_file = '{}'\nchain_rpc = '{rpc}'\nchain_id = {chain_id}\nescrow = '{}'\n\
         relayer_url = '{}'\nlisten = '127.0.0.1:0'\nstore = 'store'\n[buyer]\n",
        key.display(),
        market.world.contracts().escrow,
        market.relayer.url(),
    )
}

#[tokio::test]
async fn a_wrong_configuration_stops_an_agent_with_one_clear_line() {
    let market = Market::open().await;
    let served = market.node.serve().await;
    let (rpc, chain_id) = (served.url(), market.world.contracts().chain_id);
    let good = agent_toml(&market, &rpc, chain_id);
    let file = |text: &str| write(&market.folder, "agent.toml", text);
    let checked = result(&["agent", "check-config", "--config", &file(&good)]).await;
    assert_eq!(checked["address"], json!(market.world.buyer().address()));
    for (text, needed) in [
        (good.replace("listen", "lisen"), "lisen"),
        (agent_toml(&market, &rpc, 1), "chain id"),
        (good.replace("buyer.key", "none.key"), "none.key"),
        (agent_toml(&market, "http://127.0.0.1:1", chain_id), "cannot be reached"),
        (good.replace("[buyer]", ""), "[seller]"),
    ] {
        let line = failure(&["agent", "run", "--config", &file(&text)]).await;
        assert!(line.contains(needed), "{line}");
    }
    assert!(failure(&["agent", "run", "--config", "/none.toml"]).await.contains("/none.toml"));
}

/// Registers a juror of its own family with `surety juror register`; returns its key.
async fn register(market: &Market, rpc: &str, sender: &str, seat: usize) -> String {
    let contracts = market.world.contracts();
    let juror = actors::juror(seat);
    let key = key_file(&market.folder, &format!("juror-{seat}"), &juror);
    let config = format!(
        "chain_rpc = '{rpc}'\nchain_id = {}\njury = '{}'\nconsumers = ['{}']\n\
         listen = '127.0.0.1:0'\nstore = 'store'\nkey_file = '{}'\n[provider]\n\
         dialect = 'ollama'\nbase_url = 'http://127.0.0.1:1'\nmodel = 'm'\n",
        contracts.chain_id,
        contracts.jury,
        contracts.escrow,
        key.display(),
    );
    let config = write(&market.folder, "juror.toml", &config);
    let (family, operator) = (format!("rehearsal-{seat}"), format!("house-{seat}.example"));
    let claims = ["--family", &family, "--operator", &operator, "--url", "http://127.0.0.1:9/"];
    let keys = ["--config", &config, "--sender", sender];
    let registered = result(&[&["juror", "register"], &claims[..], &keys].concat()).await;
    assert_eq!(registered["juror"], json!(juror.address()));
    assert_eq!(registered["source"], "rehearsal");
    juror.address().to_string()
}

#[tokio::test]
async fn jurors_are_registered_and_a_jury_is_created_and_shown() {
    let market = Market::of(World::bare()).await;
    let served = market.node.serve().await;
    let rpc = served.url();
    let sender = key_file(&market.folder, "deployer", &actors::deployer()).display().to_string();
    let mut panel = Vec::new();
    for seat in 0..3 {
        panel.push(register(&market, &rpc, &sender, seat).await);
    }
    let panel = panel.join(",");
    let contracts = market.world.contracts();
    let (contract, escrow) = (contracts.jury.to_string(), contracts.escrow.to_string());
    let place = ["--rpc", &rpc, "--jury-contract", &contract, "--sender", &sender];
    let created = result(&[&["jury", "create", "--panel", &panel], &place[..]].concat()).await;
    let jury = created["jury"].as_str().unwrap();
    let shown = result(&["jury", "show", jury, "--rpc", &rpc, "--escrow", &escrow]).await;
    assert_eq!(shown["quorum"], 3);
    assert_eq!(shown["source"], "rehearsal");
    assert_eq!(shown["panel"][2]["url"], "http://127.0.0.1:9");
    let unknown = B256::repeat_byte(1).to_string();
    let line = failure(&["jury", "show", &unknown, "--rpc", &rpc, "--escrow", &escrow]).await;
    assert!(line.contains("JuryUnknown"), "{line}");
}

#[tokio::test]
async fn a_deal_is_shown_from_the_chain_alone() {
    let market = Market::open().await;
    let (deal, ..) = market.open_deal().await;
    let served = market.node.serve().await;
    let (id, escrow) = (deal.id.to_string(), market.world.contracts().escrow.to_string());
    let rpc = served.url();
    let shown = result(&["deal", "show", &id, "--rpc", &rpc, "--escrow", &escrow]).await;
    assert_eq!(shown["total"], "100000000");
    assert_eq!(shown["milestones"][0]["status"], "pending");
    assert_eq!(shown["jury"]["panel"].as_array().unwrap().len(), 5);
    let text = run(&["deal", "show", &id, "--rpc", &rpc, "--escrow", &escrow]).await;
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("total: 100000000") && text.contains("source: rehearsal"), "{text}");
    let unknown = B256::repeat_byte(1).to_string();
    let line = failure(&["deal", "show", &unknown, "--rpc", &rpc, "--escrow", &escrow]).await;
    assert!(line.contains("not open"), "{line}");
}

/// A deal that was not opened through the market's relayer, once that has seen it.
async fn strange_deal(market: &Market) -> B256 {
    let (sheet, contracts) = (market.sheet(1, 10), market.world.contracts());
    let (buyer, seller) = (market.world.buyer(), market.world.seller());
    let (buyer, seller) = sign::opening(contracts, &sheet.terms(), &buyer, &seller);
    let terms = sheet.terms();
    let open =
        DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
    let sender = actors::deployer();
    market.node.set_balance(sender.address(), U256::from(10).pow(U256::from(18)));
    let request =
        TransactionRequest::default().with_to(contracts.escrow).with_input(open.abi_encode());
    let sent = market.node.provider_for(sender).send_transaction(request).await.unwrap();
    assert!(sent.get_receipt().await.unwrap().status());
    let url = format!("{}/v1/deals/{}", market.relayer.url(), sheet.deal_id());
    eventually("the relayer sees the deal", || async {
        reqwest::get(&url).await.unwrap().status().is_success()
    })
    .await;
    sheet.deal_id()
}

#[tokio::test]
async fn a_relayer_that_owes_nothing_is_asked_and_paid_for_what_time_allows() {
    let market = Market::open().await;
    let (deal, served) = (strange_deal(&market).await.to_string(), market.node.serve().await);
    let (escrow, rpc) = (market.world.contracts().escrow.to_string(), served.url());
    let (seller, relayer) = (market.world.seller(), market.world.relayer().address());
    let key = key_file(&market.folder, "seller", &seller).display().to_string();
    let url = market.relayer.url().to_owned();
    let ask = |key: &str, fee: &str| {
        let line = ["deal", "act", "ask", &deal, "--relayer", &url, "--key-file", key];
        let place = ["--fee", fee, "--rpc", &rpc, "--escrow", &escrow];
        [&line[..], &place[..]].concat().into_iter().map(str::to_owned).collect::<Vec<String>>()
    };
    let refused = async |key: &str, fee: &str| {
        let arguments = ask(key, fee);
        failure(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let early = refused(&key, "5000000").await;
    assert!(early.contains("reclaim is possible from"), "{early}");

    market.node.advance(Duration::from_hours(48));
    let stranger = key_file(&market.folder, "stranger", &actors::deployer()).display().to_string();
    let neither = refused(&stranger, "5000000").await;
    assert!(neither.contains("neither the buyer nor the seller"), "{neither}");
    let poor = refused(&key, "1").await;
    assert!(poor.contains("The fee is too low"), "{poor}");

    let before = (market.balance(seller.address()).await, market.balance(relayer).await);
    let arguments = ask(&key, "5000000");
    let asked = result(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!((&asked["action"], &asked["fee"]), (&json!("reclaim"), &json!("5000000")));
    assert_eq!(asked["transaction"]["state"], "mined", "{asked}");
    // The act pays the seller nothing: its wallet does, by what it signed besides.
    let after = (market.balance(seller.address()).await, market.balance(relayer).await);
    assert_eq!(after, (before.0 - usd(5), before.1 + usd(5)));
    assert_eq!(market.balance(market.world.contracts().escrow).await, 0);

    let id = asked["transaction"]["id"].as_str().unwrap();
    let shown = result(&["deal", "act", "show", id, "--relayer", &url]).await;
    assert_eq!(shown, asked["transaction"]);
    let unknown = B256::repeat_byte(1).to_string();
    let line = failure(&["deal", "act", "show", &unknown, "--relayer", &url]).await;
    assert!(line.contains("No such transaction"), "{line}");
    assert!(refused(&key, "5000000").await.contains("has ended"));
}

/// Configurations of every service for a chain endpoint.
fn services(folder: &TempDir, rpc: &str) -> [(&'static str, String); 3] {
    let key = key_file(folder, "service", &actors::juror(0)).display().to_string();
    let address = "0x1111111111111111111111111111111111111111";
    let shared = |name: &str| {
        format!(
            "chain_rpc = '{rpc}'\nchain_id = 31337\nkey_file = '{key}'\nlisten = '127.0.0.1:0'\n\
             store = '{}'\n",
            folder.path().join(name).display()
        )
    };
    let provider = "[provider]\ndialect = 'ollama'\nbase_url = 'http://127.0.0.1:1'\nmodel = 'm'\n";
    let juror = format!("jury = '{address}'\nconsumers = ['{address}']\n{provider}");
    let agent = format!("escrow = '{address}'\nrelayer_url = 'http://127.0.0.1:1'\n[buyer]\n");
    [
        ("juror", shared("juror") + &juror),
        ("relayer", shared("relayer") + &format!("escrow = '{address}'\n")),
        ("agent", shared("agent") + &agent),
    ]
}

#[tokio::test]
async fn a_service_that_is_told_to_end_while_it_starts_ends_well() {
    // Less than a service waits for one answer.
    const AT_ONCE: Duration = Duration::from_secs(10);
    // Takes every connection, and never answers.
    let endpoint = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rpc = format!("http://{}", endpoint.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    for (service, config) in services(&folder, &rpc) {
        let config = write(&folder, &format!("{service}.toml"), &config);
        // The second time on the store of the first: it was let go of.
        for signal in ["-TERM", "-INT"] {
            let child = surety()
                .args([service, "run", "--config", &config])
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let asked = timeout(AT_ONCE, endpoint.accept()).await;
            let pid = child.id().unwrap().to_string();
            let told = Command::new("kill").args([signal, &pid]).status().await.unwrap();
            assert!(told.success(), "{service}");
            let ended = timeout(AT_ONCE, child.wait_with_output()).await;
            let ended = ended.expect("it ends at once").unwrap();
            let complaint = String::from_utf8_lossy(&ended.stderr);
            assert!(asked.is_ok(), "{service} did not start: {complaint}");
            assert_eq!(ended.status.code(), Some(0), "{service} {signal}: {complaint}");
        }
    }
}
