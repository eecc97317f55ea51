//! What ballots decide.

use std::collections::HashMap;

use proptest::prelude::*;
use surety_terms::Rule;

use super::*;

/// One ballot on k criteria, as the reference tool writes it: 'M' met, 'F' failed, 'A' neither.
type Marks = Vec<char>;

/// The reference definition, line by line as in the design's `tally_check.py`.
fn naive(ballots: &[Marks], n: usize, rule: &Rule) -> Option<(char, u32)> {
    let (q, k) = (2 * n / 3 + 1, rule.weights.len());
    let m = n - ballots.len();
    if ballots.len() < q {
        return None;
    }
    let count = |c: usize, mark| ballots.iter().filter(|ballot| ballot[c] == mark).count();
    let met: Vec<usize> = (0..k).map(|c| count(c, 'M')).collect();
    let fail: Vec<usize> = (0..k).map(|c| count(c, 'F')).collect();
    let mand = |c: usize| rule.mandatory >> c & 1 == 1;
    let weight = |counts: &[usize]| -> u32 {
        (0..k).filter(|c| counts[*c] >= q).map(|c| u32::from(rule.weights[c])).sum()
    };
    let pass = u32::from(rule.pass_bps);
    let rej = |f: &[usize]| (0..k).any(|c| mand(c) && f[c] >= q) || 10_000 - weight(f) < pass;
    let acc = |a: &[usize]| (0..k).all(|c| !mand(c) || a[c] >= q) && weight(a) >= pass;
    if rej(&fail) {
        return Some(('R', 0));
    }
    let out_of_reach = |c: usize| met[c] + m < q && fail[c] + m < q;
    let settled = (0..k).all(|c| met[c] >= q || fail[c] >= q || out_of_reach(c));
    if acc(&met) && (!rule.pro_rata || settled) {
        return Some(('A', if rule.pro_rata { weight(&met) } else { 10_000 }));
    }
    let plus = |counts: &[usize]| -> Vec<usize> { counts.iter().map(|x| x + m).collect() };
    (!acc(&plus(&met)) && !rej(&plus(&fail))).then_some(('U', 0))
}

/// Our tally in the reference's words.
fn ours(ballots: &[Marks], n: usize, rule: &Rule) -> Option<(char, u32)> {
    ours_of(ballots, n, (rule.word(), rule.pro_rata))
}

fn ours_of(ballots: &[Marks], n: usize, (word, pro_rata): (U256, bool)) -> Option<(char, u32)> {
    let answers: Vec<Answers> = ballots
        .iter()
        .zip(0..)
        .map(|(marks, seat)| (seat, mask(marks, 'M'), mask(marks, 'F')))
        .collect();
    let tally = tally(word, n, &answers);
    match tally.outcome {
        Outcome::NoVerdict => None,
        Outcome::Accepted if pro_rata => Some(('A', u32::from(tally.met_bps))),
        Outcome::Accepted => Some(('A', 10_000)),
        Outcome::Rejected => Some(('R', 0)),
        Outcome::Undetermined => Some(('U', 0)),
    }
}

fn mask(marks: &Marks, wanted: char) -> u16 {
    marks.iter().enumerate().map(|(c, mark)| u16::from(*mark == wanted) << c).sum()
}

/// Every ballot on k criteria.
fn all_marks(k: usize) -> Vec<Marks> {
    (0..k).fold(vec![vec![]], |shorter, _| {
        shorter
            .iter()
            .flat_map(|marks| "MFA".chars().map(|mark| [marks.as_slice(), &[mark]].concat()))
            .collect()
    })
}

/// Every multiset of at most n of `options`, each as an ascending list of indices.
fn multisets(options: usize, n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    let mut last = all.clone();
    for _ in 0..n {
        last = last
            .iter()
            .flat_map(|set: &Vec<usize>| {
                let from = set.last().copied().unwrap_or(0);
                (from..options).map(move |next| [set.as_slice(), &[next]].concat())
            })
            .collect();
        all.extend(last.clone());
    }
    all
}

/// The rules that the reference tool enumerates for k criteria.
fn rules(k: usize) -> Vec<Rule> {
    let weights: &[&[u16]] =
        if k == 1 { &[&[10_000]] } else { &[&[5_000, 5_000], &[7_000, 3_000], &[9_000, 1_000]] };
    let mut rules = vec![];
    for weights in weights {
        for mandatory in 0..1_u16 << k {
            for pass_bps in [1, 5_000, 7_000, 10_000] {
                for pro_rata in [false, true] {
                    let weights = weights.to_vec();
                    rules.push(Rule { weights, mandatory, pass_bps, pro_rata });
                }
            }
        }
    }
    rules
}

/// Compares with the reference on every set of ballots and checks that one more ballot never
/// changes a verdict (hence no superset does). Returns how many full profiles there were.
fn enumerate(n: usize, k: usize) -> usize {
    let options = all_marks(k);
    let sets = multisets(options.len(), n);
    let index: HashMap<&[usize], usize> =
        sets.iter().enumerate().map(|(at, set)| (set.as_slice(), at)).collect();
    let ballots: Vec<Vec<Marks>> = sets
        .iter()
        .map(|set| set.iter().map(|option| options[*option].clone()).collect())
        .collect();
    let larger: Vec<Vec<usize>> = sets
        .iter()
        .filter(|set| set.len() < n)
        .map(|set| {
            let with = |option: usize| {
                let mut larger = [set.as_slice(), &[option]].concat();
                larger.sort_unstable();
                index[larger.as_slice()]
            };
            (0..options.len()).map(with).collect()
        })
        .collect();
    let mut profiles = 0;
    for rule in rules(k) {
        let word = (rule.word(), rule.pro_rata);
        let verdicts: Vec<_> = ballots.iter().map(|some| ours_of(some, n, word)).collect();
        for (some, verdict) in ballots.iter().zip(&verdicts) {
            assert_eq!(*verdict, naive(some, n, &rule), "{rule:?} {some:?}");
            assert!(some.len() < n || verdict.is_some(), "a full set decides: {rule:?} {some:?}");
            profiles += usize::from(some.len() == n);
        }
        for (at, larger) in larger.iter().enumerate() {
            let stable = |with: &usize| verdicts[*with] == verdicts[at];
            let all_stable = verdicts[at].is_none() || larger.iter().all(stable);
            assert!(all_stable, "{rule:?} {:?}", ballots[at]);
        }
    }
    profiles
}

#[test]
fn every_small_panel_counts_as_the_reference_and_no_superset_changes_a_verdict() {
    let profiles = enumerate(5, 1) + enumerate(5, 2) + enumerate(7, 1);
    assert_eq!(profiles, 124_464, "as many as the reference tool enumerates");
}

#[test]
fn quorum_counts_seats() {
    let quorums = [(3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (8, 6), (9, 7), (12, 9), (15, 11)];
    for (seats, needed) in quorums {
        assert_eq!(quorum(seats), needed, "{seats} seats");
    }
}

fn halves(pass_bps: u16) -> U256 {
    Rule { weights: vec![5_000; 2], mandatory: 0, pass_bps, pro_rata: false }.word()
}

#[test]
fn the_whole_tally_of_a_decided_case() {
    let ballots = [(0, 0b11, 0), (1, 0b11, 0), (2, 0b01, 0b10), (4, 0b11, 0), (3, 0, 0)];
    let wanted = Tally {
        outcome: Outcome::Accepted,
        met_bps: 5_000,
        seats: 0b1_1111,
        voted: 0b1_0111,
        // Seat 2 fails criterion 1, so three of five call it met: no quorum.
        met: 0b01,
        failed: 0,
    };
    assert_eq!(tally(halves(5_000), 5, &ballots), wanted);
}

#[test]
fn three_to_two_is_undetermined() {
    let ballots = [(0, 1, 0), (1, 1, 0), (2, 1, 0), (3, 0, 1), (4, 0, 1)];
    let rule = Rule { weights: vec![10_000], mandatory: 1, pass_bps: 10_000, pro_rata: false };
    assert_eq!(tally(rule.word(), 5, &ballots).outcome, Outcome::Undetermined);
    assert_eq!(tally(rule.word(), 5, &ballots[..3]).outcome, Outcome::NoVerdict);
}

#[test]
fn what_is_no_ballot_is_skipped() {
    let good = [(0, 0b11, 0), (1, 0b11, 0), (2, 0b11, 0)];
    let wanted = tally(halves(1), 5, &good);
    assert_eq!(wanted.outcome, Outcome::NoVerdict);
    for (name, bad) in [
        ("a seat twice", (2, 0, 0b11)),
        ("a seat outside the panel", (5, 0b11, 0)),
        ("a seat outside the mask", (200, 0b11, 0)),
        ("overlapping masks", (3, 0b11, 0b01)),
    ] {
        let ballots = [&good[..], &[bad]].concat();
        assert_eq!(tally(halves(1), 5, &ballots), wanted, "{name}");
    }
}

#[test]
fn below_quorum_only_the_seats_are_told() {
    let wanted = Tally { seats: 0b111, voted: 0b101, ..Tally::default() };
    assert_eq!(tally(halves(1), 5, &[(0, 3, 0), (1, 0, 0), (2, 0, 3)]), wanted);
}

#[test]
fn bits_beyond_the_criteria_weigh_nothing() {
    let ballots = [(0, 1 << 5, 0), (1, 1 << 5, 0), (2, 1 << 5, 0), (3, 1 << 5, 0)];
    let outcome = Outcome::Undetermined;
    let wanted = Tally { outcome, met_bps: 0, seats: 15, voted: 15, met: 1 << 5, failed: 0 };
    assert_eq!(tally(halves(1), 5, &ballots), wanted);
}

#[test]
fn a_hostile_rule_word_or_panel_size_is_counted_without_panic() {
    let ballots: Vec<Answers> = (0..=255).map(|seat| (seat, u16::MAX, 0)).collect();
    for seats in [0, 1, 2, 15, 16, usize::MAX] {
        for rule in [U256::ZERO, U256::MAX, U256::ONE << 255, U256::ONE << 240] {
            let counted = tally(rule, seats, &ballots);
            assert!(counted.seats.count_ones() <= 15);
        }
    }
}

#[test]
fn outcomes_are_the_contracts_numbers() {
    for number in 0..4 {
        let outcome = Outcome::from_u8(number).unwrap();
        let sol = sol::Tally {
            outcome: number,
            metBps: 1,
            seats: 2,
            voted: 3,
            met: 4,
            failed: 5,
            panelSeats: 6,
            appealSeats: 7,
        };
        let read = Tally { outcome, met_bps: 1, seats: 2, voted: 3, met: 4, failed: 5 };
        assert_eq!(Tally::from_sol(&sol), Some(read));
    }
    assert_eq!(Outcome::from_u8(4), None);
}

prop_compose! {
    /// A valid rule of 1 to 16 criteria.
    fn any_rule()(cuts in prop::collection::btree_set(1_u16..10_000, 0..16))(
        mandatory in 0..=u16::MAX >> (15 - cuts.len()),
        pass_bps in prop_oneof![Just(1), Just(5_000), Just(10_000), 1_u16..=10_000],
        pro_rata in any::<bool>(),
        cuts in Just(cuts),
    ) -> Rule {
        let ends: Vec<u16> = cuts.into_iter().chain([10_000]).collect();
        let starts = [0].into_iter().chain(ends.iter().copied());
        let weights = ends.iter().zip(starts).map(|(end, start)| end - start).collect();
        Rule { weights, mandatory, pass_bps, pro_rata }
    }
}

prop_compose! {
    /// A rule, a panel's size, and one ballot per seat, leaning to agreement.
    fn any_case()(rule in any_rule(), n in 3_usize..=15)(
        ballots in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![6 => Just('M'), 3 => Just('F'), 1 => Just('A')],
                rule.weights.len(),
            ),
            n,
        ),
        rule in Just(rule),
    ) -> (Rule, Vec<Marks>) {
        (rule, ballots)
    }
}

proptest! {
    #[test]
    fn any_panel_counts_as_the_reference((rule, ballots) in any_case(), left_out in 0_usize..6) {
        let some = &ballots[left_out.min(ballots.len())..];
        prop_assert_eq!(ours(some, ballots.len(), &rule), naive(some, ballots.len(), &rule));
    }

    #[test]
    fn no_superset_changes_a_verdict((rule, ballots) in any_case()) {
        let n = ballots.len();
        let mut verdict = None;
        for count in 0..=n {
            let now = ours(&ballots[..count], n, &rule);
            prop_assert!(verdict.is_none() || now == verdict, "{:?} then {:?}", verdict, now);
            verdict = now;
        }
        prop_assert!(verdict.is_some(), "a full set decides");
    }

    #[test]
    fn the_order_of_ballots_does_not_matter(
        (rule, ballots) in any_case(),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut answers: Vec<Answers> = ballots
            .iter()
            .zip(0..)
            .map(|(marks, seat)| (seat, mask(marks, 'M'), mask(marks, 'F')))
            .collect();
        let straight = tally(rule.word(), ballots.len(), &answers);
        answers.rotate_left(seed.index(ballots.len()));
        prop_assert_eq!(tally(rule.word(), ballots.len(), &answers), straight);
    }

    #[test]
    fn no_captured_minority_accepts_what_all_others_fail((rule, ballots) in any_case()) {
        let n = ballots.len();
        let captured = n - quorum(n);
        let k = rule.weights.len();
        let votes: Vec<Marks> = (0..n)
            .map(|seat| vec![if seat < captured { 'M' } else { 'F' }; k])
            .collect();
        prop_assert_eq!(ours(&votes, n, &rule), Some(('R', 0)));
    }
}
