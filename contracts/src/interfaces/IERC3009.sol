// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The part of USDC (FiatTokenV2_2) that pulls need
interface IERC3009 {
    /// @notice Moves `value` from `from` to the caller, who must be `to`, by `from`'s signature.
    /// @dev The token decides who may sign: code first, then key. The nonce is any word, used once
    /// per `from`.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Base units that `account` holds.
    function balanceOf(address account) external view returns (uint256);
}
