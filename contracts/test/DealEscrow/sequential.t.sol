// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// sequences
// ├── nothing happens to a milestone before its turn
// ├── accepted, agreed and split milestones let the next one go on
// ├── a rejected, reclaimed or conceded one cancels the rest, whoever and whatever ended it
// │   ├── the buyer gets their money and the seller their bonds, to the unit
// │   └── they are neutral facts
// └── without a sequence, nothing cancels anything
contract SequentialTest is Stages {
    // ---- order

    function test_nothingHappensToAMilestoneBeforeItsTurn() public {
        IDealEscrow.Terms memory t = sequence(3);
        bytes32 id = open(t);
        bytes memory with = abi.encodeWithSelector(IDealEscrow.OutOfOrder.selector, 1, 0);
        vm.expectRevert(with);
        vm.prank(seller);
        escrow.deliver(t, 1, WORK, "", "", unasked());
        vm.expectRevert(with);
        vm.prank(buyer);
        escrow.accept(t, 1, noState(), noConsent());
        vm.expectRevert(with);
        vm.prank(seller);
        escrow.concede(t, 1, noState(), noConsent());
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 1, noState(), 1, false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 1, noState(), 1, false, 0);
        vm.expectRevert(with);
        escrow.agree(t, 1, noState(), 1, false, b, s);
        bytes memory packed = ballotsFor(ACCEPTED, caseOf(id, 1, WORK));
        vm.expectRevert(with);
        settle(t, 1, noState(), WORK, packed);
        vm.warp(FOREVER);
        vm.expectRevert(with);
        escrow.reclaim(t, 1, unasked());
        vm.expectRevert(with);
        escrow.expire(t, 1, noState(), unasked());
        vm.expectRevert(with);
        escrow.escalate(t, 1, noState(), unasked());
        vm.expectRevert(with);
        escrow.finalize(t, 1, noState(), unasked());
        vm.expectRevert(with);
        escrow.appeal(t, 1, noState(), 0, FOREVER, "");
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.OutOfOrder.selector, 2, 0));
        escrow.reclaim(t, 2, unasked());
    }

    function test_milestonesEndOneAfterTheOther() public {
        IDealEscrow.Terms memory t = sequence(16);
        bytes32 id = open(t);
        for (uint8 k; k < 16; ++k) {
            assertEq(uint256(wordOf(id).ended), (1 << k) - 1, "before");
            vm.prank(buyer);
            escrow.accept(t, k, noState(), noConsent());
        }
        assertWord(id, Word(true, false, type(uint16).max, 0, 0, 0));
    }

    function test_agreedAndSplitMilestonesLetTheNextOneGoOn() public {
        IDealEscrow.Terms memory t = sequence(4);
        bytes32 id = open(t);
        agreeOn(t, 0, noState(), 0);
        assertEq(uint256(wordOf(id).ended), 1, "agreed");
        settleAs(t, 1, noState(), UNDETERMINED);
        assertEq(uint256(wordOf(id).ended), 3, "not agreed");
        IDealEscrow.SlowState[] memory state = deliver(t, 2, WORK);
        vm.warp(state[0].until);
        escrow.expire(t, 2, state, unasked());
        assertEq(uint256(wordOf(id).ended), 7, "not judged");
        settleAs(t, 3, noState(), ACCEPTED);
        assertWord(id, Word(true, false, 15, 0, 0, 0));
    }

    /// @dev Whoever is second waits for the last second of the first: it still can deliver.
    function test_theNextMilestoneHasAnHour_afterTheWorstCaseOfTheOneBefore() public {
        IDealEscrow.Terms memory t = appealSequence(2);
        open(t);
        vm.warp(DELIVER_BY + 1 days - 1);
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        vm.warp(state[0].until - 1);
        state = appealed(t, 0, state);
        vm.warp(state[0].until);
        escrow.expire(t, 0, state, unasked());
        assertAtMost(nowAt() + 1 hours, t.milestones[1].deliverBy, "an hour is left");
        deliver(t, 1, WORK);
    }

    // ---- cascades

    function test_aRejectionCancelsTheRest() public {
        (IDealEscrow.Terms memory t, bytes32 id) = bonded();
        Purses memory before = purses();
        expectCascade(id, Ending.Rejected);
        settleAs(t, 1, noState(), REJECTED);
        assertCancelled(id, before, 0);
    }

    function test_aConcessionCancelsTheRest() public {
        (IDealEscrow.Terms memory t, bytes32 id) = bonded();
        Purses memory before = purses();
        expectCascade(id, Ending.Conceded);
        vm.prank(seller);
        escrow.concede(t, 1, noState(), noConsent());
        assertCancelled(id, before, 0);
    }

    function test_aReclaimCancelsTheRest() public {
        (IDealEscrow.Terms memory t, bytes32 id) = bonded();
        Purses memory before = purses();
        vm.warp(FOREVER);
        expectCascade(id, Ending.Reclaimed);
        escrow.reclaim(t, 1, unasked());
        assertCancelled(id, before, 0);
    }

    /// @dev 400 USDC and a bond of 101 units: 25 went with milestone 0, then a third of 76.
    function bonded() internal returns (IDealEscrow.Terms memory t, bytes32 id) {
        t = sequence(4);
        t.bond = 101;
        id = open(t);
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        assertWord(id, Word(true, false, 1, 0, usd(300), 76));
    }

    /// @dev Milestone 1 ends with 25 units of the bond; 25 and 26 go back to the seller.
    function expectCascade(bytes32 id, Ending ending) internal {
        expectEnded(id, 1, ending, 0, usd(100) + 25);
        expectEnded(id, 2, Ending.Cancelled, 25, usd(100));
        expectEnded(id, 3, Ending.Cancelled, 26, usd(100));
    }

    function assertCancelled(bytes32 id, Purses memory before, uint256 more) internal view {
        assertPaid(before, 51 + more, usd(300) + 25);
        assertWord(id, Word(true, false, 15, 0, 0, 0));
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        IReputationRegistry.Standing memory b = standingOf(buyer, IReputationRegistry.Role.Buyer);
        assertEq(s.badCount, 1, "one bad fact");
        assertEq(s.neutralCount, 2, "two neutral ones");
        assertEq(b.neutralCount, 3, "the buyer's");
    }

    function test_aFinalRejectionCancelsTheRest() public {
        IDealEscrow.Terms memory t = appealSequence(3);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        assertEq(uint256(wordOf(id).ended), 0, "it only stands");
        vm.warp(state[0].until);
        Purses memory before = purses();
        escrow.finalize(t, 0, state, unasked());
        assertPaid(before, usd(10) - 3_333_333, usd(300) + 3_333_333);
        assertWord(id, Word(true, false, 7, 0, 0, 0));
    }

    function test_aRejectionInRound2CancelsTheRest() public {
        IDealEscrow.Terms memory t = appealSequence(3);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        Purses memory before = purses();
        settleAs(t, 0, state, REJECTED);
        assertPaid(before, usd(10) - 3_333_333, usd(300) + 3_333_333 + APPEAL_BOND);
        assertWord(id, Word(true, false, 7, 0, 0, 0));
    }

    function test_aStandingRejectionCancelsTheRest_whenTheAppealPanelIsSilent() public {
        IDealEscrow.Terms memory t = appealSequence(2);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        vm.warp(state[0].until);
        Purses memory before = purses();
        escrow.expire(t, 0, state, unasked());
        assertPaid(before, usd(5) + APPEAL_BOND, usd(205));
        assertWord(id, Word(true, false, 3, 0, 0, 0));
    }

    function test_anOverturnedRejectionCancelsNothing() public {
        IDealEscrow.Terms memory t = appealSequence(2);
        bytes32 id = open(t);
        settleAs(t, 0, appealed(t, 0, REJECTED), ACCEPTED);
        assertWord(id, Word(true, false, 1, 0, usd(100), usd(5)));
    }

    function test_cancelledBondsAreCredited_whenTheTermsSaySo() public {
        IDealEscrow.Terms memory t = sequence(2);
        (t.bond, t.payAsCredit) = (usd(10), true);
        open(t);
        Purses memory before = purses();
        settleAs(t, 0, noState(), REJECTED);
        before.sellerCredit = usd(5);
        assertPaid(before, 0, usd(205));
    }

    function test_feesOfTheRejectedMilestoneAreNotTheCancelledOnes() public {
        IDealEscrow.Terms memory t = sequence(3);
        withFees(t);
        t.bond = usd(30);
        open(t);
        uint256 before = usdc.balanceOf(buyer);
        settleAs(t, 0, noState(), REJECTED);
        assertEq(usdc.balanceOf(buyer) - before, usd(104 + 200), "buyer");
        assertEq(usdc.balanceOf(seller), usd(1_000_000 - 10), "seller");
        assertEq(usdc.balanceOf(address(jury)), usd(5), "jury");
    }

    /// forge-config: default.fuzz.runs = 32
    function test_everyCascadeSumsToTheUnit(uint256 seed, uint96 bond, uint8 at_) public {
        IDealEscrow.Terms memory t = sequence(16);
        t.bond = uint96(bound(bond, 0, usd(1000)));
        t.total = 0;
        for (uint256 i; i < 16; ++i) {
            uint96 amount = uint96(bound(uint256(keccak256(abi.encode(seed, i))), 1, usd(1000)));
            t.milestones[i].amount = amount;
            t.total += amount;
        }
        bytes32 id = open(t);
        for (uint8 k; k < at_ % 16; ++k) {
            vm.prank(buyer);
            escrow.accept(t, k, noState(), noConsent());
        }
        vm.prank(seller);
        escrow.concede(t, at_ % 16, noState(), noConsent());
        assertWord(id, Word(true, false, type(uint16).max, 0, 0, 0));
        assertEq(usdc.balanceOf(address(escrow)), 0, "nothing is left");
    }

    // ---- no sequence

    function test_nothingIsCancelled_withoutASequence() public {
        IDealEscrow.Terms memory t = makeTerms(3);
        bytes32 id = open(t);
        settleAs(t, 2, noState(), REJECTED);
        vm.prank(seller);
        escrow.concede(t, 0, noState(), noConsent());
        assertWord(id, Word(true, false, 5, 0, usd(100), 0));
    }

    // ---- helpers

    function sequence(uint256 count) internal view returns (IDealEscrow.Terms memory t) {
        t = makeTerms(count);
        t.sequential = true;
        for (uint256 k; k < count; ++k) {
            t.milestones[k].deliverBy = uint40(DELIVER_BY + k * 25 hours);
        }
    }

    function appealSequence(uint256 count) internal view returns (IDealEscrow.Terms memory t) {
        t = appealTerms(count);
        t.sequential = true;
        for (uint256 k; k < count; ++k) {
            t.milestones[k].deliverBy = uint40(DELIVER_BY + k * 73 hours);
        }
    }
}
