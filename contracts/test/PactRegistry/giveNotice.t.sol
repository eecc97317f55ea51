// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// giveNotice
// ├── when the agent calls, or anybody with its signature
// │   └── the period in progress is the last one that is covered
// ├── when it has not begun: nothing is covered; in the last period: nothing changes
// ├── when the signature is another's, or its time is over
// │   └── it reverts
// └── when notice was given, or there is no such pact
//     └── it reverts
contract GiveNoticeTest is PactFixture {
    function test_thePeriodInProgressIsTheLast(uint256 moment) public {
        IPactRegistry.Pact memory p = opened();
        moment = START_AT + bound(moment, 0, 10 days - 1);
        vm.warp(moment);
        vm.prank(agent);
        pacts.giveNotice(p, 0, "");
        uint256 end = START_AT + ((moment - START_AT) / 1 days + 1) * 1 days;
        assertEq(stateOf(pacts.pactIdOf(p)).coveredUntil, end, "coveredUntil");
        assertTrue(stateOf(pacts.pactIdOf(p)).noticed, "noticed");
    }

    function test_aPeriodBeginsTheMomentTheOtherEnds() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(START_AT + 1 days - 1);
        uint256 snapshot = vm.snapshotState();
        covers(p, START_AT + 1 days);
        vm.revertToState(snapshot);
        vm.warp(START_AT + 1 days);
        covers(p, START_AT + 2 days);
    }

    function test_nothingIsCovered_whenItHasNotBegun() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(START_AT - 1);
        covers(p, START_AT);
    }

    function test_nothingChanges_whenThePactIsOver() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(START_AT + 20 days);
        covers(p, START_AT + 10 days);
    }

    function test_anybodySubmitsTheSignedNotice() public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        uint40 until = uint40(START_AT + 5 hours);
        bytes memory s = sign(AGENT_KEY, pacts.noticeDigest(IPactRegistry.Notice(id, until)));
        vm.warp(until);
        vm.expectRevert(err(IPactRegistry.DeadlinePassed.selector, until, until));
        pacts.giveNotice(p, until, s);
        vm.warp(until - 1);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.NoticeGiven(id, PERIOD_END);
        vm.prank(RELAYER);
        pacts.giveNotice(p, until, s);
    }

    function test_reverts_whenAnotherSigned() public {
        IPactRegistry.Pact memory p = opened();
        uint40 until = uint40(nowAt() + 1);
        bytes32 digest = pacts.noticeDigest(IPactRegistry.Notice(pacts.pactIdOf(p), until));
        bytes memory s = sign(OTHER_KEY, digest);
        vm.expectRevert(
            abi.encodeWithSelector(IPactRegistry.SignatureInvalid.selector, agent, digest)
        );
        pacts.giveNotice(p, until, s);
    }

    function test_reverts_whenNoticeWasGiven() public {
        IPactRegistry.Pact memory p = opened();
        vm.startPrank(agent);
        pacts.giveNotice(p, 0, "");
        vm.expectRevert(
            abi.encodeWithSelector(IPactRegistry.NoticeStands.selector, pacts.pactIdOf(p))
        );
        pacts.giveNotice(p, 0, "");
        vm.stopPrank();
    }

    function test_reverts_whenThePactIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        bytes32 id = pacts.pactIdOf(p);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, id));
        vm.prank(agent);
        pacts.giveNotice(p, 0, "");
    }

    function covers(IPactRegistry.Pact memory p, uint256 until) internal {
        vm.prank(agent);
        pacts.giveNotice(p, 0, "");
        assertEq(stateOf(pacts.pactIdOf(p)).coveredUntil, until, "coveredUntil");
    }
}
