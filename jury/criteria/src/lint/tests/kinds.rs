//! Programs, hidden criteria, and what only a milestone or a panel shows.

use alloy::primitives::B256;
use surety_terms::check::{Method, Module, Origin, Probe};
use surety_terms::{Bps, Check, Expect};

use super::*;

#[test]
fn nothing_is_not_paid_for() {
    let absent = checked("clean", pattern("secret", Expect::NoMatch));
    let rules = |criteria: Vec<Criterion>, pass| {
        let part = MilestoneSheet { pass_bps: Bps::new(pass), ..part(criteria) };
        let lints = milestone(&part, "m");
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
        let lints = milestone(&half, "m");
        lints.into_iter().map(|lint| lint.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(wasm("")), [Rule::PaidForNothing]);
    assert_eq!(rules(wasm("(loop $l (br $l))")), []);
}

#[test]
fn a_module_that_cannot_run_is_refused() {
    let module = Module::new(b"\0asm\x01\0\0\0".to_vec());
    let check = Check::Wasm { module, fuel: 1_000, memory_pages: 1 };
    let lints = criterion(&checked("c", check), "c");
    assert_eq!((lints[0].rule, lints[0].field.as_str()), (Rule::Unrunnable, "c.kind"));
}

#[test]
fn a_size_that_no_juror_has_to_take_is_refused() {
    let most = u64::try_from(surety_terms::limits::DELIVERABLE_BYTES).unwrap();
    assert!(Rule::TooLarge.advice().contains(&most.to_string()));
    let found = |least_bytes, most_bytes| {
        let size = Check::Size { least_bytes, most_bytes };
        let lints = milestone(&part(vec![checked("size", size)]), "milestones[0]");
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
    assert_eq!(criterion(&checked("c", Check::HttpProbe(probe.clone())), "c"), []);
    probe.origin = Origin::parse("https://api.example");
    let lints = criterion(&checked("c", Check::HttpProbe(probe)), "c");
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
        milestone(&part, "m").iter().any(|lint| lint.rule == Rule::HiddenWeight)
    };
    assert!(hide(true, 100));
    assert!(hide(false, 2_001));
    assert!(!hide(false, 2_000));
}

#[test]
fn a_revealed_document_is_read_by_the_same_rules() {
    let document = |text: &str| HiddenCriterion {
        salt: B256::repeat_byte(1),
        text: text.to_owned(),
        kind: Kind::Llm,
    };
    assert_eq!(hidden(&document("Names the authors of the paper.")), []);
    let vague = hidden(&document("The text is good."));
    assert_eq!(refusal(&vague).unwrap().field, "document.text");
    // The rules for those who are about to sign are not the jurors': those keep to `VERSION`.
    assert_eq!(refusal(&hidden(&document("Done."))), None);
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
