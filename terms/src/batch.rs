//! Packing what `settleBatch` takes: each item as its difference from a template.

use alloy::primitives::{B256, Bytes};
use alloy::sol_types::SolValue as _;
use surety_bindings::escrow::{SlowState, Terms};

/// Bytes of one ABI word.
const WORD: usize = 32;
/// Words of the terms before their milestones, and where a milestone's words are numbered from.
const HEAD_WORDS: usize = 23;
const FIRST_MILESTONE: u8 = 32;

/// One verdict to apply.
#[derive(Clone, Debug)]
pub struct BatchItem<'a> {
    /// Which template the terms are written from.
    pub template: u8,
    /// The deal's terms.
    pub terms: &'a Terms,
    /// Which milestone.
    pub milestone: u8,
    /// The digest that the ballots are about.
    pub deliverable: B256,
    /// The milestone's slow-path state, if it has one.
    pub state: Option<&'a SlowState>,
}

/// The items as `settleBatch` reads them. `None` when an item names no template, or one with another
/// number of milestones.
pub fn pack_items(templates: &[Terms], items: &[BatchItem<'_>]) -> Option<Bytes> {
    let templates: Vec<_> = templates.iter().map(words).collect();
    let mut packed = Vec::new();
    for item in items {
        let template = templates.get(usize::from(item.template))?;
        let patches = patches(template, &words(item.terms))?;
        let count = u8::try_from(patches.len()).ok()?;
        packed.extend([item.template, item.milestone, count, item.state.is_some().into()]);
        packed.extend(item.deliverable);
        for (index, word) in patches {
            packed.push(index);
            packed.extend(word);
        }
        packed.extend(item.state.map(SlowState::abi_encode).unwrap_or_default());
    }
    Some(packed.into())
}

/// The words of terms: those before the milestones, then four of each milestone.
fn words(terms: &Terms) -> Vec<B256> {
    let encoded = terms.abi_encode();
    let words = encoded.chunks_exact(WORD).map(B256::from_slice);
    // Offset of the struct; then the head; offset and number of the milestones; their words.
    let (head, milestones): (Vec<_>, Vec<_>) = words
        .enumerate()
        .skip(1)
        .filter(|(at, _)| *at != HEAD_WORDS + 1 && *at != HEAD_WORDS + 2)
        .partition(|(at, _)| *at <= HEAD_WORDS);
    head.into_iter().chain(milestones).map(|(_, word)| word).collect()
}

/// Which words differ, by the numbers that the contract gives them.
fn patches(template: &[B256], terms: &[B256]) -> Option<Vec<(u8, B256)>> {
    if template.len() != terms.len() {
        return None;
    }
    let differ = terms.iter().enumerate().filter(|(at, word)| template.get(*at) != Some(*word));
    differ.map(|(at, word)| Some((number(at)?, *word))).collect()
}

fn number(at: usize) -> Option<u8> {
    match at.checked_sub(HEAD_WORDS) {
        None => u8::try_from(at).ok(),
        Some(at) => FIRST_MILESTONE.checked_add(u8::try_from(at).ok()?),
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{U256, aliases::U96};

    use super::*;
    use crate::sample;

    #[test]
    fn only_what_differs_is_packed() {
        let template = sample::example().terms();
        let mut terms = template.clone();
        let same = BatchItem {
            template: 0,
            terms: &template,
            milestone: 0,
            deliverable: B256::ZERO,
            state: None,
        };
        let packed = pack_items(std::slice::from_ref(&template), &[same]).unwrap_or_default();
        assert_eq!(packed.len(), 36);

        terms.salt = B256::repeat_byte(7);
        terms.milestones[0].amount = U96::from(5);
        let item = BatchItem {
            template: 0,
            terms: &terms,
            milestone: 0,
            deliverable: B256::ZERO,
            state: None,
        };
        let packed = pack_items(&[template], &[item]).unwrap_or_default();
        assert_eq!(packed.len(), 36 + 2 * 33);
        assert_eq!(packed[2], 2);
        assert_eq!(packed[36], 22, "the salt is the last word of the head");
        assert_eq!(packed[69], 32, "the first word of the first milestone");
        assert_eq!(U256::from_be_slice(&packed[70..102]), U256::from(5));
    }

    #[test]
    fn an_unknown_template_or_another_number_of_milestones_is_none() {
        let template = sample::example().terms();
        let mut terms = template.clone();
        terms.milestones.pop();
        let item = |template| BatchItem {
            template,
            terms: &terms,
            milestone: 0,
            deliverable: B256::ZERO,
            state: None,
        };
        assert_eq!(pack_items(std::slice::from_ref(&template), &[item(0)]), None);
        assert_eq!(pack_items(&[template], &[item(1)]), None);
    }
}
