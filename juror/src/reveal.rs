//! Taking what a buyer hid until the delivery.
//!
//! Anybody may hand a reveal in: the commitment in the sheet says whether it is the right one. A
//! buyer that reveals to some jurors only would split them, so what one juror took it shows to
//! everybody, and the seller can hand it to the others.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use alloy::primitives::B256;
use surety_criteria::Lint;
use surety_judge::JudgeError;
use surety_jury::Template;
use surety_terms::{MilestoneSheet, Problem, Reveal};
use tokio::sync::Notify;

use crate::{
    case::{Desk, sealed::unknown},
    verify::Fault,
};

/// What is hidden of one open case.
#[derive(Debug)]
pub(crate) struct Hidden {
    pub(crate) milestone: MilestoneSheet,
    /// The digest of the prompt template that the sheet pins.
    template: Option<B256>,
    pub(crate) told: Notify,
    /// Nothing more is taken.
    closed: AtomicBool,
}

impl Hidden {
    pub(crate) fn of(milestone: &MilestoneSheet, template: Option<B256>) -> Self {
        Self {
            milestone: milestone.clone(),
            template,
            told: Notify::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Takes nothing more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

impl Desk {
    /// Keeps a reveal of an open case, or says why it counts for nothing.
    pub(crate) async fn reveal(
        self: &Arc<Self>,
        case_id: B256,
        reveal: &Reveal,
    ) -> Result<(), Fault> {
        let open = self.open_cases().get(&case_id).cloned();
        let Some(open) = open else { return Err(unknown(case_id).into()) };
        reveal.open(&open.hidden.milestone).map_err(Problem::from)?;
        let template = Template::pinned(open.hidden.template).map_err(JudgeError::Template)?;
        if let Some(lint) = template.refusal(&reveal.document) {
            return Err(refused(&lint).into());
        }
        if open.hidden.closed.load(Ordering::SeqCst) {
            let detail = "the time to reveal is over; the criterion counts as met".to_owned();
            return Err(Problem::new("reveal-late", 409, "The reveal is late", detail).into());
        }
        self.store.keep_reveal(case_id, reveal, open.circle.as_ref()).await?;
        open.hidden.told.notify_one();
        Ok(())
    }
}

/// Whoever judges it would count it as not revealed: better to say so now.
fn refused(lint: &Lint) -> Problem {
    let title = "The criterion would have been refused in the open";
    Problem::new("criterion-refused", 422, title, lint.to_string())
        .with_field(&lint.field, lint.advice)
}
