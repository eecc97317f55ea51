//! The call that settles a list.

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::{SolCall as _, SolValue as _};
use surety_bindings::escrow::{DealEscrow, SlowState, Terms};
use surety_jury::ballot::{BATCH_HEAD_BYTES, LEAF_BYTES, pack_batch};
use surety_jury::{JuryError, SignedBatch};
use surety_terms::batch::{BatchItem, pack_items};

/// Bytes of a call beside its templates, items and ballots: selector, offsets, lengths, padding.
const FRAME_BYTES: usize = 4 + 32 * 12;

/// One verdict of a list.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The case.
    pub case: B256,
    /// The deal's terms.
    pub terms: Terms,
    /// Which milestone.
    pub milestone: u8,
    /// The digest that the ballots are about.
    pub deliverable: B256,
    /// The milestone's state on the slow path, if it has one.
    pub state: Option<SlowState>,
    /// Bit i: milestone i has to end before this one, and has not.
    pub after: u16,
}

/// Verdicts of one panel in the order in which the escrow goes through them.
#[derive(Debug, Clone, Default)]
pub struct List {
    entries: Vec<Entry>,
    /// One per number of milestones, from which the terms are written.
    templates: Vec<Terms>,
    items: Vec<u8>,
    templates_bytes: usize,
}

impl List {
    /// A list of as many of these entries, from the first on, as fit: so many verdicts, and so many
    /// bytes of calldata with the votes of `seats` seats. What comes before its turn is left out: the
    /// escrow would skip it.
    pub fn fitting(entries: &[Entry], (most, bytes): (usize, usize), seats: usize) -> Self {
        let mut list = Self::default();
        for entry in entries.iter().take(most) {
            if !list.leads_to(entry) {
                continue;
            }
            let Some(longer) = list.with(entry) else { break };
            if longer.bytes(seats) > bytes {
                break;
            }
            list = longer;
        }
        list
    }

    /// How many verdicts there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The verdicts.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What jurors sign for.
    pub fn cases(&self) -> Vec<B256> {
        self.entries.iter().map(|entry| entry.case).collect()
    }

    /// The calldata of `settleBatch`, with these batches by seat.
    pub fn calldata(&self, round: u8, signed: &[SignedBatch]) -> Result<Bytes, JuryError> {
        let call = DealEscrow::settleBatchCall {
            round,
            templates: self.templates.clone(),
            items: self.items.clone().into(),
            ballots: pack_batch(signed)?,
        };
        Ok(call.abi_encode().into())
    }

    /// Whether all that has to end before this one is on the list.
    fn leads_to(&self, entry: &Entry) -> bool {
        let waits = |milestone: &u8| (entry.after >> milestone) & 1 == 1;
        let ends = |milestone: u8| {
            self.entries.iter().any(|one| one.milestone == milestone && one.terms == entry.terms)
        };
        (0..entry.milestone.min(16)).filter(waits).all(ends)
    }

    /// How long the calldata is at most with the votes of so many seats.
    fn bytes(&self, seats: usize) -> usize {
        let votes = LEAF_BYTES.saturating_mul(self.len()).saturating_add(BATCH_HEAD_BYTES);
        [FRAME_BYTES, self.templates_bytes, self.items.len(), votes.saturating_mul(seats)]
            .into_iter()
            .fold(0, usize::saturating_add)
    }

    /// The list with one verdict more; none where it cannot be written.
    fn with(&self, entry: &Entry) -> Option<Self> {
        let mut list = self.clone();
        let count = entry.terms.milestones.len();
        let like = |template: &Terms| template.milestones.len() == count;
        let at = list.templates.iter().position(like).unwrap_or(list.templates.len());
        if at == list.templates.len() {
            list.templates_bytes =
                list.templates_bytes.saturating_add(entry.terms.abi_encode().len());
            list.templates.push(entry.terms.clone());
        }
        let item = BatchItem {
            template: u8::try_from(at).ok()?,
            terms: &entry.terms,
            milestone: entry.milestone,
            deliverable: entry.deliverable,
            state: entry.state.as_ref(),
        };
        list.items.extend_from_slice(&pack_items(&list.templates, &[item])?);
        list.entries.push(entry.clone());
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use surety_bindings::escrow::Milestone;
    use surety_jury::Leaf;
    use surety_jury::ballot::{CompactSignature, Reason, ballot_batch};

    use super::*;

    fn entry(n: u8, milestones: usize) -> Entry {
        let terms = Terms {
            salt: B256::repeat_byte(n),
            milestones: vec![Milestone::default(); milestones],
            ..Terms::default()
        };
        let (case, deliverable) = (B256::repeat_byte(n), B256::with_last_byte(n));
        Entry { case, terms, milestone: 0, deliverable, state: None, after: 0 }
    }

    fn signed(list: &List, seat: u8) -> SignedBatch {
        let vote = Leaf::Answer { met: 1, failed: 0, reason: Reason::Judged };
        let leaves: Vec<_> = list.cases().into_iter().map(|case| (case, vote)).collect();
        let batch = ballot_batch(&leaves, B256::ZERO).unwrap();
        SignedBatch { seat, batch, signature: CompactSignature::ZERO }
    }

    #[test]
    fn terms_of_one_shape_share_a_template() {
        let entries = [entry(1, 1), entry(2, 2), entry(3, 1), entry(4, 2)];
        let list = List::fitting(&entries, (10, 1 << 20), 5);
        assert_eq!(list.cases(), [1, 2, 3, 4].map(B256::repeat_byte));
        let calldata = list.calldata(1, &[signed(&list, 0), signed(&list, 3)]).unwrap();
        let call = DealEscrow::settleBatchCall::abi_decode(&calldata).unwrap();
        assert_eq!((call.round, call.templates.len()), (1, 2));
        // Template, and the salt of those that are not the template themselves.
        let heads = [call.items[0], call.items[36], call.items[72], call.items[72 + 69]];
        assert_eq!(heads, [0, 1, 0, 1]);
        assert_eq!(call.items.len(), 36 * 4 + 33 * 2);
        assert_eq!(call.ballots.len(), 2 + 2 * (BATCH_HEAD_BYTES + 4 * LEAF_BYTES));
    }

    #[test]
    fn what_has_to_wait_for_an_earlier_milestone_comes_behind_it_or_not_at_all() {
        let milestone = |deal: u8, milestone: u8, after: u16| {
            let of = entry(deal, 3);
            let case = B256::repeat_byte((deal << 4) | milestone);
            Entry { case, milestone, after, ..of }
        };
        let cases = |entries: &[Entry]| List::fitting(entries, (10, 1 << 20), 5).cases();
        let (first, second, third) =
            (milestone(1, 0, 0), milestone(1, 1, 1), milestone(1, 2, 0b11));
        let all = [first.clone(), second.clone(), third.clone()];
        assert_eq!(cases(&all), [0x10, 0x11, 0x12].map(B256::repeat_byte));
        assert_eq!(cases(&[second.clone(), first.clone()]), [B256::repeat_byte(0x10)]);
        assert_eq!(cases(&[first, third]), [B256::repeat_byte(0x10)]);
        // Another deal's milestone does not end this one's.
        assert_eq!(cases(&[milestone(2, 0, 0), second]), [B256::repeat_byte(0x20)]);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let entries: Vec<_> = (1..=40).map(|n| entry(n, 1)).collect();
        assert_eq!(List::fitting(&entries, (7, 1 << 20), 5).len(), 7);
        assert!(List::fitting(&entries, (40, 100), 5).is_empty());
        for most in [2_000, 3_000, 4_000] {
            let list = List::fitting(&entries, (40, most), 5);
            assert!((1..40).contains(&list.len()));
            let seats: Vec<_> = (0..5).map(|seat| signed(&list, seat)).collect();
            let size = list.calldata(1, &seats).unwrap().len();
            assert!(size <= most && most < size + 600, "{size} of {most}");
        }
    }
}
