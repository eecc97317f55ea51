//! Strict JSON in, canonical JSON out.
//!
//! A text that two readers could understand differently is refused: duplicate keys, numbers that a
//! double cannot hold, trailing text. What is accepted has exactly one RFC 8785 form.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::error::{Fault, TermsError, excerpt};

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 48;
/// The largest integer that a double holds exactly with all below it: 2^53 - 1.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
/// The first double that is no longer told from its neighbour.
const UNSAFE: f64 = 9_007_199_254_740_992.0;
/// Keys by which `serde_json` smuggles numbers and raw text through maps.
const RESERVED: &str = "$serde_json::private";

/// Reads one JSON document of at most `max_bytes`.
///
/// Refuses invalid UTF-8, duplicate keys at any depth, nesting beyond [`MAX_DEPTH`], inexact
/// numbers and trailing text. `T` decides about unknown fields (`deny_unknown_fields`).
pub fn parse_strict<T: DeserializeOwned>(bytes: &[u8], max_bytes: usize) -> Result<T, TermsError> {
    typed(value(bytes, max_bytes)?)
}

/// Like [`parse_strict`], and refuses every spelling but the one that `T` writes, so that the
/// RFC 8785 bytes of the text and of the value are the same.
pub fn parse_exact<T>(bytes: &[u8], max_bytes: usize) -> Result<T, TermsError>
where
    T: DeserializeOwned + Serialize,
{
    let value = value(bytes, max_bytes)?;
    let parsed: T = typed(value.clone())?;
    let written = serde_json::to_value(&parsed).map_err(|why| shape(TermsError::DOCUMENT, &why))?;
    same(&value, &written, "")?;
    Ok(parsed)
}

/// The RFC 8785 bytes of `value`.
///
/// Fails only for what JSON cannot hold: maps with keys that are no strings, infinite numbers.
pub fn canonical<T: Serialize>(value: &T) -> Result<Vec<u8>, TermsError> {
    serde_json_canonicalizer::to_vec(value).map_err(|why| shape(TermsError::DOCUMENT, &why))
}

/// The same document with every number in its one form; refuses numbers that a double cannot hold.
pub(crate) fn normal(value: Value, path: &str) -> Result<Value, TermsError> {
    Ok(match value {
        Value::Number(number) => Value::Number(exact_number(number.to_string().trim(), path)?),
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            let normal = items.map(|(index, item)| normal(item, &format!("{path}[{index}]")));
            Value::Array(normal.collect::<Result<_, _>>()?)
        }
        Value::Object(entries) => {
            let mut normal_entries = Map::new();
            for (key, item) in entries {
                let inner = join(path, &key);
                normal_entries.insert(key, normal(item, &inner)?);
            }
            Value::Object(normal_entries)
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value,
    })
}

fn value(bytes: &[u8], max_bytes: usize) -> Result<Value, TermsError> {
    let document = |fault| TermsError::at(TermsError::DOCUMENT, fault);
    if bytes.len() > max_bytes {
        return Err(document(Fault::TooLarge { got: bytes.len(), most: max_bytes }));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|why| document(Fault::NotJson { why: why.to_string() }))?;
    // One pass over the whole text first: a fault found here has the line and column.
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|why| document(Fault::NotJson { why: why.to_string() }))?;
    read(raw.get(), "", 0)
}

/// Reads one value from its text. Objects and arrays are read one level at a time, because only the
/// text tells an object from `serde_json`'s disguise of a number.
fn read(text: &str, path: &str, depth: usize) -> Result<Value, TermsError> {
    let not_json = |why: serde_json::Error| {
        TermsError::at(named(path), Fault::NotJson { why: excerpt(&why.to_string()) })
    };
    if depth > MAX_DEPTH {
        return Err(TermsError::at(named(path), Fault::TooDeep { most: MAX_DEPTH }));
    }
    let deeper = depth.saturating_add(1);
    match text.trim_start().bytes().next() {
        Some(b'{') => {
            let entries: Entries<'_> = serde_json::from_str(text).map_err(not_json)?;
            let mut object = Map::new();
            for (key, item) in entries.0 {
                let inner = join(path, &key);
                if key.starts_with(RESERVED) {
                    return Err(TermsError::at(inner, Fault::ReservedKey));
                }
                if object.contains_key(&key) {
                    return Err(TermsError::at(inner, Fault::DuplicateKey));
                }
                object.insert(key, read(item.get(), &inner, deeper)?);
            }
            Ok(Value::Object(object))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(not_json)?;
            let items = items.into_iter().enumerate();
            let read =
                items.map(|(index, item)| read(item.get(), &format!("{path}[{index}]"), deeper));
            Ok(Value::Array(read.collect::<Result<_, _>>()?))
        }
        Some(b'-' | b'0'..=b'9') => exact_number(text.trim(), path).map(Value::Number),
        _ => serde_json::from_str(text).map_err(not_json),
    }
}

/// A number whose text is already known to be JSON, in its one form: an integer when it is whole
/// (also when written as `1.0` or `1e3`), else the nearest double. Whole numbers beyond
/// [`MAX_SAFE_INTEGER`] are refused: RFC 8785 would write another one than was read.
fn exact_number(text: &str, path: &str) -> Result<Number, TermsError> {
    let refused = || TermsError::at(named(path), Fault::NumberInexact { got: excerpt(text) });
    let double: f64 = text.parse().map_err(|_| refused())?;
    // A whole double is displayed without point and exponent, so a safe one is found by its text.
    // Doubles do not tell the first unsafe integers apart, so those are read as integers first.
    let integer = match text.parse::<i64>() {
        Ok(integer) => Some(integer),
        Err(_) => format!("{double}").parse().ok(),
    };
    match integer {
        Some(integer) if integer.unsigned_abs() <= MAX_SAFE_INTEGER => Ok(Number::from(integer)),
        Some(_) => Err(refused()),
        // Beyond the integers of 64 bits, every double is whole.
        None if double.abs() >= UNSAFE => Err(refused()),
        None => Number::from_f64(double).ok_or_else(refused),
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T, TermsError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string() {
            root if root == "." => TermsError::DOCUMENT.to_owned(),
            path => path,
        };
        shape(&path, error.inner())
    })
}

fn shape(path: &str, why: &serde_json::Error) -> TermsError {
    let why = why.to_string().chars().take(300).collect();
    TermsError::at(path, Fault::Shape { why })
}

/// The first difference between what was read and what we write.
fn same(read: &Value, written: &Value, path: &str) -> Result<(), TermsError> {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => {
            for (key, item) in read {
                let inner = join(path, key);
                let Some(other) = written.get(key) else {
                    let why = "unknown field".to_owned();
                    return Err(TermsError::at(inner, Fault::Shape { why }));
                };
                same(item, other, &inner)?;
            }
            match written.keys().find(|key| !read.contains_key(*key)) {
                Some(key) => {
                    let why = "missing field".to_owned();
                    Err(TermsError::at(join(path, key), Fault::Shape { why }))
                }
                None => Ok(()),
            }
        }
        (Value::Array(read), Value::Array(written)) if read.len() == written.len() => {
            let mut pairs = read.iter().zip(written).enumerate();
            pairs.try_for_each(|(index, (item, other))| {
                same(item, other, &format!("{path}[{index}]"))
            })
        }
        _ if read == written => Ok(()),
        _ => {
            let needed = excerpt(&written.to_string());
            Err(TermsError::at(named(path), Fault::NotCanonical { needed }))
        }
    }
}

fn join(path: &str, key: &str) -> String {
    let key = excerpt(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

fn named(path: &str) -> &str {
    if path.is_empty() { TermsError::DOCUMENT } else { path }
}

/// An object's entries in order, duplicates included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for EntriesVisitor<'a> {
    type Value = Entries<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries<'a>, M::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry::<String, &'a RawValue>()? {
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read_value(text: &str) -> Result<Value, (String, &'static str)> {
        parse_strict(text.as_bytes(), 10_000).map_err(|error| (error.field, error.fault.slug()))
    }

    fn refused(text: &str) -> (String, &'static str) {
        read_value(text).expect_err(text)
    }

    #[test]
    fn the_rfc_examples_come_out_as_the_rfc_says() {
        let text = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
            "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        // The RFC's 1E30 is no number that we read, but one that we would write.
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(String::from_utf8(canonical(&value).unwrap()).unwrap(), expected);
    }

    #[test]
    fn keys_are_sorted_by_utf_16() {
        let value = read_value(
            "{\"\u{20ac}\":1,\"\\r\":2,\"\u{fb33}\":3,\"1\":4,\"\u{1f600}\":5,\"\u{80}\":6,\"\u{f6}\":7}",
        );
        let bytes = canonical(&value.unwrap()).unwrap();
        let expected = "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn a_key_appears_once_at_any_depth() {
        assert_eq!(refused(r#"{"a":1,"a":1}"#), ("a".into(), "duplicate-key"));
        assert_eq!(refused(r#"{"x":[{"a":1,"\u0061":2}]}"#), ("x[0].a".into(), "duplicate-key"));
    }

    #[test]
    fn a_text_is_one_document_and_nothing_else() {
        for text in
            ["", " ", "{} {}", "{}x", "[1,]", "{a:1}", "nul", "'a'", "01", "1.", "+1", "NaN"]
        {
            assert_eq!(refused(text), (TermsError::DOCUMENT.into(), "not-json"), "{text:?}");
        }
        let utf16 = parse_strict::<Value>(b"\xff\xfe{\0}\0", 100);
        assert_eq!(utf16.unwrap_err().fault.slug(), "not-json");
        let marked = parse_strict::<Value>("\u{feff}{}".as_bytes(), 100);
        assert_eq!(marked.unwrap_err().fault.slug(), "not-json");
        assert_eq!(refused(r#"{"a":"\ud800"}"#), ("a".into(), "not-json"));
    }

    #[test]
    fn a_document_is_neither_too_large_nor_too_deep() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read_value(&nested(MAX_DEPTH + 1)).is_ok());
        assert_eq!(refused(&nested(MAX_DEPTH + 2)).1, "too-deep");
        assert_eq!(refused(&nested(4_999)).1, "too-deep");
        assert_eq!(refused(&" ".repeat(10_001)).1, "too-large");
    }

    #[test]
    fn numbers_are_those_of_a_double() {
        assert_eq!(read_value("9007199254740991"), Ok(json!(9_007_199_254_740_991_u64)));
        assert_eq!(read_value("-9007199254740991"), Ok(json!(-9_007_199_254_740_991_i64)));
        assert_eq!(read_value("1.0"), Ok(json!(1)));
        assert_eq!(read_value("12e1"), Ok(json!(120)));
        assert_eq!(read_value("-0"), Ok(json!(0)));
        assert_eq!(read_value("-0.0"), Ok(json!(0)));
        for text in [
            "9007199254740992",
            "-9007199254740992",
            "9007199254740992.0",
            "18446744073709551616",
            "6.3e19",
            "1e21",
            "-1e300",
            "1e309",
        ] {
            assert_eq!(refused(text).1, "number-inexact", "{text}");
        }
    }

    #[test]
    fn a_disguised_number_is_an_object_with_a_reserved_key() {
        let text = r#"{"a":{"$serde_json::private::Number":"1"}}"#;
        assert_eq!(refused(text).1, "reserved-key");
        assert_eq!(refused(r#"{"$serde_json::private::RawValue":"1"}"#).1, "reserved-key");
    }

    #[test]
    fn a_fault_of_shape_names_its_field() {
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Inner {
            n: u8,
        }
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Outer {
            list: Vec<Inner>,
        }
        let field = |text: &str| parse_exact::<Outer>(text.as_bytes(), 100).unwrap_err().field;
        assert_eq!(field(r#"{"list":[{"n":256}]}"#), "list[0].n");
        assert_eq!(field(r#"{"list":[{"n":1},{"n":"1"}]}"#), "list[1].n");
        assert_eq!(field(r#"{"list":[{"n":1,"m":1}]}"#), "list[0].m");
        assert_eq!(field(r#"{"list":[{}]}"#), "list[0]");
        assert_eq!(field("[]"), TermsError::DOCUMENT);
        // Positions instead of names: serde reads that as a struct, and we do not.
        assert_eq!(field("[[]]"), TermsError::DOCUMENT);
        assert_eq!(field("3"), TermsError::DOCUMENT);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(|n| Value::from(if n.abs() < 1e15 {
                n
            } else {
                1.0 / n
            })),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..6).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_bytes_are_read_back_and_written_the_same(value in any_json()) {
            let bytes = canonical(&value).unwrap();
            let read: Value = parse_strict(&bytes, 100_000).unwrap();
            prop_assert_eq!(canonical(&read).unwrap(), bytes);
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(parse_strict::<Value>(&pretty, 100_000).unwrap(), read);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in any::<Vec<u8>>(), text in "[\\[\\]{}\",:0-9eE.+\\-a\\\\u ]{0,60}") {
            drop(parse_strict::<Value>(&bytes, 1_000));
            drop(parse_strict::<Value>(text.as_bytes(), 1_000));
        }
    }
}
