// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../interfaces/IDealEscrow.sol";

/// @title Paying with a token that may refuse, lie or answer at length
library TokenLib {
    /// @dev What a push may burn. USDC needs about 50,000; the rest is room for its future
    /// versions.
    uint256 internal constant PUSH_GAS = 200_000;
    uint256 internal constant PUSH_GAS_FLOOR = PUSH_GAS + PUSH_GAS / 63 + 5000;

    /// @notice Pushes with capped gas; false when the token refuses. A starved push reverts: it
    /// must not look like a refusal.
    function tryPush(address token, address to, uint256 amount) internal returns (bool) {
        if (gasleft() < PUSH_GAS_FLOOR) revert IDealEscrow.GasTooLow(gasleft(), PUSH_GAS_FLOOR);
        return tryTransfer(token, to, amount, PUSH_GAS);
    }

    /// @notice Calls `transfer` with at most `gasCap` gas.
    /// @dev Reads one word of the answer at most. True only when the call succeeded and the token
    /// said true, or said nothing and has code.
    function tryTransfer(address token, address to, uint256 amount, uint256 gasCap)
        internal
        returns (bool ok)
    {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore(m, shl(224, 0xa9059cbb))
            mstore(add(m, 0x04), to)
            mstore(add(m, 0x24), amount)
            mstore(0x00, 0)
            ok := call(gasCap, token, 0, m, 0x44, 0x00, 0x20)
            switch returndatasize()
            case 0 { ok := and(ok, gt(extcodesize(token), 0)) }
            default { ok := and(ok, and(gt(returndatasize(), 0x1f), eq(mload(0x00), 1))) }
        }
    }
}
