// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FactsLib} from "./FactsLib.sol";

/// @title The payments of one transaction, one entry per payee, and its facts
/// @notice A batch pays a seller of ten milestones once. Pushes and credits are apart.
library TillLib {
    /// @dev Marks an entry that is credited, not pushed.
    uint256 internal constant AS_CREDIT = 1 << 160;

    /// @dev A payee and its amount.
    uint256 private constant ENTRY_WORDS = 2;

    /// @param entries Per payee two words: its address with `AS_CREDIT`, and its amount; as long as
    /// what is used of it
    /// @param capacity How long it may become
    /// @param seats1 What each seat of the panel gets; empty while nothing
    /// @param seats2 The same of the appeal panel
    /// @param panels The jury that both belong to
    /// @param facts What the registry is told, as `FactsLib` keeps it
    struct Till {
        uint256[] entries;
        uint256 capacity;
        uint256[] seats1;
        uint256[] seats2;
        bytes32 panels;
        bytes facts;
    }

    function make(uint256 payees, uint256 facts, bytes32 panels)
        internal
        pure
        returns (Till memory till)
    {
        till.facts = FactsLib.make(facts);
        till.capacity = payees * ENTRY_WORDS;
        uint256[] memory entries;
        assembly ("memory-safe") {
            // Not zeroed: an entry is written before it is read.
            entries := mload(0x40)
            mstore(entries, 0)
            mstore(0x40, add(entries, shl(5, add(1, mul(payees, ENTRY_WORDS)))))
        }
        till.entries = entries;
        till.panels = panels;
    }

    /// @notice Adds `amount` to what `to` gets. The latest payee is the likeliest, so it is looked
    /// for from the end.
    function add(Till memory till, address to, uint256 amount, bool asCredit) internal pure {
        if (amount == 0) return;
        uint256 payee = uint160(to) | (asCredit ? AS_CREDIT : 0);
        uint256 entry = _find(till.entries, payee);
        if (entry == 0) return _append(till, payee, amount);
        _set(entry, _amount(entry) + amount);
    }

    /// @notice Takes `amount` from what `from` gets, if it gets that much in one piece.
    function take(Till memory till, address from, uint256 amount) internal pure returns (bool) {
        for (uint256 flag; flag <= AS_CREDIT; flag += AS_CREDIT) {
            uint256 entry = _find(till.entries, uint160(from) | flag);
            if (entry != 0 && _amount(entry) >= amount) {
                _set(entry, _amount(entry) - amount);
                return true;
            }
        }
        return false;
    }

    function _append(Till memory till, uint256 payee, uint256 amount) private pure {
        uint256[] memory entries = till.entries;
        assert(entries.length < till.capacity);
        assembly ("memory-safe") {
            let words := mload(entries)
            let entry := add(entries, shl(5, add(1, words)))
            mstore(entry, payee)
            mstore(add(entry, 0x20), amount)
            mstore(entries, add(words, ENTRY_WORDS))
        }
    }

    /// @dev Where a payee's entry is in memory, or zero.
    function _find(uint256[] memory entries, uint256 payee) private pure returns (uint256 entry) {
        assembly ("memory-safe") {
            let at_ := add(entries, shl(5, mload(entries)))
            for {} gt(at_, entries) { at_ := sub(at_, 0x40) } {
                if eq(mload(sub(at_, 0x20)), payee) {
                    entry := sub(at_, 0x20)
                    break
                }
            }
        }
    }

    function _amount(uint256 entry) private pure returns (uint256 amount) {
        assembly ("memory-safe") {
            amount := mload(add(entry, 0x20))
        }
    }

    function _set(uint256 entry, uint256 amount) private pure {
        assembly ("memory-safe") {
            mstore(add(entry, 0x20), amount)
        }
    }

    /// @notice Adds `seatFee` for every seat in `voted` of a panel of at most fifteen.
    function addSeats(uint256[] memory seats, uint256 seatFee, uint256 voted)
        internal
        pure
        returns (uint256[] memory)
    {
        if (seats.length == 0) seats = new uint256[](15);
        for (uint256 i; voted != 0; ++i) {
            if (voted & 1 != 0) seats[i] += seatFee;
            voted >>= 1;
        }
        return seats;
    }
}
