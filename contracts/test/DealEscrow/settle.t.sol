// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// settle
// ├── when the ballots accept, reject or do not agree
// │   ├── it emits the count, then the ending, and records the facts
// │   ├── it pays amount and bond to the unit, the remainder to the buyer
// │   └── it does so whoever submits
// ├── when several milestones end in any order
// │   └── bond shares sum exactly to the bond
// ├── when the panel's time is over: deliverBy or the delivery, plus judgeWithin
// │   └── it reverts
// ├── when a deliverable is pinned
// │   ├── and the ballots judge it: it pays
// │   └── and they judge another: it only rejects
// ├── when the handed-in state is not the stored one
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract SettleTest is Fixture {
    function test_paysTheSellerItsMoneyAndBond_whenAccepted() public {
        IDealEscrow.Terms memory t = bondedTerms();
        bytes32 id = open(t);
        Purses memory before = purses();
        expectSettled(id, WORK, IJury.Outcome.Accepted, ALL_SEATS, 1, 0);
        expectEnded(id, 0, Ending.Accepted, usd(110), 0);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        assertPaid(before, usd(110), 0);
        assertWord(id, Word(true, false, 1, 0, 0, 0));
    }

    function test_paysTheBuyerMoneyAndBond_whenRejected() public {
        IDealEscrow.Terms memory t = bondedTerms();
        bytes32 id = open(t);
        Purses memory before = purses();
        expectSettled(id, WORK, IJury.Outcome.Rejected, ALL_SEATS, 0, 1);
        expectEnded(id, 0, Ending.Rejected, 0, usd(110));
        settleAs(t, 0, noState(), IJury.Outcome.Rejected);
        assertPaid(before, 0, usd(110));
        assertWord(id, Word(true, false, 1, 0, 0, 0));
    }

    function test_splitsTheMoneyAndReturnsTheBond_whenUndetermined() public {
        IDealEscrow.Terms memory t = bondedTerms();
        bytes32 id = open(t);
        Purses memory before = purses();
        expectSettled(id, WORK, IJury.Outcome.Undetermined, ALL_SEATS, 0, 0);
        expectEnded(id, 0, Ending.Undetermined, usd(60), usd(50));
        settleAs(t, 0, noState(), IJury.Outcome.Undetermined);
        assertPaid(before, usd(60), usd(50));
    }

    /// forge-config: default.fuzz.runs = 64
    function test_roundsTheSellersShareDown(uint96 amount, uint96 bond, uint16 bps) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        amount = uint96(bound(amount, 1, usd(1_000_000)));
        (t.total, t.milestones[0].amount) = (amount, amount);
        t.bond = uint96(bound(bond, 0, usd(1_000_000)));
        t.splitSellerBps = uint16(bound(bps, 0, 10_000));
        open(t);
        Purses memory before = purses();
        settleAs(t, 0, noState(), IJury.Outcome.Undetermined);
        uint256 share = uint256(amount) * t.splitSellerBps / 10_000;
        assertPaid(before, share + t.bond, amount - share);
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing is left");
    }

    function test_acceptsWithExactlyAQuorum() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        Purses memory before = purses();
        bytes memory packed = ballots(FOUR_SEATS, caseOf(id, 0, WORK), 1, 0);
        expectSettled(id, WORK, IJury.Outcome.Accepted, FOUR_SEATS, 1, 0);
        settle(t, 0, noState(), WORK, packed);
        assertPaid(before, usd(100), 0);
    }

    function test_rejectsWithExactlyAQuorum() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, ballots(30, caseOf(id, 0, WORK), 0, 1));
        assertPaid(before, 0, usd(100));
    }

    /// forge-config: default.fuzz.runs = 32
    function test_hasTheSameResult_whoeverSubmits(address submitter) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes memory packed = ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0);
        Purses memory before = purses();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneSettled(id, 0, WORK, 1, 1, ALL_SEATS, 1, 0, submitter);
        vm.prank(submitter);
        escrow.settle(t, 0, noState(), WORK, packed);
        assertPaid(before, usd(100), 0);
    }

    function test_creditsTheSeller_whenTheTermsSaySo() public {
        IDealEscrow.Terms memory t = bondedTerms();
        t.payAsCredit = true;
        open(t);
        Purses memory before = purses();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.Credited(address(usdc), seller, usd(60));
        settleAs(t, 0, noState(), IJury.Outcome.Undetermined);
        before.sellerCredit += usd(60);
        assertPaid(before, 0, usd(50));
    }

    function test_remembersWhatHappenedOfBothParties() public {
        IDealEscrow.Terms memory t = makeTerms(3);
        open(t);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        settleAs(t, 1, noState(), IJury.Outcome.Rejected);
        settleAs(t, 2, noState(), IJury.Outcome.Undetermined);
        IReputationRegistry.Standing memory b = standingOf(buyer, IReputationRegistry.Role.Buyer);
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        assertEq(b.goodCount, 1, "good for the buyer");
        assertEq(b.badCount, 0, "bad for the buyer");
        assertEq(b.neutralCount, 2, "neutral for the buyer");
        assertEq(s.goodCount, 1, "good for the seller");
        assertEq(s.badCount, 1, "bad for the seller");
        assertEq(s.neutralCount, 1, "neutral for the seller");
        assertEq(s.bad, b.good, "both weigh 100 USDC");
        assertEq(s.last, START, "when");
        IReputationRegistry.Standing memory none;
        none = standingOf(buyer, IReputationRegistry.Role.Seller);
        assertEq(none.first, 0, "the other role");
    }

    // ---- several milestones

    /// forge-config: default.fuzz.runs = 16
    function test_sixteenBondSharesSumToTheBond(uint256 seed, uint96 bond) public {
        IDealEscrow.Terms memory t = makeTerms(16);
        t.bond = uint96(bound(bond, 1, usd(1000)));
        t.total = 0;
        for (uint256 i; i < 16; ++i) {
            uint96 amount = uint96(bound(uint256(keccak256(abi.encode(seed, i))), 1, usd(1000)));
            t.milestones[i].amount = amount;
            t.total += amount;
        }
        bytes32 id = open(t);
        Purses memory before = purses();
        uint256 first = bound(seed, 0, 15);
        for (uint256 i; i < 16; ++i) {
            uint8 milestone = uint8((first + 5 * i) % 16);
            settleAs(t, milestone, noState(), IJury.Outcome.Accepted);
        }
        assertPaid(before, uint256(t.total) + t.bond, 0);
        assertWord(id, Word(true, false, type(uint16).max, 0, 0, 0));
    }

    function test_aBondShareFollowsItsAmount() public {
        IDealEscrow.Terms memory t = makeTerms(3);
        t.bond = 100;
        bytes32 id = open(t);
        expectEnded(id, 1, Ending.Rejected, 0, usd(100) + 33);
        settleAs(t, 1, noState(), IJury.Outcome.Rejected);
        assertWord(id, Word(true, false, 2, 0, usd(200), 67));
        expectEnded(id, 0, Ending.Accepted, usd(100) + 33, 0);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        expectEnded(id, 2, Ending.Undetermined, usd(50) + 34, usd(50));
        settleAs(t, 2, noState(), IJury.Outcome.Undetermined);
        assertWord(id, Word(true, false, 7, 0, 0, 0));
    }

    // ---- windows

    function test_settlesUntilTheLastSecondOfThePanelsTime() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        vm.warp(JUDGE_END - 1);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenThePanelsTimeIsOver(uint256 late) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        vm.warp(JUDGE_END + late);
        settleReverts(
            t,
            noState(),
            WORK,
            ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0),
            deadlinePassed(JUDGE_END + late, JUDGE_END)
        );
    }

    /// forge-config: default.fuzz.runs = 64
    function test_thePanelsTimeCountsFromTheDelivery(uint256 moment) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        moment = bound(moment, START, DELIVER_BY - 1);
        vm.warp(moment);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory packed = ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0);
        vm.warp(moment + 1 days + 1);
        settleReverts(t, state, WORK, packed, deadlinePassed(moment + 1 days + 1, moment + 1 days));
        vm.warp(moment + 1 days);
        settleReverts(t, state, WORK, packed, deadlinePassed(moment + 1 days, moment + 1 days));
        vm.warp(moment + 1 days - 1);
        settle(t, 0, state, WORK, packed);
    }

    // ---- pinned deliverables

    /// forge-config: default.fuzz.runs = 8
    function test_settlesThePinnedDeliverable(uint256 which) public {
        IDealEscrow.Terms memory t = bondedTerms();
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        IJury.Outcome outcome = IJury.Outcome(bound(which, 1, 3));
        settleAs(t, 0, state, outcome);
        assertWord(id, Word(true, false, 1, 0, 0, 0));
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "the state is gone");
    }

    function test_reverts_whenAnotherThanThePinnedDeliverableIsNotRejected() public {
        IDealEscrow.Terms memory t = bondedTerms();
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes32 caseId = caseOf(id, 0, OTHER_WORK);
        bytes memory with =
            abi.encodeWithSelector(IDealEscrow.DeliverableMismatch.selector, OTHER_WORK, WORK);
        bytes memory packed = ballotsFor(IJury.Outcome.Accepted, caseId);
        settleReverts(t, state, OTHER_WORK, packed, with);
        packed = ballotsFor(IJury.Outcome.Undetermined, caseId);
        settleReverts(t, state, OTHER_WORK, packed, with);
    }

    function test_rejectsAnotherThanThePinnedDeliverable() public {
        IDealEscrow.Terms memory t = bondedTerms();
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory packed = ballotsFor(IJury.Outcome.Rejected, caseOf(id, 0, OTHER_WORK));
        Purses memory before = purses();
        expectSettled(id, OTHER_WORK, IJury.Outcome.Rejected, ALL_SEATS, 0, 1);
        settle(t, 0, state, OTHER_WORK, packed);
        assertPaid(before, 0, usd(110));
    }

    // ---- states and ids

    function test_reverts_whenTheStateIsNotTheStoredOne() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        bytes memory packed = ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0);
        IDealEscrow.SlowState[] memory state = deliveredState(t, WORK);
        bytes32 digest = keccak256(abi.encode(state[0]));
        settleReverts(t, state, WORK, packed, stateMismatch(digest, 0));
        deliver(t, 0, WORK);
        settleReverts(t, noState(), WORK, packed, stateMismatch(0, digest));
        IDealEscrow.SlowState[] memory two = new IDealEscrow.SlowState[](2);
        (two[0], two[1]) = (state[0], state[0]);
        settleReverts(t, two, WORK, packed, stateMismatch(0, digest));
        state[0].until += 1;
        bytes32 later = keccak256(abi.encode(state[0]));
        settleReverts(t, state, WORK, packed, stateMismatch(later, digest));
    }

    function test_reverts_whenTheDealIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes memory packed = ballots(ALL_SEATS, caseOf(escrow.dealIdOf(t), 0, WORK), 1, 0);
        settleReverts(t, noState(), WORK, packed, dealUnknown(t));
        open(t);
        t.seller = RELAYER;
        settleReverts(t, noState(), WORK, packed, dealUnknown(t));
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenTheMilestoneIsUnknown(uint8 milestone) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        milestone = uint8(bound(milestone, 2, 255));
        bytes memory packed = ballots(ALL_SEATS, caseOf(open(t), milestone, WORK), 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, milestone, 2));
        escrow.settle(t, milestone, noState(), WORK, packed);
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        settleReverts(
            t,
            noState(),
            WORK,
            ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0),
            abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0)
        );
    }

    // ---- helpers

    function bondedTerms() internal view returns (IDealEscrow.Terms memory t) {
        t = makeTerms(1);
        t.bond = usd(10);
    }

    function expectSettled(
        bytes32 id,
        bytes32 deliverable,
        IJury.Outcome outcome,
        uint16 seats,
        uint16 met,
        uint16 failed
    ) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneSettled(
            id, 0, deliverable, 1, uint8(outcome), seats, met, failed, RELAYER
        );
    }

    function settleReverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        bytes32 deliverable,
        bytes memory packed,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        settle(t, 0, state, deliverable, packed);
    }

    function deadlinePassed(uint256 moment, uint256 deadline) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.DeadlinePassed.selector, moment, deadline);
    }

    function stateMismatch(bytes32 got, bytes32 needed) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, got, needed);
    }

    function dealUnknown(IDealEscrow.Terms memory t) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, escrow.dealIdOf(t));
    }
}
