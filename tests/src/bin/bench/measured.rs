//! The parts of pages that depend on the machine; in `docs/jury.md` also on the red team.

use std::fmt::Write as _;

use serde_json::Value;

use super::Keys;

const END: &str = "<!-- end of what was measured -->\n";

/// A key, and what it is.
const ROWS: [(&str, &str); 27] = [
    ("tally_per_s", "Tallies a second on one core, seven ballots over 16 criteria"),
    (
        "ballot_beyond_provider_ms.p50",
        "Milliseconds from a case to its signed ballot beyond the provider's slowest answer, 16 \
         criteria, default limits, median",
    ),
    ("ballot_beyond_provider_ms.p95", "The same, 95th percentile"),
    (
        "ballot_beyond_provider_ms.at_once.p50",
        "Milliseconds beyond the slowest answer where all 19 questions are asked at once, median",
    ),
    ("ballot_beyond_provider_ms.at_once.p95", "The same, 95th percentile"),
    (
        "ballot_beyond_answers_ms.p50",
        "Milliseconds of them while the provider is at no answer, default limits, median",
    ),
    ("ballot_beyond_answers_ms.p95", "The same, 95th percentile"),
    ("juror_rss_kib.idle", "KiB of resident memory of a juror that is idle"),
    ("juror_rss_kib.open_1000", "KiB of resident memory of a juror with 1,000 open cases"),
    ("red_team.payloads", "Attacks of our own"),
    ("red_team.obeyed_unhardened", "Of them obeyed where nothing is hardened"),
    ("red_team.requests", "Requests with them in six dialects"),
    ("red_team.escaped", "Requests in which a deliverable left its place"),
    ("red_team.captured", "Captured seats that said met on their ballot"),
    ("red_team.one_captured_accepted", "Accepted with one captured seat of five"),
    ("red_team.two_captured_accepted", "Accepted with two captured seats of five"),
    ("red_team.two_captured_undetermined", "Undetermined with two captured seats of five"),
    ("red_team.two_captured_rejected", "Rejected with two captured seats of five"),
    ("red_team.bipia.payloads", "Recorded attacks (BIPIA)"),
    ("red_team.bipia.obeyed_unhardened", "Of them obeyed where nothing is hardened"),
    ("red_team.bipia.requests", "Requests with them in six dialects"),
    ("red_team.bipia.escaped", "Requests in which one of them left its place"),
    ("red_team.bipia.captured", "Captured seats that did other work and abstained"),
    ("red_team.bipia.voted", "Answers that did other work and counted as a vote"),
    ("red_team.bipia.one_captured_accepted", "Accepted with one such seat of five"),
    ("red_team.bipia.two_captured_accepted", "Accepted with two captured seats of five"),
    ("red_team.bipia.two_captured_undetermined", "Undetermined with two captured seats of five"),
];

/// The jury's page with these figures in their place; nothing when it has no place for them.
pub(super) fn put(page: &str, keys: &Keys) -> Option<String> {
    let mut table = "| | |\n|---|--:|\n".to_owned();
    for (key, what) in ROWS {
        let value = keys.iter().find(|(name, _)| name == key).map(|(_, value)| value)?;
        let value = if *value == Value::Null { "not known".to_owned() } else { value.to_string() };
        writeln!(table, "| {what} | {value} |").ok()?;
    }
    put_table(page, "jury", &table)
}

/// A page with a bench's table in its place, and what it was measured on; nothing when it has no place
/// for it.
pub(super) fn put_table(page: &str, bench: &str, table: &str) -> Option<String> {
    let begin = format!("<!-- measured by cargo x bench {bench} -->\n");
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(END)?;
    let build = if cfg!(debug_assertions) { "an unoptimised" } else { "an optimised" };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let machine = format!("Measured last with {build} build on {cores} cores:");
    Some(format!("{before}{begin}\n{machine}\n\n{table}\n{END}{after}"))
}
