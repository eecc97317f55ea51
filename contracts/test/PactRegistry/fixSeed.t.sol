// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IPactRegistry} from "../../src/interfaces/IPactRegistry.sol";
import {BlockHistory} from "../doubles/BlockHistory.sol";
import {PactFixture} from "../utils/PactFixture.sol";
import {vm} from "../utils/Vm.sol";

// fixSeed
// ├── when the drawn block is over
// │   ├── and at most 256 blocks old: it takes its hash from the chain
// │   ├── and at most 8,191: from EIP-2935's contract; where there is none it reverts
// │   └── and older: every key is in the sample, for ever
// ├── whoever fixes when: the seed is the same, and differs by pact and period
// ├── when the drawn block is still to come, to the block
// │   └── it reverts
// ├── when it was not drawn, or the seed is fixed
// │   └── it reverts
// └── when the pact is unknown or does not cover the period
//     └── it reverts
contract FixSeedTest is PactFixture {
    address internal constant HISTORY = 0x0000F90827F1C53a10cb7A02335B175320002935;
    uint256 internal constant DRAWN = 100_032;

    function drawn() internal returns (IPactRegistry.Pact memory p) {
        p = makePact();
        p.sampleBps = 2500;
        open(p);
        vm.warp(PERIOD_END);
        vm.roll(DRAWN - 32);
        pacts.draw(p, 0);
        vm.etch(HISTORY, type(BlockHistory).runtimeCode);
    }

    function test_takesTheHashOfTheDrawnBlock_onceItIsOver() public {
        IPactRegistry.Pact memory p = drawn();
        bytes32 id = pacts.pactIdOf(p);
        vm.roll(DRAWN);
        vm.expectRevert(err(IPactRegistry.BlockPending.selector, DRAWN, DRAWN + 1));
        pacts.fixSeed(p, 0);
        vm.roll(DRAWN + 1);
        bytes32 needed = seedFrom(blockhash(DRAWN), id, 0);
        vm.expectEmit(true, true, true, true, address(pacts));
        emit IPactRegistry.SeedFixed(id, 0, needed);
        pacts.fixSeed(p, 0);
        assertEq(periodOf(id, 0).sample, needed, "seed");
    }

    function test_asksTheHistory_whenTheChainForgets(uint256 age) public {
        IPactRegistry.Pact memory p = drawn();
        age = age % 3 == 0 ? (age % 2 == 0 ? 257 : 8191) : bound(age, 257, 8191);
        vm.roll(DRAWN + age);
        pacts.fixSeed(p, 0);
        bytes32 needed = seedFrom(keccak256(abi.encode("block", DRAWN)), pacts.pactIdOf(p), 0);
        assertEq(periodOf(pacts.pactIdOf(p), 0).sample, needed, "seed");
    }

    function test_samplesEverything_whenTheHashIsLost(uint256 age) public {
        IPactRegistry.Pact memory p = drawn();
        vm.roll(DRAWN + bound(age, 8192, 10_000_000));
        pacts.fixSeed(p, 0);
        assertEq(periodOf(pacts.pactIdOf(p), 0).sample, WHOLE, "seed");
        assertTrue(pacts.isSampled(p, 0, bytes32(age)), "sampled");
    }

    function test_reverts_whenTheChainKeepsNoHistory() public {
        IPactRegistry.Pact memory p = drawn();
        vm.etch(HISTORY, "");
        vm.roll(DRAWN + 257);
        unavailable(p);
        vm.etch(HISTORY, hex"fe");
        unavailable(p);
        vm.roll(DRAWN + 8191);
        unavailable(p);
        vm.roll(DRAWN + 8192);
        pacts.fixSeed(p, 0);
    }

    function test_isTheSame_whoeverFixesWhen(uint256 first, uint256 second) public {
        IPactRegistry.Pact memory p = drawn();
        bytes32 id = pacts.pactIdOf(p);
        uint256 snapshot = vm.snapshotState();
        vm.roll(DRAWN + bound(first, 257, 8191));
        pacts.fixSeed(p, 0);
        bytes32 seed = periodOf(id, 0).sample;
        vm.revertToState(snapshot);
        vm.roll(DRAWN + bound(second, 257, 8191));
        vm.prank(agent);
        pacts.fixSeed(p, 0);
        assertEq(periodOf(id, 0).sample, seed, "seed");
    }

    function test_theSampleHoldsItsShareOfTheKeys() public {
        IPactRegistry.Pact memory p = drawn();
        assertTrue(!pacts.isSampled(p, 0, bytes32(0)), "not before the seed");
        vm.roll(DRAWN + 300);
        pacts.fixSeed(p, 0);
        uint256 count;
        for (uint256 i; i < 1000; ++i) {
            if (pacts.isSampled(p, 0, keccak256(abi.encode(i)))) ++count;
        }
        assertAtMost(count, 300, "a quarter, at most");
        assertAtMost(200, count, "a quarter, at least");
    }

    function test_twoPactsHaveTwoSeeds() public {
        IPactRegistry.Pact memory p = drawn();
        IPactRegistry.Pact memory q = makePact();
        (q.sampleBps, q.salt) = (2500, keccak256("another"));
        uint256 moment = nowAt();
        vm.warp(START);
        open(q);
        vm.warp(moment);
        pacts.draw(q, 0);
        vm.roll(DRAWN + 1);
        pacts.fixSeed(p, 0);
        pacts.fixSeed(q, 0);
        bytes32 seed = periodOf(pacts.pactIdOf(p), 0).sample;
        assertTrue(seed != periodOf(pacts.pactIdOf(q), 0).sample, "seeds");
    }

    function test_reverts_whenItWasNotDrawnOrIsFixed() public {
        IPactRegistry.Pact memory p = drawn();
        bytes32 id = pacts.pactIdOf(p);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.SampleNotDrawn.selector, id, 1));
        pacts.fixSeed(p, 1);
        vm.roll(DRAWN + 9000);
        pacts.fixSeed(p, 0);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.SampleAlreadyDrawn.selector, WHOLE));
        pacts.fixSeed(p, 0);
    }

    function test_reverts_whenThePeriodIsNotCovered() public {
        IPactRegistry.Pact memory p = drawn();
        uint256 last = START_AT + 10 days;
        vm.expectRevert(err(IPactRegistry.PeriodNotCovered.selector, last + 1 days, last));
        pacts.fixSeed(p, 10);
    }

    function test_reverts_whenThePactIsUnknown() public {
        IPactRegistry.Pact memory p = makePact();
        bytes32 id = pacts.pactIdOf(p);
        vm.expectRevert(abi.encodeWithSelector(IPactRegistry.PactUnknown.selector, id));
        pacts.fixSeed(p, 0);
    }

    function unavailable(IPactRegistry.Pact memory p) internal {
        vm.expectRevert(err(IPactRegistry.HashUnavailable.selector, DRAWN, DRAWN + 8192));
        pacts.fixSeed(p, 0);
    }

    function seedFrom(bytes32 found, bytes32 id, uint32 period) internal view returns (bytes32) {
        bytes32 digest = keccak256(abi.encode(found, pacts.subjectOf(id, period)));
        return (digest | bytes32(uint256(1) << 255)) & ~bytes32(uint256(1));
    }
}
