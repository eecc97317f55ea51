//! A whole panel that is asked with one command.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use surety_jury::wire::CaseStatus;
use surety_privacy::{AgeFile, Identity, PrivateCaseRequest, Recipients, create, encrypt, read};
use surety_tests::node::Served;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Somebody between agents and jurors, who hears all that agents send.
#[derive(Debug, Clone, Default)]
struct Wire {
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    /// An address behind which another one answers.
    async fn to(&self, juror: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let wire = self.clone();
        tokio::spawn(async move {
            while let Ok((agent, _)) = listener.accept().await {
                tokio::spawn(wire.clone().carry(agent, juror.clone()));
            }
        });
        address
    }

    async fn carry(self, agent: TcpStream, juror: String) {
        let Ok(juror) = TcpStream::connect(juror).await else { return };
        let (mut asked, mut answer) = agent.into_split();
        let (mut answered, mut ask) = juror.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut answered, &mut answer).await });
        let mut part = [0; 4_096];
        while let Ok(length @ 1..) = asked.read(&mut part).await {
            self.heard.lock().unwrap().extend(&part[..length]);
            if ask.write_all(&part[..length]).await.is_err() {
                return;
            }
        }
    }

    fn has_heard(&self, text: &[u8]) -> bool {
        self.heard.lock().unwrap().windows(text.len()).any(|part| part == text)
    }
}

/// An open deal with a panel of three, whose last juror gives no previews, and those jurors. All that
/// is sent to them goes by `wire`.
async fn panel(court: &mut Court, wire: &Wire) -> Vec<Handle> {
    let panel: Vec<PrivateKeySigner> = (20..23).map(actors::juror).collect();
    let mut listens = Vec::new();
    for (seat, key) in panel.iter().enumerate() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap().to_string();
        let url = format!("http://{}", wire.to(listen.clone()).await);
        court.world.register(key, &format!("rehearsal-seat-{seat}"), &url);
        listens.push(listen);
    }
    let keys: Vec<Address> = panel.iter().map(PrivateKeySigner::address).collect();
    court.sheet.jury = court.world.create_jury(&keys, &[]);
    court.world.open(&court.sheet.terms()).unwrap();
    court.node = court.world.node();
    let (mut jurors, mut stores) = (Vec::new(), Vec::new());
    for (key, listen) in panel.iter().zip(listens) {
        let mut config = court.config();
        config.store = court.folder.path().join(format!("store-{}", key.address()));
        config.key = surety_keys::KeySource::File(court::key_file_of(court, key));
        config.listen = listen;
        if court.sheet.recipients.is_some() {
            let identity = court.folder.path().join(format!("{}.age", key.address()));
            create(&identity).unwrap();
            config.identities = vec![identity];
        }
        if jurors.len() == 2 {
            config.previews.per_day = 0;
        } else {
            stores.push(config.store.clone());
        }
        jurors.push(court.try_start(config).await.unwrap());
    }
    // The clock moves once both know their answers.
    let node = court.node.clone();
    tokio::spawn(async move {
        for store in stores {
            while count(&store, "met IS NOT NULL").await == 0 {
                yield_now().await;
            }
        }
        node.advance(Duration::from_mins(5));
    });
    jurors
}

/// The files of a party's shell, and where the chain is.
struct Desk {
    sheet: String,
    work: String,
    chain: Vec<String>,
    _served: Served,
}

impl Desk {
    async fn of(court: &Court) -> Self {
        let served = court.node.serve().await;
        let text = serde_json::to_string(&court.sheet).unwrap();
        let escrow = court.world.contracts().escrow.to_string();
        let chain = ["--rpc", &served.url(), "--escrow", &escrow, "--allow-private-hosts"];
        Self {
            sheet: write(&court.folder, "sheet.json", &text),
            work: write(&court.folder, "work.md", std::str::from_utf8(WORK).unwrap()),
            chain: chain.map(str::to_owned).to_vec(),
            _served: served,
        }
    }

    /// `surety deal` with these words.
    async fn deal(&self, words: &[&str]) -> (Option<i32>, Value, String) {
        let mut command = surety();
        let output = command.args(["--json", "deal"]).args(words).args(&self.chain).output();
        let output = output.await.unwrap();
        let shown = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), shown, String::from_utf8(output.stderr).unwrap())
    }

    async fn preview(&self, court: &Court, key: &PrivateKeySigner) -> (Option<i32>, Value, String) {
        let key = court::key_file_of(court, key).display().to_string();
        self.deal(&["preview", &self.work, "--sheet", &self.sheet, "--key-file", &key]).await
    }
}

fn states(shown: &Value) -> [Option<&str>; 3] {
    [0, 1, 2].map(|seat| shown["jurors"][seat]["status"]["state"].as_str())
}

#[tokio::test]
async fn a_seller_asks_its_panel_with_one_command() {
    let (mut court, wire) = (Court::kind().await, Wire::default());
    let jurors = panel(&mut court, &wire).await;
    let desk = Desk::of(&court).await;
    let (code, shown, seen) = desk.preview(&court, &court.world.seller()).await;
    assert_eq!(code, Some(1), "one juror said nothing: {seen}");
    assert!(seen.contains("binds nobody") && seen.contains("gives no previews"), "{seen}");
    assert!(seen.contains("quarterly: met"), "{seen}");
    assert_eq!(shown["binding"], false);
    assert_eq!(states(&shown), [Some("answered"), Some("answered"), None], "{shown}");

    let (code, shown, seen) = desk.preview(&court, &court.world.buyer()).await;
    let error = shown["error"].as_str().unwrap_or_default();
    assert!(code == Some(1) && error.contains("only the seller asks"), "{shown} {seen}");
    for juror in jurors {
        juror.shutdown().await;
    }
}

#[tokio::test]
async fn a_private_panel_is_asked_and_revealed_to_and_who_carries_it_reads_nothing() {
    let (mut court, wire) = (Court::kind().await, Wire::default());
    let (buyer, seller) = (Identity::random(), Identity::random());
    let parties = Recipients { buyer: buyer.recipient(), seller: seller.recipient() };
    court.sheet.recipients = Some(parties);
    let secret = "Names the auditors of the report.";
    let salt = B256::repeat_byte(9);
    let hidden = HiddenCriterion { salt, text: secret.to_owned(), kind: Kind::Llm };
    let commitment = hidden.commitment();
    court.sheet.milestones[0].criteria[2].kind =
        Kind::Hidden { commitment, of: "complete".to_owned() };
    let jurors = panel(&mut court, &wire).await;
    let desk = Desk::of(&court).await;
    let (_, shown, seen) = desk.preview(&court, &court.world.seller()).await;
    assert_eq!(states(&shown), [Some("answered"), Some("answered"), None], "{shown} {seen}");

    let CaseRequest { delivery, signature, round, .. } = court.request(WORK);
    let mut case = B256::ZERO;
    for juror in &jurors {
        let own = court.folder.path().join(format!("{}.age", juror.juror()));
        let sheet = encrypt(&court.sheet.canonical(), &[read(&own).unwrap().recipient()]).unwrap();
        let request = PrivateCaseRequest {
            private_sheets: vec![AgeFile(sheet)],
            delivery: delivery.clone(),
            signature: signature.clone(),
            round,
        };
        let url = format!("{}/v1/cases", juror.url());
        let taken = court.http.post(url).json(&request).send().await.unwrap();
        case = taken.json::<CaseStatus>().await.unwrap().case_id;
    }
    let document = write(&court.folder, "hidden.json", &serde_json::to_string(&hidden).unwrap());
    let (case_id, jury) = (case.to_string(), court.sheet.jury.to_string());
    let words = ["reveal", &case_id, "--jury", &jury, "--criterion", "correct", "--document"];
    let words = [&words[..], &[&document]].concat();
    let (code, shown, seen) = desk.deal(&words).await;
    assert_eq!((code, &shown["refused"]), (Some(0), &json!([])), "{seen}");
    for juror in &jurors {
        let url = format!("{}/v1/cases/{case}/reveals", juror.url());
        let kept: Value = court.http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(kept[0]["criterionId"], "correct");
    }

    assert!(wire.has_heard(b"/v1/previews") && wire.has_heard(b"/reveals"));
    for planted in [PROSE, WORK, secret.as_bytes(), b"The deliverable is complete"] {
        assert!(!wire.has_heard(planted), "{:?}", String::from_utf8_lossy(planted));
    }
    // Without its price list, which says what it reads as, a juror is sent nothing.
    let mut jurors = jurors.into_iter();
    jurors.next().unwrap().shutdown().await;
    let (code, shown, _) = desk.deal(&words).await;
    assert_eq!((code, shown["refused"].as_array().map(Vec::len)), (Some(1), Some(1)), "{shown}");
    for juror in jurors {
        juror.shutdown().await;
    }
}
