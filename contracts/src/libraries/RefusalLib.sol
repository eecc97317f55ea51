// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Errors as values: one check serves an operation that reverts and a batch that reports
library RefusalLib {
    /// @notice Reverts with `refusal`, an ABI-encoded error, unless it is empty.
    function revertWith(bytes memory refusal) internal pure {
        if (refusal.length == 0) return;
        assembly ("memory-safe") {
            revert(add(refusal, 0x20), mload(refusal))
        }
    }

    /// @notice An error with one word.
    function encode(bytes4 selector, uint256 a) internal pure returns (bytes memory refusal) {
        refusal = encode(selector, a, 0);
        assembly ("memory-safe") {
            mstore(refusal, 0x24)
        }
    }

    /// @notice An error with two words.
    function encode(bytes4 selector, uint256 a, uint256 b)
        internal
        pure
        returns (bytes memory refusal)
    {
        assembly ("memory-safe") {
            refusal := mload(0x40)
            mstore(refusal, 0x44)
            mstore(add(refusal, 0x20), selector)
            mstore(add(refusal, 0x24), a)
            mstore(add(refusal, 0x44), b)
            mstore(0x40, add(refusal, 0x80))
        }
    }
}
