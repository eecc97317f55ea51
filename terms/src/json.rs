//! Strict JSON in, canonical JSON out.
//!
//! A text that two readers could understand differently is refused: duplicate keys, numbers that a
//! double cannot hold, trailing text. What is accepted has exactly one RFC 8785 form.

use std::collections::HashSet;
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
    same(&value, &written, &mut String::new())?;
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
    // One pass over the whole text first: it bounds the nesting and gives line and column.
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|why| document(Fault::NotJson { why: why.to_string() }))?;
    read(raw.get(), String::new(), 0)
}

/// Reads one value from its text. Objects and arrays are read one level at a time, because only the
/// text tells an object from `serde_json`'s disguise of a number.
fn read(text: &str, path: String, depth: usize) -> Result<Value, TermsError> {
    let not_json = |path: &str, why: &serde_json::Error| {
        TermsError::at(named(path), Fault::NotJson { why: excerpt(&why.to_string()) })
    };
    if depth > MAX_DEPTH {
        return Err(TermsError::at(named(&path), Fault::TooDeep { most: MAX_DEPTH }));
    }
    let deeper = depth.saturating_add(1);
    match text.trim_start().bytes().next() {
        Some(b'{') => {
            let entries: Entries<'_> =
                serde_json::from_str(text).map_err(|why| not_json(&path, &why))?;
            let mut seen = HashSet::new();
            let mut object = Map::new();
            for (key, item) in entries.0 {
                let inner = join(&path, &key);
                if key.starts_with(RESERVED) {
                    return Err(TermsError::at(inner, Fault::ReservedKey));
                }
                if !seen.insert(key.clone()) {
                    return Err(TermsError::at(inner, Fault::DuplicateKey));
                }
                object.insert(key, read(item.get(), inner, deeper)?);
            }
            Ok(Value::Object(object))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|why| not_json(&path, &why))?;
            let items = items.into_iter().enumerate();
            let read =
                items.map(|(index, item)| read(item.get(), format!("{path}[{index}]"), deeper));
            Ok(Value::Array(read.collect::<Result<_, _>>()?))
        }
        Some(b'-' | b'0'..=b'9') => exact_number(text.trim(), &path).map(Value::Number),
        _ => serde_json::from_str(text).map_err(|why| not_json(&path, &why)),
    }
}

/// A number whose text is already known to be JSON: an integer up to [`MAX_SAFE_INTEGER`] (also
/// when written as `1.0` or `1e3`) or the double nearest to a text that is no integer.
fn exact_number(text: &str, path: &str) -> Result<Number, TermsError> {
    let refused = || TermsError::at(named(path), Fault::NumberInexact { got: excerpt(text) });
    if !text.contains(['.', 'e', 'E']) {
        let integer: i64 = text.parse().map_err(|_| refused())?;
        let safe = integer.unsigned_abs() <= MAX_SAFE_INTEGER;
        return if safe { Ok(Number::from(integer)) } else { Err(refused()) };
    }
    let double: f64 = text.parse().map_err(|_| refused())?;
    // Display of a whole double has no point and no exponent, so a safe one is found by its text.
    let integer = format!("{double}").parse::<i64>().ok();
    match integer.filter(|integer| integer.unsigned_abs() <= MAX_SAFE_INTEGER) {
        Some(integer) => Ok(Number::from(integer)),
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
fn same(read: &Value, written: &Value, path: &mut String) -> Result<(), TermsError> {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => {
            for (key, item) in read {
                let inner = &mut join(path, key);
                match written.get(key) {
                    Some(other) => same(item, other, inner)?,
                    None => {
                        let why = "unknown field".to_owned();
                        return Err(TermsError::at(inner.as_str(), Fault::Shape { why }));
                    }
                }
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
                same(item, other, &mut format!("{path}[{index}]"))
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
