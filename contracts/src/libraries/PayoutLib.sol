// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Who gets what when a milestone ends
/// @notice Pure arithmetic. For every input, seller, buyer and fees sum to what there is, to the
/// unit; remainders go to the buyer.
library PayoutLib {
    uint256 internal constant BPS = 10_000;

    /// @notice What one decided round is owed.
    /// @param seatFee What each seat in `voted` earned
    /// @param voted Mask of the seats that answered something
    /// @param relayFee What the submitter earned
    struct Due {
        uint256 seatFee;
        uint256 voted;
        uint256 relayFee;
    }

    /// @notice The division of one milestone's money and bond share.
    struct Payout {
        uint256 seller;
        uint256 buyer;
        uint256 receiver;
    }

    /// @notice What a round whose votes were counted is owed: the jury fee in equal parts for the
    /// seats that answered something, the relay fee in proportion to the seats counted.
    function due(
        uint256 juryFee,
        uint256 relayFee,
        uint256 panelSeats,
        uint256 counted,
        uint256 voted
    ) internal pure returns (Due memory) {
        return Due(juryFee / panelSeats, voted, relayFee * popcount(counted) / panelSeats);
    }

    /// @notice The sum of what a round is owed.
    function sum(Due memory d) internal pure returns (uint256) {
        if (d.seatFee | d.relayFee == 0) return 0;
        return d.seatFee * popcount(d.voted) + d.relayFee;
    }

    /// @notice Cuts a round's fees down to what is left of `available`, jurors before submitter,
    /// and returns what is left after them.
    function cap(Due memory d, uint256 available) internal pure returns (uint256 left) {
        left = available;
        if (d.seatFee | d.relayFee == 0) return left;
        uint256 count = popcount(d.voted);
        if (d.seatFee * count > left) d.seatFee = left / count;
        left -= d.seatFee * count;
        if (d.relayFee > left) d.relayFee = left;
        left -= d.relayFee;
    }

    /// @notice The milestone goes back to the buyer, bond and all, less fees.
    function refund(uint256 amount, uint256 bond, Due memory first, Due memory second)
        internal
        pure
        returns (Payout memory p)
    {
        p.buyer = cap(second, cap(first, amount + bond));
    }

    /// @notice The seller gets its share of what the fees leave of `amount`, rounded down, and its
    /// bond; the marketplace its part of the seller's share, rounded down.
    function share(
        uint256 amount,
        uint256 bond,
        uint256 sellerBps,
        uint256 feeBps,
        Due memory first,
        Due memory second
    ) internal pure returns (Payout memory p) {
        uint256 net = cap(second, cap(first, amount));
        uint256 part = _bps(net, sellerBps);
        p.receiver = _bps(part, feeBps);
        p.seller = part - p.receiver + bond;
        p.buyer = net - part;
    }

    /// @notice The seller gets what both signed. Its bond comes first, so the marketplace takes
    /// nothing of that.
    function split(
        uint256 amount,
        uint256 bond,
        uint256 sellerAmount,
        uint256 feeBps,
        Due memory first,
        Due memory second
    ) internal pure returns (Payout memory p, uint256 most) {
        most = cap(second, cap(first, amount)) + bond;
        if (sellerAmount > most) return (p, most);
        if (sellerAmount > bond) p.receiver = _bps(sellerAmount - bond, feeBps);
        p.seller = sellerAmount - p.receiver;
        p.buyer = most - sellerAmount;
    }

    /// @dev Amounts and bonds have 96 bits, and parts 16.
    function _bps(uint256 whole, uint256 bps) private pure returns (uint256) {
        unchecked {
            return whole * bps / BPS;
        }
    }

    /// @notice How many bits of a mask are set.
    function popcount(uint256 mask) internal pure returns (uint256 count) {
        unchecked {
            for (; mask != 0; mask &= mask - 1) {
                ++count;
            }
        }
    }
}
