//! Revealing what the buyer hid, to the panel that judges: in round 1 once the delivery stands on
//! the chain, and in round 2 again, since each round is a case of its own.
//!
//! What is owed to whom is written down before it is sent, and ended only by the juror's own word.
//! So a crash loses nothing; what a juror did not take is sent again until the round is over.

use alloy::primitives::{Address, B256};
use futures::future::join_all;
use surety_criteria::lint;
use surety_terms::{HiddenCriterion, Kind, Reveal, TermSheet, json};

use crate::{Deal, Error, Seat, acts::Judging, perform::Context, store::hidden::Owed};

/// Refuses documents that open nothing in the sheet, and those that no juror would open: the
/// criterion would be met.
pub(crate) fn check(sheet: &TermSheet, hidden: &[HiddenCriterion]) -> Result<(), Error> {
    let criteria = || sheet.milestones.iter().flat_map(|part| &part.criteria);
    for (index, document) in hidden.iter().enumerate() {
        let field = format!("hidden[{index}]");
        document.validate().map_err(|error| error.under(&field))?;
        let own = document.commitment();
        let is_own =
            |kind: &Kind| matches!(kind, Kind::Hidden { commitment, .. } if *commitment == own);
        if !criteria().any(|criterion| is_own(&criterion.kind)) {
            let rule = format!("has the commitment {own}, which no criterion holds");
            return Err(Error::refused(field, rule));
        }
        if let Some(lint) = lint::refusal(&lint::hidden(lint::Version::NEWEST, document)) {
            let rule = format!("holds {:?}: {}", lint.found, lint.advice);
            return Err(Error::refused(field, rule));
        }
    }
    Ok(())
}

impl Context {
    /// Reveals what is hidden of a milestone to the panel that judges it now; fails while a juror
    /// has neither taken it nor refused it for good.
    pub(crate) async fn reveal(&self, deal: &Deal, judging: Judging) -> Result<(), Error> {
        let reveals = self.reveals(deal, judging.milestone).await?;
        if reveals.is_empty() {
            return Ok(());
        }
        let (chain, Judging { milestone, round, deliverable }) = (&self.session.chain, judging);
        let case_id = chain.case_id((deal.id, milestone), round, deliverable);
        let panel = chain.panel(deal.terms.jury, round).await?;
        let jurors: Vec<Address> = panel.iter().map(|seat| seat.juror).collect();
        self.store.owe(case_id, &reveals, &jurors).await?;
        let owed = self.store.owed(case_id).await?;
        let place = (case_id, panel.as_slice(), reveals.as_slice());
        let mut handed = Vec::new();
        for owed in &owed {
            handed.push(self.hand(deal, place, owed));
        }
        let answers = join_all(handed).await;
        let mut waits = None;
        for (owed, answer) in owed.iter().zip(answers) {
            match answer {
                Ok(()) => self.store.end_reveal(case_id, owed, "taken").await?,
                Err(error) if is_final(&error) => {
                    say_refused(case_id, owed.juror, &error);
                    self.store.end_reveal(case_id, owed, &error.to_string()).await?;
                }
                Err(error) => waits = Some(error),
            }
        }
        waits.map_or(Ok(()), Err)
    }

    /// What the principal told that opens hidden criteria of a milestone.
    async fn reveals(&self, deal: &Deal, milestone: u8) -> Result<Vec<Reveal>, Error> {
        let hidden = self.store.hidden(deal.id).await?;
        let part = deal.sheet.milestones.get(usize::from(milestone));
        let criteria = part.map_or(&[][..], |part| part.criteria.as_slice());
        let open = criteria.iter().filter_map(|criterion| {
            let Kind::Hidden { commitment, .. } = &criterion.kind else { return None };
            let document = hidden.iter().find(|one| one.commitment() == *commitment)?.clone();
            Some(Reveal { criterion_id: criterion.id.clone(), document })
        });
        Ok(open.collect())
    }

    /// Hands a juror what it is owed: of a private deal, as an age file for that juror alone.
    async fn hand(
        &self,
        deal: &Deal,
        (case_id, panel, reveals): (B256, &[Seat], &[Reveal]),
        owed: &Owed,
    ) -> Result<(), Error> {
        let seat = panel.iter().find(|seat| seat.juror == owed.juror);
        let reveal = reveals.iter().find(|one| one.criterion_id == owed.criterion_id);
        let (Some(seat), Some(reveal)) = (seat, reveal) else { return Ok(()) };
        let text = json::canonical(reveal)?;
        let body = self.readers.encrypt_to(&self.session.chain, (deal, seat), text).await?;
        self.jurors.reveal(&seat.url, case_id, body).await
    }
}

/// Tells the operator that a juror calls a hidden criterion met.
fn say_refused(case_id: B256, juror: Address, error: &Error) {
    tracing::warn!(case = %case_id, %juror, %error, "the juror takes no reveal of it any more");
}

/// Whether a juror will never take it: its time to reveal is over, or it opens nothing.
fn is_final(error: &Error) -> bool {
    let Error::Problem { problem, .. } = error else { return false };
    matches!(problem.slug(), "reveal-late" | "criterion-refused")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::deal;

    fn document(text: &str) -> HiddenCriterion {
        HiddenCriterion { salt: B256::repeat_byte(7), text: text.to_owned(), kind: Kind::Llm }
    }

    #[test]
    fn a_document_is_kept_only_if_it_opens_a_criterion_that_jurors_would_read() {
        let mut sheet = deal(1).sheet;
        let good = document("Names the authors of the paper.");
        let vague = document("The text is of high quality.");
        for hidden in [&good, &vague] {
            let public = sheet.milestones[0].criteria[0].clone();
            let kind = Kind::Hidden { commitment: hidden.commitment(), of: public.id.clone() };
            sheet.milestones[0].criteria.push(surety_terms::Criterion { kind, ..public });
        }
        check(&sheet, &[]).unwrap();
        check(&sheet, std::slice::from_ref(&good)).unwrap();
        let refused = |hidden: &[HiddenCriterion]| check(&sheet, hidden).unwrap_err().to_string();
        let stray = document("Names the authors of the book.");
        assert!(refused(&[good.clone(), stray]).starts_with("hidden[1]: has the commitment"));
        assert!(refused(&[vague]).starts_with("hidden[0]: holds"));
        let unsalted = HiddenCriterion { salt: B256::ZERO, ..good };
        assert!(refused(&[unsalted]).starts_with("hidden[0]"));
    }
}
