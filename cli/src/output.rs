//! Everything that is printed goes through here: results to stdout, the rest to stderr.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is where printing happens")]

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;
use tracing_subscriber::EnvFilter;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Prints JSON or text.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Prints a command's result: one JSON document, or the same as indented lines.
    pub(crate) fn result(self, result: &impl Serialize) -> Result<()> {
        let value = serde_json::to_value(result).context("the result is not JSON")?;
        let mut text = String::new();
        if self.json {
            text = value.to_string();
            text.push('\n');
        } else {
            lines(&mut text, &value, 0);
        }
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).context("stdout is closed")
    }

    /// Prints an error as one line and returns the exit code of a failure.
    pub(crate) fn fail(self, error: &anyhow::Error) -> ExitCode {
        let line = format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ");
        if self.json {
            println!("{}", serde_json::json!({ "error": line }));
        }
        eprintln!("error: {line}");
        ExitCode::FAILURE
    }
}

/// Says one line to the person who watches.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// Shows rows in columns to the person who watches; without rows, nothing.
pub(crate) fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let heads = heads.iter().map(|head| (*head).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    if rows.len() < 2 {
        return;
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        say(cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// Writes a value as `key: value` lines, nested ones indented.
fn lines(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                text.push_str(&indent);
                field(text, key, value, depth);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                text.push_str(&indent);
                field(text, &format!("[{index}]"), item, depth);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&indent);
            text.push_str(&plain(value));
            text.push('\n');
        }
    }
}

/// Writes one field, its value on the same line if it is plain.
fn field(text: &mut String, key: &str, value: &Value, depth: usize) {
    if value.is_object() || value.is_array() {
        // Writing to a string cannot fail.
        writeln!(text, "{key}:").unwrap_or_default();
        lines(text, value, depth.saturating_add(1));
    } else {
        writeln!(text, "{key}: {}", plain(value)).unwrap_or_default();
    }
}

/// A plain value without JSON's quotes. Control characters of foreign texts stay escaped.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text
            .chars()
            .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
            .collect(),
        Value::Null => "-".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Sends logs to stderr.
pub(crate) fn start_log(json: bool) {
    let mut filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // At its own level it writes whole URLs, and endpoints carry keys.
    if let Ok(quiet) = "alloy_transport_http=warn".parse() {
        filter = filter.add_directive(quiet);
    }
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json { log.json().init() } else { log.init() }
}
