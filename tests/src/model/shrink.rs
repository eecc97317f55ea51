//! Makes a failing history short: drops what it does not need to fail.

use super::history::{Failure, History, replay};
use super::step::Step;

/// How many replays a shorter history is worth.
const REPLAYS: usize = 400;

/// A shorter history that still fails, and how.
pub fn shrink(failure: &Failure) -> (History, String) {
    let mut best = (failure.history.clone(), failure.message.clone());
    let mut replays = 0;
    let mut size = best.0.steps.len();
    while size > 0 && replays < REPLAYS {
        let mut at = 0;
        let mut shorter = false;
        while at < best.0.steps.len() && replays < REPLAYS {
            let mut history = best.0.clone();
            history.steps.drain(at..(at + size).min(history.steps.len()));
            replays += 1;
            match replay(&history) {
                Err(message) => {
                    best = (history, message);
                    shorter = true;
                }
                Ok(()) => at += size,
            }
        }
        if !shorter || size > 1 {
            size /= 2;
        }
    }
    sooner(&mut best);
    best
}

/// Waits less where that is enough.
fn sooner(best: &mut (History, String)) {
    for at in 0..best.0.steps.len() {
        let Step::Advance { secs } = best.0.steps[at] else { continue };
        for less in [1, 3_600, 86_400].into_iter().filter(|less| *less < secs) {
            let mut history = best.0.clone();
            history.steps[at] = Step::Advance { secs: less };
            if let Err(message) = replay(&history) {
                *best = (history, message);
                break;
            }
        }
    }
}

/// Whether a step is about a deal.
pub fn names(step: &Step, deal: usize) -> bool {
    match step {
        Step::Batch { items, .. } => items.iter().any(|item| item.at.deal == deal),
        Step::Multicall { steps, .. } => steps.iter().any(|step| names(step, deal)),
        other => other.call().is_some_and(|call| call.at.deal == deal),
    }
}
