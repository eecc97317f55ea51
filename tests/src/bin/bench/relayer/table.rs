//! What was measured beside what is aimed at, for the terminal and for `docs/scale.md`.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::Keys;

/// What a figure should be.
#[derive(Clone, Copy)]
enum Aim {
    /// Nothing was said of it.
    None,
    Least(u32),
    Below(u32),
    Zero,
}

impl Aim {
    fn text(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Least(least) => format!("at least {least}"),
            Self::Below(most) => format!("below {most}"),
            Self::Zero => "0".to_owned(),
        }
    }

    fn verdict(self, value: Option<&Value>) -> &'static str {
        let figure = value.and_then(Value::as_f64);
        let holds = match (self, figure) {
            (Self::None, _) | (_, None) => return "",
            (Self::Least(least), Some(figure)) => figure >= f64::from(least),
            (Self::Below(most), Some(figure)) => figure < f64::from(most),
            (Self::Zero, Some(figure)) => figure <= 0.0,
        };
        if holds { "met" } else { "missed" }
    }
}

/// The keys of a whole run, in the order in which they are shown.
const ROWS: [(&str, Aim); 23] = [
    ("cold_start_ms", Aim::Below(1_000)),
    ("rss_idle_mb", Aim::Below(40)),
    ("delivery_to_case_ms.p50", Aim::None),
    ("delivery_to_case_ms.p95", Aim::None),
    ("delivery_to_case_ms.p99", Aim::None),
    ("quorum_to_broadcast_ms.p50", Aim::None),
    ("quorum_to_broadcast_ms.p95", Aim::Below(200)),
    ("quorum_to_broadcast_ms.p99", Aim::None),
    ("settlements_per_s.unbatched", Aim::Least(20)),
    ("settlements_per_s.batched", Aim::Least(200)),
    ("backlog_10k_s", Aim::None),
    ("rss_10k_mb", Aim::Below(150)),
    ("rss_10k_waiting_mb", Aim::None),
    ("lost", Aim::Zero),
    ("double", Aim::Zero),
    ("crash_points", Aim::None),
    ("crash_runs", Aim::None),
    ("crash_lost", Aim::Zero),
    ("crash_double", Aim::Zero),
    ("intents_per_s.sqlite", Aim::None),
    ("intents_per_s.postgres", Aim::None),
    ("intents_per_s.postgres_2_instances", Aim::None),
    ("intents_per_s.postgres_4_instances", Aim::None),
];

/// Every row, and what else a run measured: another backlog has keys of its own.
fn rows(keys: &Keys) -> Vec<(&str, Option<&Value>, Aim)> {
    let value = |key: &str| keys.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let known = ROWS.iter().map(|&(key, aim)| (key, value(key), aim));
    let is_known = |name: &str| ROWS.iter().any(|&(key, _)| key == name);
    let others = keys.iter().filter(|(name, _)| !is_known(name.as_str()));
    known.chain(others.map(|(name, value)| (name.as_str(), Some(value), Aim::None))).collect()
}

fn figure(value: Option<&Value>) -> String {
    value.map_or_else(|| "not measured".to_owned(), ToString::to_string)
}

/// For a terminal.
pub(crate) fn text(keys: &Keys) -> String {
    let mut text = format!("{:<36} {:>12}  aim\n", "relayer", "measured");
    for (key, value, aim) in rows(keys) {
        let (figure, verdict) = (figure(value), aim.verdict(value));
        let line = format!("{key:<36} {figure:>12}  {:<14} {verdict}", aim.text());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// For the page.
pub(super) fn page(keys: &Keys) -> anyhow::Result<String> {
    let mut table = "| Key | Measured | Aim | |\n|---|--:|---|---|\n".to_owned();
    for (key, value, aim) in rows(keys) {
        let (figure, verdict) = (figure(value), aim.verdict(value));
        writeln!(table, "| `{key}` | {figure} | {} | {verdict} |", aim.text())?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keys() -> Keys {
        [("rss_10k_mb", json!(151.2)), ("lost", json!(0)), ("backlog_300_s", json!(2.5))]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }

    #[test]
    fn every_key_is_shown_and_every_aim_is_met_or_missed() {
        let text = text(&keys());
        let line = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("rss_10k_mb"), "rss_10k_mb 151.2 below 150 missed");
        assert_eq!(line("lost"), "lost 0 0 met");
        assert_eq!(line("double"), "double not measured 0");
        assert_eq!(line("backlog_300_s"), "backlog_300_s 2.5");
        assert_eq!(text.lines().count(), ROWS.len() + 2);
    }

    #[test]
    fn the_page_has_a_place_for_the_table() {
        let page = include_str!("../../../../../docs/scale.md");
        let table = super::page(&keys()).unwrap();
        let put = crate::measured::put_table(page, "relayer", &table).unwrap();
        assert!(put.contains("| `rss_10k_mb` | 151.2 | below 150 | missed |\n"), "{put}");
        let again = crate::measured::put_table(&put, "relayer", &table);
        assert_eq!(again, Some(put));
    }
}
