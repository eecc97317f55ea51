// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// expire
// ├── when a delivery was not judged in time
// │   └── it pays the signed split and returns the bond, whoever calls; a neutral fact
// ├── when round 2 was silent
// │   ├── a standing verdict pays as it says, and the appeal's bond goes back whole
// │   └── without one, it pays the signed split
// ├── when an appeal panel is still to ask, or a verdict waits for its appeal
// │   └── it reverts
// ├── when the panel still has time
// │   └── it reverts
// ├── when nothing was delivered on-chain
// │   └── it reverts
// ├── when the handed-in state is not the stored one
// │   └── it reverts
// └── when there is no such deal or milestone, or it has ended
//     └── it reverts
contract ExpireTest is Stages {
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

    // ---- round 2

    function test_theAcceptanceStands_whenTheAppealPanelIsSilent() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, ACCEPTED);
        vm.warp(state[0].until);
        Purses memory before = purses();
        expectAppealBond(id, buyer);
        expectEnded(id, 0, Ending.Accepted, usd(110), 0);
        escrow.expire(t, 0, state, unasked());
        assertPaid(before, usd(110), APPEAL_BOND);
        assertWord(id, Word(true, false, 1, 0, 0, 0));
        assertEq(escrow.stateDigest(id, 0), bytes32(0), "state");
        assertEq(standingOf(buyer, IReputationRegistry.Role.Buyer).appealsLost, 0, "not lost");
    }

    function test_theRejectionStands_whenTheAppealPanelIsSilent() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        vm.warp(state[0].until);
        Purses memory before = purses();
        expectAppealBond(id, seller);
        expectEnded(id, 0, Ending.Rejected, 0, usd(110));
        escrow.expire(t, 0, state, unasked());
        assertPaid(before, APPEAL_BOND, usd(110));
        IReputationRegistry.Standing memory s = standingOf(seller, IReputationRegistry.Role.Seller);
        assertEq(s.badCount, 1, "the rejection is a fact");
        assertEq(s.appealsLost, 0, "the appeal was not lost");
    }

    /// forge-config: default.fuzz.runs = 8
    function test_paysTheSignedSplit_whenNothingStands(bool escalates) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        bytes32 id = open(t);
        IDealEscrow.SlowState[] memory state;
        if (escalates) {
            state = deliver(t, 0, WORK);
            vm.warp(state[0].until);
            state = escalated(t, 0, state);
        } else {
            state = judged(t, 0, UNDETERMINED);
        }
        vm.warp(state[0].until);
        Purses memory before = purses();
        expectEnded(id, 0, Ending.Silent, usd(35), usd(75));
        escrow.expire(t, 0, state, unasked());
        assertPaid(before, usd(35), usd(75));
    }

    /// forge-config: default.fuzz.runs = 16
    function test_reverts_whenTheAppealPanelStillHasTime(uint256 early) public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = appealed(t, 0, REJECTED);
        uint256 until = state[0].until;
        early = early % 2 == 0 ? 1 : bound(early, 1, 1 days);
        vm.warp(until - early);
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.TooEarly.selector, until - early, until));
        escrow.expire(t, 0, state, unasked());
    }

    function test_reverts_whenAnAppealPanelIsStillToAsk() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = deliver(t, 0, WORK);
        vm.warp(FOREVER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector,
                IDealEscrow.Status.Delivered,
                IDealEscrow.Status.Round2
            )
        );
        escrow.expire(t, 0, state, unasked());
    }

    function test_reverts_whenAVerdictWaitsForItsAppeal() public {
        IDealEscrow.Terms memory t = appealTerms(1);
        open(t);
        IDealEscrow.SlowState[] memory state = judged(t, 0, ACCEPTED);
        vm.warp(FOREVER);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.StatusMismatch.selector,
                IDealEscrow.Status.Judged,
                IDealEscrow.Status.Delivered
            )
        );
        escrow.expire(t, 0, state, unasked());
    }

    function expectAppealBond(bytes32 id, address to) internal {
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.AppealBondPaid(id, 0, to, APPEAL_BOND, 0);
    }

    // ---- refused

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
