// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title An ERC-1271 wallet, or an EIP-7702 delegate, that behaves in one chosen way
/// @notice Everything is immutable, so that the same code works behind a delegation.
contract Wallet {
    /// - Honest: says yes to its owner's plain signature, otherwise no.
    /// - SaysNo: says no to everything, like a delegate that wants its own envelope.
    /// - SaysDirty: says yes, with bytes behind the answer that must be zero.
    /// - SaysShort: says yes in four bytes instead of a word.
    /// - Burns: uses all its gas.
    /// - Bomb: reverts with 100,000 bytes.
    /// - BigYes: says yes at the head of 100,000 bytes.
    /// - Reenters: tries to withdraw from `target` and says yes, whatever came of it.
    enum Mode {
        Honest,
        SaysNo,
        SaysDirty,
        SaysShort,
        Burns,
        Bomb,
        BigYes,
        Reenters
    }

    bytes4 internal constant YES = 0x1626ba7e;

    /// @dev Zero for the account itself, which is what an EIP-7702 delegate means.
    address public immutable owner;
    Mode public immutable mode;
    address public immutable target;

    constructor(address owner_, Mode mode_, address target_) {
        (owner, mode, target) = (owner_, mode_, target_);
    }

    /// @dev Not declared `view`, so that it can try to act; callers ask by `staticcall`.
    function isValidSignature(bytes32 digest, bytes calldata signature) external returns (bytes4) {
        if (mode == Mode.SaysNo) return 0xffffffff;
        if (mode == Mode.SaysDirty) _say(bytes32(YES) | bytes32(uint256(1)), 32);
        if (mode == Mode.SaysShort) _say(YES, 4);
        if (mode == Mode.BigYes) _say(YES, 100_000);
        if (mode == Mode.Bomb) {
            assembly {
                revert(0, 100000)
            }
        }
        while (mode == Mode.Burns) {}
        if (mode == Mode.Reenters) {
            (bool ok,) =
                target.call(abi.encodeWithSignature("withdraw(address,address)", target, target));
            return ok ? bytes4(0) : YES;
        }
        address needed = owner == address(0) ? address(this) : owner;
        return
            signature.length == 65 && _recover(digest, signature) == needed
                ? YES
                : bytes4(0xffffffff);
    }

    function _recover(bytes32 digest, bytes calldata s) private pure returns (address) {
        return ecrecover(digest, uint8(s[64]), bytes32(s[:32]), bytes32(s[32:64]));
    }

    function _say(bytes32 word, uint256 size) private pure {
        assembly {
            mstore(0, word)
            return(0, size)
        }
    }
}
