// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// reclaim
// ├── when nothing is on-chain and the panel's time is over
// │   └── it gives the buyer amount and bond, whoever calls, and the seller has a bad fact
// ├── when the panel still has time
// │   └── it reverts
// ├── when something was delivered on-chain
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract ReclaimTest is Fixture {
    function test_refundsTheBuyer_whoeverCalls(address caller, uint256 late) public {
        IDealEscrow.Terms memory t = makeTerms(2);
        t.bond = usd(10);
        bytes32 id = open(t);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 1000 days);
        vm.warp(JUDGE_END + late);
        Purses memory before = purses();
        expectEnded(id, 1, Ending.Reclaimed, 0, usd(105));
        vm.prank(caller);
        escrow.reclaim(t, 1, unasked());
        assertPaid(before, 0, usd(105));
        assertWord(id, Word(true, false, 2, 0, usd(100), usd(5)));
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).badCount, 1, "seller");
        assertEq(standingOf(buyer, IReputationRegistry.Role.Buyer).neutralCount, 1, "buyer");
    }

    function test_reverts_whenThePanelStillHasTime(uint256 early) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        early = early % 2 == 0 ? 1 : bound(early, 1, 3 days);
        vm.warp(JUDGE_END - early);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.TooEarly.selector, JUDGE_END - early, uint256(JUDGE_END)
            )
        );
        escrow.reclaim(t, 0, unasked());
    }

    function test_reverts_whenSomethingWasDelivered() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        deliver(t, 0, WORK);
        vm.warp(JUDGE_END);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.NotPending.selector, id, 0));
        escrow.reclaim(t, 0, unasked());
    }

    function test_reverts_whenTheDealIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        vm.warp(JUDGE_END);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id));
        escrow.reclaim(t, 0, unasked());
    }

    function test_reverts_whenTheMilestoneIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        vm.warp(JUDGE_END);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, 1, 1));
        escrow.reclaim(t, 1, unasked());
    }

    /// @dev In the deal's word the lowest bit of the money lies where a seventeenth milestone's would.
    function test_reverts_beyondTheSixteenthMilestone() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.milestones[0].amount += 1;
        t.total += 1;
        open(t);
        vm.warp(JUDGE_END);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, 16, 1));
        escrow.reclaim(t, 16, unasked());
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
        vm.warp(JUDGE_END);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
        escrow.reclaim(t, 0, unasked());
    }
}
