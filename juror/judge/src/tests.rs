//! Judging against a real HTTP provider and a real store.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use alloy::primitives::{B128, B256, keccak256};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use surety_dialect::Dialect;
use surety_fetch::Bounds;
use surety_jury::{
    Entry, Opinion, Question, Reason, Source, Subject, Transcript, check, transcript::Call,
};
use surety_store::Blobs;
use surety_terms::{
    Check, Criterion, Expect, HiddenCriterion, Kind, MilestoneSheet, Reveal, check::Probe,
};
use tempfile::TempDir;

mod canaries;
mod faults;
mod outages;
mod proxies;
mod templates;

use crate::{
    Case, Clock, Judge, Judged, Provider, ProviderConfig, Records, Session, Until,
    double::{Act, Double},
};

const TEXT: &str = "The quarterly report covers three markets.\nRevenue grew by nine percent.\n";
/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(1);
const SECRET: &str = "sk-planted-secret-0123456789";

fn config(double: &Double) -> ProviderConfig {
    ProviderConfig {
        dialect: Dialect::OpenAiChat,
        base_url: double.url.parse().unwrap(),
        model: "double-1".to_owned(),
        api_key_env: None,
        timeout_secs: TIMEOUT.as_secs(),
        max_output_tokens: 500,
        breaker_outages: 1_000,
        breaker_secs: 1,
    }
}

fn judge(double: &Double) -> Judge {
    judge_of(&config(double))
}

fn judge_of(config: &ProviderConfig) -> Judge {
    Judge {
        provider: Provider::new(config, Some(SECRET.to_owned().into())).unwrap(),
        budget: None,
        family: "rehearsal-double".to_owned(),
        source: Source::Rehearsal,
        questions: 4,
        bounds: Bounds {
            allow_private_hosts: true,
            most_bytes: 10_000,
            within: Duration::from_millis(300),
        },
        check_within: Duration::from_secs(30),
    }
}

/// One that asks one question after another, by a clock.
fn by(judge: Judge, clock: &Clock) -> Judge {
    Judge { provider: judge.provider.by(clock.clone()), questions: 1, ..judge }
}

/// The same by a clock that is told, and that clock.
fn told(judge: Judge) -> (Judge, Clock) {
    let clock = Clock::told();
    (by(judge, &clock), clock)
}

/// A script that always does the same. What hangs takes all the patience that a judge has with it.
fn acting(act: Act, clock: Clock) -> impl Fn(usize, &Question) -> Act + Send + Sync + 'static {
    move |_, _| {
        if matches!(act, Act::Hang) {
            clock.pass(TIMEOUT);
        }
        act.clone()
    }
}

fn llm(id: &str) -> Criterion {
    Criterion {
        id: id.to_owned(),
        text: format!("The deliverable is {id}."),
        weight_bps: surety_terms::Bps::new(5_000),
        mandatory: false,
        evidence_required: true,
        kind: Kind::Llm,
    }
}

fn checked(id: &str, check: Check) -> Criterion {
    Criterion { kind: Kind::Check(check), ..llm(id) }
}

fn milestone(criteria: Vec<Criterion>) -> MilestoneSheet {
    MilestoneSheet {
        title: "Report".to_owned(),
        description: "A quarterly report.".to_owned(),
        amount: surety_terms::Usdc::ZERO,
        deliver_by: 1_800_000_000,
        pass_bps: surety_terms::Bps::new(10_000),
        pro_rata: false,
        criteria,
    }
}

pub(crate) fn a_case(deliverable: &[u8]) -> Case {
    Case {
        case_id: B256::repeat_byte(1),
        deliverable: keccak256(deliverable),
        nonce: B128::repeat_byte(7),
        template: None,
    }
}

/// The records of a store in which the case was taken.
pub(crate) async fn open(folder: &Path, case: &Case) -> Records {
    let records = reopen(folder).await;
    sqlx::query("INSERT INTO cases VALUES (?, ?, 0, 1, ?, 0, ?, x'', 1, NULL)")
        .bind(case.case_id.as_slice())
        .bind(case.case_id.as_slice())
        .bind(case.deliverable.as_slice())
        .bind(case.nonce.as_slice())
        .execute(&pool(folder).await)
        .await
        .unwrap();
    records
}

async fn reopen(folder: &Path) -> Records {
    let pool = pool(folder).await;
    sqlx::migrate!("../migrations").run(&pool).await.unwrap();
    Records::new(pool, Blobs::folder(&folder.join("transcripts")).unwrap())
}

async fn pool(folder: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(folder.join("juror.sqlite"))
        .create_if_missing(true)
        .foreign_keys(true);
    SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
}

/// A store in which the case about `TEXT` was taken.
struct Desk {
    folder: TempDir,
    case: Case,
    records: Records,
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = a_case(TEXT.as_bytes());
        let records = open(folder.path(), &case).await;
        Self { folder, case, records }
    }

    /// A session that has read it.
    async fn session<'a>(&'a self, judge: &'a Judge, milestone: &MilestoneSheet) -> Session<'a> {
        let mut session = judge.session(&self.records, self.case, milestone).await.unwrap();
        session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
        session
    }
}

/// One round of questions about `deliverable`.
async fn round(double: &Double, milestone: &MilestoneSheet, deliverable: &[u8]) -> Judged {
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(deliverable);
    let records = open(folder.path(), &case).await;
    let judge = judge(double);
    let mut session = judge.session(&records, case, milestone).await.unwrap();
    session.read(deliverable.to_vec(), &[]).await.unwrap();
    session.round(soon()).await.unwrap()
}

/// A deadline that no test reaches.
fn soon() -> Until {
    within(Duration::from_mins(1))
}

fn within(patience: Duration) -> Until {
    Until { deadline: Instant::now() + patience, day: 20_000 }
}

fn opinion(met: u16, failed: u16, reason: Reason) -> Judged {
    Judged::Opinion(Opinion { met, failed, reason })
}

#[tokio::test]
async fn each_criterion_is_one_question_and_one_bit() {
    let double = Double::start(|_, question| match question.criterion.text.as_str() {
        "The deliverable is a." => Act::Vote("MET"),
        "The deliverable is b." => Act::Vote("NOT_MET"),
        "The deliverable is c." => Act::Vote("CANNOT_VERIFY"),
        _ => Act::Refusal,
    })
    .await;
    let milestone = milestone(vec![llm("a"), llm("b"), llm("c"), llm("d")]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0b0001, 0b0010, Reason::Judged));
    assert_eq!(double.seen().len(), 4, "a refusal is not asked again");
}

#[tokio::test]
async fn checks_ask_no_provider() {
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let found = Check::Regex { pattern: "nine percent".to_owned(), expect: Expect::Match };
    let absent = Check::Regex { pattern: "ten percent".to_owned(), expect: Expect::Match };
    let milestone = milestone(vec![checked("found", found), checked("absent", absent)]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0b01, 0b10, Reason::Judged));
    assert!(double.seen().is_empty());
}

#[tokio::test]
async fn one_proven_injection_fails_everything() {
    let double = Double::start(|_, question| match question.criterion.text.as_str() {
        "The deliverable is a." => Act::Injection,
        _ => Act::Vote("MET"),
    })
    .await;
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0, 0b11, Reason::Injection));
}

#[tokio::test]
async fn bytes_that_are_no_text_are_unreadable_unless_only_programs_read_them() {
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let bytes = [0xff, 0xfe, 0x00];
    let digest = Check::Digest { keccak256: keccak256(bytes) };
    let programs = milestone(vec![checked("digest", digest.clone())]);
    assert_eq!(round(&double, &programs, &bytes).await, opinion(1, 0, Reason::Judged));
    let both = milestone(vec![checked("digest", digest), llm("a")]);
    assert_eq!(round(&double, &both, &bytes).await, opinion(0, 0b11, Reason::Unreadable));
    assert!(double.seen().is_empty());
}

#[tokio::test]
async fn a_blank_deliverable_fails_without_being_shown() {
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let milestone = milestone(vec![llm("a"), llm("b")]);
    assert_eq!(round(&double, &milestone, b" :\n").await, opinion(0, 0b11, Reason::Judged));
    assert!(double.seen().is_empty());
}

#[tokio::test]
async fn a_fault_that_may_pass_is_retried_twice_and_then_an_outage() {
    for act in [Act::Raw(500, "oops"), Act::Raw(408, ""), Act::Limit("0"), Act::Hang] {
        let shown = format!("{act:?}");
        let clock = Clock::told();
        let double = Double::start(acting(act, clock.clone())).await;
        let desk = Desk::new().await;
        let judge = by(judge(&double), &clock);
        let session = desk.session(&judge, &milestone(vec![llm("a")])).await;
        let judged = session.round(soon()).await.unwrap();
        assert_eq!((judged, double.seen().len()), (Judged::Outage, 3), "{shown}");
    }
}

#[tokio::test]
async fn a_retry_sends_identical_bytes_and_the_first_valid_answer_counts() {
    let double = Double::start(|number, _| match number {
        0 => Act::Limit("0"),
        1 => Act::Raw(503, ""),
        2 => Act::Vote("NOT_MET"),
        _ => Act::Vote("MET"),
    })
    .await;
    let milestone = milestone(vec![llm("a")]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0, 1, Reason::Judged));
    let seen = double.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.windows(2).all(|pair| pair[0].1 == pair[1].1));
}

#[tokio::test]
async fn garbage_is_asked_once_more_and_abstains_on_its_criterion() {
    for text in
        ["PASS", "", "{\"verdict\":\"MET\"}", "{\"verdict\":\"NOT_MET\",\"verdict\":\"MET\"}"]
    {
        let double = Double::start(move |_, question| match question.criterion.text.as_str() {
            "The deliverable is a." => Act::Text(text),
            _ => Act::Vote("NOT_MET"),
        })
        .await;
        let milestone = milestone(vec![llm("a"), llm("b")]);
        let judged = round(&double, &milestone, TEXT.as_bytes()).await;
        assert_eq!(judged, opinion(0, 0b10, Reason::Judged), "{text:?}");
        assert_eq!(double.seen().len(), 3, "{text:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_carries_no_key_away() {
    let thief = Double::start(|_, _| Act::Vote("MET")).await;
    let to = format!("{}/chat/completions", thief.url);
    let double = Double::start(move |_, _| Act::Redirect(to.clone())).await;
    let milestone = milestone(vec![llm("a")]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, Judged::Outage);
    assert!(thief.seen().is_empty());
}

#[tokio::test]
async fn a_provider_nobody_listens_behind_is_an_outage() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let mut double = Double::start(|_, _| Act::Vote("MET")).await;
    double.url = url;
    let milestone = milestone(vec![llm("a")]);
    assert_eq!(round(&double, &milestone, TEXT.as_bytes()).await, Judged::Outage);
}

#[tokio::test]
async fn after_a_restart_no_answer_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let down = Double::start(|_, question| match question.criterion.text.as_str() {
        "The deliverable is a." => Act::Vote("NOT_MET"),
        _ => Act::Raw(500, ""),
    })
    .await;
    let records = open(folder.path(), &case).await;
    let before = judge(&down);
    let mut session = before.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    drop(session);
    drop(records);

    let up = Double::start(|_, _| Act::Vote("MET")).await;
    let records = reopen(folder.path()).await;
    let after = judge(&up);
    let mut session = after.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    assert_eq!(session.round(soon()).await.unwrap(), opinion(0b10, 0b01, Reason::Judged));
    assert_eq!(up.seen().len(), 1, "only the open question");
}

#[tokio::test]
async fn a_long_outage_costs_one_question_per_round() {
    let double = Double::start(|_, _| Act::Raw(500, "")).await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b"), llm("c")]);
    let judge = judge(&double);
    let session = desk.session(&judge, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 9);
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 12);
}

#[tokio::test]
async fn a_question_that_is_never_answered_does_not_hold_up_the_others() {
    // "b" fails through the first round and is up from then on; "a" never is.
    let double = Double::start(|number, question| match question.criterion.text.as_str() {
        "The deliverable is b." if number >= 6 => Act::Vote("NOT_MET"),
        _ => Act::Raw(500, ""),
    })
    .await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let judge = judge(&double);
    let session = desk.session(&judge, &milestone).await;
    for _ in 0..3 {
        assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    }
    let asked = double.seen().len();
    let opinion = session.last_round(soon()).await.unwrap();
    assert_eq!(opinion, Opinion { met: 0, failed: 0b10, reason: Reason::Judged });
    assert_eq!(double.seen().len(), asked + 3, "\"b\" had its answer before the last round");
}

#[tokio::test]
async fn the_last_round_asks_everything_and_voids_a_seat_that_heard_nothing() {
    let double = Double::captured(|_, _| Act::Raw(500, "")).await;
    let desk = Desk::new().await;
    let found = Check::Regex { pattern: "quarterly".to_owned(), expect: Expect::Match };
    let milestone = milestone(vec![llm("a"), llm("b"), checked("c", found)]);
    let judge = judge(&double);
    let session = desk.session(&judge, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 12);
    assert_eq!(session.last_round(soon()).await.unwrap(), Opinion::void());
    assert_eq!(double.seen().len(), 24, "all questions, and not one of them first");
}

#[tokio::test]
async fn the_transcript_and_every_exact_byte_are_on_disk_and_no_key_is() {
    let double = Double::start(|number, _| match number {
        0 => Act::Raw(500, "oops"),
        _ => Act::Vote("MET"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let milestone = milestone(vec![llm("a")]);
    let records = open(folder.path(), &case).await;
    let judge = judge(&double);
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    let Judged::Opinion(opinion) = session.round(soon()).await.unwrap() else {
        panic!("an outage")
    };
    let root = session.conclude(opinion).await.unwrap();
    assert_eq!(session.conclude(opinion).await.unwrap(), root, "concluding again changes nothing");
    drop(session);
    drop(records);

    let transcripts = folder.path().join("transcripts");
    let text = std::fs::read(transcripts.join(format!("{root:x}.jsonl"))).unwrap();
    let entries = Transcript::verify(&text, root).unwrap().entries().unwrap();
    assert_eq!(entries.len(), 7, "its case, two calls, two canaries, what was asked, the opinion");
    let calls: Vec<&Call> = entries
        .iter()
        .filter_map(|entry| if let Entry::Call(call) = entry { Some(&**call) } else { None })
        .filter(|call| is_about(&entries, call, "a"))
        .collect();
    assert_eq!(calls.iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(calls[0].outcome, "ERR(unavailable)");
    for (call, (headers, body)) in calls.iter().zip(double.seen()) {
        assert_eq!(headers["authorization"], format!("Bearer {SECRET}"));
        let blob = |digest: B256| transcripts.join("blobs").join(format!("{digest:x}"));
        assert_eq!(std::fs::read(blob(call.request_digest)).unwrap(), body);
        assert!(blob(call.response_digest.unwrap()).exists());
    }
    for file in files(folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        let planted = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!planted, "{}", file.display());
    }
}

#[tokio::test]
async fn a_deadline_ends_a_round_that_nobody_answers() {
    const PATIENCE: Duration = Duration::from_millis(200);
    let clock = Clock::told();
    let passing = clock.clone();
    let double = Double::start(move |number, _| {
        if number == 1 {
            // Both have been asked.
            passing.pass(PATIENCE);
        }
        Act::Hang
    })
    .await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let judge = Judge { questions: 4, ..by(judge(&double), &clock) };
    let session = desk.session(&judge, &milestone).await;
    let until = Until { deadline: clock.now() + PATIENCE, day: 20_000 };
    assert_eq!(session.round(until).await.unwrap(), Judged::Outage);
    assert_eq!(double.seen().len(), 2, "one attempt at each");
    let root = session.conclude(Opinion::void()).await.unwrap();
    assert!(!root.is_zero(), "the transcript is whole");
}

/// Whether the end of a transcript says that a call was about this criterion.
fn is_about(entries: &[Entry], call: &Call, criterion: &str) -> bool {
    let told = entries.iter().find_map(|entry| {
        if let Entry::Questions { questions } = entry { Some(questions) } else { None }
    });
    let subject = Subject::Criterion(criterion.to_owned());
    told.unwrap().iter().any(|told| told.question_id == call.question_id && told.subject == subject)
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn mandatory(criterion: Criterion) -> Criterion {
    Criterion { mandatory: true, ..criterion }
}

#[tokio::test]
async fn a_mandatory_check_that_fails_decides_and_no_model_is_asked() {
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let absent = Check::Regex { pattern: "ten percent".to_owned(), expect: Expect::Match };
    let lost = milestone(vec![mandatory(checked("absent", absent.clone())), llm("a")]);
    let judged = round(&double, &lost, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0, 0b01, Reason::Judged));
    assert!(double.seen().is_empty());
    let optional = milestone(vec![checked("absent", absent), llm("a")]);
    let judged = round(&double, &optional, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0b10, 0b01, Reason::Judged));
}

fn hidden(id: &str, document: &HiddenCriterion) -> Criterion {
    let kind = Kind::Hidden { commitment: document.commitment(), of: "a".to_owned() };
    Criterion { kind, ..llm(id) }
}

fn document(text: &str, kind: Kind) -> HiddenCriterion {
    HiddenCriterion { salt: B256::repeat_byte(3), text: text.to_owned(), kind }
}

#[tokio::test]
async fn what_is_revealed_is_judged_and_what_is_not_counts_as_met() {
    let double = Double::start(|_, question| match question.criterion.text.as_str() {
        "Names three markets." => Act::Vote("NOT_MET"),
        _ => Act::Vote("MET"),
    })
    .await;
    let asked = document("Names three markets.", Kind::Llm);
    let absent = Check::Regex { pattern: "ten percent".to_owned(), expect: Expect::Match };
    let run = document("States the growth.", Kind::Check(absent));
    let milestone =
        milestone(vec![llm("a"), hidden("b", &asked), hidden("c", &run), hidden("d", &run)]);
    let reveals = [("b", &asked), ("c", &run)]
        .map(|(id, document)| Reveal { criterion_id: id.to_owned(), document: document.clone() });
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let records = open(folder.path(), &case).await;
    let judge = judge(&double);
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &reveals).await.unwrap();
    let judged = session.round(soon()).await.unwrap();
    assert_eq!(judged, opinion(0b1001, 0b0110, Reason::Judged));
    drop(session);

    // What was written down counts, whatever is revealed after a restart.
    let late = Reveal { criterion_id: "d".to_owned(), document: run };
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[late]).await.unwrap();
    let judged = session.round(soon()).await.unwrap();
    assert_eq!(judged, opinion(0b1001, 0b0110, Reason::Judged));
    assert_eq!(double.seen().len(), 2);
}

fn probe(path: &str) -> Check {
    Check::HttpProbe(Probe {
        method: surety_terms::check::Method::Get,
        origin: None,
        path: path.to_owned(),
        status: 200,
        pattern: Some("well".to_owned()),
    })
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_asked_again_and_failed_in_the_end() {
    use axum::{Router, http::StatusCode, routing::get};
    use std::sync::atomic::{AtomicUsize, Ordering};
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let flooded = || async {
        let number = ASKED.fetch_add(1, Ordering::SeqCst);
        if number < 2 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NOT_FOUND }
    };
    let router = Router::new()
        .route("/ok", get(|| async { "all is well" }))
        .route("/bad", get(|| async { "all is lost" }))
        .route("/flooded", get(flooded))
        .route("/down", get(|| async { StatusCode::BAD_GATEWAY }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}\n", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let criteria =
        ["/ok", "/bad", "/flooded", "/down"].map(|path| checked(&path[1..], probe(path)));
    let milestone = milestone(criteria.to_vec());
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(origin.as_bytes());
    let records = open(folder.path(), &case).await;
    let judge = judge(&double);
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(origin.into_bytes(), &[]).await.unwrap();
    for _ in 0..3 {
        assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    }
    let opinion = session.last_round(soon()).await.unwrap();
    assert_eq!(opinion, Opinion { met: 0b0001, failed: 0b1110, reason: Reason::Judged });
    assert_eq!(ASKED.load(Ordering::SeqCst), 3, "an answer is not asked for again");
    let root = session.conclude(opinion).await.unwrap();
    drop(session);
    drop(records);

    let transcripts = folder.path().join("transcripts");
    let text = std::fs::read(transcripts.join(format!("{root:x}.jsonl"))).unwrap();
    let entries = Transcript::verify(&text, root).unwrap().entries().unwrap();
    let answered = entries.iter().find_map(|entry| {
        let Entry::Check { criterion_id, answer_digest, .. } = entry else { return None };
        answer_digest.filter(|_| criterion_id == "ok")
    });
    let blob = transcripts.join("blobs").join(format!("{:x}", answered.unwrap()));
    assert_eq!(std::fs::read(blob).unwrap(), b"all is well");
}

#[tokio::test]
async fn a_service_that_is_down_holds_up_no_question() {
    let double = Double::start(|number, _| match number {
        0..3 => Act::Raw(500, ""),
        _ => Act::Vote("MET"),
    })
    .await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let deliverable = format!("http://{}\nIt will run.", nobody.local_addr().unwrap());
    drop(nobody);
    let milestone = milestone(vec![checked("service", probe("/ok")), llm("a")]);
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(deliverable.as_bytes());
    let records = open(folder.path(), &case).await;
    let judge = judge(&double);
    let mut session = judge.session(&records, case, &milestone).await.unwrap();
    session.read(deliverable.into_bytes(), &[]).await.unwrap();
    for asked in [3, 4, 4] {
        assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
        assert_eq!(double.seen().len(), asked);
    }
    let opinion = session.last_round(soon()).await.unwrap();
    assert_eq!(opinion, Opinion { met: 0b10, failed: 0b01, reason: Reason::Judged });
}

#[tokio::test]
async fn a_test_that_loops_is_failed_by_its_fuel_and_never_by_the_time_it_takes() {
    let module = wat::parse_str(
        r#"(module (memory (export "memory") 1)
             (func (export "alloc") (param i32) (result i32) (i32.const 0))
             (func (export "check") (param i32 i32) (result i32) (loop $l (br $l)) (i32.const 1)))"#,
    );
    let check = Check::Wasm {
        module: surety_terms::check::Module::new(module.unwrap()),
        fuel: surety_terms::limits::FUEL,
        memory_pages: 1,
    };
    assert_eq!(check::is_runnable(&check), Ok(()));
    let double = Double::start(|_, _| Act::Vote("MET")).await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![mandatory(checked("loops", check)), llm("a")]);

    // A juror that stands still: it has no answer, however often it tries, and writes none down.
    let late = Judge { check_within: Duration::ZERO, ..judge(&double) };
    let mut session = late.session(&desk.records, desk.case, &milestone).await.unwrap();
    for _ in 0..2 {
        let read = session.read(TEXT.as_bytes().to_vec(), &[]).await;
        assert!(matches!(read, Err(crate::JudgeError::CheckLate)), "{read:?}");
    }
    drop(session);
    let lines = desk.records.lines(desk.case.case_id).await.unwrap();
    assert_eq!(lines.len(), 1, "the heading alone");

    let judge = judge(&double);
    let session = desk.session(&judge, &milestone).await;
    let judged = session.round(soon()).await.unwrap();
    assert_eq!(judged, opinion(0, 0b01, Reason::Judged));
    assert!(double.seen().is_empty());
}
