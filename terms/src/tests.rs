//! Laws of term sheets that hold for any valid sheet, and for any bytes.

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use surety_bindings::escrow::Terms;

use crate::digest;
use crate::error::{Fault, TermsError};
use crate::sample;
use crate::sheet::TermSheet;
use crate::wire::{DeliveryRequest, Offer, OfferAnswer, TransactionRequest};

/// The paths of everything in a document.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(entries) => {
            for (key, item) in entries {
                let key = key.replace('~', "~0").replace('/', "~1");
                paths(item, &format!("{path}/{key}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                paths(item, &format!("{path}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all_paths(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    paths(value, "", &mut found);
    found
}

/// Another value of the same kind: the next number, another last digit, one item less.
fn changed(value: &Value) -> Value {
    match value {
        Value::Null => json!("7"),
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => match number.as_u64() {
            Some(number) => json!(number ^ 1),
            None => json!(0.125),
        },
        Value::String(text) => match text.chars().last() {
            Some('1') => json!(format!("{}2", &text[..text.len() - 1])),
            Some(last) if last.is_ascii_hexdigit() => {
                json!(format!("{}1", &text[..text.len() - 1]))
            }
            _ => json!(format!("{text}!")),
        },
        Value::Array(items) => json!(items[..items.len().saturating_sub(1)]),
        Value::Object(_) => json!({ "type": "llm" }),
    }
}

/// The document with the keys of every object in reverse order, as text.
fn reversed(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let mut parts: Vec<String> = entries
                .iter()
                .map(|(key, item)| format!("{} : {}", json!(key), reversed(item)))
                .collect();
            parts.reverse();
            format!("{{\n{}}}", parts.join(" ,\t"))
        }
        Value::Array(items) => {
            format!("[ {} ]", items.iter().map(reversed).collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[test]
fn the_example_reads_back() {
    let sheet = sample::example();
    assert_eq!(TermSheet::parse(&sheet.canonical()), Ok(sheet));
}

#[test]
fn an_address_has_one_spelling() {
    let text = String::from_utf8(sample::example().canonical()).unwrap();
    let upper = text.replace("0xe5e5", "0xE5e5");
    let error = TermSheet::parse(upper.as_bytes()).unwrap_err();
    assert_eq!((error.field.as_str(), error.fault.slug()), ("escrow", "not-canonical"));
    let bare = text.replace("0xe5e5", "e5e5");
    assert!(TermSheet::parse(bare.as_bytes()).is_err());
}

#[test]
fn a_fault_becomes_a_problem_that_names_field_and_rule() {
    let mut sheet = sample::example();
    sheet.milestones[0].pass_bps = crate::Bps::ZERO;
    let error = sheet.validate().unwrap_err().under("termSheet");
    let problem = crate::Problem::from(error);
    assert_eq!(
        serde_json::to_value(problem).unwrap(),
        json!({
            "type": "urn:surety:problem:pass-bps-invalid",
            "title": "The document breaks a rule",
            "status": 422,
            "detail": "termSheet.milestones[0].passBps: 0 basis points; needs 1 to 10000",
            "field": "termSheet.milestones[0].passBps",
            "rule": "0 basis points; needs 1 to 10000",
        })
    );
    let error = TermsError::at(TermsError::DOCUMENT, Fault::DuplicateKey).under("termSheet");
    assert_eq!((error.field.as_str(), error.fault.status()), ("termSheet", 400));
}

#[test]
fn bodies_are_checked_with_the_sheets_in_them() {
    let sheet = sample::example();
    let delivery = json!({
        "dealId": sheet.deal_id(),
        "milestone": 0,
        "deliverable": sheet.salt,
        "uri": "",
    });
    let body = json!({ "termSheet": sheet, "delivery": delivery, "signature": "0x01" });
    assert!(DeliveryRequest::parse(body.to_string().as_bytes()).is_ok());
    let refused = |path: &str, value: Value| {
        let mut body = body.clone();
        *body.pointer_mut(path).unwrap() = value;
        let error = DeliveryRequest::parse(body.to_string().as_bytes()).unwrap_err();
        (error.field, error.fault.slug())
    };
    assert_eq!(
        refused("/termSheet/total", json!("1")),
        ("termSheet.total".into(), "total-mismatch")
    );
    assert_eq!(
        refused("/delivery/milestone", json!(1)),
        ("delivery.milestone".into(), "milestone-unknown")
    );
    assert_eq!(refused("/signature", json!("0x")), ("signature".into(), "text-empty"));
    let mut unknown = body.clone();
    unknown["delivery"]["note"] = json!("");
    let error = DeliveryRequest::parse(unknown.to_string().as_bytes()).unwrap_err();
    assert_eq!((error.field.as_str(), error.fault.slug()), ("delivery.note", "shape-invalid"));
    let offer = json!({ "termSheet": sheet, "buyerAuthorization": "0x01" });
    assert!(Offer::parse(offer.to_string().as_bytes()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_valid_sheet_survives_json(sheet in sample::sheet()) {
        prop_assert_eq!(sheet.validate(), Ok(()));
        let canonical = sheet.canonical();
        prop_assert_eq!(TermSheet::parse(&canonical), Ok(sheet.clone()));
        let pretty = serde_json::to_vec_pretty(&sheet).unwrap();
        prop_assert_eq!(TermSheet::parse(&pretty).map(|sheet| sheet.canonical()), Ok(canonical));
    }

    #[test]
    fn the_order_of_keys_changes_nothing(sheet in sample::sheet()) {
        let text = reversed(&serde_json::to_value(&sheet).unwrap());
        let read = TermSheet::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(read.document(), sheet.document());
        prop_assert_eq!(read.deal_id(), sheet.deal_id());
    }

    #[test]
    fn a_sheet_that_today_is_supported_says_so(sheet in sample::supported()) {
        prop_assert_eq!(sheet.unsupported(), None);
        prop_assert_eq!(sheet.validate(), Ok(()));
    }

    #[test]
    fn terms_hold_what_the_sheet_says(sheet in sample::sheet()) {
        let terms = sheet.terms();
        prop_assert_eq!(terms.document, sheet.document());
        prop_assert_eq!(terms.total.to::<u128>(), sheet.total.base_units());
        prop_assert_eq!(terms.openBy.to::<u64>(), sheet.open_by);
        for (index, part) in sheet.milestones.iter().enumerate() {
            let milestone = &terms.milestones[index];
            prop_assert_eq!(milestone.rule, sheet.rule(index));
            let rule = crate::Rule::from_word(milestone.rule, "rule");
            prop_assert_eq!(rule, Ok(part.rule()));
            prop_assert_eq!(milestone.deliverBy.to::<u64>(), part.deliver_by);
        }
    }

    #[test]
    fn changing_any_field_changes_document_and_deal(
        sheet in sample::sheet(), places in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let value = serde_json::to_value(&sheet).unwrap();
        let (document, deal) = (sheet.document(), sheet.deal_id());
        for path in some(&value, &places) {
            if let Some(read) = with_change::<TermSheet>(&value, &path) {
                prop_assert_ne!(read.document(), document, "{}", path);
                prop_assert_ne!(read.deal_id(), deal, "{}", path);
            }
        }
    }

    #[test]
    fn every_field_of_the_terms_is_in_the_deal_id(
        sheet in sample::sheet(), places in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        // Apart from the document, which has them all: the struct itself binds each of its fields.
        let (domain, terms) = (sheet.domain(), sheet.terms());
        let value = serde_json::to_value(&terms).unwrap();
        let id = digest::deal_id(&terms, &domain);
        for path in some(&value, &places) {
            if let Some(other) = with_change::<Terms>(&value, &path) {
                prop_assert_ne!(digest::deal_id(&other, &domain), id, "{}", path);
            }
        }
    }
}

/// The paths at some places of a document.
fn some(value: &Value, places: &[prop::sample::Index]) -> Vec<String> {
    let paths = all_paths(value);
    places.iter().map(|place| paths[place.index(paths.len())].clone()).collect()
}

/// The document with another value at `path`, if it is one of its kind still.
fn with_change<T: DeserializeOwned>(value: &Value, path: &str) -> Option<T> {
    let mut other = value.clone();
    let place = other.pointer_mut(path)?;
    *place = changed(place);
    if other == *value { None } else { serde_json::from_value(other).ok() }
}

/// Values that a field might be attacked with.
fn hostile() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "0x[0-9a-fA-F]{0,66}".prop_map(Value::from),
        "-?[0-9]{1,90}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof!["[$a-z]{0,6}", Just("type".to_owned()), Just("$ref".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn read_all(bytes: &[u8]) -> Result<TermSheet, TermsError> {
    drop(Offer::parse(bytes));
    drop(OfferAnswer::parse(bytes));
    drop(DeliveryRequest::parse(bytes));
    drop(TransactionRequest::parse(bytes));
    TermSheet::parse(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_refused(bytes in any::<Vec<u8>>()) {
        prop_assert!(read_all(&bytes).is_err());
    }

    #[test]
    fn a_damaged_sheet_is_refused_or_another_valid_sheet(
        at in any::<prop::sample::Index>(), cut in 0_usize..3, put in any::<Vec<u8>>(),
    ) {
        let mut bytes = sample::example().canonical();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put);
        if let Ok(sheet) = read_all(&bytes) {
            prop_assert_eq!(sheet.validate(), Ok(()));
            prop_assert_eq!(TermSheet::parse(&sheet.canonical()), Ok(sheet));
        }
    }

    #[test]
    fn a_sheet_with_a_foreign_value_is_refused_or_another_valid_sheet(
        at in any::<prop::sample::Index>(), value in hostile(),
    ) {
        let mut document = serde_json::to_value(sample::example()).unwrap();
        let paths = all_paths(&document);
        *document.pointer_mut(&paths[at.index(paths.len())]).unwrap() = value;
        if let Ok(sheet) = read_all(document.to_string().as_bytes()) {
            prop_assert_eq!(TermSheet::parse(&sheet.canonical()), Ok(sheet));
        }
        // Deserialised without `parse`, as a part of something else, it must not panic either.
        if let Ok(sheet) = serde_json::from_value::<TermSheet>(document) {
            drop(sheet.validate());
            assert_ne!(sheet.deal_id(), alloy::primitives::B256::ZERO);
        }
    }

    #[test]
    fn a_check_with_any_schema_is_compiled_or_refused(value in hostile()) {
        if let Ok(schema) = crate::Schema::new(value) {
            drop(schema.compile("schema"));
        }
    }
}
