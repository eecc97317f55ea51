//! A whole private deal: two agents, a relayer and five jurors, each a real one, and what others see.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy::primitives::{Address, B256, keccak256};
use alloy::providers::Provider as _;
use alloy::sol_types::SolValue as _;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use surety_agent::{DealSummary, DealView, Ending, NewDeal, Stage};
use surety_juror::{Config, Handle};
use surety_jury::Transcript;
use surety_jury::transcript::Entry;
use surety_privacy::{
    AgeFile, Identities, Identity, PrivateDeliveryRequest, PrivateSheet, Recipients, create,
    encrypt, upload_digest,
};
use surety_relayer::wire::CaseView;
use surety_replay::{Evidence, replay};
use surety_terms::TermSheet;
use surety_tests::{World, actors, seat, sign};

use super::{Act, Double, problem, stored};
use crate::agent::{Market, key_file};
use crate::cli;

/// Planted in the sheet and in the deliverable.
const PROSE: &str = "Only the two of us know about project Quicksilver.";
pub(super) const WORK: &str = "The whole report on mercury mines, for your eyes.";

/// Real jurors beside a market.
pub(super) struct House {
    pub(super) market: Market,
    jury: B256,
    /// Those of the panel, then those of the appeal panel.
    pub(super) jurors: Vec<Handle>,
    http: Client,
}

impl House {
    async fn open() -> Self {
        Self::of(|_| ()).await
    }

    /// With jurors whose configuration is changed.
    pub(super) async fn of(change: impl Fn(&mut Config)) -> Self {
        let provider = Double::start(|_, _| Act::Vote("MET")).await;
        Self::seated(5, &vec![provider; 5], change).await
    }

    /// With a juror for each of these providers: so many of the panel, and then the appeal panel's.
    pub(super) async fn seated(
        panel_seats: usize,
        providers: &[Double],
        change: impl Fn(&mut Config),
    ) -> Self {
        let mut world = World::bare();
        // Taken until the jurors stand at them, so that nobody else gets one.
        let places: Vec<TcpListener> =
            providers.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let mut panel: Vec<Address> = Vec::new();
        for (index, place) in places.iter().enumerate() {
            let url = format!("http://{}", place.local_addr().unwrap());
            let family = format!("rehearsal-family-{index}");
            world.register(&actors::juror(index), &family, &url);
            panel.push(actors::juror(index).address());
        }
        let appeal_panel = panel.split_off(panel_seats);
        let jury = world.create_jury(&panel, &appeal_panel);
        let market = Market::of(world).await;
        let mut jurors = Vec::new();
        for ((index, place), provider) in places.into_iter().enumerate().zip(providers) {
            let listen = place.local_addr().unwrap().to_string();
            let mut config = juror(&market, index, listen, &provider.url);
            change(&mut config);
            drop(place);
            let chain = market.node.provider().erased();
            jurors.push(surety_juror::start_on(config, chain).await.unwrap());
        }
        Self { market, jury, jurors, http: Client::new() }
    }

    pub(super) fn sheet(&self) -> TermSheet {
        let mut sheet = self.market.sheet(1, 10);
        sheet.jury = self.jury;
        PROSE.clone_into(&mut sheet.summary);
        PROSE.clone_into(&mut sheet.milestones[0].description);
        sheet
    }

    pub(super) async fn agent(&self, name: &str, roles: &str) -> surety_agent::Handle {
        let chain = self.market.node.provider().erased();
        surety_agent::start_on(self.config(name, roles), chain).await.unwrap()
    }

    fn config(&self, name: &str, roles: &str) -> surety_agent::Config {
        let market = &self.market;
        let owner = if name == "buyer" { market.world.buyer() } else { market.world.seller() };
        let contracts = market.world.contracts();
        let text = format!(
            "key_file = '{}'\nchain_rpc = 'http://127.0.0.1:1'\nchain_id = {}\nescrow = '{}'\n\
             relayer_url = '{}'\nlisten = '127.0.0.1:0'\nstore = '{name}'\npoll_ms = 10\n\
             allow_private_hosts = true\n{roles}",
            key_file(&market.folder, name, &owner).display(),
            contracts.chain_id,
            contracts.escrow,
            market.relayer.url(),
        );
        let path = market.folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        surety_agent::Config::load(&path).unwrap()
    }

    async fn seller(&self) -> surety_agent::Handle {
        self.agent("seller", &format!("[seller]\nworker = ['printf', '%s', '{WORK}']")).await
    }

    pub(super) async fn buy(
        &self,
        buyer: &surety_agent::Handle,
        seller: &surety_agent::Handle,
        sheet: TermSheet,
    ) -> Result<B256, Value> {
        self.buy_at(buyer, seller.url(), sheet).await
    }

    /// Asks a buyer's agent for a deal with whoever answers at an address.
    pub(super) async fn buy_at(
        &self,
        buyer: &surety_agent::Handle,
        seller: &str,
        sheet: TermSheet,
    ) -> Result<B256, Value> {
        let seller_url = seller.parse().unwrap();
        self.want(buyer, &NewDeal { term_sheet: sheet, seller_url, hidden: None }).await
    }

    /// Asks a buyer's agent for a deal.
    pub(super) async fn want(
        &self,
        buyer: &surety_agent::Handle,
        wanted: &NewDeal,
    ) -> Result<B256, Value> {
        let url = format!("{}/v1/deals", buyer.url());
        let answer = self.http.post(url).json(wanted).send().await.unwrap();
        if answer.status() == StatusCode::ACCEPTED {
            Ok(answer.json::<DealSummary>().await.unwrap().deal_id)
        } else {
            Err(answer.json().await.unwrap())
        }
    }

    pub(super) async fn until_ended(&self, agent: &surety_agent::Handle, deal: B256) -> DealView {
        self.until(agent, deal, |view| view.stage == Some(Stage::Ended)).await
    }

    /// Waits until an agent shows a deal as wanted.
    pub(super) async fn until(
        &self,
        agent: &surety_agent::Handle,
        deal: B256,
        wanted: impl Fn(&DealView) -> bool,
    ) -> DealView {
        let url = format!("{}/v1/deals/{deal}", agent.url());
        let wait = async {
            loop {
                let view: DealView =
                    self.http.get(&url).send().await.unwrap().json().await.unwrap();
                if wanted(&view) {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), wait).await.unwrap()
    }

    pub(super) async fn bytes(&self, url: String) -> Vec<u8> {
        let answer = self.http.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        answer.bytes().await.unwrap().to_vec()
    }

    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.market.folder.path().join(name)
    }

    pub(super) async fn close(self) {
        for juror in self.jurors {
            juror.shutdown().await;
        }
        self.market.relayer.shutdown().await;
    }
}

fn juror(market: &Market, index: usize, listen: String, provider: &str) -> Config {
    let store = market.folder.path().join(format!("juror-{index}"));
    let identity = store.with_extension("age");
    create(&identity).unwrap();
    let key = key_file(&market.folder, &format!("j{index}"), &actors::juror(index));
    let config = seat::config(market.world.contracts(), store, key, provider);
    Config { listen, identities: vec![identity], ..config }
}

fn expect_private(what: &str, bytes: &[u8]) {
    for planted in [PROSE, WORK, "Quicksilver", "The deliverable is whole"] {
        let found = bytes.windows(planted.len()).any(|part| part == planted.as_bytes());
        assert!(!found, "{what} holds {planted:?}");
    }
}

fn reader(folder: &Path) -> Identities {
    Identities::read([folder.join("identity.age").as_path()]).unwrap()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told from its beginning to its end")]
async fn a_private_deal_is_judged_and_paid_and_only_its_readers_can_read_it() {
    let house = House::open().await;
    let buyer = house.agent("buyer", "[buyer]").await;
    let seller = house.seller().await;
    let public = house.sheet();
    assert!(public.recipients.is_none(), "the agents make the deal private by themselves");
    let deal = house.buy(&buyer, &seller, public.clone()).await.unwrap();
    for agent in [&buyer, &seller] {
        let view = house.until_ended(agent, deal).await;
        assert_eq!(view.milestones[0].ending, Some(Ending::Accepted));
    }

    // Whatever the relayer keeps and answers, and whatever jurors keep, tells nobody.
    let relayer = house.market.relayer.url().to_owned();
    let digest = keccak256(WORK);
    let shown = house.bytes(format!("{relayer}/v1/deals/{deal}")).await;
    let shown_json: Value = serde_json::from_slice(&shown).unwrap();
    let case = shown_json["milestones"][0]["cases"][0]["caseId"].as_str().unwrap().to_owned();
    let view = house.bytes(format!("{relayer}/v1/cases/{case}")).await;
    let file = house.bytes(format!("{relayer}/v1/deliverables/{digest}?deal={deal}")).await;
    for (what, bytes) in [("the deal", &shown), ("the case", &view), ("the file", &file)] {
        expect_private(what, bytes);
    }
    let plain = house.http.get(format!("{relayer}/v1/deliverables/{digest}")).send().await.unwrap();
    assert_eq!(plain.status(), 404);
    for store in ["relayer", "juror-0", "juror-1", "juror-2", "juror-3", "juror-4"] {
        let contents = stored(&house.folder(store));
        assert!(contents.len() > 1, "{store}");
        for bytes in &contents {
            expect_private(store, bytes);
        }
    }
    for bytes in stored(&house.folder("seller").join("deliverables")) {
        expect_private("the seller's folder", &bytes);
    }

    // Each party reads the work, the transcript and every request and answer, and replays the ballot.
    let ballots = serde_json::from_slice::<CaseView>(&view).unwrap().ballots;
    for party in ["buyer", "seller"] {
        let identities = reader(&house.folder(party));
        assert_eq!(identities.decrypt(&file, 1_000).unwrap(), WORK.as_bytes());
        for juror in &house.jurors {
            let ballot = ballots.iter().find(|ballot| ballot.juror == juror.juror());
            let Some(ballot) = ballot else { continue };
            let transcript = house.transcript(juror, &case, &identities).await;
            let digests = named(&transcript, ballot.transcript);
            let mut blobs = std::collections::HashMap::new();
            for digest in digests {
                let url = format!("{}/v1/cases/{case}/blobs/{digest}", juror.url());
                let blob = house.bytes(url).await;
                expect_private("a blob", &blob);
                blobs.insert(digest, identities.decrypt(&blob, 1 << 20).unwrap());
            }
            assert!(!blobs.is_empty());
            let evidence = Evidence {
                transcript: &transcript,
                root: ballot.transcript,
                milestone: &public.milestones[0],
                deliverable: Some(WORK.as_bytes()),
                template: public.template,
            };
            let replayed = replay(&evidence, &|digest| blobs.get(&digest).cloned()).unwrap();
            let opinion = replayed.opinion;
            assert_eq!((opinion.met, opinion.failed), (ballot.met, ballot.failed));
        }
    }
    let stranger = Identities::new(vec![Identity::random()]);
    assert!(stranger.decrypt(&file, 1_000).is_err());
    house.replay_by_command(&case, &ballots[0], &public, &file).await;
    buyer.shutdown().await;
    seller.shutdown().await;
    house.close().await;
}

impl House {
    async fn transcript(&self, juror: &Handle, case: &str, reader: &Identities) -> Vec<u8> {
        let file = self.bytes(format!("{}/v1/cases/{case}/transcript", juror.url())).await;
        expect_private("a transcript", &file);
        reader.decrypt(&file, 1 << 20).unwrap()
    }

    /// The same with the files as they lie at the juror, by `surety jury replay --identity`.
    async fn replay_by_command(
        &self,
        case: &str,
        ballot: &surety_relayer::wire::BallotView,
        sheet: &TermSheet,
        deliverable: &[u8],
    ) {
        let index = (0..5).find(|index| actors::juror(*index).address() == ballot.juror).unwrap();
        let folder = self.folder(&format!("juror-{index}"));
        let case = case.trim_start_matches("0x");
        let root = alloy::hex::encode(ballot.transcript);
        let transcript = folder.join(format!("transcripts/{case}/{root}.jsonl.age"));
        let sheet_file = self.folder("sheet.json");
        std::fs::write(&sheet_file, sheet.canonical()).unwrap();
        let work_file = self.folder("work.age");
        std::fs::write(&work_file, deliverable).unwrap();
        let identity = self.folder("seller").join("identity.age");
        let text = |path: &Path| path.display().to_string();
        let (transcript, sheet_file) = (text(&transcript), text(&sheet_file));
        let (work_file, identity) = (text(&work_file), text(&identity));
        let arguments =
            ["jury", "replay", &transcript, "--sheet", &sheet_file, "--deliverable", &work_file];
        let done = cli::result(&[&arguments[..], &["--identity", &identity]].concat()).await;
        assert_eq!((&done["met"], &done["failed"]), (&json!(ballot.met), &json!(ballot.failed)));
        let refused = cli::failure(&arguments).await;
        assert!(!refused.contains("Quicksilver"), "{refused}");
    }
}

/// The digests of all requests and answers that a transcript names.
fn named(transcript: &[u8], root: B256) -> Vec<B256> {
    let entries = Transcript::verify(transcript, root).unwrap().entries().unwrap();
    let mut digests = Vec::new();
    for entry in entries {
        if let Entry::Call(call) = entry {
            digests.push(call.request_digest);
            digests.extend(call.response_digest);
        }
    }
    digests
}

#[tokio::test]
async fn an_agent_signs_no_deal_that_a_juror_or_its_owner_could_not_read() {
    let mut house = House::open().await;
    let buyer = house.agent("buyer", "[buyer]").await;
    let seller = house.seller().await;
    let stranger = Identity::random().recipient();
    let mut sheet = house.sheet();
    sheet.recipients = Some(Recipients { buyer: stranger, seller: stranger });
    let refused = house.buy(&buyer, &seller, sheet).await.unwrap_err();
    assert_eq!(refused["field"], "recipients.buyer");

    // One juror is down, and nobody has its document.
    let gone = house.jurors.pop().unwrap();
    let (url, key) = (gone.url().to_owned(), gone.juror());
    gone.shutdown().await;
    let refused = house.buy(&buyer, &seller, house.sheet()).await.unwrap_err();
    assert_eq!(refused["field"], "jury");
    let rule = refused["rule"].as_str().unwrap();
    assert!(rule.contains(&key.to_string()) && rule.contains(&url), "{rule}");
    buyer.shutdown().await;

    // A principal may allow a public deal. This seller's does not.
    let buyer = house.agent("buyer", "public_deals = true\n[buyer]").await;
    let deal = house.buy(&buyer, &seller, house.sheet()).await.unwrap();
    let url = format!("{}/v1/deals/{deal}", buyer.url());
    let declined = async {
        loop {
            let view: DealView = house.http.get(&url).send().await.unwrap().json().await.unwrap();
            if view.stage == Some(Stage::Refused) {
                return view.problem.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let declined = tokio::time::timeout(Duration::from_secs(20), declined).await.unwrap();
    assert!(declined.detail.contains("public_deals"), "{declined:?}");
    buyer.shutdown().await;
    seller.shutdown().await;
    house.close().await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told from its beginning to its end")]
async fn nobody_but_a_party_puts_an_age_file_on_a_relayers_shelf() {
    let house = House::open().await;
    let market = &house.market;
    let contracts = market.world.contracts();
    let (owner, stranger) = (Identity::random(), market.world.relayer());
    let (buying, selling) = (market.world.buyer(), market.world.seller());
    let mut sheet = house.sheet();
    let parties = Recipients { buyer: owner.recipient(), seller: owner.recipient() };
    sheet.recipients = Some(parties);
    let deal = surety_agent::Deal::new(sheet.clone(), 0);
    let buyer = market.session(market.world.buyer()).await;
    let seller = market.session(market.world.seller()).await;
    let (paid, bonded) = crate::agent::signatures(&deal, &buyer, &seller);
    surety_agent::ops::open::submit(&buyer, &deal, paid, bonded).await.unwrap();

    let relayer = market.relayer.url();
    let file = encrypt(&sheet.canonical(), &parties.both()).unwrap();
    let delivery = surety_bindings::escrow::Delivery {
        dealId: deal.id,
        milestone: 0,
        deliverable: keccak256(WORK),
        uri: String::new(),
    };
    let signature = sign::delivery(&market.world.seller(), contracts, &delivery);
    let signed = |key, content: B256, file: &[u8]| {
        sign::digest(key, upload_digest(deal.id, content, file, &sheet.domain()))
    };
    let request = |sheet_signature| PrivateDeliveryRequest {
        private_sheet: PrivateSheet {
            terms: sheet.terms().abi_encode().into(),
            age_file: AgeFile(file.clone()),
            signature: sheet_signature,
        },
        delivery: delivery.clone(),
        signature: signature.clone(),
    };
    let deliveries = format!("{relayer}/v1/deliveries");
    let post = async |body: Value| house.http.post(&deliveries).json(&body).send().await.unwrap();

    // A delivery of the seller's with a stranger's sheet; the sheet in the clear; another deal's terms.
    let document = sheet.document();
    let forged = request(signed(&stranger, document, &file));
    let refused = problem(post(json!(forged)).await).await;
    assert_eq!(refused.slug(), "signature-invalid");
    let clear = json!({ "termSheet": sheet, "delivery": {
        "dealId": deal.id, "milestone": 0, "deliverable": delivery.deliverable, "uri": "" },
        "signature": signature });
    assert_eq!(problem(post(clear).await).await.slug(), "sheet-private");
    let mut other = request(signed(&selling, document, &file));
    other.private_sheet.terms = house.sheet().terms().abi_encode().into();
    assert_eq!(problem(post(json!(other)).await).await.slug(), "wrong-deal");
    for bytes in &stored(&house.folder("relayer")) {
        expect_private("relayer", bytes);
    }

    // Bytes under the digest, before and after the delivery that names it.
    let work = encrypt(WORK.as_bytes(), &parties.both()).unwrap();
    let put = async |file: Vec<u8>, signature: alloy::primitives::Bytes| {
        let query = format!("deal={}&signature={signature}", deal.id);
        let url = format!("{relayer}/v1/deliverables/{}?{query}", delivery.deliverable);
        house.http.put(url).body(file).send().await.unwrap()
    };
    let good = signed(&selling, delivery.deliverable, &work);
    assert_eq!(problem(put(work.clone(), good.clone()).await).await.slug(), "delivery-unknown");
    let taken = post(json!(request(signed(&selling, document, &file)))).await;
    assert_eq!(taken.status(), StatusCode::ACCEPTED);
    let junk = b"age-encryption.org/v1\njunk".to_vec();
    let by_stranger = signed(&stranger, delivery.deliverable, &junk);
    let by_buyer = signed(&buying, delivery.deliverable, &junk);
    for (file, signature) in [
        (junk.clone(), by_stranger),
        (junk.clone(), by_buyer),
        (junk, good.clone()),
        (work.clone(), signed(&selling, document, &work)),
    ] {
        assert_eq!(problem(put(file, signature).await).await.slug(), "signature-invalid");
    }
    let plain = format!("{relayer}/v1/deliverables/{}", delivery.deliverable);
    let unsigned = house.http.put(&plain).body(work.clone()).send().await.unwrap();
    assert_eq!(problem(unsigned).await.slug(), "digest-mismatch");
    assert_eq!(put(work.clone(), good.clone()).await.status(), 204);
    assert_eq!(put(work.clone(), good).await.status(), 204, "the same again is the same");
    assert_eq!(house.bytes(format!("{plain}?deal={}", deal.id)).await, work);

    // The buyer shows the sheet too; a stranger cannot.
    let url = format!("{relayer}/v1/deals/{}/sheet", deal.id);
    let shown = async |key| {
        let signature = signed(key, document, &file);
        let sheet = PrivateSheet { signature, ..request(B256::ZERO.0.into()).private_sheet };
        house.http.put(&url).json(&sheet).send().await.unwrap()
    };
    assert_eq!(problem(shown(&stranger).await).await.slug(), "signature-invalid");
    assert_eq!(shown(&buying).await.status(), 204);

    // On schedule everything that was handed in is gone, and what the chain says stays.
    let end = sheet.milestones[0].deliver_by + sheet.judge_within;
    market.node.advance(Duration::from_secs(end + 91 * 86_400 - market.node.now()));
    let gone = async {
        let url = format!("{plain}?deal={}", deal.id);
        while house.http.get(&url).send().await.unwrap().status() != 404 {
            // The schedule is looked at every ten minutes of the chain's time.
            market.node.advance(Duration::from_mins(11));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();
    for bytes in stored(&house.folder("relayer").join("deliverables")) {
        assert!(!bytes.starts_with(b"age-encryption"));
    }
    let view: Value =
        serde_json::from_slice(&house.bytes(format!("{relayer}/v1/deals/{}", deal.id)).await)
            .unwrap();
    assert_eq!(view["isOpen"], true);
    house.close().await;
}
