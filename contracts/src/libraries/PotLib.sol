// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";

/// @title What each seat has earned and not been paid
/// @notice 48 bits per seat (281 million USDC), five seats per word, so that a panel of five is
/// funded with one write. What does not fit goes to a word of its own: nothing is lost, and nothing
/// reverts.
/// @dev Invariant: no sum here overflows, because all pots together are money that a token holds.
library PotLib {
    uint256 internal constant POT_BITS = 48;
    uint256 internal constant POT_MOST = (1 << POT_BITS) - 1;
    uint256 internal constant SEATS_PER_WORD = 5;
    uint256 internal constant SEATS_MOST = 15;

    /// @param words Per jury, three words of five pots for the panel, then three for the appeal
    /// panel
    /// @param beyond Per jury, fifteen words for the panel's seats, then fifteen for the appeal
    /// panel's: what their pots have no room for
    struct Pots {
        mapping(bytes32 jury => uint256[6]) words;
        mapping(bytes32 jury => uint256[30]) beyond;
    }

    /// @notice What `held` becomes with `shares`; what needs more than 256 bits is all ones, which
    /// no balance covers.
    function sum(uint256 held, uint256[] calldata shares) internal pure returns (uint256 total) {
        total = held;
        unchecked {
            for (uint256 i; i < shares.length; ++i) {
                total += shares[i];
                if (total < shares[i]) return type(uint256).max;
            }
        }
    }

    /// @notice Adds a share to the pot of each seat, from seat 0, of an existing panel.
    function add(Pots storage pots, bytes32 jury, uint8 round, uint256[] calldata shares) internal {
        for (uint256 first; first < shares.length; first += SEATS_PER_WORD) {
            (uint256 index,) = _place(round, first);
            uint256 before = pots.words[jury][index];
            uint256 word = before;
            for (uint256 i; i < SEATS_PER_WORD && first + i < shares.length; ++i) {
                uint256 share = shares[first + i];
                uint256 shift = i * POT_BITS;
                uint256 room = POT_MOST - ((word >> shift) & POT_MOST);
                if (share > room) {
                    pots.beyond[jury][_slot(round, first + i)] += share - room;
                    share = room;
                }
                word += share << shift;
            }
            if (word != before) pots.words[jury][index] = word;
        }
    }

    /// @notice What is in a seat's pot; nothing for a seat that no jury has.
    function amount(Pots storage pots, bytes32 jury, uint8 round, uint8 seat)
        internal
        view
        returns (uint256)
    {
        if (round == 0 || round > 2 || seat >= SEATS_MOST) return 0;
        (uint256 index, uint256 shift) = _place(round, seat);
        return
            ((pots.words[jury][index] >> shift) & POT_MOST) + pots.beyond[jury][_slot(round, seat)];
    }

    /// @notice Empties a seat's pot, and says what was in it.
    function take(Pots storage pots, bytes32 jury, uint8 round, uint8 seat)
        internal
        returns (uint256 taken)
    {
        taken = amount(pots, jury, round, seat);
        if (taken == 0) revert IJury.FeesEmpty(jury, round, seat);
        (uint256 index, uint256 shift) = _place(round, seat);
        pots.words[jury][index] &= ~(POT_MOST << shift);
        // A pot has something beyond only while it is full, and mostly it never was.
        if (taken > POT_MOST) pots.beyond[jury][_slot(round, seat)] = 0;
    }

    /// @dev The word, and how far from its low end the pot stands.
    function _place(uint256 round, uint256 seat)
        private
        pure
        returns (uint256 index, uint256 shift)
    {
        uint256 first =
            (round - 1) * (SEATS_MOST / SEATS_PER_WORD);
        return (first + seat / SEATS_PER_WORD, seat % SEATS_PER_WORD * POT_BITS);
    }

    /// @dev Where a seat keeps what its pot has no room for.
    function _slot(uint256 round, uint256 seat) private pure returns (uint256) {
        return (round - 1) * SEATS_MOST + seat;
    }
}
