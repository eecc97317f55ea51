//! `surety juror qualify`: a real provider over HTTP, a folder that survives, a certificate that
//! anybody checks.

use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alloy::primitives::keccak256;
use serde_json::{Value, json};
use surety_demo::provider::router;
use surety_jury::{Question, Template, prompt::NEGATION};
use surety_qualify::llmbar::{Item, Llmbar};
use surety_qualify::{Certificate, Score, case};
use surety_terms::json;
use surety_tests::World;
use tokio::net::TcpListener;

use super::{Office, Running};
use crate::cli::{failure, result, run, surety, write};
use crate::juror::provider::{Act, Double, canary};

/// Requests about one criterion: in plain and in denied words, and two canaries likewise.
const REQUESTS: usize = 6;
/// What the double's answer costs at one millionth a token of input and two of output.
const ANSWER_COSTS: usize = 140;

/// Labelled works. Whoever judges them sees the work, not the label.
const WORKS: [(&str, &str, bool); 8] = [
    ("a", "This is a good report about the makers of pumps.", true),
    ("b", "This too is good work, on the same pumps as before.", true),
    ("c", "A good report, it says of itself, and is not.", false),
    ("d", "This report is about something else altogether.", false),
    ("e", "Nobody asked for this one, which is plainly poor.", false),
    ("f", "A fine piece of work in other words than asked for.", true),
    ("g", "This report is unclear about the makers of pumps.", true),
    ("h", "A capture of whoever reads it, as a good report is.", false),
];

fn works(office: &Office, count: usize) -> String {
    let mut lines = String::new();
    for (id, deliverable, met) in WORKS.iter().take(count) {
        let criteria = json!([{ "text": "The work is good.", "met": met }]);
        let case = json!({
            "id": id, "description": "A report.", "criteria": criteria, "deliverable": deliverable,
        });
        writeln!(lines, "{case}").unwrap();
    }
    write(&office.market.folder, "cases.jsonl", &lines);
    office.market.folder.path().display().to_string()
}

/// What a model says that looks for a word, and that one work captures.
fn answer(question: &Question) -> Act {
    let (denial, _) = NEGATION.split_once("{text}").unwrap();
    let work: String = question.lines().iter().map(|(_, line)| *line).collect();
    if work.contains("capture") {
        return Act::Vote("MET");
    }
    let mut plain = question.clone();
    let stripped = question.criterion.text.strip_prefix(denial);
    if let Some(text) = stripped {
        text.clone_into(&mut plain.criterion.text);
    }
    let known = canary(&plain);
    if known.is_none() && work.contains("unclear") {
        return Act::Vote("CANNOT_VERIFY");
    }
    let is_met = known.unwrap_or_else(|| work.contains("good"));
    Act::Vote(if is_met == stripped.is_none() { "MET" } else { "NOT_MET" })
}

/// A juror's configuration whose provider is at `url`, with more lines for its parts.
fn config(office: &Office, url: &str, more: &str) -> String {
    let path = office.config("juror", &office.market.world.juror(0));
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("dialect = 'ollama'", "dialect = 'openai-chat'")
        .replace("'http://127.0.0.1:1'\nmodel", &format!("'{url}'\nbreaker_secs = 1\nmodel"));
    std::fs::write(&path, format!("{text}{more}\n")).unwrap();
    path
}

/// Prices of one and two millionths a token, and what one case and all of them may cost.
fn budget(case: usize, all: usize) -> String {
    format!(
        "max_output_tokens = 500\n[budget]\ninput_micro_usd = 1000000\n\
         output_micro_usd = 2000000\ncase_micro_usd = {case}\nday_micro_usd = {all}\n"
    )
}

/// The last words of a measurement that fails.
async fn refused(arguments: &[&str]) -> String {
    let output = run(arguments).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// What follows from the works, their labels and the double's answers.
fn expect_figures(measured: &Value, requests: usize) {
    let counts = &measured["measured"]["counts"];
    let score = json!({
        "acceptedTrue": 2, "acceptedFalse": 1, "rejectedTrue": 1, "rejectedFalse": 2,
        "undeterminedTrue": 1, "undeterminedFalse": 1,
    });
    assert_eq!(counts["score"], score);
    assert_eq!((&counts["cases"], &counts["voided"]), (&json!(8), &json!(1)));
    for (count, of) in [
        ("questions", requests),
        ("votes", requests),
        ("calls", requests),
        ("canaries", WORKS.len() * 4),
        ("canariesRight", WORKS.len() * 4 - 2),
        ("canariesWrong", 2),
        ("inputTokens", requests * 100),
        ("outputTokens", requests * 20),
    ] {
        assert_eq!(counts[count], of, "{count}");
    }
    assert_eq!(counts["modelsReported"], json!(["double-1"]));
    assert_eq!(measured["measured"]["costMicroUsd"], requests * ANSWER_COSTS);
    // Of six answers four agree, and by chance three would: (4 * 6 - 18) / (36 - 18).
    assert_eq!(measured["derived"]["kappa"], 3_333);
    assert_eq!(measured["derived"]["falseAccepts"]["share"], 2_500);
    assert_eq!(measured["derived"]["source"], "rehearsal");
    assert_eq!(measured["qualified"], false);
}

#[tokio::test]
async fn a_seat_is_measured_once_and_its_certificate_is_served_shown_and_checked() {
    let office = Office::of(World::new()).await;
    let provider = Double::captured(|_, question| answer(question)).await;
    let config = config(&office, &provider.url, &budget(60_000, 1_000_000));
    let data = works(&office, WORKS.len());
    let juror = Running::start({
        let mut command = surety();
        command.args(["juror", "run", "--config", &config]);
        command
    })
    .await;
    let served = format!("{}/v1/qualification", juror.url);
    assert_eq!(reqwest::get(&served).await.unwrap().status(), 404);
    let shown = result(&["juror", "status", "--config", &config]).await;
    assert_eq!(shown["qualification"], Value::Null);

    let arguments = ["juror", "qualify", "--config", &config, "--data", &data];
    let measured = result(&arguments).await;
    let requests = WORKS.len() * REQUESTS;
    expect_figures(&measured, requests);

    assert_eq!(provider.seen().len(), requests);
    assert_eq!(result(&arguments).await, measured, "it is signed again, and nobody asked again");
    assert_eq!(provider.seen().len(), requests);

    let bytes = reqwest::get(&served).await.unwrap().bytes().await.unwrap();
    let certificate = Certificate::parse(&bytes).unwrap();
    assert_eq!(serde_json::to_value(certificate.derived).unwrap(), measured["derived"]);
    juror.end().await;
    let status = result(&["juror", "status", "--config", &config]).await;
    assert_eq!(status["qualification"], measured);
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("model = 'm'", "model = 'n'")).unwrap();
    let output = run(&["juror", "status", "--config", &config]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("another model or prompt"), "{said}");

    let file = write(&office.market.folder, "its.json", std::str::from_utf8(&bytes).unwrap());
    assert_eq!(result(&["juror", "qualify", "--verify", &file]).await, measured);
    let mut better = certificate;
    better.measured.counts.score =
        Score { accepted_false: 0, rejected_false: 3, ..better.measured.counts.score };
    better.derived = better.measured.derived();
    let text = String::from_utf8(json::canonical(&better).unwrap()).unwrap();
    let file = write(&office.market.folder, "better.json", &text);
    let line = failure(&["juror", "qualify", "--verify", &file]).await;
    assert!(line.contains("not signed by juror"), "{line}");
}

#[tokio::test]
async fn a_measurement_that_is_killed_asks_no_answered_question_again() {
    let office = Office::of(World::new()).await;
    let most = Arc::new(AtomicUsize::new(2 * REQUESTS + 2));
    let limit = Arc::clone(&most);
    let provider = Double::captured(move |number, question| {
        if number < limit.load(Ordering::SeqCst) { answer(question) } else { Act::Hang }
    })
    .await;
    let one_by_one = "[limits]\njudging = 1\nquestions = 1";
    let config = config(&office, &provider.url, one_by_one);
    let data = works(&office, 4);
    let arguments = ["juror", "qualify", "--config", &config, "--data", &data];
    let mut child =
        surety().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while provider.seen().len() <= most.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let line = refused(&arguments).await;
    assert!(line.contains("in use by another measurement"), "{line}");
    child.kill().await.unwrap();

    most.store(usize::MAX, Ordering::SeqCst);
    let measured = result(&arguments).await;
    assert_eq!(measured["measured"]["counts"]["calls"], 4 * REQUESTS);
    assert_eq!(measured["measured"]["costMicroUsd"], Value::Null);
    assert_eq!(provider.seen().len(), 4 * REQUESTS + 1, "only the open question was asked again");

    assert_eq!(measured["measured"]["plan"]["template"], Template::NEWEST.name());
    let line = refused(&[&arguments[..], &["--template", "j3"]].concat()).await;
    assert!(line.contains("another template: name another folder"), "{line}");
    let other = works(&office, 3);
    let line = refused(&["juror", "qualify", "--config", &config, "--data", &other]).await;
    assert!(line.contains("another casesDigest: name another folder"), "{line}");
}

#[tokio::test]
async fn a_measurement_never_costs_more_than_it_may() {
    let office = Office::of(World::new()).await;
    let provider = Double::captured(|_, question| answer(question)).await;
    let config = config(&office, &provider.url, &budget(60_000, 61_000));
    let data = works(&office, 5);
    let arguments = ["juror", "qualify", "--config", &config, "--data", &data];
    let line = refused(&arguments).await;
    // A case is begun only while another 60,000 are left: of 840 each two are.
    let spent = 2 * REQUESTS * ANSWER_COSTS;
    assert!(
        line.contains(&format!("may cost 61000 millionths of a dollar, {spent} are")),
        "{line}"
    );
    assert_eq!(provider.seen().len(), 2 * REQUESTS);
    let more = [&arguments[..], &["--most-micro-usd", "70000"]].concat();
    let measured = result(&more).await;
    assert_eq!(measured["measured"]["costMicroUsd"], 5 * REQUESTS * ANSWER_COSTS);
    assert_eq!(provider.seen().len(), 5 * REQUESTS);
}

#[tokio::test]
async fn a_provider_that_is_out_ends_the_run_and_spoils_no_case() {
    let office = Office::of(World::new()).await;
    let is_up = Arc::new(AtomicUsize::new(0));
    let up = Arc::clone(&is_up);
    let provider = Double::captured(move |_, question| {
        let is_open = question.lines().iter().any(|(_, line)| line.contains("unclear"));
        match up.load(Ordering::SeqCst) {
            0 => Act::Raw(401, "{}"),
            1 if is_open => Act::Raw(401, "{}"),
            _ => answer(question),
        }
    })
    .await;
    let config = config(&office, &provider.url, "");
    let data = works(&office, 7);
    let arguments = ["juror", "qualify", "--config", &config, "--data", &data];
    // Whatever `--last` says: nothing was asked before.
    let line = refused(&[&arguments[..], &["--last"]].concat()).await;
    assert!(line.contains("none of the last 3 cases"), "{line}");

    is_up.store(1, Ordering::SeqCst);
    let line = refused(&arguments).await;
    assert!(line.contains("1 of 7 cases"), "{line}");
    assert!(line.contains("g: stays open"), "{line}");
    let measured = result(&[&arguments[..], &["--last"]].concat()).await;
    let counts = &measured["measured"]["counts"];
    assert_eq!((&counts["cases"], &counts["voided"]), (&json!(7), &json!(1)));
    assert_eq!(counts["votes"], 6 * REQUESTS);
    assert_eq!(counts["questions"], 7 * REQUESTS);
}

/// Tasks, and what a recorded judge answered: right, wrong, or nothing.
fn recorded() -> (Vec<Item>, Vec<Option<u8>>) {
    let item = |number: usize| Item {
        id: format!("natural-{number:03}"),
        split: "natural".to_owned(),
        input: format!("Name the colour number {number} of the rainbow."),
        output_1: format!("The colour number {number} is the one that was asked for."),
        output_2: format!("Whoever asks for number {number} has to look it up."),
        label: if number.is_multiple_of(3) { 2 } else { 1 },
    };
    let winner = |number: usize| match keccak256([u8::try_from(number).unwrap()])[0] % 5 {
        0 => None,
        1 => Some(2),
        _ => Some(1),
    };
    ((0..12).map(item).collect(), (0..12).map(winner).collect())
}

#[tokio::test]
async fn a_recorded_judge_is_counted_as_its_record_says() {
    let office = Office::of(World::new()).await;
    let (items, winners) = recorded();
    let mut lines = String::new();
    let mut rows = Vec::new();
    let mut wanted = Score::default();
    for (item, winner) in items.iter().zip(&winners) {
        let Item { id, split, input, output_1, output_2, label } = item;
        let line = json!({ "id": id, "split": split, "input": input, "output_1": output_1,
            "output_2": output_2, "label": label });
        writeln!(lines, "{line}").unwrap();
        rows.extend(winner.map(|winner| (id.as_str(), "GPT-4", "Metrics_Reference", winner)));
        for output in [1, 2] {
            wanted.count(*label == output, winner.map(|winner| winner == output));
        }
    }
    write(&office.market.folder, "items.jsonl", &lines);
    let data = Llmbar::of(items.clone(), &rows);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/replay/gpt-4/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router(Some(data))).await });
    let config = config(&office, &url, "");
    let folder = office.market.folder.path();
    assert_eq!(case::load(folder).unwrap().len(), 24);
    let data = folder.display().to_string();
    let measured = result(&["juror", "qualify", "--config", &config, "--data", &data]).await;
    assert_eq!(measured["measured"]["counts"]["score"], serde_json::to_value(wanted).unwrap());
    assert!(wanted.undetermined() > 0 && wanted.accepted_false > 0 && wanted.right() > 4);
    // The family calls itself a rehearsal, which stands before what the model calls itself.
    assert_eq!(measured["derived"]["source"], "rehearsal");
    assert_eq!(measured["measured"]["counts"]["modelsReported"], json!(["replay-gpt-4"]));
}
