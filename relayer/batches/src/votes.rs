//! What jurors' signatures over a list are worth.

use alloy::primitives::U256;
use surety_jury::ballot::LEAF_BYTES;
use surety_jury::tally::tally;
use surety_jury::{Leaf, SignedBatch};

/// What is here of a juror's ballot on a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Its ballot, which counts and says this.
    Counted(Leaf),
    /// Its commitment, which came in time; its ballot was not heard.
    Committed,
    /// Nothing that counts.
    Nothing,
}

/// Whether a juror's votes on a list may be handed in: each case's is what its ballot says, or
/// absent. `held` are the cases in their order.
pub fn is_fair(signed: &SignedBatch, held: &[Held]) -> bool {
    let votes = signed.batch.votes.chunks_exact(LEAF_BYTES);
    votes.len() == held.len()
        && votes.zip(held).enumerate().all(|(index, (vote, held))| match held {
            _ if vote == Leaf::Absent.bytes() => true,
            Held::Counted(leaf) => vote == leaf.bytes(),
            Held::Committed => signed.answers(index).is_some(),
            Held::Nothing => false,
        })
}

/// Which cases of a list these seats decide: each case has its milestone's rule, all have a panel of
/// so many seats.
pub fn decided(rules: &[U256], seats: usize, signed: &[SignedBatch]) -> Vec<bool> {
    let is_decided = |(index, rule): (usize, &U256)| {
        let answers: Vec<_> = signed.iter().filter_map(|seat| seat.answers(index)).collect();
        tally(*rule, seats, &answers).outcome.is_verdict()
    };
    rules.iter().enumerate().map(is_decided).collect()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use surety_jury::Reason;
    use surety_jury::ballot::{CompactSignature, ballot_batch};

    use super::*;

    const MET: Leaf = Leaf::Answer { met: 1, failed: 0, reason: Reason::Judged };
    const FAILED: Leaf = Leaf::Answer { met: 0, failed: 1, reason: Reason::Judged };
    const MISSING: Leaf = Leaf::Answer { met: 0, failed: 1, reason: Reason::Missing };

    /// One criterion that weighs everything and must be met in full.
    fn rule() -> U256 {
        U256::from(10_000) | (U256::from(10_000) << 240_usize)
    }

    fn signed(seat: u8, leaves: &[Leaf]) -> SignedBatch {
        let leaves: Vec<_> = (0..).map(B256::with_last_byte).zip(leaves.iter().copied()).collect();
        let batch = ballot_batch(&leaves, B256::ZERO).unwrap();
        SignedBatch { seat, batch, signature: CompactSignature::ZERO }
    }

    #[test]
    fn a_vote_is_what_the_ballot_says_or_absent() {
        for (leaf, held, needed) in [
            (MET, Held::Counted(MET), true),
            (Leaf::Absent, Held::Counted(MET), true),
            (FAILED, Held::Counted(MET), false),
            (MISSING, Held::Counted(FAILED), false),
            (MET, Held::Committed, true),
            (Leaf::Absent, Held::Committed, true),
            (MET, Held::Nothing, false),
            (Leaf::Absent, Held::Nothing, true),
        ] {
            let batch = signed(0, &[MET, leaf]);
            assert_eq!(is_fair(&batch, &[Held::Counted(MET), held]), needed, "{leaf:?} {held:?}");
        }
        assert!(!is_fair(&signed(0, &[MET]), &[Held::Counted(MET); 2]), "a vote is missing");
    }

    #[test]
    fn a_case_stands_when_the_seats_that_signed_decide_it() {
        let rules = [rule(), rule()];
        let four: Vec<_> = (0..4).map(|seat| signed(seat, &[MET, FAILED])).collect();
        assert_eq!(decided(&rules, 5, &four), [true, true]);
        assert_eq!(decided(&rules, 5, &four[..3]), [false, false]);
        let mut absent = four;
        absent[2] = signed(2, &[MET, Leaf::Absent]);
        assert_eq!(decided(&rules, 5, &absent), [true, false]);
        assert_eq!(decided(&rules, 5, &[]), [false, false]);
    }
}
