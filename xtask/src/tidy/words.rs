//! One word per concept: the words of `docs/words.toml` appear in no name of the ABI, no key of a
//! published JSON Schema and no public Rust name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Problem, Tree};

const LIST: &str = "docs/words.toml";

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(list) = tree.text(LIST) else { return vec![Problem::of(LIST, "is missing")] };
    let (words, mut problems) = read(list);
    let mut refuse = |file: &str, line: usize, name: &str| {
        problems.extend(split(name).iter().filter_map(|part| words.get(part.as_str())).map(
            |instead| Problem::at(file, line, format!("{name}: the glossary says {instead}")),
        ));
    };
    for (file, text) in tree.ending(".json") {
        let Ok(json) = serde_json::from_str::<Value>(text) else { continue };
        let names = if file.starts_with("bindings/artifacts/") {
            abi_names(&json["abi"])
        } else if file.contains("/schema/") {
            schema_keys(&json)
        } else {
            continue;
        };
        names.iter().for_each(|name| refuse(file, 1, name));
    }
    for (file, text) in tree.ending(".rs") {
        for (line, name) in public_names(text) {
            refuse(file, line, name);
        }
    }
    problems
}

/// The list: `word = "say this"` lines under one heading. Everything else is a problem.
fn read(list: &str) -> (BTreeMap<&str, &str>, Vec<Problem>) {
    let (mut words, mut problems) = (BTreeMap::new(), Vec::new());
    for (number, line) in (1..).zip(list.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line == "[instead]" {
            continue;
        }
        let pair = line.split_once('=').map(|(word, rest)| (word.trim(), rest.trim()));
        match pair.and_then(|(word, rest)| Some((word, rest.strip_prefix('"')?.strip_suffix('"')?)))
        {
            Some((word, instead)) => drop(words.insert(word, instead)),
            None => problems.push(Problem::at(LIST, number, "not `word = \"say this\"`")),
        }
    }
    (words, problems)
}

/// Every name in an ABI: functions, events, errors, their arguments, structs.
fn abi_names(abi: &Value) -> Vec<String> {
    let mut names = Vec::new();
    match abi {
        Value::Array(items) => items.iter().for_each(|item| names.extend(abi_names(item))),
        Value::Object(item) => {
            let name = item.get("name").and_then(Value::as_str).map(str::to_owned);
            names.extend(name);
            let internal = item.get("internalType").and_then(Value::as_str);
            names.extend(
                internal.and_then(|text| text.split_whitespace().nth(1)).map(str::to_owned),
            );
            for inner in ["inputs", "outputs", "components"] {
                names.extend(item.get(inner).map(abi_names).unwrap_or_default());
            }
        }
        _ => {}
    }
    names
}

/// Every property that a schema describes.
fn schema_keys(schema: &Value) -> Vec<String> {
    let mut keys = Vec::new();
    match schema {
        Value::Array(items) => items.iter().for_each(|item| keys.extend(schema_keys(item))),
        Value::Object(object) => {
            let properties = object.get("properties").and_then(Value::as_object);
            keys.extend(properties.into_iter().flat_map(|names| names.keys().cloned()));
            object.values().for_each(|value| keys.extend(schema_keys(value)));
        }
        _ => {}
    }
    keys
}

/// The names of public Rust items, with their lines.
fn public_names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter_map(|(number, line)| {
        let mut rest = line.trim_start().strip_prefix("pub ")?;
        for keyword in ["async ", "const ", "unsafe "] {
            rest = rest.strip_prefix(keyword).unwrap_or(rest);
        }
        let kinds = ["fn ", "struct ", "enum ", "trait ", "type ", "mod ", "static "];
        let name = kinds.iter().find_map(|kind| rest.strip_prefix(kind)).unwrap_or(rest);
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        let name = name.get(..end)?;
        (!name.is_empty() && name != "use").then_some((number, name))
    })
}

/// The words of a camelCase, PascalCase or `snake_case` name, in lower case.
fn split(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if !c.is_alphanumeric() || c.is_uppercase() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_alphanumeric()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "[instead]\narbiter = \"juror\"\ncollateral = \"bond\"\n";

    fn problems(file: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(LIST, WORDS), (file, text)]);
        check(&tree).into_iter().map(|problem| problem.text).collect()
    }

    #[test]
    fn a_name_is_split_into_its_words() {
        assert_eq!(split("openBy_idURL"), ["open", "by", "id", "u", "r", "l"]);
        assert_eq!(split("MilestoneSettled"), ["milestone", "settled"]);
    }

    #[test]
    fn the_abi_keeps_to_the_glossary() {
        let abi =
            |name: &str| format!(r#"{{"abi":[{{"name":"open","inputs":[{{"name":"{name}"}}]}}]}}"#);
        assert_eq!(problems("bindings/artifacts/A.json", &abi("bond")), [""; 0]);
        let found = problems("bindings/artifacts/A.json", &abi("sellerCollateral"));
        assert_eq!(found, ["sellerCollateral: the glossary says bond"]);
    }

    #[test]
    fn schemas_keep_to_the_glossary() {
        let schema = r#"{"$defs":{"a":{"properties":{"arbiterKey":{}}}}}"#;
        let found = problems("terms/schema/a.schema.json", schema);
        assert_eq!(found, ["arbiterKey: the glossary says juror"]);
    }

    #[test]
    fn public_names_keep_to_the_glossary_and_private_ones_may_translate() {
        assert_eq!(problems("a.rs", "pub fn pick_arbiter() {}").len(), 1);
        assert_eq!(problems("a.rs", "pub(crate) fn pick_arbiter() {}"), [""; 0]);
        assert_eq!(problems("a.rs", "    pub collateral: Usdc,").len(), 1);
    }

    #[test]
    fn a_list_that_cannot_be_read_is_a_problem() {
        let tree = Tree::of(&[(LIST, "arbiter: juror")]);
        assert_eq!(check(&tree).len(), 1);
    }
}
