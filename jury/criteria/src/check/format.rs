//! Formats that a program can tell: texts are read to their end, the rest by how it begins.

use serde_json::Value;
use surety_terms::{Format, json};

use super::CheckResult;
use super::text::{MAX_JSON_BYTES, MAX_TEXT_BYTES};

pub(super) fn run(format: Format, deliverable: &[u8]) -> CheckResult {
    let begins: &[&[u8]] = match format {
        Format::Text => return answer(text(deliverable).map(drop)),
        Format::Json => return answer(json(deliverable)),
        Format::JsonLines => return answer(json_lines(deliverable)),
        Format::Csv => return answer(csv(deliverable)),
        Format::Pdf => &[b"%PDF-"],
        Format::Png => &[b"\x89PNG\r\n\x1a\n"],
        Format::Jpeg => &[b"\xff\xd8\xff"],
        Format::Zip => &[b"PK\x03\x04", b"PK\x05\x06"],
        Format::Gzip => &[b"\x1f\x8b\x08"],
        Format::Wasm => &[b"\0asm\x01\0\0\0"],
    };
    if begins.iter().any(|begin| deliverable.starts_with(begin)) {
        CheckResult::met("it begins as the format does")
    } else {
        CheckResult::failed("it does not begin as the format does")
    }
}

fn answer(read: Result<(), String>) -> CheckResult {
    match read {
        Ok(()) => CheckResult::met("it was read to its end"),
        Err(why) => CheckResult::failed(why),
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    let got = bytes.len();
    if got > MAX_TEXT_BYTES {
        return Err(format!("{got} bytes, read are at most {MAX_TEXT_BYTES}"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("no UTF-8 text from byte {} on", error.valid_up_to()))?;
    match text.find('\0') {
        Some(at) => Err(format!("NUL at byte {at}")),
        None => Ok(text),
    }
}

fn json(bytes: &[u8]) -> Result<(), String> {
    json::parse_strict::<Value>(bytes, MAX_JSON_BYTES)
        .map(drop)
        .map_err(|error| format!("not the JSON we read: {error}"))
}

fn json_lines(bytes: &[u8]) -> Result<(), String> {
    let text = text(bytes)?;
    let lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
    for (number, line) in (1_usize..).zip(lines) {
        json(line.strip_suffix('\r').unwrap_or(line).as_bytes())
            .map_err(|why| format!("line {number}: {why}"))?;
    }
    Ok(())
}

/// RFC 4180, where a record may also end with a line feed alone.
fn csv(bytes: &[u8]) -> Result<(), String> {
    let mut rest = text(bytes)?;
    if rest.is_empty() {
        return Err("no record".to_owned());
    }
    let (mut record, mut first) = (1_usize, None);
    while !rest.is_empty() {
        let mut fields = 0_usize;
        loop {
            let (after, more) = field(rest).map_err(|why| format!("record {record}: {why}"))?;
            fields = fields.saturating_add(1);
            rest = after;
            if !more {
                break;
            }
        }
        let needed = *first.get_or_insert(fields);
        if fields != needed {
            return Err(format!("record {record} has {fields} fields, the first has {needed}"));
        }
        record = record.saturating_add(1);
    }
    Ok(())
}

/// What follows a field, and whether another field of the record does.
fn field(text: &str) -> Result<(&str, bool), &'static str> {
    let Some(mut quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '\n', '"']).unwrap_or(text.len());
        let rest = text.get(end..).unwrap_or_default();
        return match rest.chars().next() {
            Some('"') => Err("a quote inside an unquoted field"),
            Some(',') => Ok((rest.get(1..).unwrap_or_default(), true)),
            _ => Ok((rest.get(1..).unwrap_or_default(), false)),
        };
    };
    loop {
        let Some((_, rest)) = quoted.split_once('"') else { return Err("a quote is not closed") };
        match rest.strip_prefix('"') {
            Some(rest) => quoted = rest,
            None => return after_quotes(rest),
        }
    }
}

fn after_quotes(rest: &str) -> Result<(&str, bool), &'static str> {
    if let Some(rest) = rest.strip_prefix(',') {
        return Ok((rest, true));
    }
    match rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')) {
        Some(rest) => Ok((rest, false)),
        None if rest.is_empty() => Ok((rest, false)),
        None => Err("text after a closing quote"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is(format: Format, bytes: &[u8]) -> bool {
        matches!(run(format, bytes), CheckResult::Met { .. })
    }

    #[test]
    fn texts_are_read_to_their_end() {
        for (format, good, bad) in [
            (Format::Text, &b"hi\n"[..], &b"hi\0"[..]),
            (Format::Text, b"", b"\xff"),
            (Format::Json, b"{\"a\":1}", b"{\"a\":1,\"a\":2}"),
            (Format::Json, b"1", b"1 2"),
            (Format::JsonLines, b"1\r\n{}\n", b"1\n\n{}\n"),
            (Format::JsonLines, b"[]", b""),
        ] {
            assert!(is(format, good), "{format:?} {good:?}");
            assert!(!is(format, bad), "{format:?} {bad:?}");
        }
    }

    #[test]
    fn csv_has_records_of_equally_many_fields() {
        for good in
            ["a,b\n1,2\n", "a,b\r\n1,2", "\"a\nb\",\"c\"\"d\"\r\ne,", "a\n\nb\n", "\n", "\"\""]
        {
            assert!(is(Format::Csv, good.as_bytes()), "{good:?}");
        }
        for bad in ["", "a,b\n1\n", "\"a", "\"a\"b,c", "a\"b,c", "a,b\n\"1\",2,3"] {
            assert!(!is(Format::Csv, bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn other_formats_are_told_by_how_they_begin() {
        for (format, begin) in [
            (Format::Pdf, &b"%PDF-1.7"[..]),
            (Format::Png, b"\x89PNG\r\n\x1a\n..."),
            (Format::Jpeg, b"\xff\xd8\xff\xe0"),
            (Format::Zip, b"PK\x03\x04"),
            (Format::Zip, b"PK\x05\x06"),
            (Format::Gzip, b"\x1f\x8b\x08\0"),
            (Format::Wasm, b"\0asm\x01\0\0\0"),
        ] {
            assert!(is(format, begin), "{format:?}");
            assert!(!is(format, b""), "{format:?}");
            assert!(!is(format, &[b" ", begin].concat()), "{format:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_format_or_not(
            bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a,\"\r\n1{}]{0,40}",
        ) {
            for format in Format::ALL {
                drop((run(format, &bytes), run(format, text.as_bytes())));
            }
        }

        #[test]
        fn whatever_is_quoted_is_csv(
            records in prop::collection::vec([any::<String>(), any::<String>()], 1..5),
        ) {
            let quoted = |field: &String| {
                format!("\"{}\"", field.replace('\0', "").replace('"', "\"\""))
            };
            let lines = records.iter().map(|record| record.each_ref().map(quoted).join(","));
            let text = lines.collect::<Vec<_>>().join("\r\n");
            prop_assert!(is(Format::Csv, text.as_bytes()), "{text:?}");
        }
    }
}
