// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// close
// ├── when the last covered period can no longer be judged
// │   ├── it pays what is left of the bond to the agent, whoever calls
// │   └── as credit when the token refuses the agent
// ├── when it still can, to the second
// │   └── it reverts
// ├── when a period is claimed
// │   └── it reverts until anybody expires it
// └── when the pact is unknown or closed
//     └── it reverts, and it never opens again
contract CloseTest is PactFixture {
    function test_paysTheBondBack_whoeverCalls(address caller) public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        vm.warp(LAST_END - 1);
        vm.expectRevert(err(IPactRegistry.TooEarly.selector, LAST_END - 1, LAST_END));
        pacts.close(p);
        vm.warp(LAST_END);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.PactClosed(id, usd(1000));
        vm.prank(caller);
        pacts.close(p);
        assertEq(usdc.balanceOf(agent), usd(10_000), "agent");
        assertEq(usdc.balanceOf(address(pacts)), 0, "registry");
        assertTrue(stateOf(id).closed, "closed");
    }

    function test_closesEarlier_afterNotice() public {
        IPactRegistry.Pact memory p = opened();
        vm.warp(START_AT);
        vm.prank(agent);
        pacts.giveNotice(p, 0, "");
        vm.warp(PACT_JUDGE_END - 1);
        vm.expectRevert(err(IPactRegistry.TooEarly.selector, PACT_JUDGE_END - 1, PACT_JUDGE_END));
        pacts.close(p);
        vm.warp(PACT_JUDGE_END);
        pacts.close(p);
        assertEq(usdc.balanceOf(agent), usd(10_000), "agent");
    }

    function test_waitsForClaimedPeriods() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(LAST_END);
        vm.expectRevert(err(IPactRegistry.PeriodsClaimed.selector, 1, 0));
        pacts.close(p);
        pacts.expire(p, 0);
        pacts.close(p);
        assertEq(usdc.balanceOf(agent), usd(10_000), "agent");
    }

    function test_paysWhatIsLeft_afterASlash() public {
        IPactRegistry.Pact memory p = opened();
        claimed(p);
        vm.warp(PRESENT_END);
        settle(p, 0, ALL_SEATS, IJury.Outcome.Rejected);
        vm.warp(LAST_END);
        pacts.close(p);
        assertEq(usdc.balanceOf(agent), usd(9900), "agent");
    }

    function test_credits_whenTheTokenRefusesTheAgent() public {
        IPactRegistry.Pact memory p = opened();
        usdc.blacklist(agent);
        vm.warp(LAST_END);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.Credited(agent, usd(1000));
        pacts.close(p);
        assertEq(pacts.credits(agent), usd(1000), "credit");
    }

    function test_reverts_whenItIsClosed() public {
        IPactRegistry.Pact memory p = opened();
        bytes32 id = pacts.pactIdOf(p);
        vm.warp(LAST_END);
        pacts.close(p);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, id));
        pacts.close(p);
        vm.warp(START);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.PactExists.selector, id));
        pacts.open(p, "");
    }

    function test_reverts_whenThePactIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        bytes32 id = pacts.pactIdOf(p);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, id));
        pacts.close(p);
    }
}
