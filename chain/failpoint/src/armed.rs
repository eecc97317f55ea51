//! What a test's build does at a point.

use std::io::{self, Write as _};
use std::num::NonZeroU64;
use std::process;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{ANY, POINTS, VARIABLE};

/// The point that is armed, if any: read once, at the first point that is passed.
static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
    let text = std::env::var_os(VARIABLE)?;
    let armed = text.to_str().and_then(Armed::read);
    if armed.is_none() {
        // A matrix that names no point must not pass for one in which nothing happened.
        drop(writeln!(io::stderr(), "{VARIABLE}: {} is no point", text.display()));
        process::abort();
    }
    armed
});

#[derive(Debug)]
struct Armed {
    point: String,
    /// How many passages are left; with the last one the process dies.
    left: AtomicU64,
}

impl Armed {
    fn read(text: &str) -> Option<Self> {
        let (point, nth) = text.split_once(':').unwrap_or((text, "1"));
        let left = nth.parse::<NonZeroU64>().ok()?.get();
        let known = point == ANY || POINTS.contains(&point);
        known.then(|| Self { point: point.to_owned(), left: AtomicU64::new(left) })
    }

    /// Whether this passage is the one to die at.
    fn is_met(&self, point: &str) -> bool {
        (self.point == ANY || self.point == point) && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// A point. The process dies here when this passage is the one that is armed.
pub fn here(point: &str) {
    let Some(armed) = &*ARMED else { return };
    if armed.is_met(point) {
        die(point);
    }
}

/// Ends the process by SIGKILL: nothing runs any more, in no thread.
fn die(point: &str) -> ! {
    drop(writeln!(io::stderr(), "{VARIABLE}: killed at {point}"));
    #[cfg(unix)]
    {
        use nix::sys::signal::{Signal, kill};
        use nix::unistd::Pid;
        if kill(Pid::this(), Signal::SIGKILL).is_ok() {
            loop {
                std::thread::park();
            }
        }
    }
    process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_met_at_its_passage_and_only_there() {
        let armed = Armed::read("case.decided.stored:2").unwrap();
        assert!(!armed.is_met("case.decided.written"));
        let met = [(); 4].map(|()| armed.is_met("case.decided.stored"));
        assert_eq!(met, [false, true, false, false]);
    }

    #[test]
    fn any_point_counts_for_all() {
        let armed = Armed::read("*:3").unwrap();
        let met = ["start.opened", "start.up", "case.seen.stored"].map(|it| armed.is_met(it));
        assert_eq!(met, [false, false, true]);
    }

    #[test]
    fn what_names_no_point_or_no_passage_is_refused() {
        for text in ["", "case.decided", "case.decided.stored:0", "case.decided.stored:x", ":1"] {
            assert!(Armed::read(text).is_none(), "{text}");
        }
    }
}
