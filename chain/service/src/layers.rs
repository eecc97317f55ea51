//! One configuration from a file, the environment and flags.

use std::fmt;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// What is wrong, in one line that names the key, where it stands and the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LayersError(String);

/// The names that a service's configuration knows besides its keys.
#[derive(Debug, Clone, Copy)]
pub struct Layers {
    /// What the environment's names begin with: in `SURETY_RELAYER__JURORS__GRACE_MS` it is
    /// `SURETY_RELAYER`.
    pub prefix: &'static str,
    /// Other names of top-level keys, with the name that counts.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Keys that may hold secrets, with `*` for any part.
    pub secrets: &'static [&'static str],
}

/// What an operator gave besides the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Flags, `key.of.section=value`.
    pub flags: Vec<String>,
}

impl Overrides {
    /// The process's environment and these flags.
    pub fn of_process(flags: Vec<String>) -> Self {
        let text = |name: std::ffi::OsString| name.into_string().ok();
        let pairs = std::env::vars_os();
        let environment = pairs.filter_map(|(n, v)| Some((text(n)?, text(v)?))).collect();
        Self { environment, flags }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

type Keys = Vec<String>;

/// One value that the environment or a flag gives.
struct Override {
    keys: Keys,
    text: String,
    origin: Origin,
    /// It is text until the configuration asks for something else.
    typed: bool,
}

enum Origin {
    Variable(String),
    Flag,
}

impl Layers {
    /// Reads a configuration. Relative paths of secret files are relative to `folder`.
    pub fn read<T: DeserializeOwned>(
        &self,
        (text, folder): (&str, &Path),
        given: &Overrides,
    ) -> Result<T, LayersError> {
        let mut table: Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        for (other, name) in self.aliases {
            if let Some(value) = table.remove(*other)
                && table.insert((*name).to_owned(), value).is_some()
            {
                return Err(LayersError(format!("{name} and {other} are the same: give one")));
            }
        }
        let mut overrides = self.overrides(given)?;
        for one in &overrides {
            set(&mut table, &one.keys, Value::String(one.text.clone()))
                .map_err(|rule| LayersError(format!("{one}: {rule}")))?;
        }
        self.fetch_secrets(&mut table, folder, given)?;
        loop {
            let error = match serde_path_to_error::deserialize(Value::Table(table.clone())) {
                Ok(config) => return Ok(config),
                Err(error) => error,
            };
            let message = error.inner().message().replace('\n', " ");
            let keys = at(&error.path().to_string(), &message);
            let Some(one) = overrides.iter_mut().find(|one| one.keys == keys && !one.typed) else {
                return Err(wrong(text, &overrides, &keys, &message));
            };
            one.typed = true;
            let Some(value) = literal(&one.text) else {
                return Err(wrong(text, &overrides, &keys, &message));
            };
            set(&mut table, &keys, value).map_err(|rule| LayersError(rule.to_owned()))?;
        }
    }

    fn overrides(&self, given: &Overrides) -> Result<Vec<Override>, LayersError> {
        let mut overrides = Vec::new();
        let begin = format!("{}__", self.prefix);
        for (name, value) in &given.environment {
            let Some(rest) = name.strip_prefix(&begin) else { continue };
            let keys = self.keys(rest.split("__").map(str::to_ascii_lowercase));
            let origin = Origin::Variable(name.clone());
            overrides.push(Override { keys, text: value.clone(), origin, typed: false });
        }
        // A shorter key first: it may be the whole of what a longer one then changes a part of.
        overrides.sort_by(|a, b| a.keys.cmp(&b.keys));
        for flag in &given.flags {
            let Some((key, value)) = flag.split_once('=') else {
                return Err(LayersError(format!("--set {flag}: must be KEY=VALUE")));
            };
            let keys = self.keys(key.trim().split('.').map(ToOwned::to_owned));
            if self.is_secret(&keys) {
                let rule = "may hold a secret and others can read arguments: use the environment";
                return Err(LayersError(format!("--set {key}: {rule}")));
            }
            let text = value.to_owned();
            // What the environment says about the same key no longer counts.
            overrides.retain(|one| one.keys != keys);
            overrides.push(Override { keys, text, origin: Origin::Flag, typed: false });
        }
        Ok(overrides)
    }

    fn keys(&self, parts: impl Iterator<Item = String>) -> Keys {
        let mut keys: Keys = parts.collect();
        if let [only] = keys.as_mut_slice()
            && let Some((_, name)) = self.aliases.iter().find(|(other, _)| other == only)
        {
            (*name).clone_into(only);
        }
        keys
    }

    fn is_secret(&self, keys: &[String]) -> bool {
        self.secrets.iter().any(|pattern| {
            let parts: Vec<&str> = pattern.split('.').collect();
            parts.len() == keys.len() && parts.iter().zip(keys).all(|(p, k)| *p == "*" || p == k)
        })
    }

    /// Puts secrets in the places that only name them.
    fn fetch_secrets(
        &self,
        table: &mut Table,
        folder: &Path,
        given: &Overrides,
    ) -> Result<(), LayersError> {
        for pattern in self.secrets {
            let parts: Vec<&str> = pattern.split('.').collect();
            let mut found = Vec::new();
            places(&Value::Table(table.clone()), &parts, &mut Vec::new(), &mut found);
            for (keys, reference) in found {
                let secret = fetch(&reference, folder, given)
                    .map_err(|rule| LayersError(format!("{}: {rule}", keys.join("."))))?;
                set(table, &keys, Value::String(secret))
                    .map_err(|rule| LayersError(rule.to_owned()))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag => write!(f, "--set {}", self.keys.join(".")),
        }
    }
}

/// The tables at the places of a pattern.
fn places(value: &Value, parts: &[&str], keys: &mut Keys, found: &mut Vec<(Keys, Table)>) {
    let Some((first, rest)) = parts.split_first() else {
        found.extend(value.as_table().map(|table| (keys.clone(), table.clone())));
        return;
    };
    let mut go = |key: String, inner: &Value| {
        keys.push(key);
        places(inner, rest, keys, found);
        keys.pop();
    };
    let every = *first == "*";
    for (key, inner) in value.as_table().into_iter().flatten() {
        if every || key == first {
            go(key.clone(), inner);
        }
    }
    for (i, inner) in value.as_array().into_iter().flatten().enumerate().filter(|_| every) {
        go(i.to_string(), inner);
    }
}

/// The secret that a table names.
fn fetch(reference: &Table, folder: &Path, given: &Overrides) -> Result<String, String> {
    let text = |key| reference.get(key).filter(|_| reference.len() == 1).and_then(Value::as_str);
    match (text("env"), text("file")) {
        (Some(name), None) => {
            let value = given.variable(name).filter(|value| !value.trim().is_empty());
            let unset = || format!("names the environment variable {name}, which is not set");
            value.map(|value| value.trim().to_owned()).ok_or_else(unset)
        }
        (None, Some(path)) => {
            let path = folder.join(path);
            let text = surety_keys::private_text("file", &path).map_err(|e| e.to_string())?;
            Ok(text.trim().to_owned())
        }
        _ => Err("must be a text, { env = \"NAME\" } or { file = \"PATH\" }".to_owned()),
    }
}

/// Puts a value at a place, making tables on the way.
fn set(table: &mut Table, keys: &[String], value: Value) -> Result<(), &'static str> {
    let Some((last, way)) = keys.split_last().filter(|(last, _)| !last.is_empty()) else {
        return Err("must name a key");
    };
    let mut place = table;
    for (depth, key) in way.iter().enumerate() {
        let entry = place.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Array(items) = entry {
            let (index, rest) = keys.get(depth + 1..).and_then(<[_]>::split_first).unzip();
            let item = index.and_then(|i| i.parse().ok()).and_then(|i: usize| items.get_mut(i));
            return match (item, rest) {
                (Some(item), Some([])) => {
                    *item = value;
                    Ok(())
                }
                (Some(Value::Table(inner)), Some(rest)) => set(inner, rest, value),
                _ => Err("must name an item that the file has"),
            };
        }
        if !entry.is_table() {
            // A part of something that the file gives as a whole replaces it.
            *entry = Value::Table(Table::new());
        }
        let Value::Table(inner) = entry else { return Err("must name a key") };
        place = inner;
    }
    place.insert(last.clone(), value);
    Ok(())
}

/// A value as TOML would write it.
fn literal(text: &str) -> Option<Value> {
    toml::from_str::<Table>(&format!("value = {text}")).ok()?.remove("value")
}

/// The keys that an error is about: its path, and the unknown key that its message names.
fn at(path: &str, message: &str) -> Keys {
    let dotted = path.replace('[', ".").replace(']', "");
    let mut keys: Keys =
        dotted.split('.').filter(|key| !key.is_empty()).map(ToOwned::to_owned).collect();
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    if let Some(unknown) = unknown
        && keys.last().is_none_or(|last| last != unknown)
    {
        keys.push(unknown.to_owned());
    }
    keys
}

fn wrong(text: &str, overrides: &[Override], keys: &[String], message: &str) -> LayersError {
    let rule = rule(message);
    let name = keys.join(".");
    let given = overrides.iter().find(|one| one.keys == keys);
    LayersError(match (given, line(text, keys)) {
        (Some(one), _) => format!("{one}: {rule}"),
        (None, Some(line)) if !name.is_empty() => format!("line {line}: {name}: {rule}"),
        (None, None) if !name.is_empty() => format!("{name}: {rule}"),
        (None, _) => rule,
    })
}

/// What has to be, without the value that was given: it may be a secret in the wrong place.
fn rule(message: &str) -> String {
    let of_value = ["invalid type", "invalid value", "invalid length"];
    let shown = of_value.iter().any(|begin| message.starts_with(begin));
    match message.rsplit_once(", expected ") {
        Some((_, needed)) if shown => format!("must be {needed}"),
        _ => message.to_owned(),
    }
}

/// The line of a key in the file.
fn line(text: &str, keys: &[String]) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let (first, rest) = keys.split_first()?;
    let (key, mut value) = document.get_ref().get_key_value(first.as_str())?;
    let mut start = key.span().start;
    for key in rest {
        let inner = value.get_ref().as_table();
        let Some((key, next)) = inner.and_then(|table| table.get_key_value(key.as_str())) else {
            break;
        };
        (start, value) = (key.span().start, next);
    }
    line_of(text, start)
}

fn line_of(text: &str, start: usize) -> Option<usize> {
    Some(text.get(..start)?.matches('\n').count() + 1)
}

fn syntax(text: &str, error: &toml::de::Error) -> LayersError {
    let line = error.span().and_then(|span| line_of(text, span.start));
    let what = error.message().replace('\n', " ");
    LayersError(line.map_or_else(|| what.clone(), |line| format!("line {line}: {what}")))
}

#[cfg(test)]
#[path = "tests/layers.rs"]
mod tests;
