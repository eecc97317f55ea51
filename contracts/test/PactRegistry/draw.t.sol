// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// draw
// ├── when a covered period is over and records can be presented
// │   └── it commits to the block 32 blocks ahead, whoever calls
// ├── when the period is not over, or presenting is, to the second
// │   └── it reverts
// ├── when the period is not covered, by its number or after notice
// │   └── it reverts
// ├── when it was drawn, before or after the seed is fixed
// │   └── it reverts: nobody draws twice
// └── when there is no such pact
//     └── it reverts
contract DrawTest is PactFixture {
    function test_commitsToABlockToCome(address caller) public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        vm.roll(1000);
        vm.warp(PERIOD_END);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.SampleDrawn(id, 0, 1032);
        vm.prank(caller);
        pacts.draw(p, 0);
        assertEq(uint256(periodOf(id, 0).sample), 1032, "sample");
    }

    function test_theWindowIsHalfOpen() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(PERIOD_END - 1);
        vm.expectRevert(err(IPactRegistry.TooEarly.selector, PERIOD_END - 1, PERIOD_END));
        pacts.draw(p, 0);
        vm.warp(PRESENT_END);
        vm.expectRevert(err(IPactRegistry.DeadlinePassed.selector, PRESENT_END, PRESENT_END));
        pacts.draw(p, 0);
        vm.warp(PRESENT_END - 1);
        pacts.draw(p, 0);
    }

    function test_reverts_whenThePeriodIsNotCovered() public {
        IPactRegistry.Pact memory p = opened();
        uint256 last = START_AT + 10 days;
        vm.warp(last + 1 days);
        vm.expectRevert(err(IPactRegistry.PeriodNotCovered.selector, last + 1 days, last));
        pacts.draw(p, 10);
        vm.warp(last);
        pacts.draw(p, 9);
        uint256 end = uint256(START_AT) + (uint256(type(uint32).max) + 1) * 1 days;
        vm.expectRevert(err(IPactRegistry.PeriodNotCovered.selector, end, last));
        pacts.draw(p, type(uint32).max);
    }

    function test_reverts_whenNoticeCameBeforeThePeriod() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(START_AT);
        vm.prank(agent);
        pacts.giveNotice(p, 0, "");
        vm.warp(PERIOD_END + 1 days);
        vm.expectRevert(
            err(IPactRegistry.PeriodNotCovered.selector, PERIOD_END + 1 days, PERIOD_END)
        );
        pacts.draw(p, 1);
    }

    function test_reverts_whenItWasDrawn() public {
        IPactRegistry.Pact memory p = opened();
        vm.roll(1000);
        vm.warp(PERIOD_END);
        pacts.draw(p, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPactRegistry.SampleAlreadyDrawn.selector, bytes32(uint256(1032))
            )
        );
        pacts.draw(p, 0);
        vm.roll(20_000);
        pacts.fixSeed(p, 0);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.SampleAlreadyDrawn.selector, WHOLE));
        pacts.draw(p, 0);
    }

    function test_reverts_whenThePactIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        bytes32 id = pacts.pactIdOf(p);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, id));
        pacts.draw(p, 0);
    }
}
