//! Random histories of pacts on the model and on the contracts.

use std::collections::BTreeSet;
use std::ops::Range;

use rand::rngs::StdRng;
use surety_tests::histories::{HISTORIES, Outcome, SEED, Share, Sides, campaign, random};
use surety_tests::pacts::Pacts;
use surety_tests::pacts::step::Step;

/// How many steps a history has before everything is closed.
const STEPS: Range<usize> = 50..120;

/// What is done; behind the colon, in which way it went.
const DONE: [&str; 25] = [
    "blacklist",
    "claimFees",
    "close",
    "collect",
    "collect: credited",
    "donate",
    "draw",
    "expire",
    "fixSeed",
    "fixSeed: by history",
    "fixSeed: every key",
    "giveNotice",
    "giveNotice: signed",
    "history",
    "open",
    "pause",
    "present",
    "settle: accepted",
    "settle: rejected",
    "settle: seats credited",
    "settle: undetermined",
    "unBlacklist",
    "unpause",
    "wait",
    "withdraw",
];

/// What refuses: the registry, its libraries, the jury and the token.
const ERRORS: [&str; 33] = [
    "BallotsMalformed",
    "BlockPending",
    "BondTooLow",
    "CreditEmpty",
    "DeadlinePassed",
    "Error",
    "FeesEmpty",
    "HashUnavailable",
    "JuryUnknown",
    "KeyNotSampled",
    "MandatoryInvalid",
    "NoVerdict",
    "NoticeStands",
    "OutOfRange",
    "PactExists",
    "PactUnknown",
    "PartyIsJuror",
    "PassBpsInvalid",
    "PeriodNotCovered",
    "PeriodsClaimed",
    "PlacesTaken",
    "RecordExists",
    "RecordMismatch",
    "RecordUnknown",
    "SampleAlreadyDrawn",
    "SampleNotDrawn",
    "SeatUnknown",
    "SeedMissing",
    "SignatureInvalid",
    "StatusMismatch",
    "TooEarly",
    "TransferRefused",
    "WeightsInvalid",
];

/// The registry's errors that no history can cause, and why.
const NEVER: [(&str, &str); 7] = [
    ("CodeMissing", "only the constructor throws it"),
    ("GasTooLow", "every transaction has as much gas as a chain gives"),
    ("PanelMissing", "every jury has a first panel, and pacts ask for no second"),
    ("Reentered", "the token calls nobody back"),
    ("RuleInvalid", "OutOfRange is about the same bit and comes first"),
    ("TokenMismatch", "only the constructor throws it"),
    ("TransferMismatch", "the token moves what it says"),
];

#[test]
fn random_histories_of_pacts_end_alike_in_the_model_and_in_the_contracts() {
    let all = campaign::<Pacts>("pacts", STEPS, Share(1, 5));
    if all.histories < HISTORIES {
        return;
    }
    for name in DONE {
        assert!(all.done.contains_key(name), "{name:?} was never done");
    }
    for name in ERRORS {
        assert!(all.refused.contains_key(name), "nothing was refused by {name:?}");
    }
    let (done, refused): (u64, u64) = (all.done.values().sum(), all.refused.values().sum());
    assert!(done > refused, "{done} steps succeeded and {refused} were refused");
}

/// So that an operation that is added later is drawn, and an error too, unless it is said why not.
#[test]
fn every_operation_and_every_error_of_the_registry_is_listed() {
    let operations = named("function").into_iter().filter(|(_, changes)| *changes);
    let done: BTreeSet<_> = DONE.iter().filter_map(|name| name.split(':').next()).collect();
    for (name, _) in operations {
        assert!(done.contains(name.as_str()), "the operation {name} is drawn");
    }
    let never: BTreeSet<_> = NEVER.iter().map(|(name, _)| *name).collect();
    for (name, _) in named("error") {
        let listed = [ERRORS.contains(&name.as_str()), never.contains(name.as_str())];
        assert!(listed[0] != listed[1], "the error {name} is drawn, or it is said why not");
    }
}

/// Names of that kind in the registry's ABI, and whether they change its state.
fn named(kind: &str) -> Vec<(String, bool)> {
    let artifact = include_str!("../../../../bindings/artifacts/PactRegistry.json");
    let artifact: serde_json::Value = serde_json::from_str(artifact).unwrap();
    let items = artifact["abi"].as_array().unwrap().iter().filter(|item| item["type"] == kind);
    let name = |item: &serde_json::Value| {
        let changes = item["stateMutability"] == "nonpayable";
        (item["name"].as_str().unwrap().to_owned(), changes)
    };
    items.map(name).collect()
}

/// A model in which presenters get a ninth of a slash instead of a tenth.
struct Generous(Pacts);

impl Sides for Generous {
    type Step = Step;

    fn new() -> Self {
        let mut pacts = Pacts::new();
        pacts.model.rules.reward_parts = 9;
        Self(pacts)
    }

    fn draw(&self, rng: &mut StdRng) -> Step {
        self.0.draw(rng)
    }

    fn step(&mut self, step: &Step) -> Result<Outcome, String> {
        self.0.step(step)
    }

    fn close(&mut self) -> Result<(), String> {
        self.0.close()
    }
}

#[test]
fn a_wrong_model_of_pacts_is_found_out_by_a_few_steps() {
    let wrong = (SEED..SEED + 50).find_map(|seed| random::<Generous>(seed, STEPS).err());
    let failure = wrong.expect("a rejected period shows it");
    let shown = failure.show();
    assert!(failure.message.starts_with("events"), "{shown}");
    // Open, wait, present, wait, settle; and the sample, if the pact draws one.
    assert!(failure.steps.len() <= 9, "{shown}");
    assert!(matches!(failure.steps.last(), Some(Step::Settle { .. })), "{shown}");
}
