//! Random histories of jurors, stakes, juries and pots, on the model and on the contracts.

use std::collections::BTreeSet;

use serde_json::Value;
use surety_tests::histories::{self, Counts, HISTORIES, SEED, Share};
use surety_tests::stakes::Stakes;

/// How many steps a history has before everything is closed.
const STEPS: std::ops::Range<usize> = 50..110;

/// Every operation, and what becomes of a stake that not even nobody can be paid.
const OPERATIONS: [&str; 21] = [
    "advance",
    "blacklist",
    "checkJury",
    "claim",
    "claimFees",
    "createJury",
    "createJury with an appeal panel",
    "donate",
    "fund",
    "judge",
    "pause",
    "record",
    "recordBatch",
    "register",
    "register without a stake",
    "slash",
    "slash, and the rest stays",
    "unBlacklist",
    "unbond",
    "unbond by signature",
    "unpause",
];

/// Errors that are about one of several fields; `Error` is the token's own refusal.
const FIELDS: [&str; 12] = [
    "ClaimChanged family",
    "ClaimChanged operator",
    "Error",
    "SeatsShare family",
    "SeatsShare key",
    "SeatsShare operator",
    "StatementInvalid index",
    "StatementInvalid signature",
    "StatementInvalid votes",
    "TextInvalid family",
    "TextInvalid operator",
    "TextInvalid url",
];

/// What only a token that lies could cause.
const NOT_DRAWN: [&str; 1] = ["TransferMismatch"];

#[test]
fn histories_of_stakes_end_alike_in_the_model_and_in_the_contracts() {
    let all = histories::campaign::<Stakes>("stakes", STEPS, Share(1, 5));
    if all.histories >= HISTORIES {
        require_coverage(&all);
    }
}

/// Every operation, every error that the jury's interface has, and each field that one is about.
fn require_coverage(all: &Counts) {
    for name in OPERATIONS {
        assert!(all.done.contains_key(name), "{name:?} never succeeded");
    }
    for name in FIELDS {
        assert!(all.refused.contains_key(name), "{name:?} never occurred");
    }
    let drawn: BTreeSet<&str> = all.refused.keys().filter_map(|e| e.split(' ').next()).collect();
    for name in errors() {
        let expected = !NOT_DRAWN.contains(&name.as_str());
        assert_eq!(drawn.contains(name.as_str()), expected, "whether {name} occurred");
    }
    let (done, refused): (u64, u64) = (all.done.values().sum(), all.refused.values().sum());
    assert!(done > refused, "{done} calls succeeded and {refused} were refused");
}

/// The names of the errors in the jury's ABI.
fn errors() -> Vec<String> {
    let artifact = include_str!("../../../../bindings/artifacts/Jury.json");
    let artifact: Value = serde_json::from_str(artifact).unwrap();
    let abi = artifact["abi"].as_array().unwrap();
    let errors = abi.iter().filter(|entry| entry["type"] == "error");
    errors.map(|error| error["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_model_that_forgets_the_time_of_leaving_is_caught_within_three_steps() {
    let failure = histories::random::<Stakes<0>>(SEED, STEPS).unwrap_err();
    assert!(failure.steps.len() <= 3, "{}", failure.show());
    assert!(failure.message.contains("Unbonding"), "{}", failure.show());
}
