//! Programs, hidden criteria, and what only a milestone or a panel shows.

use surety_terms::check::{Method, Module, Origin, Probe};
use surety_terms::{Bps, Check, Expect};

use super::*;

#[test]
fn nothing_is_not_paid_for() {
    let absent = checked("clean", pattern("secret", Expect::NoMatch));
    let rules = |criteria: Vec<Criterion>, pass| {
        let part = MilestoneSheet { pass_bps: Bps::new(pass), ..part(criteria) };
        let lints = linted(&part);
        lints.into_iter().map(|lint| lint.rule).collect::<Vec<_>>()
    };
    let asked = llm("c", "Every claim is in the paper.");
    let optional = Criterion { mandatory: false, ..asked.clone() };
    assert!(rules(vec![absent.clone(), optional.clone()], 5_000).contains(&Rule::PaidForNothing));
    assert!(!rules(vec![absent.clone(), optional], 5_001).contains(&Rule::PaidForNothing));
    assert!(!rules(vec![absent, asked], 5_000).contains(&Rule::PaidForNothing));
}

#[test]
fn a_module_is_run_on_nothing_for_a_moment_only() {
    let wasm = |answer: &str| {
        let module = wat::parse_str(format!(
            r#"(module (memory (export "memory") 1)
                 (func (export "alloc") (param i32) (result i32) (i32.const 0))
                 (func (export "check") (param i32 i32) (result i32) {answer} (i32.const 1)))"#
        ));
        let module = Module::new(module.unwrap());
        Check::Wasm { module, fuel: surety_terms::limits::FUEL, memory_pages: 1 }
    };
    let rules = |check| {
        let half = MilestoneSheet { pass_bps: Bps::new(5_000), ..part(vec![checked("c", check)]) };
        let lints = linted(&half);
        lints.into_iter().map(|lint| lint.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(wasm("")), [Rule::PaidForNothing]);
    assert_eq!(rules(wasm("(loop $l (br $l))")), []);
}

#[test]
fn a_module_that_cannot_run_is_refused() {
    let module = Module::new(b"\0asm\x01\0\0\0".to_vec());
    let check = Check::Wasm { module, fuel: 1_000, memory_pages: 1 };
    let lints = read(&checked("c", check));
    assert_eq!((lints[0].rule, lints[0].field.as_str()), (Rule::Unrunnable, "c.kind"));
}

#[test]
fn a_size_that_no_juror_has_to_take_is_refused() {
    let most = u64::try_from(surety_terms::limits::DELIVERABLE_BYTES).unwrap();
    assert!(Rule::TooLarge.advice().contains(&most.to_string()));
    let found = |least_bytes, most_bytes| {
        let size = Check::Size { least_bytes, most_bytes };
        let criteria = vec![checked("size", size)];
        let lints = milestone(&part(criteria), Prose::Shown, "milestones[0]");
        assert_eq!(refusal(&lints).is_some(), !lints.is_empty(), "{lints:?}");
        lints.into_iter().map(|lint| (lint.rule, lint.field)).collect::<Vec<_>>()
    };
    let at = |field| (Rule::TooLarge, format!("milestones[0].criteria[0].kind.{field}"));
    assert!(found(1, most).is_empty());
    assert_eq!(found(1, most + 1), [at("mostBytes")]);
    assert_eq!(found(most + 1, most + 1), [at("leastBytes"), at("mostBytes")]);
}

#[test]
fn a_signed_host_is_pointed_out() {
    let mut probe = Probe {
        method: Method::Get,
        origin: None,
        path: "/".to_owned(),
        status: 200,
        pattern: None,
    };
    assert_eq!(read(&checked("c", Check::HttpProbe(probe.clone()))), []);
    probe.origin = Origin::parse("https://api.example");
    let lints = read(&checked("c", Check::HttpProbe(probe)));
    assert_eq!((lints[0].rule, lints[0].severity), (Rule::SignedHost, Severity::Advise));
}

#[test]
fn a_hidden_criterion_that_can_block_is_pointed_out() {
    let hide = |mandatory, weight| {
        let kind = Kind::Hidden { commitment: B256::repeat_byte(1), of: "c".to_owned() };
        let hidden =
            Criterion { kind, mandatory, weight_bps: Bps::new(weight), ..llm("h", "Hidden.") };
        let asked = llm("c", "Every claim is in the paper.");
        let part = MilestoneSheet { pass_bps: Bps::new(8_000), ..part(vec![asked, hidden]) };
        linted(&part).iter().any(|lint| lint.rule == Rule::HiddenWeight)
    };
    assert!(hide(true, 100));
    assert!(hide(false, 2_001));
    assert!(!hide(false, 2_000));
}

#[test]
fn a_revealed_document_is_read_by_the_rules_of_its_version() {
    let document = |text: &str, kind| {
        let salt = B256::repeat_byte(1);
        HiddenCriterion { salt, text: text.to_owned(), kind }
    };
    let refused = |document: &HiddenCriterion| {
        let field = |version| refusal(&hidden(version, document)).map(|lint| lint.field.clone());
        Version::ALL.map(field)
    };
    let none: [Option<String>; 2] = [None, None];
    let text = || Some("document.text".to_owned());
    assert_eq!(refused(&document("Names the authors of the paper.", Kind::Llm)), none);
    assert_eq!(refused(&document("The text is good.", Kind::Llm)), [text(), text()]);
    for short in ["Done.", "Professional quality.", "Fully tested bug-free code."] {
        assert_eq!(refused(&document(short, Kind::Llm)), [None, text()], "{short}");
    }
    assert_eq!(refused(&document("Überprüft.", Kind::Llm)), none);
    let most_bytes = u64::try_from(surety_terms::limits::DELIVERABLE_BYTES).unwrap();
    let size = |most_bytes| Kind::Check(Check::Size { least_bytes: 1, most_bytes });
    assert_eq!(refused(&document("As the program says.", size(most_bytes))), none);
    let beyond = refused(&document("As the program says.", size(most_bytes + 1)));
    assert_eq!(beyond, [None, Some("document.kind.mostBytes".to_owned())]);
}

#[test]
fn no_seat_judges_its_own_family() {
    let mut sheet = surety_terms::sample::example();
    let families = ["openai".to_owned(), "anthropic".to_owned()];
    assert_eq!(panel(&sheet, &families), []);
    sheet.seller_families = vec!["anthropic".to_owned(), "google".to_owned()];
    let lints = panel(&sheet, &families);
    assert_eq!((lints.len(), lints[0].rule), (1, Rule::OwnFamily));
    assert_eq!(lints[0].found, "anthropic");
    assert!(refusal(&lints).is_some());
}
