// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ReputationRegistry} from "../../src/ReputationRegistry.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// record
// └── it stays cheap: a mean over 64 moments, for two known parties, slots cold
contract RecordGasTest is Assert {
    address internal constant BUYER = address(0xB0B);
    address internal constant SELLER = address(0x5E1);
    uint256 internal constant START = 1_800_000_000;

    function test_acceptedIsCheap() public {
        assertAtMost(mean(1), 15_700, "accepted");
    }

    function test_rejectedIsCheap() public {
        assertAtMost(mean(2), 15_700, "rejected");
    }

    function test_neutralIsCheap() public {
        assertAtMost(mean(6), 13_500, "neutral");
    }

    function mean(uint8 ending) internal returns (uint256 gas) {
        ReputationRegistry registry = new ReputationRegistry();
        vm.warp(START);
        registry.record(BUYER, SELLER, 3e6, 1, 0);
        registry.record(BUYER, SELLER, 3e6, 2, 2);
        uint256 moment = START;
        for (uint256 i; i < 64; ++i) {
            moment += uint256(keccak256(abi.encode(i))) % 1 days;
            vm.warp(moment);
            vm.cool(address(registry));
            uint256 before = gasleft();
            registry.record(BUYER, SELLER, 3e6, ending, 0);
            gas += before - gasleft();
        }
        gas /= 64;
    }
}
