// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// expire
// ├── when a delivery was not judged in time
// │   └── it pays the signed split and returns the bond, whoever calls; a neutral fact
// ├── when the panel still has time
// │   └── it reverts
// ├── when nothing was delivered on-chain
// │   └── it reverts
// ├── when the handed-in state is not the stored one
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract ExpireTest is Fixture {
    function test_paysTheSignedSplit_whoeverCalls(address caller, uint256 late, uint16 bps) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        t.silentSellerBps = uint16(bound(bps, 0, 10_000));
        (t.total, t.milestones[0].amount) = (usd(100) + 1, usd(100) + 1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        late = late % 4 < 2 ? late % 4 : bound(late, 0, 1000 days);
        vm.warp(START + 1 days + late);
        Purses memory before = purses();
        uint256 share = uint256(usd(100) + 1) * t.silentSellerBps / 10_000;
        uint256 rest = usd(100) + 1 - share;
        expectEnded(id, 0, Ending.Silent, share + usd(10), rest);
        vm.prank(caller);
        escrow.expire(t, 0, state, unasked());
        assertPaid(before, share + usd(10), rest);
        assertWord(id, Word(true, false, 1, 0, 0, 0));
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "state");
        assertEq(standingOf(seller, IReputationRegistry.Role.Seller).neutralCount, 1, "seller");
    }

    function test_creditsTheSeller_whenTheTermsSaySo() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.payAsCredit = true;
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(START + 1 days);
        Purses memory before = purses();
        escrow.expire(t, 0, state, unasked());
        before.sellerCredit = usd(25);
        assertPaid(before, 0, usd(75));
    }

    function test_reverts_whenThePanelStillHasTime(uint256 moment, uint256 early) public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        moment = bound(moment, START, DELIVER_BY - 1);
        vm.warp(moment);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        early = early % 2 == 0 ? 1 : bound(early, 1, 1 days);
        vm.warp(moment + 1 days - early);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.TooEarly.selector, moment + 1 days - early, moment + 1 days
            )
        );
        escrow.expire(t, 0, state, unasked());
    }

    function test_reverts_whenNothingWasDelivered() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        open(t);
        vm.warp(JUDGE_END);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector,
                IDealEscrow.Status.Pending,
                IDealEscrow.Status.Delivered
            )
        );
        escrow.expire(t, 0, noState(), unasked());
    }

    function test_reverts_whenTheStateIsInventedOrChanged() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliveredState(t, WORK);
        bytes32 digest = keccak256(abi.encode(state[0]));
        vm.warp(JUDGE_END);
        reverts(t, state, digest, 0);
        vm.warp(START);
        deliver(t, 0, WORK);
        assertEq(escrow.stateDigest(id, 0), digest, "digest");
        vm.warp(JUDGE_END);
        reverts(t, noState(), 0, digest);
        state[0].until -= 1;
        reverts(t, state, keccak256(abi.encode(state[0])), digest);
    }

    function test_reverts_whenTheDealOrMilestoneIsUnknown() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = escrow.dealIdOf(t);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.DealUnknown.selector, id));
        escrow.expire(t, 0, noState(), unasked());
        open(t);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneUnknown.selector, 1, 1));
        escrow.expire(t, 1, noState(), unasked());
    }

    function test_reverts_whenTheMilestoneHasEnded() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(JUDGE_END);
        escrow.expire(t, 0, state, unasked());
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
        escrow.expire(t, 0, state, unasked());
    }

    function reverts(
        IDealEscrow.Terms memory t,
        IDealEscrow.SlowState[] memory state,
        bytes32 got,
        bytes32 needed
    ) internal {
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.StateMismatch.selector, got, needed));
        escrow.expire(t, 0, state, unasked());
    }
}
