// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// every operation stays cheap: execution alone, with every account and slot cold
contract PactGasTest is PactFixture {
    uint256 internal _before;

    function test_everyOperationStaysCheap() public {
        IPactRegistry.Pact memory p = makePact();
        p.sampleBps = 9999;
        bytes memory a =
            authorization(AGENT_KEY, p.bond, p.openBy, pacts.pactIdOf(p), address(pacts));
        start();
        pacts.open(p, a);
        stop("open", 135_000);
        vm.warp(PERIOD_END);
        vm.roll(1000);
        start();
        pacts.draw(p, 0);
        stop("draw", 33_000);
        vm.roll(1033);
        start();
        pacts.fixSeed(p, 0);
        stop("fixSeed", 15_000);
        presentOne(p, 1, "present, the first", 147_000);
        presentOne(p, 2, "present, another", 106_000);
        vm.warp(PRESENT_END);
        bytes memory packed = packedFor(p, 0, ALL_SEATS, IJury.Outcome.Rejected);
        start();
        pacts.settle(p, 0, packed);
        stop("settle, rejected", 290_000);
        IPactRegistry.Record memory r = makeRecord(p, 0, 1);
        start();
        pacts.collect(r);
        stop("collect", 28_500);
        vm.warp(LAST_END);
        start();
        pacts.close(p);
        stop("close", 28_500);
    }

    function presentOne(IPactRegistry.Pact memory p, uint256 key, string memory act, uint256 most)
        internal
    {
        IPactRegistry.Record memory r = makeRecord(p, 0, key);
        bytes memory s = sign(AGENT_KEY, pacts.recordDigest(r));
        IPactRegistry.Claim memory c = makeClaim(r, PRESENTER_KEY);
        bytes memory a = feeAuthorization(p, c, PRESENTER_KEY);
        start();
        pacts.present(p, r, s, c, a);
        stop(act, most);
    }

    function start() internal {
        vm.cool(address(pacts));
        vm.cool(address(jury));
        vm.cool(address(usdc));
        _before = 1;
        _before = gasleft();
    }

    function stop(string memory act, uint256 most) internal view {
        uint256 gas = _before - gasleft();
        assertAtMost(gas, most, act);
    }
}
