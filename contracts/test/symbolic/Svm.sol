// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @notice What halmos answers beside forge's cheat codes.
interface Svm {
    function enableSymbolicStorage(address account) external;
    function createBytes(uint256 size, string calldata name) external returns (bytes memory);
}

Svm constant svm = Svm(0xF3993A62377BCd56AE39D773740A5390411E8BC9);
