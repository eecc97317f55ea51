// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC3009} from "./IERC3009.sol";

/// @title What the escrow asks of its token: ERC-3009, and ERC-20 and ERC-2612 for wallets whose
/// ERC-3009 signatures the token does not take
interface IToken is IERC3009 {
    /// @notice ERC-20.
    function transferFrom(address from, address to, uint256 value) external returns (bool);

    /// @notice ERC-2612.
    function permit(
        address owner,
        address spender,
        uint256 value,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;
}
