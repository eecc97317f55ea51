// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title The payments of one transaction, one entry per payee
/// @notice A batch pays a seller of ten milestones once. Pushes and credits are apart.
library TillLib {
    /// @dev Marks an entry that is credited, not pushed.
    uint256 internal constant AS_CREDIT = 1 << 160;

    /// @param payees Address, and `AS_CREDIT`
    /// @param seats1 What each seat of the panel gets; empty while nothing
    /// @param seats2 The same of the appeal panel
    /// @param panels The jury that both belong to
    struct Till {
        uint256 count;
        uint256[] payees;
        uint256[] amounts;
        uint256[] seats1;
        uint256[] seats2;
        bytes32 panels;
    }

    function make(uint256 capacity, bytes32 panels) internal pure returns (Till memory till) {
        till.payees = new uint256[](capacity);
        till.amounts = new uint256[](capacity);
        till.panels = panels;
    }

    /// @notice Adds `amount` to what `to` gets. The latest payee is the likeliest, so it is looked
    /// for from the end.
    function add(Till memory till, address to, uint256 amount, bool asCredit) internal pure {
        if (amount == 0) return;
        uint256 payee = uint160(to) | (asCredit ? AS_CREDIT : 0);
        uint256 i = find(till, payee);
        if (i == till.count) {
            till.payees[i] = payee;
            till.count = i + 1;
        }
        till.amounts[i] += amount;
    }

    /// @notice Takes `amount` from what `from` gets, if it gets that much in one piece.
    function take(Till memory till, address from, uint256 amount) internal pure returns (bool) {
        for (uint256 flag; flag <= AS_CREDIT; flag += AS_CREDIT) {
            uint256 i = find(till, uint160(from) | flag);
            if (i != till.count && till.amounts[i] >= amount) {
                till.amounts[i] -= amount;
                return true;
            }
        }
        return false;
    }

    /// @notice The index of a payee, or `count`.
    function find(Till memory till, uint256 payee) internal pure returns (uint256 i) {
        uint256[] memory payees = till.payees;
        uint256 count = till.count;
        assembly ("memory-safe") {
            i := count
            let at_ := add(payees, shl(5, count))
            for {} gt(at_, payees) { at_ := sub(at_, 0x20) } {
                if eq(mload(at_), payee) {
                    i := sub(shr(5, sub(at_, payees)), 1)
                    break
                }
            }
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
