//! What the term sheet's rules say of a sheet is what `DealEscrow.open` does with it.
//!
//! ```text
//! a sheet that is valid and supported     opens
//! a sheet that breaks a rule              both refuse it, by the same name
//! a sheet that needs an unsupported field both name the field
//! ```

#![expect(clippy::expect_used, reason = "in a test a broken expectation is a failed test")]

use alloy::primitives::aliases::U96;
use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::SolError;
use proptest::prelude::*;
use surety_bindings::escrow::DealEscrow;
use surety_terms::{Bps, TermSheet, Usdc, sample};
use surety_tests::World;

const DAY: u64 = 86_400;

/// The same deal between this world's actors, on its chain.
fn at_home(world: &World, sheet: TermSheet) -> TermSheet {
    let contracts = world.contracts();
    TermSheet {
        chain_id: contracts.chain_id,
        escrow: contracts.escrow,
        token: contracts.token,
        buyer: world.buyer().address(),
        seller: world.seller().address(),
        jury: world.jury(),
        ..sheet
    }
}

/// The example in a world where it is the last second to open it.
fn example() -> (World, TermSheet) {
    let mut world = World::new();
    let sheet = at_home(&world, sample::example());
    world.set_time(sheet.open_by - 1);
    (world, sheet)
}

/// The escrow's refusal of the changed example, and the sheet's own.
fn refusal<E: SolError>(change: impl FnOnce(&mut TermSheet)) -> (E, &'static str) {
    let (mut world, mut sheet) = example();
    change(&mut sheet);
    let own = sheet.validate().expect_err("the sheet is refused").fault.slug();
    let revert = world.open(&sheet.terms()).expect_err("the escrow refuses it");
    (revert.decode::<E>().expect("by the same name"), own)
}

macro_rules! agree {
    ($($name:ident: $error:ident, $slug:literal, $change:expr;)*) => {$(
        #[test]
        fn $name() {
            let (_, own) = refusal::<DealEscrow::$error>($change);
            assert_eq!(own, $slug);
        }
    )*};
}

agree! {
    a_deal_has_two_parties: PartiesInvalid, "parties-invalid", |s| s.seller = s.buyer;
    a_deal_has_a_buyer: PartiesInvalid, "parties-invalid", |s| s.buyer = Address::ZERO;
    a_deal_has_a_milestone: MilestoneCount, "milestone-count", |s| s.milestones.clear();
    a_deal_has_sixteen_milestones: MilestoneCount, "milestone-count",
        |s| s.milestones = vec![s.milestones[0].clone(); 17];
    a_milestone_pays: AmountZero, "amount-zero", |s| s.milestones[0].amount = Usdc::ZERO;
    judging_takes_an_hour: WindowTooShort, "window-too-short", |s| s.judge_within = 3_599;
    delivery_takes_an_hour: DeliverByTooEarly, "deliver-by-too-early",
        |s| s.milestones[0].deliver_by = s.open_by + 3_599;
    milestones_end_in_two_years: EndsTooLate, "ends-too-late",
        |s| s.milestones[0].deliver_by = s.open_by + 730 * DAY - s.judge_within;
    silence_pays_at_most_all: BpsTooHigh, "bps-too-high",
        |s| s.silent_seller_bps = Bps::new(10_001);
    a_split_pays_at_most_all: BpsTooHigh, "bps-too-high",
        |s| s.split_seller_bps = Bps::new(10_001);
    weights_sum_to_the_whole: WeightsInvalid, "weights-invalid",
        |s| s.milestones[0].criteria[0].weight_bps = Bps::new(5_001);
    weights_have_no_gap: WeightsInvalid, "weights-invalid", |s| {
        s.milestones[0].criteria[0].weight_bps = Bps::ZERO;
        s.milestones[0].criteria[1].weight_bps = Bps::WHOLE;
    };
    a_pass_mark_is_above_zero: PassBpsInvalid, "pass-bps-invalid",
        |s| s.milestones[0].pass_bps = Bps::ZERO;
    a_pass_mark_can_be_reached: PassBpsInvalid, "pass-bps-invalid",
        |s| s.milestones[0].pass_bps = Bps::new(10_001);
    a_total_is_the_sum: TotalMismatch, "total-mismatch", |s| s.total = Usdc::from_whole(99);
}

#[test]
fn the_ends_of_all_windows_open() {
    for change in [
        |s: &mut TermSheet| s.milestones[0].deliver_by = s.open_by + 3_600,
        |s: &mut TermSheet| s.milestones[0].deliver_by = s.open_by - 1 + 730 * DAY - s.judge_within,
        |s: &mut TermSheet| s.judge_within = 3_600,
        |s: &mut TermSheet| s.silent_seller_bps = Bps::WHOLE,
    ] {
        let (mut world, mut sheet) = example();
        change(&mut sheet);
        assert_eq!(sheet.validate(), Ok(()));
        assert_eq!(sheet.openable_at(world.now()), Ok(()));
        assert_eq!(world.open(&sheet.terms()).unwrap().output, sheet.deal_id());
    }
}

#[test]
fn time_refuses_what_it_says() {
    let (mut world, mut sheet) = example();
    world.set_time(sheet.open_by);
    let own = sheet.openable_at(world.now()).unwrap_err().fault.slug();
    assert_eq!(own, "deadline-passed");
    assert!(world.open(&sheet.terms()).unwrap_err().is::<DealEscrow::DeadlinePassed>());

    world.set_time(sheet.open_by - 2);
    sheet.milestones[0].deliver_by = sheet.open_by - 1 + 730 * DAY - sheet.judge_within;
    let own = sheet.openable_at(world.now()).unwrap_err().fault.slug();
    assert_eq!(own, "ends-too-late");
    assert!(world.open(&sheet.terms()).unwrap_err().is::<DealEscrow::EndsTooLate>());
}

#[test]
fn a_deal_with_fees_or_partial_payment_opens_and_pays_its_opener() {
    let one = Usdc::from_whole(1);
    let changes: [fn(&mut TermSheet, Usdc); 5] = [
        |s, one| s.jury_fee = one,
        |s, one| s.relay_fee = one,
        |s, one| {
            s.open_fee = one;
            s.total = s.total.checked_add(one).unwrap();
        },
        |s, _| (s.fee_bps, s.fee_receiver) = (Bps::new(1), Address::repeat_byte(0xfe)),
        |s, _| s.milestones[0].pro_rata = true,
    ];
    for change in changes {
        let (mut world, mut sheet) = example();
        change(&mut sheet, one);
        assert_eq!((sheet.validate(), sheet.unsupported()), (Ok(()), None));
        let relayer = world.relayer().address();
        let before = world.balance(relayer);
        world.open(&sheet.terms()).unwrap();
        let open_fee: U96 = sheet.open_fee.into();
        assert_eq!(world.balance(relayer) - before, open_fee);
    }
}

#[test]
fn the_deal_that_opens_carries_the_digest_of_its_sheet() {
    let (mut world, sheet) = example();
    let receipt = world.open(&sheet.terms()).unwrap();
    let opened = receipt.events::<DealEscrow::DealOpened>();
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].terms.document, keccak256(sheet.canonical()));
    assert_ne!(opened[0].terms.document, B256::ZERO);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_valid_and_supported_sheet_opens(sheet in sample::supported()) {
        let mut world = World::new();
        let sheet = at_home(&world, sheet);
        prop_assert_eq!(sheet.validate(), Ok(()));
        prop_assert_eq!(sheet.unsupported(), None);
        world.mint(sheet.buyer, sheet.total.into());
        world.mint(sheet.seller, sheet.bond.into());
        world.set_time(sheet.open_by - 1);
        prop_assert_eq!(sheet.openable_at(world.now()), Ok(()));
        prop_assert_eq!(world.open(&sheet.terms()).unwrap().output, sheet.deal_id());
    }
}
