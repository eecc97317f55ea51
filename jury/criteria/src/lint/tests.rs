//! What is refused with which advice, and what honest criteria get away with.

mod claims;
mod kinds;
mod pairs;

use alloy::primitives::{B256, keccak256};
use proptest::prelude::*;
use serde_json::json;
use surety_terms::{Bps, Check, Expect, Format, Usdc};

use super::*;

fn llm(id: &str, text: &str) -> Criterion {
    Criterion {
        id: id.to_owned(),
        text: text.to_owned(),
        weight_bps: Bps::new(5_000),
        mandatory: true,
        evidence_required: true,
        kind: Kind::Llm,
    }
}

fn checked(id: &str, check: Check) -> Criterion {
    Criterion { kind: Kind::Check(check), ..llm(id, "As the program says.") }
}

fn part(criteria: Vec<Criterion>) -> MilestoneSheet {
    MilestoneSheet {
        title: "A report".to_owned(),
        description: "Of the last quarter.".to_owned(),
        amount: Usdc::from_whole(1),
        deliver_by: 1_800_000_000,
        pass_bps: Bps::WHOLE,
        pro_rata: false,
        criteria,
    }
}

/// What is said of a criterion that is about to be signed.
fn read(item: &Criterion) -> Vec<Lint> {
    criterion(Version::NEWEST, item, "c")
}

/// What is said of a milestone whose prose the models see.
fn linted(part: &MilestoneSheet) -> Vec<Lint> {
    milestone(part, Prose::Shown, "m")
}

/// The rules that a claim breaks.
fn broken(text: &str) -> Vec<Rule> {
    read(&llm("c", text)).into_iter().map(|lint| lint.rule).collect()
}

/// The rules that two criteria break together.
fn between(criteria: &[Criterion; 2]) -> Vec<Rule> {
    let lints = linted(&part(criteria.to_vec()));
    let pairs = [Rule::Contradiction, Rule::Duplicate];
    lints.into_iter().map(|lint| lint.rule).filter(|rule| pairs.contains(rule)).collect()
}

/// What is said of a claim that is about to be signed.
fn signed(text: &str) -> Vec<(Rule, Severity)> {
    let lints = linted(&part(vec![llm("c", text)]));
    lints.into_iter().map(|lint| (lint.rule, lint.severity)).collect()
}

fn pattern(pattern: &str, expect: Expect) -> Check {
    Check::Regex { pattern: pattern.to_owned(), expect }
}

#[test]
fn a_finding_is_one_line_and_one_json_object() {
    let sheet = surety_terms::sample::example();
    let lints = super::sheet(&sheet, Prose::Shown);
    assert_eq!(lints, [Lint::new("template", Rule::Unpinned, "null")]);
    let pinned = TermSheet { template: Some(B256::ZERO), ..sheet };
    assert_eq!(super::sheet(&pinned, Prose::Shown), []);
    let item = llm("c", "The text is good.");
    let lint = &criterion(Version::NEWEST, &item, "milestones[0].criteria[0]")[0];
    assert_eq!(
        lint.to_string(),
        "milestones[0].criteria[0].text: vague (\"good\"): name what can be counted, quoted or \
         compared instead of this word"
    );
    assert_eq!(
        serde_json::to_value(lint).unwrap(),
        json!({
            "field": "milestones[0].criteria[0].text",
            "rule": "vague",
            "severity": "refuse",
            "found": "good",
            "advice": Rule::Vague.advice(),
        })
    );
}

#[test]
fn the_page_about_criteria_names_every_rule_kind_and_limit() {
    use surety_terms::limits;
    let page = include_str!("../../../../docs/criteria.md");
    for rule in Rule::ALL {
        let name = serde_json::to_value(rule).unwrap();
        assert!(page.contains(&format!("`{}`", name.as_str().unwrap())), "{name}");
    }
    let schema = surety_terms::schema::term_sheet().to_value();
    for kind in schema["$defs"]["Kind"]["oneOf"].as_array().unwrap() {
        let name = kind["properties"]["type"]["const"].as_str().unwrap();
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
    for format in Format::ALL {
        let name = serde_json::to_value(format).unwrap();
        assert!(page.contains(&format!("`{}`", name.as_str().unwrap())), "{name}");
    }
    for (what, limit) in [
        ("| a JSON Schema | ", format!("{} KiB", limits::SCHEMA_BYTES / 1_024)),
        ("| a regular expression | ", "1,000 characters".to_owned()),
        ("| a WebAssembly module | ", format!("{} KiB", limits::MODULE_BYTES / 1_024)),
        ("| its fuel | ", "100,000,000 operators".to_owned()),
        ("| its memory | ", format!("{} pages", limits::MEMORY_PAGES)),
        ("| JSON, text, CSV, a probe's answer | ", "1 MiB".to_owned()),
        ("| a deliverable | ", format!("{} MiB", limits::DELIVERABLE_BYTES >> 20)),
    ] {
        assert!(page.contains(&format!("{what}{limit}")), "{what}{limit}");
    }
    assert_eq!((limits::PATTERN_CHARS, limits::FUEL), (1_000, 100_000_000));
    assert_eq!(crate::check::MAX_TEXT_BYTES.max(crate::check::MAX_JSON_BYTES), 1 << 20);
}

#[test]
fn the_lists_are_pinned() {
    // Jurors read revealed criteria by these lists: with other ones they come to other ballots. So
    // a changed list stands beside the old one, for the next version of the rules.
    let lists = [
        words::VAGUE,
        words::COMPARATIVES,
        words::OUT_OF_SIGHT,
        words::ABSOLUTE,
        words::TO_JURORS,
        words::EXECUTABLE,
        words::COUNTED,
        words::NEGATORS,
        words::NEGATIVES,
        words::COORDINATORS,
        words::SUBORDINATORS,
        words::VERBS,
        words::VERBS_OR_NOUNS,
        words::AFTER_A_VERB,
        words::IMPERATIVES,
        words::ENGLISH,
        words::STOP,
    ];
    let lists = lists.map(|list| list.join("\0"));
    let digest_of = |version: Version| match version {
        Version::L1 => keccak256(lists.join("\0\0")),
        Version::L2 => keccak256([&lists[..], &[words::FOREIGN.join("\0")]].concat().join("\0\0")),
    };
    let got = Version::ALL.map(|version| (version.name(), digest_of(version).to_string()));
    let pinned = [
        ("l1", "0x96a7638f8d80b48505b9cdc3fe9b7a3092f1274e672819af13d1a27f4518ed9d"),
        ("l2", "0x0295a3182ec3def13d33b6df83415566a08aa617cd441c7576249643e6e3602c"),
    ];
    assert_eq!(got, pinned.map(|(name, digest)| (name, digest.to_owned())));
}

#[test]
fn the_lists_are_in_lower_case_and_hold_nothing_twice() {
    for list in [
        words::VAGUE,
        words::COMPARATIVES,
        words::OUT_OF_SIGHT,
        words::ABSOLUTE,
        words::TO_JURORS,
        words::EXECUTABLE,
        words::NEGATORS,
        words::NEGATIVES,
        words::VERBS,
        words::VERBS_OR_NOUNS,
        words::AFTER_A_VERB,
        words::IMPERATIVES,
        words::FOREIGN,
    ] {
        for (index, word) in list.iter().enumerate() {
            assert_eq!(word.to_lowercase(), **word);
            assert!(!list[..index].contains(word), "{word}");
        }
    }
    for verb in words::VERBS {
        assert!(!words::VERBS_OR_NOUNS.contains(verb), "{verb}");
    }
    for word in words::FOREIGN {
        assert!(!words::ENGLISH.contains(word), "{word}");
    }
}

proptest! {
    /// Nor is anything refused by a version and not by the next one.
    #[test]
    fn no_text_makes_the_linter_panic(text in any::<String>(), other in "[a-z0-9 ,.\";“”'-]{0,200}") {
        for text in [text, other] {
            let item = llm("c", &text);
            let [old, new] = Version::ALL.map(|version| criterion(version, &item, "c"));
            prop_assert!(refusal(&old).is_none() || refusal(&new).is_some(), "{old:?} {new:?}");
            drop(linted(&part(vec![llm("a", &text), llm("b", &text)])));
        }
    }

    #[test]
    fn any_valid_sheet_is_read(sheet in surety_terms::sample::sheet()) {
        for lint in super::sheet(&sheet, Prose::Shown) {
            prop_assert!(lint.found.chars().count() <= MAX_FOUND_CHARS);
            let begins = |field: &str| lint.field.starts_with(field);
            prop_assert!(["milestones[", "recipients", "template"].into_iter().any(begins));
        }
    }

    #[test]
    fn whatever_is_said_twice_is_found(words in prop::collection::vec("[a-z]{4,8}", 3..8)) {
        let text = format!("The {}.", words.join(" "));
        let rules = between(&[llm("a", &text), llm("b", &text.to_uppercase())]);
        prop_assert!(rules.len() <= 1);
    }
}
