// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// proRata: three criteria of 50, 30 and 20 per cent, of which half must be met
// ├── accepted pays the seller the weight that was met of what the fees leave, rounded down
// ├── rejected pays it nothing
// ├── a criterion that could still be decided by missing seats keeps the verdict open
// ├── a standing verdict keeps round 1's weight, even when round 2 upholds it with another
// └── the parties' own release pays it all
contract ProRataTest is Stages {
    uint256 internal constant PRO_RATA = 1 << 254;

    function test_paysTheWeightThatWasMet() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 5, 2));
        assertPaid(before, usd(70 + 10), usd(30));
    }

    function test_paysAll_whenAllIsMet() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 7, 0));
        assertPaid(before, usd(110), 0);
    }

    function test_paysNothing_whenTooLittleIsMet() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 2, 5));
        assertPaid(before, 0, usd(110));
    }

    function test_whatTheWholePanelLeavesOpenIsNotMet() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 3, 0));
        assertPaid(before, usd(80 + 10), usd(20));
    }

    function test_reverts_whileAMissingSeatCouldDecideACriterion() public {
        (IDealEscrow.Terms memory t, bytes32 id) = opened();
        bytes32 caseId = caseOf(id, 0, WORK);
        bytes memory packed = abi.encodePacked(
            FOUR_SEATS,
            ballot(0, caseId, 7, 0),
            ballot(1, caseId, 7, 0),
            ballot(2, caseId, 7, 0),
            ballot(3, caseId, 3, 4)
        );
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.NoVerdict.selector, FOUR_SEATS));
        settle(t, 0, noState(), WORK, packed);
        packed = bytes.concat(packed, ballot(4, caseId, 7, 0));
        packed[1] = bytes1(uint8(ALL_SEATS));
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, packed);
        assertPaid(before, usd(110), 0);
    }

    function test_withoutProRata_passingPaysAll() public {
        IDealEscrow.Terms memory t = terms();
        t.milestones[0].rule ^= PRO_RATA;
        bytes32 id = open(t);
        Purses memory before = purses();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 5, 2));
        assertPaid(before, usd(110), 0);
    }

    function test_theWeightIsOfWhatTheFeesLeave_roundedDown() public {
        IDealEscrow.Terms memory t = terms();
        withFees(t);
        t.milestones[0].rule = rule(3333, 3333, 3334, 0, 3000) | PRO_RATA;
        t.bond = 0;
        bytes32 id = open(t);
        uint256 before = usdc.balanceOf(seller);
        uint256 buyers = usdc.balanceOf(buyer);
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 6));
        assertEq(usdc.balanceOf(seller) - before, uint256(usd(94)) * 3333 / 10_000, "seller");
        assertEq(
            usdc.balanceOf(buyer) - buyers, usd(94) - uint256(usd(94)) * 3333 / 10_000, "buyer"
        );
    }

    // ---- standing verdicts

    function test_finalizePaysTheWeightOfRound1() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood();
        vm.warp(state[0].until);
        Purses memory before = purses();
        escrow.finalize(t, 0, state, unasked());
        assertPaid(before, usd(70 + 10), usd(30));
    }

    function test_anUpheldVerdictKeepsTheWeightOfRound1() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood();
        state = appealed(t, 0, state);
        bytes32 caseId = caseOf(escrow.dealIdOf(t), 0, 2, WORK);
        Purses memory before = purses();
        settle(t, 0, state, WORK, ballots(ALL_SEATS, 5, caseId, 7, 0));
        assertPaid(before, usd(70 + 10) + APPEAL_BOND, usd(30));
    }

    function test_aSilentOrDividedAppealPanelKeepsTheWeightOfRound1() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood();
        state = appealed(t, 0, state);
        uint256 snapshot = vm.snapshotState();
        Purses memory before = purses();
        settleAs(t, 0, state, UNDETERMINED);
        assertPaid(before, usd(70 + 10), usd(30) + APPEAL_BOND);
        vm.revertToState(snapshot);
        before = purses();
        vm.warp(state[0].until);
        escrow.expire(t, 0, state, unasked());
        assertPaid(before, usd(70 + 10), usd(30) + APPEAL_BOND);
    }

    function test_anOverturnedRejectionPaysTheWeightOfRound2() public {
        IDealEscrow.Terms memory t = appealable();
        bytes32 id = open(t);
        vm.recordLogs();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 2, 5));
        IDealEscrow.SlowState[] memory state = appealed(t, 0, logged());
        Purses memory before = purses();
        settle(t, 0, state, WORK, ballots(ALL_SEATS, 5, caseOf(id, 0, 2, WORK), 3, 4));
        assertPaid(before, usd(80 + 10) + APPEAL_BOND, usd(20));
    }

    function test_theBuyersOwnReleasePaysAll() public {
        (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state) = stood();
        Purses memory before = purses();
        vm.prank(buyer);
        escrow.accept(t, 0, state, noConsent());
        assertPaid(before, usd(110), 0);
    }

    // ---- helpers

    function terms() internal view returns (IDealEscrow.Terms memory t) {
        t = makeTerms(1);
        t.bond = usd(10);
        t.milestones[0].rule = rule(5000, 3000, 2000, 0, 5000) | PRO_RATA;
    }

    function appealable() internal view returns (IDealEscrow.Terms memory t) {
        t = appealTerms(1);
        t.milestones[0].rule = terms().milestones[0].rule;
    }

    function opened() internal returns (IDealEscrow.Terms memory t, bytes32 id) {
        t = terms();
        id = open(t);
    }

    /// @dev 70 per cent are met.
    function stood()
        internal
        returns (IDealEscrow.Terms memory t, IDealEscrow.SlowState[] memory state)
    {
        t = appealable();
        bytes32 id = open(t);
        vm.recordLogs();
        settle(t, 0, noState(), WORK, ballots(ALL_SEATS, caseOf(id, 0, WORK), 5, 2));
        state = logged();
        assertEq(uint256(state[0].metBps), 7000, "weight");
    }
}
