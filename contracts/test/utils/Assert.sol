// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice The few assertions that our tests use; a failure reverts with what was and what had to
/// be.
abstract contract Assert {
    error NotEqual(string what, uint256 got, uint256 needed);
    error NotEqualBytes(string what, bytes32 got, bytes32 needed);
    error NotTrue(string what);
    error NotEqualData(string what, bytes got, bytes needed);
    error NotAtMost(string what, uint256 got, uint256 most);

    /// @dev forge looks for this flag.
    bool public IS_TEST = true;

    function assertEq(uint256 got, uint256 needed, string memory what) internal pure {
        if (got != needed) revert NotEqual(what, got, needed);
    }

    function assertEq(address got, address needed, string memory what) internal pure {
        if (got != needed) revert NotEqual(what, uint160(got), uint160(needed));
    }

    function assertEq(bytes32 got, bytes32 needed, string memory what) internal pure {
        if (got != needed) revert NotEqualBytes(what, got, needed);
    }

    function assertEq(bool got, bool needed, string memory what) internal pure {
        if (got != needed) revert NotTrue(what);
    }

    function assertEq(bytes memory got, bytes memory needed, string memory what) internal pure {
        if (keccak256(got) != keccak256(needed)) revert NotEqualData(what, got, needed);
    }

    function assertEq(string memory got, string memory needed, string memory what) internal pure {
        assertEq(bytes(got), bytes(needed), what);
    }

    function assertAtMost(uint256 got, uint256 most, string memory what) internal pure {
        if (got > most) revert NotAtMost(what, got, most);
    }

    function assertTrue(bool condition, string memory what) internal pure {
        if (!condition) revert NotTrue(what);
    }

    /// @dev Folds any number into a range instead of throwing cases away.
    function bound(uint256 x, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + x % (most - least + 1);
    }
}
