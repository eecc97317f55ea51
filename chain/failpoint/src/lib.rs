//! Named points at which a test kills the process, as a power cut would.
//!
//! Every arrow of the relayer's state machines has two: `….written`, when the row is written and not
//! yet committed, and `….stored`, when it is committed and nothing that it announces has been done.
//! Where bytes leave the process two more stand around that: handing out, and proposing to jurors.
//! The crash matrix of `tests/` kills the real binary at each of them, and again while it recovers.
//!
//! An operator's binary must not carry a way to kill it from its environment. So a point does nothing
//! unless three things hold together: the feature `armed` is compiled, which only the crate `tests`
//! asks for; the build has debug assertions, which no release has, also when the whole workspace is
//! built at once and cargo shares the feature; and the variable [`VARIABLE`] names the point. Without
//! the first two [`here`] is an empty function, and the environment is never read.
//!
//! The feature is this small crate's own, so that crates above it are compiled once: the binary that
//! the matrix kills is the one that all other tests of the workspace run.

#[cfg(all(feature = "armed", debug_assertions))]
mod armed;

#[cfg(all(feature = "armed", debug_assertions))]
pub use armed::here;

/// What arms a point: `SURETY_FAILPOINT=case.decided.stored`, or with `:3` at its third passage, or
/// `*:7` at the seventh passage through any point.
pub const VARIABLE: &str = "SURETY_FAILPOINT";

/// The name that means all points.
pub const ANY: &str = "*";

/// Every point, in the order in which a case passes them. Each stands in the sources once, which
/// `cargo x tidy` checks, and the crash matrix dies at each.
pub const POINTS: &[&str] = &[
    "start.opened",
    "start.up",
    "watch.step.written",
    "watch.step.stored",
    "watch.orphaned.written",
    "watch.orphaned.stored",
    "transaction.queued.written",
    "transaction.queued.stored",
    "case.seen.written",
    "case.seen.stored",
    "case.claimed.stored",
    "case.asked.written",
    "case.asked.stored",
    "seat.asked.written",
    "seat.asked.stored",
    "seat.heard.written",
    "seat.heard.stored",
    "case.revealing.written",
    "case.revealing.stored",
    "seat.silent.written",
    "seat.silent.stored",
    "case.decided.written",
    "case.decided.stored",
    "batch.proposing",
    "batch.proposed",
    "batch.sent.written",
    "batch.sent.stored",
    "case.sent.written",
    "case.sent.stored",
    "case.unsent.written",
    "case.unsent.stored",
    "case.passed.written",
    "case.passed.stored",
    "case.final.written",
    "case.final.stored",
    "case.given-up.written",
    "case.given-up.stored",
    "case.taken-up.written",
    "case.taken-up.stored",
    "act.sent.written",
    "act.sent.stored",
    "act.put-off.written",
    "act.put-off.stored",
    "act.asked.written",
    "act.asked.stored",
    "send.signed.written",
    "send.signed.stored",
    "send.handing-out",
    "send.handed-out",
    "send.done.written",
    "send.done.stored",
    "send.failed.written",
    "send.failed.stored",
    "send.ordered.written",
    "send.ordered.stored",
    "send.replaced.written",
    "send.replaced.stored",
    "send.requeued.written",
    "send.requeued.stored",
    "send.reopened.written",
    "send.reopened.stored",
    "send.trusted.written",
    "send.trusted.stored",
    "send.gap.written",
    "send.gap.stored",
];

/// A point. The process dies here when this passage is the one that is armed.
#[cfg(not(all(feature = "armed", debug_assertions)))]
#[inline]
pub const fn here(_point: &str) {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_point_has_a_name_of_its_own() {
        let names: BTreeSet<_> = POINTS.iter().collect();
        assert_eq!(names.len(), POINTS.len());
        assert!(!names.contains(&ANY) && names.iter().all(|name| !name.contains(':')));
    }
}
