// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// finalize
// ├── when the window of a standing verdict is over
// │   └── it pays as the verdict says, whoever calls
// ├── when the window is still open
// │   └── it reverts
// ├── when no verdict waits: nothing, a delivery or round 2 is on-chain
// │   └── it reverts
// ├── when the handed-in state is not the stored one
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract FinalizeTest is Stages {
    /// forge-config: default.fuzz.runs = 32
    function test_paysTheSeller_whenTheAcceptanceWasNotAppealed(address caller, uint256 late)
        public
    {
        IDealEscrow.Terms memory t = appealTerms(2);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 1, ACCEPTED);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 1000 days);
        vm.warp(state[0].until + late);
        Purses memory before = purses();
        expectEnded(id, 1, Ending.Accepted, usd(105), 0);
        vm.prank(caller);
        escrow.finalize(t, 1, state, unasked());
        assertPaid(before, usd(105), 0);
        assertWord(id, Word(true, false, 2, 0, usd(100), usd(5)));
        assertEq(escrow.stateDigest(id, 1), bytes32(0), "state");
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).goodCount, 1, "seller");
        assertEq(standingOf(buyer, IReputationRegistry.Role.Buyer).goodCount, 1, "buyer");
    }

    function test_refundsTheBuyer_whenTheRejectionWasNotAppealed() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        vm.warp(state[0].until);
        Purses memory before = purses();
        expectEnded(id, 0, Ending.Rejected, 0, usd(110));
        escrow.finalize(t, 0, state, unasked());
        assertPaid(before, 0, usd(110));
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        assertEq(s.badCount, 1, "one bad fact");
        assertEq(s.appealsLost, 0, "no appeal");
        assertEq(standingOf(buyer, IReputationRegistry.Role.Buyer).neutralCount, 1, "buyer");
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_whenTheWindowIsStillOpen(uint256 early, bool which) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, which ? ACCEPTED : REJECTED);
        uint256 until = state[0].until;
        early = early % 2 == 0 ? 1 : bound(early, 1, 1 days);
        vm.warp(until - early);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.TooEarly.selector, until - early, until));
        escrow.finalize(t, 0, state, unasked());
    }

    function test_reverts_whenNoVerdictWaits() public {
        IDealEscrow.Terms memory t = appealTerms(3);
        open(t);
        statusReverts(t, 0, noState(), IDealEscrow.Status.Pending);
        statusReverts(t, 0, deliver(t, 0, WORK), IDealEscrow.Status.Delivered);
        statusReverts(t, 1, judged(t, 1, UNDETERMINED), IDealEscrow.Status.Round2);
        statusReverts(t, 2, appealed(t, 2, ACCEPTED), IDealEscrow.Status.Round2);
    }

    function test_reverts_whenTheStateIsInventedOrChanged() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        bytes32 needed = keccak256(abi.encode(state[0]));
        state[0].standing = uint8(ACCEPTED);
        vm.warp(FOREVER);
        reverts(
            t,
            state,
            abi.encodeWithSelector(
                IDealEscrow.StateMismatch.selector, keccak256(abi.encode(state[0])), needed
            )
        );
        reverts(
            t,
            noState(),
            abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, bytes32(0), needed)
        );
    }

    function test_reverts_whenDealOrMilestoneAreNotLive() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        reverts(t, noState(), abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id));
        open(t);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, 1, 1));
        escrow.finalize(t, 1, noState(), unasked());
        IDealEscrow.SlowState[] memory state = judged(t, 0, REJECTED);
        vm.warp(state[0].until);
        escrow.finalize(t, 0, state, unasked());
        reverts(t, state, abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
    }

    function statusReverts(
        IDealEscrow.Terms memory t,
        uint8 milestone,
        IDealEscrow.SlowState[] memory state,
        IDealEscrow.Status got
    ) internal {
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector, got, IDealEscrow.Status.Judged
            )
        );
        escrow.finalize(t, milestone, state, unasked());
    }

    function reverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        bytes memory with
    ) internal {
        vm.expectRevert(with);
        escrow.finalize(t, 0, state, unasked());
    }
}
