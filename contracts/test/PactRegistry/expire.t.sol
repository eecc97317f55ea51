// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// expire
// ├── when the panel's time is over
// │   └── the lock and the fees go back, without a fact, whoever calls
// ├── when it is not, to the second
// │   └── it reverts
// └── when the period is quiet or has ended, or the pact is unknown
//     └── it reverts
contract PactExpireTest is PactFixture {
    function test_givesEverythingBack_whoeverCalls(address caller) public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        IPactRegistry.Record memory r = claimed(p);
        bytes32 evidence = periodOf(id, 0).evidence;
        vm.warp(PACT_JUDGE_END - 1);
        vm.expectRevert(err(IPactRegistry.TooEarly.selector, PACT_JUDGE_END - 1, PACT_JUDGE_END));
        pacts.expire(p, 0);
        vm.warp(PACT_JUDGE_END);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.PeriodEnded(id, 0, evidence, 0, 0, 0, 0, 0, usd(5), caller);
        vm.prank(caller);
        pacts.expire(p, 0);
        assertEq(stateOf(id).bond, usd(1000), "bond");
        assertEq(stateOf(id).claimed, 0, "claimed");
        pacts.collect(r);
        assertEq(usdc.balanceOf(presenter), usd(10_000), "presenter");
        assertEq(facts().last, 0, "no fact");
    }

    function test_reverts_whenThePeriodIsQuietOrEnded() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(PRESENT_END);
        settle(p, 0, ALL_SEATS, IJury.Outcome.Accepted);
        vm.warp(PACT_JUDGE_END + 1 days);
        reverts(p, 0, IPactRegistry.Status.Ended);
        reverts(p, 1, IPactRegistry.Status.Quiet);
    }

    function test_reverts_whenThePactIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        bytes32 id = pacts.pactIdOf(p);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, id));
        pacts.expire(p, 0);
    }

    function reverts(IPactRegistry.Pact memory p, uint32 period, IPactRegistry.Status got)
        internal
    {
        vm.expectRevert(
            abi.encodeWithSelector(
                IPactRegistry.StatusMismatch.selector, got, IPactRegistry.Status.Claimed
            )
        );
        pacts.expire(p, period);
    }
}
