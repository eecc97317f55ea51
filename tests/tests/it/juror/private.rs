//! A juror and a private deal: what it reads, what it refuses, what it leaves on its disk.

use std::path::PathBuf;

use alloy::primitives::{B256, keccak256};
use reqwest::{Response, StatusCode};
use surety_juror::{Config, Handle};
use surety_jury::ballot::Reason;
use surety_jury::wire::{CaseRequest, CaseState, CaseStatus};
use surety_privacy::{
    AgeFile, Identities, Identity, PrivateCaseRequest, PrivateReveal, Recipient, Recipients,
    create, encrypt, read,
};
use surety_terms::{HiddenCriterion, Kind, Reveal};

use super::{Act, Court, DAY, Double, Log, WORK, problem, stored};

/// What stands in the sheet and nowhere else.
pub(crate) const PROSE: &[u8] = b"Of the last quarter.";

/// Another deliverable that passes the sheet's check.
const OTHER: &[u8] = b"Another quarterly report.";

/// A private deal, and who may read it.
struct Private {
    court: Court,
    buyer: Identity,
    juror: Identity,
}

impl Private {
    async fn new(provider: Double) -> Self {
        let mut court = Court::new(provider);
        let juror = create(&court.folder.path().join("juror.age")).unwrap();
        let (buyer, seller) = (Identity::random(), Identity::random());
        let parties = Recipients { buyer: buyer.recipient(), seller: seller.recipient() };
        court.sheet.recipients = Some(parties);
        court.open().await;
        Self { court, buyer, juror }
    }

    async fn kind() -> Self {
        Self::new(Double::start(|_, _| Act::Vote("MET")).await).await
    }

    fn config(&self) -> Config {
        let identities = vec![self.court.folder.path().join("juror.age")];
        Config { identities, ..self.court.config() }
    }

    async fn start(&self) -> Handle {
        self.court.try_start(self.config()).await.unwrap()
    }

    fn readers(&self) -> Vec<Recipient> {
        let parties = self.court.sheet.recipients.unwrap();
        [&parties.both()[..], &[self.juror.recipient()]].concat()
    }

    fn file(&self, bytes: &[u8]) -> Vec<u8> {
        encrypt(bytes, &self.readers()).unwrap()
    }

    /// The case about `work`, with the sheet in these age files.
    fn request(&self, work: &[u8], sheets: &[Vec<u8>]) -> PrivateCaseRequest {
        let CaseRequest { delivery, signature, round, .. } = self.court.request(work);
        let private_sheets = sheets.iter().cloned().map(AgeFile).collect();
        PrivateCaseRequest { private_sheets, delivery, signature, round }
    }

    async fn post(&self, juror: &Handle, request: &PrivateCaseRequest) -> Response {
        let url = format!("{}/v1/cases", juror.url());
        self.court.http.post(url).json(request).send().await.unwrap()
    }

    /// Hands in the case about `work` and returns its id.
    async fn take(&self, juror: &Handle, work: &[u8]) -> B256 {
        let sheet = self.file(&self.court.sheet.canonical());
        let answer = self.post(juror, &self.request(work, &[sheet])).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, StatusCode::ACCEPTED, "{text}");
        serde_json::from_str::<CaseStatus>(&text).unwrap().case_id
    }

    async fn push(&self, juror: &Handle, digest: B256, file: Vec<u8>) -> Response {
        let url = format!("{}/v1/deliverables/{digest}", juror.url());
        self.court.http.put(url).body(file).send().await.unwrap()
    }

    async fn get(&self, juror: &Handle, path: &str) -> Response {
        self.court.http.get(format!("{}{path}", juror.url())).send().await.unwrap()
    }

    fn expect_nothing_in_the_clear(&self) {
        for bytes in stored(&self.court.store()) {
            for planted in [PROSE, WORK, b"three markets", b"The deliverable is complete"] {
                let found = bytes.windows(planted.len()).any(|part| part == planted);
                assert!(!found, "{:?}", String::from_utf8_lossy(planted));
            }
        }
    }
}

#[tokio::test]
async fn a_private_case_is_judged_and_nothing_of_it_lies_in_the_clear() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let deal = Private::kind().await;
    let juror = deal.start().await;
    let case = deal.take(&juror, WORK).await;
    assert_eq!(deal.push(&juror, keccak256(WORK), deal.file(WORK)).await.status(), 204);
    let ballot = deal.court.ballot(&juror, case).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b111, 0, 0));
    deal.expect_nothing_in_the_clear();
    juror.shutdown().await;
    deal.expect_nothing_in_the_clear();

    let secret = std::fs::read_to_string(deal.court.folder.path().join("juror.age")).unwrap();
    let secret = secret.lines().find(|line| line.starts_with("AGE-SECRET")).unwrap().to_owned();
    let logged = log.0.lock().unwrap().clone();
    assert!(!logged.is_empty());
    for bytes in stored(&deal.court.store()).into_iter().chain([logged]) {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
    }
}

#[tokio::test]
async fn what_the_juror_cannot_use_is_no_delivery_and_no_better_than_none() {
    let deal = Private::kind().await;
    let juror = deal.start().await;
    let case = deal.take(&juror, WORK).await;
    let digest = keccak256(WORK);
    let whole = deal.file(WORK);
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let crowd = vec![deal.juror.recipient(); 60];
    let horde = vec![deal.juror.recipient(); 5_000];
    let scrypt: &[u8] =
        b"age-encryption.org/v1\n-> scrypt Zm9vYmFyZm9vYmFyZm9vYmE 30\nAA\n--- AA\n";
    for (why, file, slug) in [
        ("another reader", encrypt(WORK, &[deal.buyer.recipient()]).unwrap(), "unreadable"),
        ("cut off", whole[..whole.len() - 1].to_vec(), "unreadable"),
        ("a flipped bit", flipped, "unreadable"),
        ("a crowd", encrypt(WORK, &crowd).unwrap(), "unreadable"),
        ("a horde", encrypt(WORK, &horde).unwrap(), "too-large"),
        ("a passphrase", scrypt.to_vec(), "unreadable"),
        ("too much", deal.file(&vec![0; (1 << 16) + 1]), "unreadable"),
        ("other bytes", deal.file(b"other work"), "digest-mismatch"),
        ("no age file", b"other work".to_vec(), "digest-mismatch"),
    ] {
        let refused = problem(deal.push(&juror, digest, file).await).await;
        assert_eq!(refused.slug(), slug, "{why}: {}", refused.detail);
    }
    let endless = deal.push(&juror, digest, vec![0; 1 << 20]).await;
    assert_eq!(endless.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let state = deal.court.status(&juror, case, 0).await.state;
    assert_eq!(state, CaseState::AwaitingDeliverable);
    // As if nothing had come: in the last tenth of the window it is missing, which fails everything.
    deal.court.go_to(deal.court.deliver_by() + DAY - DAY / 10);
    let ballot = deal.court.ballot(&juror, case).await;
    assert_eq!((ballot.met, ballot.failed), (0, 0b111));
    assert_eq!(ballot.reason, Reason::Missing.byte());
    juror.shutdown().await;
}

#[tokio::test]
async fn one_party_cannot_keep_the_sheet_from_a_juror_and_an_unreadable_one_is_named() {
    let deal = Private::kind().await;
    let juror = deal.start().await;
    let sheet = deal.court.sheet.canonical();
    let for_others = encrypt(&sheet, &[deal.buyer.recipient()]).unwrap();
    let mut other = deal.court.sheet.clone();
    other.salt = B256::repeat_byte(3);
    let others = deal.file(&other.canonical());
    for sheets in [vec![], vec![for_others.clone()], vec![others, b"no age file".to_vec()]] {
        let refused = problem(deal.post(&juror, &deal.request(WORK, &sheets)).await).await;
        assert_eq!(refused.slug(), "sheet-unreadable");
        assert!(refused.rule.unwrap().contains(&deal.juror.recipient().to_string()));
    }
    let three = vec![for_others.clone(); 3];
    assert_eq!(deal.post(&juror, &deal.request(WORK, &three)).await.status(), 413);
    let both = deal.request(WORK, &[for_others, deal.file(&sheet)]);
    assert_eq!(deal.post(&juror, &both).await.status(), 202);
    juror.shutdown().await;
}

#[tokio::test]
async fn a_juror_without_an_identity_takes_public_deals_only() {
    let deal = Private::kind().await;
    let juror = deal.court.start().await;
    let sheet = deal.file(&deal.court.sheet.canonical());
    let refused = problem(deal.post(&juror, &deal.request(WORK, &[sheet])).await).await;
    assert_eq!(refused.slug(), "no-identity");
    let in_the_clear = deal.court.refused(&juror, &deal.court.request(WORK)).await;
    assert_eq!(in_the_clear.slug(), "no-identity");
    juror.shutdown().await;
}

#[tokio::test]
async fn a_restart_goes_on_with_a_private_case_and_old_identities_read_it() {
    let deal = Private::kind().await;
    let juror = deal.start().await;
    let case = deal.take(&juror, WORK).await;
    juror.shutdown().await;

    let without = deal.court.try_start(deal.court.config()).await.unwrap_err().to_string();
    assert!(without.contains("identities") && !without.contains('\n'), "{without}");
    let fresh = deal.court.folder.path().join("fresh.age");
    let new = create(&fresh).unwrap();
    let identities: Vec<PathBuf> = [&[fresh][..], &deal.config().identities].concat();
    let juror = deal.court.try_start(Config { identities, ..deal.config() }).await.unwrap();
    let prices = deal.get(&juror, "/v1/prices").await.text().await.unwrap();
    assert!(prices.contains(&new.recipient().to_string()), "{prices}");
    assert_eq!(deal.push(&juror, keccak256(WORK), deal.file(WORK)).await.status(), 204);
    assert_eq!(deal.court.ballot(&juror, case).await.met, 0b111);
    juror.shutdown().await;
}

#[tokio::test]
async fn dying_between_reading_and_judging_changes_nothing() {
    let deal = Private::new(
        Double::start(|number, _| match number {
            0 => Act::Hang,
            _ => Act::Vote("MET"),
        })
        .await,
    )
    .await;
    let juror = deal.start().await;
    let case = deal.take(&juror, WORK).await;
    deal.push(&juror, keccak256(WORK), deal.file(WORK)).await;
    while deal.court.provider.seen().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    juror.shutdown().await;
    deal.expect_nothing_in_the_clear();
    let juror = deal.start().await;
    let ballot = deal.court.ballot(&juror, case).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b111, 0, 0));
    juror.shutdown().await;
}

#[tokio::test]
async fn a_reveal_of_a_private_case_is_shown_to_its_parties_only() {
    let text = "Names the auditors of the report.";
    let hidden =
        HiddenCriterion { salt: B256::repeat_byte(9), text: text.to_owned(), kind: Kind::Llm };
    let mut deal = Private::kind().await;
    let criteria = &mut deal.court.sheet.milestones[0].criteria;
    let commitment = hidden.commitment();
    criteria[2].kind = Kind::Hidden { commitment, of: "complete".to_owned() };
    deal.court.open().await;
    let juror = deal.start().await;
    let case = deal.take(&juror, WORK).await;
    let reveal = Reveal { criterion_id: "correct".to_owned(), document: hidden.clone() };
    let url = format!("{}/v1/cases/{case}/reveals", juror.url());
    let file = deal.file(&serde_json::to_vec(&reveal).unwrap());
    let answer = deal.court.http.post(&url).body(file).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let shown: Vec<PrivateReveal> =
        deal.court.http.get(&url).send().await.unwrap().json().await.unwrap();
    let buyer = Identities::new(vec![deal.buyer.clone()]);
    let plain = buyer.decrypt(&shown[0].age_file.0, 10_000).unwrap();
    assert_eq!(serde_json::from_slice::<HiddenCriterion>(&plain).unwrap(), hidden);
    for bytes in stored(&deal.court.store()) {
        assert!(!bytes.windows(text.len()).any(|part| part == text.as_bytes()));
    }
    juror.shutdown().await;
}

#[tokio::test]
async fn records_are_deleted_on_schedule_and_those_of_open_cases_stay() {
    let mut deal = Private::kind().await;
    let config = Config { retention_days: 1, ..deal.config() };
    let juror = deal.court.try_start(config).await.unwrap();
    let first = deal.take(&juror, WORK).await;
    deal.push(&juror, keccak256(WORK), deal.file(WORK)).await;
    let ballot = deal.court.ballot(&juror, first).await;
    let path = format!("/v1/cases/{first}/transcript");
    assert_eq!(problem(deal.get(&juror, &path).await).await.slug(), "too-early");

    // Two more deals whose time is not over then: one of the same work, one that still waits.
    let over = deal.court.deliver_by() + DAY;
    deal.court.sheet.open_by = over;
    deal.court.sheet.milestones[0].deliver_by = over + 2 * DAY;
    deal.court.sheet.salt = B256::repeat_byte(2);
    deal.court.open().await;
    let second = deal.take(&juror, WORK).await;
    deal.court.ballot(&juror, second).await;
    deal.court.sheet.salt = B256::repeat_byte(3);
    deal.court.open().await;
    let third = deal.take(&juror, OTHER).await;
    deal.court.go_to(over + DAY - 1);
    assert_eq!(deal.get(&juror, &path).await.status(), 200);
    deal.court.go_to(over + DAY + 601);
    let deleted = async {
        while deal.get(&juror, &path).await.status() != StatusCode::GONE {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), deleted).await.unwrap();
    let folder = |case: B256| deal.court.store().join("transcripts").join(alloy::hex::encode(case));
    assert!(!folder(first).exists());
    assert_eq!(deal.court.ballot(&juror, first).await, ballot, "ballots stay for ever");
    let work = format!("deliverables/{}.age", alloy::hex::encode(keccak256(WORK)));
    assert!(folder(second).exists() && deal.court.store().join(work).exists());
    deal.push(&juror, keccak256(OTHER), deal.file(OTHER)).await;
    assert_eq!(deal.court.ballot(&juror, third).await.met, 0b111);
    juror.shutdown().await;
    assert_eq!(read(&deal.config().identities[0]).unwrap().recipient(), deal.juror.recipient());
}
