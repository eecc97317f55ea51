// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ending, IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {FactsLib} from "../../src/libraries/FactsLib.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// record
// ├── the registry gets the facts in order, as the compiler would have encoded them
// ├── without facts it is not called
// └── it reverts when the registry does: a fact is never lost
contract FactsTest is Assert {
    bytes internal got;
    uint256 internal calls;
    bool internal refuses;

    fallback() external {
        if (refuses) revert();
        (got, calls) = (msg.data, calls + 1);
    }

    function test_sendsWhatTheCompilerWould(uint256 seed, uint8 count) public {
        IReputationRegistry.Ended[] memory ended = new IReputationRegistry.Ended[](1 + count % 17);
        bytes memory facts = FactsLib.make(ended.length);
        for (uint256 i; i < ended.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            ended[i] = IReputationRegistry.Ended({
                buyer: address(uint160(random)),
                seller: address(uint160(random >> 8)),
                amount: uint96(random >> 32),
                ending: uint8(random % 9),
                flags: uint8(random >> 240)
            });
            FactsLib.add(
                facts,
                ended[i].buyer,
                ended[i].seller,
                ended[i].amount,
                Ending(ended[i].ending),
                ended[i].flags
            );
        }
        FactsLib.record(facts, address(this));
        assertEq(got, abi.encodeCall(IReputationRegistry.recordBatch, (ended)), "calldata");
        assertEq(calls, 1, "one call");
    }

    function test_doesNotCallWithoutFacts() public {
        FactsLib.record(FactsLib.make(3), address(this));
        assertEq(calls, 0, "calls");
    }

    function test_revertsWithTheRegistry_withoutData() public {
        refuses = true;
        vm.expectRevert(bytes(""));
        this.record();
    }

    function record() external {
        bytes memory facts = FactsLib.make(1);
        FactsLib.add(facts, address(1), address(2), 3, Ending.Accepted, 0);
        FactsLib.record(facts, address(this));
    }
}
