//! The `surety` binary without a chain: usage, keys, exit codes.
#![expect(clippy::unwrap_used, reason = "a failure here is a test's failure")]

use std::process::{Command, Output};

use serde_json::Value;

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
    for command in ["agent", "juror", "relayer", "jury", "deal", "terms", "key", "deploy", "demo"] {
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
