// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// escalate
// ├── when a delivery was not judged in time and there is an appeal panel
// │   └── it asks that panel about the delivery, whoever calls; nobody is paid, nothing stands
// ├── when the panel still has time
// │   └── it reverts
// ├── when there is no appeal panel
// │   └── it reverts
// ├── when nothing is delivered, or a panel has spoken
// │   └── it reverts
// └── when the handed-in state is not the stored one, or deal or milestone are not live
//     └── it reverts
contract EscalateTest is Stages {
    /// forge-config: default.fuzz.runs = 32
    function test_asksTheAppealPanel_whoeverCalls(address caller, uint256 late, bool appealable)
        public
    {
        IDealEscrow.Terms memory t = appealable ? appealTerms(1) : escalationTerms();
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 1000 days);
        vm.warp(state[0].until + late);
        IDealEscrow.SlowState memory next =
            abi.decode(abi.encode(state), (IDealEscrow.SlowState[]))[0];
        next.status = IDealEscrow.Status.Round2;
        next.until = uint40(nowAt() + 1 days);
        Purses memory before = purses();
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.MilestoneMoved(id, 0, next);
        vm.prank(caller);
        escrow.escalate(t, 0, state, unasked());
        assertPaid(before, 0, 0);
        assertEq(escrow.stateDigest(id, 0), keccak256(abi.encode(next)), "state");
        assertWord(id, Word(true, false, 0, 1, usd(100), usd(10)));
    }

    function test_theAppealPanelsVerdictIsTheLast() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(state[0].until);
        state = escalated(t, 0, state);
        Purses memory before = purses();
        settleAs(t, 0, state, REJECTED);
        assertPaid(before, 0, usd(110));
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenThePanelStillHasTime(uint256 early) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        early = early % 2 == 0 ? 1 : bound(early, 1, 1 days);
        uint256 until = state[0].until;
        vm.warp(until - early);
        reverts(
            t, 0, state, abi.encodeWithSelector(IDealEscrow.TooEarly.selector, until - early, until)
        );
    }

    function test_reverts_withoutAnAppealPanel() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(FOREVER);
        reverts(t, 0, state, abi.encodeWithSelector(IJury.PanelMissing.selector, five, 2));
    }

    function test_reverts_whenNothingIsDeliveredOrAPanelHasSpoken() public {
        IDealEscrow.Terms memory t = appealTerms(4);
        open(t);
        IDealEscrow.SlowState[] memory judgedNow = judged(t, 1, ACCEPTED);
        IDealEscrow.SlowState[] memory undecided = judged(t, 2, UNDETERMINED);
        IDealEscrow.SlowState[] memory appealedNow = appealed(t, 3, ACCEPTED);
        vm.warp(FOREVER);
        statusReverts(t, 0, noState(), IDealEscrow.Status.Pending);
        statusReverts(t, 1, judgedNow, IDealEscrow.Status.Judged);
        statusReverts(t, 2, undecided, IDealEscrow.Status.Round2);
        statusReverts(t, 3, appealedNow, IDealEscrow.Status.Round2);
    }

    function test_reverts_whenItWasEscalatedAlready() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(FOREVER);
        IDealEscrow.SlowState[] memory next = escalated(t, 0, state);
        reverts(
            t,
            0,
            state,
            abi.encodeWithSelector(
                IDealEscrow.StateMismatch.selector,
                keccak256(abi.encode(state[0])),
                keccak256(abi.encode(next[0]))
            )
        );
        statusReverts(t, 0, next, IDealEscrow.Status.Round2);
    }

    function test_reverts_whenDealOrMilestoneAreNotLive() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        reverts(t, 0, noState(), abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id));
        open(t);
        reverts(
            t, 1, noState(), abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, 1, 1)
        );
        vm.prank(buyer);
        escrow.accept(t, 0, noState(), noConsent());
        reverts(
            t,
            0,
            noState(),
            abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0)
        );
    }

    function statusReverts(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        IDealEscrow.Status got
    ) internal {
        reverts(
            t,
            milestone,
            state,
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector, got, IDealEscrow.Status.Delivered
            )
        );
    }

    function reverts(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        escrow.escalate(t, milestone, state, unasked());
    }
}
