// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// settle, where an appeal is possible
// ├── round 1 accepts or rejects
// │   └── it pays nobody: the verdict stands until the window is over
// ├── round 1 earned fees
// │   └── they are remembered for the end
// ├── round 1 does not agree
// │   └── it asks the appeal panel about what it judged, with nothing standing
// ├── round 2 says the same
// │   └── the appeal's bond goes to the other party, and the appeal is lost
// ├── round 2 says the opposite
// │   └── the bond goes back, and the first verdict is no fact
// ├── round 2 does not agree
// │   └── the standing verdict stays and the bond goes back; without one, the money is split
// ├── round 2 judges only what is pinned, by its own panel's ballots for its own round
// └── windows and stages
//     └── it reverts from judgeEnd on, and while a verdict waits
contract SettleRound2Test is Stages {
    // ---- round 1

    function test_aVerdictStandsAndPaysNobody_whileItCanBeAppealed() public {
        IJury.Outcome[2] memory outcomes = [ACCEPTED, REJECTED];
        for (uint256 i; i < 2; ++i) {
            IDealEscrow.Terms memory t = appealTerms(1);
            t.salt = bytes32(i);
            bytes32 id = open(t);
            vm.warp(START + 5 hours);
            Purses memory before = purses();
            IDealEscrow.SlowState memory needed;
            needed.status = IDealEscrow.Status.Judged;
            needed.deliverable = WORK;
            needed.until = uint40(START + 29 hours);
            needed.standing = uint8(outcomes[i]);
            needed.metBps = outcomes[i] == ACCEPTED ? 10_000 : 0;
            vm.expectEmit(true, true, true, true, address(escrow));
            emit IDealEscrow.MilestoneMoved(id, 0, needed);
            settleAs(t, 0, noState(), outcomes[i]);
            assertPaid(before, 0, 0);
            assertEq(escrow.stateDigest(id, 0), keccak256(abi.encode(needed)), "state");
            assertWord(id, Word(true, false, 0, 1, usd(100), usd(10)));
            vm.warp(START);
        }
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).first, 0, "no fact");
    }

    function test_remembersWhatRound1IsOwed() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        withFees(t);
        bytes32 id = open(t);
        IDealEscrow.SlowState memory needed;
        needed.status = IDealEscrow.Status.Judged;
        needed.deliverable = WORK;
        needed.until = uint40(START + 1 days);
        needed.standing = uint8(ACCEPTED);
        needed.metBps = 10_000;
        needed.voted = FOUR_SEATS;
        (needed.seatFee, needed.relayFee, needed.submitter) = (usd(1), 800_000, RELAYER);
        bytes memory packed = ballots(FOUR_SEATS, caseOf(id, 0, WORK), 1, 0);
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneMoved(id, 0, needed);
        settle(t, 0, noState(), WORK, packed);
    }

    function test_asksTheAppealPanel_whenThePanelDoesNotAgree() public {
        IDealEscrow.Terms memory t = escalationTerms();
        bytes32 id = open(t);
        IDealEscrow.SlowState memory needed;
        needed.status = IDealEscrow.Status.Round2;
        needed.deliverable = WORK;
        needed.until = uint40(START + 1 days);
        Purses memory before = purses();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneMoved(id, 0, needed);
        settleAs(t, 0, noState(), UNDETERMINED);
        assertPaid(before, 0, 0);
        assertEq(escrow.stateDigest(id, 0), keccak256(abi.encode(needed)), "state");
    }

    function test_endsAtOnce_whenOnlyDisagreementCallsTheAppealPanel() public {
        IDealEscrow.Terms memory t = escalationTerms();
        open(t);
        Purses memory before = purses();
        settleAs(t, 0, noState(), ACCEPTED);
        assertPaid(before, usd(110), 0);
    }

    function test_rejectsAnotherThanThePinnedDeliverable_andRound2JudgesThat() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        bytes memory packed = ballotsFor(REJECTED, caseOf(id, 0, OTHER_WORK));
        vm.recordLogs();
        settle(t, 0, state, OTHER_WORK, packed);
        state = logged();
        assertEq(state[0].deliverable, OTHER_WORK, "pinned");
        state = appealed(t, 0, state);
        packed = appealBallots(ACCEPTED, caseOf(id, 0, 2, WORK));
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.DeliverableMismatch.selector, WORK, OTHER_WORK)
        );
        settle(t, 0, state, WORK, packed);
        settleAs(t, 0, state, ACCEPTED);
    }

    function test_reverts_whileAVerdictWaits() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        bytes memory packed = ballotsFor(ACCEPTED, caseOf(id, 0, WORK));
        bytes memory with = abi.encodeWithSelector(
            IDealEscrow.StatusMismatch.selector,
            IDealEscrow.Status.Judged,
            IDealEscrow.Status.Delivered
        );
        vm.expectRevert(with);
        settle(t, 0, state, WORK, packed);
    }

    // ---- round 2, the same verdict

    function test_theSellerGetsTheAppealsBond_whenTheAcceptanceIsUpheld() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        Purses memory before = purses();
        expectAppealBond(id, seller, APPEAL_BOND, 0);
        expectEnded(id, 0, Ending.Accepted, usd(110), 0);
        settleAs(t, 0, state, ACCEPTED);
        assertPaid(before, usd(110) + APPEAL_BOND, 0);
        assertFacts(id, 1, 0, 0, 1);
    }

    function test_theBuyerGetsTheAppealsBond_whenTheRejectionIsUpheld() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        Purses memory before = purses();
        expectAppealBond(id, buyer, APPEAL_BOND, 0);
        expectEnded(id, 0, Ending.Rejected, 0, usd(110));
        settleAs(t, 0, state, REJECTED);
        assertPaid(before, 0, usd(110) + APPEAL_BOND);
        assertFacts(id, 0, 1, 1, 0);
    }

    // ---- round 2, the opposite

    function test_theBuyerGetsItsBondBack_whenTheAcceptanceIsOverturned() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        Purses memory before = purses();
        expectAppealBond(id, buyer, APPEAL_BOND, 0);
        expectEnded(id, 0, Ending.Rejected, 0, usd(110));
        settleAs(t, 0, state, REJECTED);
        assertPaid(before, 0, usd(110) + APPEAL_BOND);
        assertFacts(id, 0, 1, 0, 0);
    }

    function test_theSellerGetsItsBondBack_whenTheRejectionIsOverturned() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        Purses memory before = purses();
        expectAppealBond(id, seller, APPEAL_BOND, 0);
        expectEnded(id, 0, Ending.Accepted, usd(110), 0);
        settleAs(t, 0, state, ACCEPTED);
        assertPaid(before, usd(110) + APPEAL_BOND, 0);
        assertFacts(id, 1, 0, 0, 0);
    }

    // ---- round 2 without agreement

    function test_theStandingVerdictStays_whenTheAppealPanelDoesNotAgree() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        Purses memory before = purses();
        expectAppealBond(id, buyer, APPEAL_BOND, 0);
        expectEnded(id, 0, Ending.Accepted, usd(110), 0);
        settleAs(t, 0, state, UNDETERMINED);
        assertPaid(before, usd(110), APPEAL_BOND);
        assertFacts(id, 1, 0, 0, 0);

        t.salt = keccak256("another");
        id = open(t);
        state = appealed(t, 0, REJECTED);
        before = purses();
        expectAppealBond(id, seller, APPEAL_BOND, 0);
        expectEnded(id, 0, Ending.Rejected, 0, usd(110));
        settleAs(t, 0, state, UNDETERMINED);
        assertPaid(before, APPEAL_BOND, usd(110));
    }

    function test_splitsTheMoney_whenNothingStandsAndNeitherPanelAgrees() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, UNDETERMINED);
        Purses memory before = purses();
        expectEnded(id, 0, Ending.Undetermined, usd(60), usd(50));
        settleAs(t, 0, state, UNDETERMINED);
        assertPaid(before, usd(60), usd(50));
    }

    function test_theAppealPanelsVerdictIsTheLast_whenNothingStands() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, UNDETERMINED);
        Purses memory before = purses();
        uint256 snapshot = vm.snapshotState();
        settleAs(t, 0, state, ACCEPTED);
        assertPaid(before, usd(110), 0);
        vm.revertToState(snapshot);
        before = purses();
        settleAs(t, 0, state, REJECTED);
        assertPaid(before, 0, usd(110));
    }

    function test_theSellersPartIsCredited_whenTheTermsSaySo() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        t.payAsCredit = true;
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        Purses memory before = purses();
        settleAs(t, 0, state, ACCEPTED);
        before.sellerCredit = usd(110) + APPEAL_BOND;
        assertPaid(before, 0, 0);
    }

    // ---- round 2's own ballots

    function test_reverts_onBallotsOfThePanelOrOfRound1() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        bytes memory with = abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, 0);
        bytes memory packed = ballots(ALL_SEATS, 0, caseOf(id, 0, 2, WORK), 1, 0);
        vm.expectRevert(with);
        settle(t, 0, state, WORK, packed);
        packed = ballots(ALL_SEATS, 5, caseOf(id, 0, 1, WORK), 1, 0);
        vm.expectRevert(with);
        settle(t, 0, state, WORK, packed);
        settleAs(t, 0, state, ACCEPTED);
    }

    function test_reverts_whenRound2JudgesAnotherDeliverable() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        for (uint256 i = 1; i <= 3; ++i) {
            bytes memory packed = appealBallots(IJury.Outcome(i), caseOf(id, 0, 2, OTHER_WORK));
            vm.expectRevert(
                abi.encodeWithSelector(IDealEscrow.DeliverableMismatch.selector, OTHER_WORK, WORK)
            );
            settle(t, 0, state, OTHER_WORK, packed);
        }
    }

    // ---- windows

    function test_settlesUntilTheLastSecondOfRound2() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        vm.warp(state[0].until - 1);
        settleAs(t, 0, state, REJECTED);
    }

    /// forge-config: default.fuzz.runs = 16
    function test_reverts_whenRound2IsOver(uint256 late, uint8 which) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state =
            which % 2 == 0 ? judged(t, 0, UNDETERMINED) : appealed(t, 0, REJECTED);
        bytes memory packed = fullVote(t, 0, state, ACCEPTED);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 365 days);
        uint256 until = state[0].until;
        vm.warp(until + late);
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.DeadlinePassed.selector, until + late, until)
        );
        settle(t, 0, state, WORK, packed);
    }

    // ---- helpers

    function expectAppealBond(bytes32 id, address to, uint256 amount, uint256 fees) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.AppealBondPaid(id, 0, to, amount, fees);
    }

    /// @dev Of this milestone, which has ended: nothing of it is left.
    function assertFacts(
        bytes32 id,
        uint256 good,
        uint256 bad,
        uint256 lostBySeller,
        uint256 lostByBuyer
    ) internal view {
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        IReputationRegistry.Standing memory b = standingOf(buyer, IReputationRegistry.Role.Buyer);
        assertEq(s.goodCount, good, "the seller's good");
        assertEq(s.badCount, bad, "the seller's bad");
        assertEq(s.appealsLost, lostBySeller, "the seller's lost appeals");
        assertEq(b.badCount, lostByBuyer, "the buyer's bad");
        assertEq(b.appealsLost, lostByBuyer, "the buyer's lost appeals");
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "state");
        assertWord(id, Word(true, false, 1, 0, 0, 0));
    }
}
