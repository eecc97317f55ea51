// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../interfaces/IDealEscrow.sol";

/// @title Terms in memory: their EIP-712 struct hash, their event encoding, and patching
/// @dev A struct with dirty high bits has a hash of its own, and `open` refuses it, so it never
/// becomes a deal. That is why everything but `open` may copy calldata as it stands.
library TermsLib {
    bytes32 internal constant MILESTONE_TYPEHASH =
        keccak256("Milestone(uint96 amount,uint40 deliverBy,bytes32 criteria,uint256 rule)");
    bytes32 internal constant TERMS_TYPEHASH = keccak256(
        "Terms(address buyer,address seller,uint256 buyerAgent,uint256 sellerAgent,address token,uint96 total,uint96 bond,bytes32 jury,uint96 juryFee,uint96 relayFee,uint96 openFee,uint16 feeBps,address feeReceiver,bool payAsCredit,uint40 openBy,uint40 judgeWithin,uint40 appealWithin,uint96 appealBond,uint16 silentSellerBps,uint16 splitSellerBps,bool sequential,bytes32 document,bytes32 salt,Milestone[] milestones)Milestone(uint96 amount,uint40 deliverBy,bytes32 criteria,uint256 rule)"
    );

    /// @notice The terms in memory: element 0 of a list of one.
    /// @dev A list, because solc fills a struct that a function returns with zeros first, at ten
    /// times the cost. Every struct stands behind its typehash, so that it is hashed where it lies:
    /// [1, pointer], [typehash, 24 words], [count, pointers], then [typehash, 4 words] per
    /// milestone.
    function load(IDealEscrow.Terms calldata terms)
        internal
        pure
        returns (IDealEscrow.Terms[] memory one)
    {
        IDealEscrow.Milestone[] calldata milestones = terms.milestones;
        uint256 count = milestones.length;
        one = _allocate(count);
        assembly ("memory-safe") {
            let t := mload(add(one, 0x20))
            calldatacopy(t, terms, 0x2e0)
            let item := add(mload(add(t, 0x2e0)), mul(add(count, 1), 0x20))
            for { let from := milestones.offset } count { count := sub(count, 1) } {
                calldatacopy(add(item, 0x20), from, 0x80)
                item := add(item, 0xa0)
                from := add(from, 0x80)
            }
        }
    }

    /// @notice A copy of `template`, which `load` made, with some words replaced, as element 0 of a
    /// list of one.
    /// @param patches Per word one byte of index and 32 of value; 0 to 22 are the words before the
    /// milestones, 32 + 4k + f is word f of milestone k
    function patched(IDealEscrow.Terms memory template, bytes calldata patches)
        internal
        pure
        returns (IDealEscrow.Terms[] memory one)
    {
        assembly ("memory-safe") {
            one := mload(0x40)
            let t := add(one, 0x60)
            let pointers := add(t, 0x300)
            let count := mload(mload(add(template, 0x2e0)))
            let items := add(pointers, shl(5, add(count, 1)))
            let end := add(items, mul(count, 0xa0))
            mstore(0x40, end)
            mstore(one, 1)
            mstore(add(one, 0x20), t)
            mcopy(add(one, 0x40), sub(template, 0x20), sub(end, add(one, 0x40)))
            mstore(add(t, 0x2e0), pointers)
            let moved := sub(t, template)
            for { let p := add(pointers, 0x20) } lt(p, items) { p := add(p, 0x20) } {
                mstore(p, add(mload(p), moved))
            }

            end := add(patches.offset, patches.length)
            for { let patch := patches.offset } lt(patch, end) { patch := add(patch, 33) } {
                let index := byte(0, calldataload(patch))
                let at_ := add(t, shl(5, index))
                if gt(index, 22) {
                    let k := shr(2, sub(index, 32))
                    if iszero(lt(k, count)) { continue }
                    at_ := add(add(items, mul(k, 0xa0)), shl(5, add(1, and(index, 3))))
                }
                mstore(at_, calldataload(add(patch, 1)))
            }
        }
    }

    /// @notice The EIP-712 struct hash of terms that `load` or `patched` made.
    function hash(IDealEscrow.Terms memory t) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let milestones := mload(add(t, 0x2e0))
            let count := mload(milestones)
            let item := add(milestones, mul(add(count, 1), 0x20))
            let list := mload(0x40)
            let end := list
            for {} count { count := sub(count, 1) } {
                mstore(end, keccak256(item, 0xa0))
                end := add(end, 0x20)
                item := add(item, 0xa0)
            }
            mstore(add(t, 0x2e0), keccak256(list, sub(end, list)))
            digest := keccak256(sub(t, 0x20), 0x320)
            mstore(add(t, 0x2e0), milestones)
        }
    }

    /// @notice The terms' ABI encoding, as an event's only argument.
    /// @dev Copies calldata instead of encoding it: a third of the cost. Only after
    /// `requireCanonical`.
    function encode(IDealEscrow.Terms calldata terms) internal pure returns (bytes memory data) {
        IDealEscrow.Milestone[] calldata milestones = terms.milestones;
        assembly ("memory-safe") {
            data := mload(0x40)
            let size := add(0x340, shl(7, milestones.length))
            mstore(data, size)
            mstore(add(data, 0x20), 0x20)
            calldatacopy(add(data, 0x40), terms, 0x2e0)
            mstore(add(data, 0x320), 0x300)
            mstore(add(data, 0x340), milestones.length)
            calldatacopy(add(data, 0x360), milestones.offset, shl(7, milestones.length))
            mstore(0x40, add(data, add(0x20, size)))
        }
    }

    /// @notice Refuses a word that is wider than its type.
    function requireCanonical(IDealEscrow.Terms memory t) internal pure {
        uint256 dirty;
        assembly ("memory-safe") {
            // Words of one width together: addresses, amounts, times, shares, flags. A loop would
            // cost seven times as much.
            let word := mload(t)
            word := or(word, mload(add(t, 0x20)))
            word := or(word, mload(add(t, 0x80)))
            word := or(word, mload(add(t, 0x180)))
            dirty := shr(160, word)
            word := mload(add(t, 0xa0))
            word := or(word, mload(add(t, 0xc0)))
            word := or(word, mload(add(t, 0x100)))
            word := or(word, mload(add(t, 0x120)))
            word := or(word, mload(add(t, 0x140)))
            word := or(word, mload(add(t, 0x220)))
            dirty := or(dirty, shr(96, word))
            word := mload(add(t, 0x160))
            word := or(word, mload(add(t, 0x240)))
            word := or(word, mload(add(t, 0x260)))
            dirty := or(dirty, shr(16, word))
            word := mload(add(t, 0x1a0))
            word := or(word, mload(add(t, 0x280)))
            dirty := or(dirty, shr(1, word))
            word := mload(add(t, 0x1c0))
            word := or(word, mload(add(t, 0x1e0)))
            word := or(word, mload(add(t, 0x200)))
            dirty := or(dirty, shr(40, word))
        }
        if (dirty != 0) revert IDealEscrow.FieldTooWide(dirty);
        for (uint256 i; i < t.milestones.length; ++i) {
            IDealEscrow.Milestone memory m = t.milestones[i];
            assembly ("memory-safe") {
                dirty := or(shr(96, mload(m)), shr(40, mload(add(m, 0x20))))
            }
            if (dirty != 0) revert IDealEscrow.FieldTooWide(dirty);
        }
    }

    /// @dev Terms with room for `count` milestones, typehashes and pointers in place.
    function _allocate(uint256 count) private pure returns (IDealEscrow.Terms[] memory one) {
        bytes32 termsTypehash = TERMS_TYPEHASH;
        bytes32 milestoneTypehash = MILESTONE_TYPEHASH;
        assembly ("memory-safe") {
            one := mload(0x40)
            let t := add(one, 0x60)
            mstore(one, 1)
            mstore(add(one, 0x20), t)
            mstore(add(one, 0x40), termsTypehash)
            let pointers := add(t, 0x300)
            mstore(add(t, 0x2e0), pointers)
            mstore(pointers, count)
            let item := add(pointers, mul(add(count, 1), 0x20))
            for { let end := item } lt(add(pointers, 0x20), end) {} {
                pointers := add(pointers, 0x20)
                mstore(item, milestoneTypehash)
                mstore(pointers, add(item, 0x20))
                item := add(item, 0xa0)
            }
            mstore(0x40, item)
        }
    }
}
