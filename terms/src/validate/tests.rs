//! What each rule refuses, and what stays just within it.

use alloy::primitives::{Address, B256, Bytes};
use serde_json::json;

use super::*;
use crate::check::{Check, Expect, Module, Schema};
use crate::sample::{self, OPEN_BY};

const DAY: u64 = 86_400;

/// What validation says of the example after `change`, as `field: rule`.
fn verdict(change: impl FnOnce(&mut TermSheet)) -> (String, &'static str) {
    let mut sheet = sample::example();
    sheet.validate().expect("the example is valid");
    change(&mut sheet);
    let error = sheet.validate().expect_err("a rule is broken");
    (error.field, error.fault.slug())
}

macro_rules! refuses {
    ($($name:ident: $field:literal, $slug:literal, $change:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(verdict($change), ($field.to_owned(), $slug));
        }
    )*};
}

refuses! {
    a_chain_has_an_id: "chainId", "out-of-range", |s| s.chain_id = 0;
    a_chain_id_fits_a_double: "chainId", "out-of-range", |s| s.chain_id = 1 << 53;
    there_is_an_escrow: "escrow", "zero", |s| s.escrow = Address::ZERO;
    there_is_a_token: "token", "zero", |s| s.token = Address::ZERO;
    there_is_a_jury: "jury", "zero", |s| s.jury = B256::ZERO;
    there_is_a_buyer: "buyer", "parties-invalid", |s| s.buyer = Address::ZERO;
    there_is_a_seller: "seller", "parties-invalid", |s| s.seller = Address::ZERO;
    parties_are_two: "seller", "parties-invalid", |s| s.seller = s.buyer;
    the_escrow_is_no_party: "seller", "address-reused", |s| s.seller = s.escrow;
    the_token_is_no_party: "buyer", "address-reused", |s| s.buyer = s.token;
    the_token_is_not_the_escrow: "token", "address-reused", |s| s.token = s.escrow;
    a_title_says_something: "title", "text-empty", |s| s.title = " ".into();
    a_title_is_short: "title", "text-too-long", |s| s.title = "é".repeat(121);
    a_title_is_one_line: "title", "text-invalid", |s| s.title = "a\nb".into();
    prose_has_a_limit: "summary", "text-too-long", |s| s.summary = "a".repeat(4_001);
    prose_reads_as_it_is_written: "summary", "text-invalid", |s| s.summary = "\u{202e}".into();
    prose_hides_no_tags: "summary", "text-invalid", |s| s.summary = "a\u{e0041}".into();
    opening_has_a_deadline: "openBy", "out-of-range", |s| s.open_by = 0;
    opening_fits_forty_bits: "openBy", "out-of-range", |s| s.open_by = 1 << 40;
    judging_takes_an_hour: "judgeWithin", "window-too-short", |s| s.judge_within = 3_599;
    judging_fits_forty_bits: "judgeWithin", "out-of-range", |s| s.judge_within = 1 << 40;
    appeals_take_an_hour: "appealWithin", "window-too-short", |s| s.appeal_within = 3_599;
    appeals_need_a_bond: "appealBond", "inconsistent", |s| s.appeal_within = 3_600;
    a_bond_needs_appeals: "appealBond", "inconsistent", |s| s.appeal_bond = Usdc::from_whole(1);
    shares_of_silence_have_a_limit: "silentSellerBps", "bps-too-high",
        |s| s.silent_seller_bps = Bps::new(10_001);
    shares_of_a_split_have_a_limit: "splitSellerBps", "bps-too-high",
        |s| s.split_seller_bps = Bps::new(10_001);
    marketplaces_take_a_tenth: "feeBps", "bps-too-high", |s| s.fee_bps = Bps::new(1_001);
    a_fee_needs_a_receiver: "feeReceiver", "inconsistent", |s| s.fee_bps = Bps::new(1);
    a_receiver_needs_a_fee: "feeReceiver", "inconsistent",
        |s| s.fee_receiver = Address::repeat_byte(9);
    a_deal_has_a_milestone: "milestones", "milestone-count", |s| s.milestones.clear();
    a_deal_has_sixteen_milestones: "milestones", "milestone-count",
        |s| s.milestones = vec![s.milestones[0].clone(); 17];
    a_milestone_has_a_title: "milestones[0].title", "text-empty",
        |s| s.milestones[0].title.clear();
    a_milestone_pays: "milestones[0].amount", "amount-zero",
        |s| s.milestones[0].amount = Usdc::ZERO;
    a_deadline_fits_forty_bits: "milestones[0].deliverBy", "out-of-range",
        |s| s.milestones[0].deliver_by = 1 << 40;
    delivery_takes_an_hour: "milestones[0].deliverBy", "deliver-by-too-early",
        |s| s.milestones[0].deliver_by = OPEN_BY + 3_599;
    milestones_end_in_two_years: "milestones[0].deliverBy", "ends-too-late",
        |s| s.milestones[0].deliver_by = OPEN_BY + 730 * DAY - DAY;
    appeals_count_as_life: "milestones[0].deliverBy", "ends-too-late", |s| {
        s.appeal_within = DAY;
        s.appeal_bond = Usdc::from_whole(1);
        s.milestones[0].deliver_by = OPEN_BY + 728 * DAY;
    };
    a_sequence_leaves_time_to_judge: "milestones[1].deliverBy", "deliver-by-too-early", |s| {
        s.sequential = true;
        s.milestones.push(s.milestones[0].clone());
        s.milestones[1].deliver_by += DAY + 3_599;
    };
    a_total_is_the_sum: "total", "total-mismatch", |s| s.total = Usdc::from_whole(99);
    a_total_holds_the_opening_fee: "total", "total-mismatch",
        |s| s.open_fee = Usdc::from_whole(1);
    a_sum_fits_an_amount: "total", "total-too-large", |s| {
        s.milestones[0].amount = Usdc::MAX;
        s.open_fee = Usdc::from_whole(1);
    };
    fees_come_from_a_milestone: "milestones[0].amount", "fees-too-high", |s| {
        s.jury_fee = Usdc::from_whole(60);
        s.relay_fee = Usdc::from_whole(41);
    };
    fees_come_from_an_appeal: "appealBond", "fees-too-high", |s| {
        s.jury_fee = Usdc::from_whole(2);
        s.appeal_within = 3_600;
        s.appeal_bond = Usdc::from_whole(1);
    };
    a_pass_mark_is_above_zero: "milestones[0].passBps", "pass-bps-invalid",
        |s| s.milestones[0].pass_bps = Bps::ZERO;
    a_pass_mark_can_be_reached: "milestones[0].passBps", "pass-bps-invalid",
        |s| s.milestones[0].pass_bps = Bps::new(10_001);
    a_milestone_has_criteria: "milestones[0].criteria", "criterion-count",
        |s| s.milestones[0].criteria.clear();
    weights_sum_to_the_whole: "milestones[0].criteria", "weights-invalid",
        |s| s.milestones[0].criteria[0].weight_bps = Bps::new(4_999);
    weights_are_positive: "milestones[0].criteria", "weights-invalid", |s| {
        s.milestones[0].criteria[0].weight_bps = Bps::ZERO;
        s.milestones[0].criteria[1].weight_bps = Bps::WHOLE;
    };
    ids_are_spelled_plainly: "milestones[0].criteria[1].id", "criterion-id-invalid",
        |s| s.milestones[0].criteria[1].id = "Titled".into();
    ids_are_short: "milestones[0].criteria[1].id", "criterion-id-invalid",
        |s| s.milestones[0].criteria[1].id = "a".repeat(33);
    ids_are_unique: "milestones[0].criteria[1].id", "criterion-id-taken",
        |s| s.milestones[0].criteria[1].id = "faithful".into();
    a_criterion_asks_something: "milestones[0].criteria[0].text", "text-empty",
        |s| s.milestones[0].criteria[0].text.clear();
    a_criterion_is_short: "milestones[0].criteria[0].text", "text-too-long",
        |s| s.milestones[0].criteria[0].text = "a".repeat(601);
    a_pattern_compiles: "milestones[0].criteria[0].kind.pattern", "pattern-invalid",
        |s| s.milestones[0].criteria[0].kind = pattern("(");
    a_pattern_is_small_when_compiled: "milestones[0].criteria[0].kind.pattern",
        "pattern-invalid", |s| s.milestones[0].criteria[0].kind = pattern("(\\w{9}){99}");
    a_pattern_looks_neither_ahead_nor_back: "milestones[0].criteria[0].kind.pattern",
        "pattern-invalid", |s| s.milestones[0].criteria[0].kind = pattern("(?=a)b");
    families_are_few: "sellerFamilies", "family-count",
        |s| s.seller_families = (0..9).map(|i| format!("f{i}")).collect();
    families_are_spelled_plainly: "sellerFamilies[1]", "family-invalid",
        |s| s.seller_families = vec!["openai".into(), "Open AI".into()];
    families_are_named_once: "sellerFamilies[1]", "family-invalid",
        |s| s.seller_families = vec!["openai".into(), "openai".into()];
    a_hidden_criterion_tests_a_public_one: "milestones[0].criteria[1].kind.of",
        "criterion-unknown", |s| s.milestones[0].criteria[1].kind = hidden(7, "nothing");
    a_hidden_criterion_does_not_test_a_hidden_one: "milestones[0].criteria[1].kind.of",
        "criterion-unknown", |s| s.milestones[0].criteria[1].kind = hidden(7, "titled");
    a_hidden_criterion_is_committed_to: "milestones[0].criteria[1].kind.commitment", "zero",
        |s| s.milestones[0].criteria[1].kind = hidden(0, "faithful");
    a_size_has_its_bounds_in_order: "milestones[0].criteria[0].kind.leastBytes",
        "out-of-range", |s| s.milestones[0].criteria[0].kind =
            Kind::Check(Check::Size { least_bytes: 2, most_bytes: 1 });
    a_size_fits_a_double: "milestones[0].criteria[0].kind.mostBytes", "out-of-range",
        |s| s.milestones[0].criteria[0].kind =
            Kind::Check(Check::Size { least_bytes: 0, most_bytes: u64::MAX });
    a_module_begins_as_one: "milestones[0].criteria[0].kind.module", "module-invalid",
        |s| s.milestones[0].criteria[0].kind = wasm(b"(module)", 1, 1);
    a_module_burns_so_much: "milestones[0].criteria[0].kind.fuel", "out-of-range",
        |s| s.milestones[0].criteria[0].kind = wasm(MODULE, limits::FUEL + 1, 1);
    a_module_needs_fuel: "milestones[0].criteria[0].kind.fuel", "out-of-range",
        |s| s.milestones[0].criteria[0].kind = wasm(MODULE, 0, 1);
    a_module_has_so_much_memory: "milestones[0].criteria[0].kind.memoryPages",
        "out-of-range", |s| s.milestones[0].criteria[0].kind = wasm(MODULE, 1, 257);
    a_schema_is_one: "milestones[0].criteria[0].kind.schema", "schema-invalid", |s| {
        let schema = Schema::new(json!({ "type": "money" })).unwrap();
        s.milestones[0].criteria[0].kind = Kind::Check(Check::JsonSchema { schema });
    };
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn wasm(module: &[u8], fuel: u64, memory_pages: u32) -> Kind {
    Kind::Check(Check::Wasm { module: Module::new(module.to_vec()), fuel, memory_pages })
}

fn hidden(byte: u8, of: &str) -> Kind {
    Kind::Hidden { commitment: B256::repeat_byte(byte), of: of.into() }
}

fn pattern(pattern: &str) -> Kind {
    Kind::Check(Check::Regex { pattern: pattern.into(), expect: Expect::Match })
}

#[test]
fn windows_are_exact_at_their_ends() {
    let mut sheet = sample::example();
    sheet.milestones[0].deliver_by = OPEN_BY + 3_600;
    assert_eq!(sheet.validate(), Ok(()));
    sheet.milestones[0].deliver_by = OPEN_BY - 1 + 730 * DAY - DAY;
    assert_eq!(sheet.validate(), Ok(()));
    assert_eq!(sheet.openable_at(OPEN_BY - 1), Ok(()));
    assert_eq!(sheet.openable_at(OPEN_BY - 2).unwrap_err().fault.slug(), "ends-too-late");
    assert_eq!(sheet.openable_at(OPEN_BY).unwrap_err().fault.slug(), "deadline-passed");
}

#[test]
fn a_sheet_of_small_parts_can_be_too_large() {
    let (field, slug) = verdict(|sheet| {
        let mut part = sheet.milestones[0].clone();
        let criterion = part.criteria[0].clone();
        part.amount = Usdc::from_whole(1);
        part.description = "💰".repeat(4_000);
        part.criteria = (0..16_u8)
            .map(|i| Criterion {
                id: format!("c{i}"),
                text: "💰".repeat(600),
                weight_bps: Bps::new(625),
                ..criterion.clone()
            })
            .collect();
        sheet.milestones = vec![part; 16];
        sheet.total = Usdc::from_whole(16);
    });
    assert_eq!((field.as_str(), slug), (TermsError::DOCUMENT, "too-large"));
}

#[test]
fn unsupported_fields_are_named_in_the_order_of_the_sheet() {
    let mut sheet = sample::example();
    assert_eq!(sheet.unsupported(), None);
    sheet.sequential = true;
    assert_eq!(sheet.unsupported(), Some("sequential"));
    sheet.appeal_within = 3_600;
    assert_eq!(sheet.unsupported(), Some("appealWithin"));
}

#[test]
fn a_delivery_is_for_the_deal_and_one_of_its_milestones() {
    let sheet = sample::example();
    let good = Delivery {
        dealId: sheet.deal_id(),
        milestone: 0,
        deliverable: B256::repeat_byte(7),
        uri: "https://seller.example/summary.md".into(),
    };
    let refused = |change: fn(&mut Delivery)| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = delivery(&sheet, &bad).unwrap_err();
        (error.field, error.fault.slug())
    };
    assert_eq!(delivery(&sheet, &good), Ok(()));
    assert_eq!(refused(|d| d.dealId = B256::ZERO), ("dealId".into(), "deal-mismatch"));
    assert_eq!(refused(|d| d.milestone = 1), ("milestone".into(), "milestone-unknown"));
    assert_eq!(refused(|d| d.deliverable = B256::ZERO), ("deliverable".into(), "zero"));
    assert_eq!(refused(|d| d.uri = "a\0".into()), ("uri".into(), "text-invalid"));
    assert_eq!(refused(|d| d.uri = "a".repeat(1_025)), ("uri".into(), "text-too-long"));
}

#[test]
fn a_signature_is_neither_empty_nor_huge() {
    assert!(signature("signature", &Bytes::from(vec![1; 65])).is_ok());
    assert!(signature("signature", &[]).is_err());
    assert!(signature("signature", &[1; 4_097]).is_err());
}
