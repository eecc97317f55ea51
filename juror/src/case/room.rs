//! How many cases are open at once: those that are worked on and, apart from them, those that wait.

use surety_jury::wire::CaseState;
use surety_terms::Problem;

use super::Desk;
use crate::verify::Fault;

impl Desk {
    /// Refuses one more case where too many are open. One that waits for its bytes costs some
    /// kilobytes and no work, and one whose ballot only waits to be seen next to nothing: neither
    /// takes a place of those that are worked on.
    pub(super) fn has_room(&self) -> Result<(), Fault> {
        if self.closing.is_cancelled() {
            return Err(busy("it is stopping: ask again once it is back").into());
        }
        let count = |state: CaseState| {
            let open = self.open_cases();
            open.values().filter(|open| open.status.borrow().state == state).count()
        };
        for (state, most, what) in [
            (CaseState::Judging, self.limits.open_cases, "are worked on"),
            (CaseState::AwaitingDeliverable, self.limits.waiting_cases, "wait for their bytes"),
        ] {
            if count(state) >= most {
                return Err(busy(format!("{most} cases {what}, the most it takes")).into());
            }
        }
        Ok(())
    }
}

fn busy(why: impl Into<String>) -> Problem {
    Problem::new("busy", 503, "The juror is busy", why)
}
