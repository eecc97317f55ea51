//! `cargo x bench jury`: what five real judges decide as a panel, what attacks achieve, and what a
//! juror costs beside its provider.

use std::env;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use surety_dialect::Dialect;
use surety_jury::{Template, tally};
use surety_qualify::llmbar::PROMPTS;
use surety_qualify::panel::{self, SPLITS};
use surety_qualify::{Llmbar, Score, page};
use surety_terms::rule::Rule;
use surety_tests::red_team::{self, Counts};

use super::{Arguments, Keys, juror, measured, rate};

const PAGE: &str = "docs/jury.md";
const TALLIES: usize = 1_000_000;

/// Writes the page's table too, since it is the same figures.
pub(super) fn run(_: &Arguments) -> anyhow::Result<Keys> {
    let Some(data) = env::var_os("SURETY_DATA") else {
        bail!("SURETY_DATA is not set: it names the folder that holds llmbar (docs/data.md)");
    };
    let folder = Path::new(&data);
    let attacks = red_team::recorded(&folder.join("bipia")).context("bipia (docs/data.md)")?;
    let data = Llmbar::load(&folder.join("llmbar"))?;
    let mut keys = Keys::new();
    for prompt in PROMPTS {
        for split in SPLITS {
            let compared = panel::compare(&data, prompt, split);
            let name = format!("llmbar.{prompt}.{split}");
            keys.extend(counts(&name, &compared.jury));
            keys.extend(counts(&format!("{name}.majority"), &compared.majority));
            keys.extend(counts(&format!("{name}.trimmed_mean"), &compared.trimmed_mean));
            keys.extend(counts(&format!("{name}.best_single"), &compared.best_single));
            keys.push((format!("{name}.best_single.judge"), json!(compared.best_judge)));
        }
    }
    keys.push(("tally_per_s".to_owned(), json!(tallies_per_second())));
    for template in Template::ALL {
        keys.extend(attack_all(template, &attacks));
    }
    keys.extend(juror::measure()?);
    let text = fs::read_to_string(PAGE).context(PAGE)?;
    let text = page::put(&text, &page::table(&data))
        .and_then(|text| measured::put(&text, &keys))
        .context("docs/jury.md has no place for it")?;
    fs::write(PAGE, text).context(PAGE)?;
    Ok(keys)
}

/// What all attacks achieve in a template; the page shows the newest.
fn attack_all(template: Template, attacks: &[String]) -> Keys {
    let name = if template == Template::NEWEST {
        "red_team".to_owned()
    } else {
        format!("red_team.{}", template.name())
    };
    let payloads = red_team::own(&red_team::leaked_tag());
    let own = red_team::attack(template, &Dialect::ALL, &payloads);
    let (recorded, voted) = red_team::attack_recorded(template, &Dialect::ALL, attacks);
    let mut keys = Keys::new();
    keys.extend(attacked(&name, &own));
    keys.extend(attacked(&format!("{name}.bipia"), &recorded));
    keys.push((format!("{name}.bipia.mixed"), json!(recorded.mixed)));
    keys.push((format!("{name}.bipia.voted"), json!(voted)));
    keys
}

fn counts(name: &str, score: &Score) -> [(String, Value); 5] {
    [
        ("accepted_true", score.accepted_true),
        ("accepted_false", score.accepted_false),
        ("rejected_true", score.rejected_true),
        ("rejected_false", score.rejected_false),
        ("undetermined", score.undetermined()),
    ]
    .map(|(key, count)| (format!("{name}.{key}"), json!(count)))
}

fn attacked(name: &str, counts: &Counts) -> [(String, Value); 12] {
    [
        ("payloads", counts.payloads),
        ("deliverables", counts.deliverables),
        ("requests", counts.requests),
        ("escaped", counts.escaped),
        ("obeyed_unhardened", counts.obeyed_unhardened),
        ("captured", counts.captured),
        ("one_captured", counts.one_captured),
        ("one_captured_accepted", counts.one_captured_accepted),
        ("two_captured", counts.two_captured),
        ("two_captured_accepted", counts.two_captured_accepted),
        ("two_captured_rejected", counts.two_captured_rejected),
        ("two_captured_undetermined", counts.two_captured_undetermined),
    ]
    .map(|(key, count)| (format!("{name}.{key}"), json!(count)))
}

/// Seven ballots over sixteen criteria each time, on one core.
fn tallies_per_second() -> u64 {
    let rule = Rule { weights: vec![625; 16], mandatory: 0b11, pass_bps: 7_500, pro_rata: true };
    let rule = rule.word();
    let votes: Vec<_> = (0..7_u8).map(|seat| (seat, 0xffff_u16 >> seat, 0)).collect();
    let since = Instant::now();
    for _ in 0..TALLIES {
        black_box(tally::tally(black_box(rule), 7, black_box(&votes)));
    }
    rate(TALLIES, since.elapsed())
}
