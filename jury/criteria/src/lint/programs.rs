//! Rules about checks: can they run, and what would an empty deliverable get?

use surety_terms::{Bps, Check, Criterion, Kind, MilestoneSheet, limits};

use super::{Lint, Rule, Version};
use crate::check::{self, CheckResult};

/// The fuel of a test on an empty deliverable: a stranger's sheet may hold hundreds of them.
const LINT_FUEL: u64 = 1_000_000;

/// One check at `path`.
pub(super) fn one(version: Version, check: &Check, path: &str, lints: &mut Vec<Lint>) {
    if let Err(why) = check::is_runnable(check) {
        lints.push(Lint::new(path, Rule::Unrunnable, &why));
    }
    if let Check::HttpProbe(probe) = check
        && let Some(origin) = &probe.origin
    {
        lints.push(Lint::new(format!("{path}.origin"), Rule::SignedHost, &origin.to_string()));
    }
    if let Check::Size { least_bytes, most_bytes } = check
        && version >= Version::L2
    {
        sizes(*least_bytes, *most_bytes, path, lints);
    }
}

/// What the criteria add up to.
pub(super) fn whole(part: &MilestoneSheet, path: &str, lints: &mut Vec<Lint>) {
    let list = format!("{path}.criteria");
    let spare = Bps::WHOLE.get().saturating_sub(part.pass_bps.get());
    for (index, item) in part.criteria.iter().enumerate() {
        let blocks = item.mandatory || item.weight_bps.get() > spare;
        if item.is_hidden() && blocks {
            lints.push(Lint::new(format!("{list}[{index}]"), Rule::HiddenWeight, &item.id));
        }
    }
    let free = |item: &&Criterion| is_free(item);
    let met: u32 =
        part.criteria.iter().filter(free).map(|item| u32::from(item.weight_bps.get())).sum();
    let is_lost = part.criteria.iter().any(|item| item.mandatory && !is_free(item));
    if !is_lost && met >= u32::from(part.pass_bps.get()) {
        lints.push(Lint::new(list, Rule::PaidForNothing, &format!("{met} of 10,000")));
    }
}

/// Sizes beyond what every juror takes. Whoever delivers so much is called missing, whatever the
/// criterion allows.
fn sizes(least_bytes: u64, most_bytes: u64, path: &str, lints: &mut Vec<Lint>) {
    let most = u64::try_from(limits::DELIVERABLE_BYTES).unwrap_or(u64::MAX);
    for (field, bytes) in [("leastBytes", least_bytes), ("mostBytes", most_bytes)] {
        if bytes > most {
            lints.push(Lint::new(format!("{path}.{field}"), Rule::TooLarge, &bytes.to_string()));
        }
    }
}

/// Whether an empty deliverable meets a criterion. What stays hidden is met; a model is shown
/// nothing that is blank, and a service may run without a deliverable where the host is signed.
fn is_free(item: &Criterion) -> bool {
    match &item.kind {
        Kind::Llm => false,
        Kind::Hidden { .. } => true,
        Kind::Check(Check::HttpProbe(probe)) => probe.origin.is_some(),
        Kind::Check(Check::Wasm { module, memory_pages, fuel }) => {
            let (module, fuel) = (module.clone(), LINT_FUEL.min(*fuel));
            met(&Check::Wasm { module, fuel, memory_pages: *memory_pages })
        }
        Kind::Check(check) => met(check),
    }
}

fn met(check: &Check) -> bool {
    matches!(check::run(check, b""), CheckResult::Met { .. })
}
