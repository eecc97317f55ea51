// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ending, IReputationRegistry} from "../interfaces/IReputationRegistry.sol";

/// @title The facts of one transaction, kept as the calldata of the one call that writes them
/// @notice Layout behind the length: the selector in the low bytes of a word, the list's offset, the
/// facts' number, then five words for each.
library FactsLib {
    uint256 private constant FACT_BYTES = 0xa0;

    /// @notice Room for `capacity` facts.
    function make(uint256 capacity) internal pure returns (bytes memory facts) {
        uint256 selector = uint32(IReputationRegistry.recordBatch.selector);
        assembly ("memory-safe") {
            facts := mload(0x40)
            mstore(facts, 0x60)
            mstore(add(facts, 0x20), selector)
            mstore(add(facts, 0x40), 0x20)
            mstore(add(facts, 0x60), 0)
            mstore(0x40, add(facts, add(0x80, mul(capacity, FACT_BYTES))))
        }
    }

    /// @notice Adds a fact; the caller made room for it.
    function add(
        bytes memory facts,
        address buyer,
        address seller,
        uint256 amount,
        Ending ending,
        uint8 flags
    ) internal pure {
        assembly ("memory-safe") {
            let size := mload(facts)
            let fact := add(add(facts, 0x20), size)
            mstore(fact, buyer)
            mstore(add(fact, 0x20), seller)
            mstore(add(fact, 0x40), amount)
            mstore(add(fact, 0x60), ending)
            mstore(add(fact, 0x80), flags)
            mstore(facts, add(size, FACT_BYTES))
            let count := add(facts, 0x60)
            mstore(count, add(mload(count), 1))
        }
    }

    /// @notice Has `registry` write them, if there are any. It never refuses.
    function record(bytes memory facts, address registry) internal {
        assembly ("memory-safe") {
            if gt(mload(facts), 0x60) {
                if iszero(
                    call(gas(), registry, 0, add(facts, 0x3c), sub(mload(facts), 0x1c), 0, 0)
                ) {
                    revert(0, 0)
                }
            }
        }
    }
}
