//! The `surety` binary without a chain: usage, keys, exit codes.
#![expect(clippy::unwrap_used, reason = "a failure here is a test's failure")]

use std::process::{Command, Output};

use alloy::primitives::B256;
use serde_json::Value;
use surety_jury::Template;
use surety_terms::{Check, Expect, HiddenCriterion, Kind, Reveal, TermSheet, limits};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_surety"))
        .args(arguments)
        .env_remove("SURETY_RPC")
        .output()
        .unwrap()
}

#[test]
fn a_wrong_command_line_is_exit_code_two_and_prints_nothing_to_stdout() {
    for arguments in [&["dael"][..], &["agent", "run"], &["deal", "show", "0x12"], &[]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_command_has_help() {
    for command in
        ["agent", "juror", "relayer", "jury", "deal", "terms", "check", "key", "deploy", "demo"]
    {
        let output = run(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Usage"), "{command}");
    }
}

#[test]
fn a_new_key_is_made_once_and_its_secret_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let file = path.display().to_string();
    let made = run(&["--json", "key", "new", &file]);
    assert!(made.status.success());
    let shown: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(shown["address"].as_str().unwrap().len(), 42);
    assert_eq!(run(&["--json", "key", "show", &file]).stdout, made.stdout);
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(!String::from_utf8_lossy(&made.stdout).contains(secret.trim()));
    let again = run(&["key", "new", &file]);
    assert_eq!(again.status.code(), Some(1));
    let line = String::from_utf8(again.stderr).unwrap();
    assert!(line.starts_with("error: ") && line.lines().count() == 1, "{line}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
}

#[test]
fn a_failure_under_json_is_one_document_too() {
    let output = run(&["--json", "terms", "check", "/none.json"]);
    assert_eq!(output.status.code(), Some(1));
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(error["error"].as_str().unwrap().contains("/none.json"));
}

/// A folder with the sample sheet, after a change, and a deliverable.
fn order(change: impl FnOnce(&mut TermSheet), deliverable: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut sheet = surety_terms::sample::example();
    change(&mut sheet);
    std::fs::write(folder.path().join("sheet.json"), sheet.canonical()).unwrap();
    std::fs::write(folder.path().join("work.md"), deliverable).unwrap();
    folder
}

fn at(folder: &tempfile::TempDir, file: &str) -> String {
    folder.path().join(file).display().to_string()
}

fn shown(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_sheet_is_linted_with_advice_and_an_exit_code() {
    let pin = |sheet: &mut TermSheet| sheet.template = Some(Template::NEWEST.digest());
    let folder = order(pin, "");
    let good = run(&["--json", "terms", "lint", &at(&folder, "sheet.json")]);
    assert_eq!(good.status.code(), Some(0));
    assert_eq!(shown(&good), serde_json::json!({ "signable": true, "findings": [] }));

    let vague = |sheet: &mut TermSheet| {
        pin(sheet);
        sheet.milestones[0].criteria[0].text = "The text is of high quality.".to_owned();
        sheet.seller_families = vec!["openai".to_owned()];
    };
    let folder = order(vague, "");
    let sheet = at(&folder, "sheet.json");
    let bad = run(&["--json", "terms", "lint", &sheet, "--family", "openai,google"]);
    assert_eq!(bad.status.code(), Some(1));
    let rules: Vec<_> =
        shown(&bad)["findings"].as_array().unwrap().iter().map(|f| f["rule"].clone()).collect();
    assert_eq!(rules, ["vague", "own-family"]);
}

#[test]
fn the_checks_of_a_sheet_are_run_on_a_deliverable() {
    for (deliverable, code, outcome) in [("# A title\n", 0, "met"), ("No title\n", 1, "failed")] {
        let folder = order(|_| {}, deliverable);
        let (sheet, work) = (at(&folder, "sheet.json"), at(&folder, "work.md"));
        let output = run(&["--json", "check", "--sheet", &sheet, &work]);
        assert_eq!(output.status.code(), Some(code));
        let criteria = shown(&output)["criteria"].clone();
        assert_eq!(criteria[0]["outcome"], "asked");
        assert_eq!(criteria[1]["outcome"], outcome);
        let beyond = run(&["check", "--sheet", &sheet, "--milestone", "1", &work]);
        assert_eq!(beyond.status.code(), Some(1));
    }
}

#[test]
fn what_no_juror_takes_for_its_size_fails_every_criterion() {
    let hide = |sheet: &mut TermSheet| {
        let (commitment, of) = (B256::repeat_byte(7), "faithful".to_owned());
        sheet.milestones[0].criteria[1].kind = Kind::Hidden { commitment, of };
    };
    let check = |bytes: usize| {
        let folder = order(hide, &"x".repeat(bytes));
        let (sheet, work) = (at(&folder, "sheet.json"), at(&folder, "work.md"));
        let output = run(&["--json", "check", "--sheet", &sheet, &work]);
        let outcomes = shown(&output)["criteria"].as_array().unwrap().clone();
        let outcomes = outcomes.iter().map(|line| line["outcome"].as_str().unwrap().to_owned());
        (output.status.code(), outcomes.collect::<Vec<_>>())
    };
    let (code, outcomes) = check(limits::DELIVERABLE_BYTES);
    assert_eq!((code, &outcomes[1][..]), (Some(0), "hidden"), "as large as jurors take");
    let (code, outcomes) = check(limits::DELIVERABLE_BYTES + 1);
    assert_eq!(code, Some(1));
    assert!(outcomes.len() > 1 && outcomes.iter().all(|outcome| outcome == "failed"));
}

#[test]
fn a_hidden_criterion_is_committed_to_revealed_and_checked() {
    let kind = Kind::Check(Check::Regex { pattern: "doi".to_owned(), expect: Expect::Match });
    let salt = B256::repeat_byte(5);
    let document = HiddenCriterion { salt, text: "Names its source.".to_owned(), kind };
    let hide = |sheet: &mut TermSheet| {
        let (commitment, of) = (document.commitment(), "faithful".to_owned());
        sheet.milestones[0].criteria[1].kind = Kind::Hidden { commitment, of };
    };
    let folder = order(hide, "# A title, doi:1\n");
    let reveal = Reveal { criterion_id: "titled".to_owned(), document: document.clone() };
    let write = |file: &str, value: &Value| {
        std::fs::write(folder.path().join(file), value.to_string()).unwrap();
    };
    write("document.json", &serde_json::to_value(&document).unwrap());
    write("reveal.json", &serde_json::to_value(&reveal).unwrap());

    let committed = run(&["--json", "terms", "commit", &at(&folder, "document.json")]);
    assert_eq!(shown(&committed)["commitment"], document.commitment().to_string());
    let short = HiddenCriterion { text: "Done.".to_owned(), kind: Kind::Llm, ..document.clone() };
    write("short.json", &serde_json::to_value(&short).unwrap());
    let refused = run(&["--json", "terms", "commit", &at(&folder, "short.json")]);
    assert_eq!(refused.status.code(), Some(1), "jurors would not open it");
    let (sheet, work) = (at(&folder, "sheet.json"), at(&folder, "work.md"));
    let closed = shown(&run(&["--json", "check", "--sheet", &sheet, &work]));
    assert_eq!(closed["criteria"][1]["outcome"], "hidden");
    let opened = run(&[
        "--json",
        "check",
        "--sheet",
        &sheet,
        "--reveal",
        &at(&folder, "reveal.json"),
        &work,
    ]);
    assert_eq!(shown(&opened)["criteria"][1]["outcome"], "met");

    let other = HiddenCriterion { text: "Names its editor.".to_owned(), ..document.clone() };
    let forged = Reveal { document: other, ..reveal };
    write("reveal.json", &serde_json::to_value(&forged).unwrap());
    let refused =
        run(&["check", "--sheet", &sheet, "--reveal", &at(&folder, "reveal.json"), &work]);
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn the_prompt_templates_are_listed_for_whoever_pins_one() {
    let listed = run(&["--json", "jury", "templates"]);
    let shown = shown(&listed);
    let row = |template: &Template| {
        let is_default = *template == Template::DEFAULT;
        serde_json::json!({
            "name": template.name(),
            "digest": template.digest().to_string(),
            "status": if is_default { "default" } else { "when-pinned" },
            "showsProse": template.shows_prose(),
        })
    };
    let rows: Vec<Value> = Template::ALL.iter().map(row).collect();
    assert_eq!(shown, serde_json::json!({ "templates": rows }));
    let table = String::from_utf8(listed.stderr).unwrap();
    for template in Template::ALL {
        let digest = template.digest().to_string();
        let is_row = |line: &str| line.starts_with(template.name()) && line.contains(&digest);
        assert!(table.lines().any(is_row), "{table}");
    }
}

#[test]
fn a_sheet_that_pins_an_unknown_template_is_not_signable_and_is_told_which_there_are() {
    let lint = |template: Option<B256>| {
        let folder = order(|sheet| sheet.template = template, "");
        run(&["--json", "terms", "lint", &at(&folder, "sheet.json")])
    };
    let unknown = lint(Some(B256::repeat_byte(9)));
    assert_eq!(unknown.status.code(), Some(1));
    let shown_unknown = shown(&unknown);
    assert_eq!(shown_unknown["signable"], false);
    let said = shown_unknown["template"].as_str().unwrap();
    assert!(said.contains(&Template::known()), "{said}");
    let known = shown(&lint(Some(Template::J4.digest())));
    assert_eq!(known, serde_json::json!({ "signable": true, "findings": [] }));
    let none = shown(&lint(None));
    assert_eq!(none["signable"], true);
    assert_eq!(none["findings"].as_array().unwrap().len(), 1, "{none}");
    assert_eq!(none["findings"][0]["rule"], "unpinned");
}
