// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IReputationRegistry} from "../interfaces/IReputationRegistry.sol";
import {FormulaLib} from "./FormulaLib.sol";

/// @notice What one fact is for one wallet.
enum Fact {
    Good,
    Bad,
    Neutral
}

/// @title A wallet's standing in one storage word
/// @notice Lowest field first: good 32, bad 32, first 32, last 32, drawn 32, goodCount 24, badCount
/// 24, neutralCount 24, appealsLost 24. Everything saturates and nothing reverts.
/// @dev Good and bad are kept as what they would have been at the start of the half-life that
/// `last` is in, counted from 1970: a fact adds to them and touches nothing that was there. They
/// halve, rounded down, when another half-life has begun, so that a wallet loses at most one unit
/// of 2^-16 in 90 days to rounding, however many facts it gets.
library StandingLib {
    uint256 internal constant U32 = type(uint32).max;
    uint256 internal constant U24 = type(uint24).max;
    uint256 internal constant HALF_LIFE_SECS = FormulaLib.HALF_LIFE_SECS;

    /// @notice The present, as a word can hold it.
    function present() internal view returns (uint256) {
        return _capped(block.timestamp);
    }

    /// @notice The word after one fact of weight `w` at `nowAt`.
    /// @param factor What `FormulaLib.growth(nowAt)` says; a neutral fact needs neither it nor `w`
    /// @param shift The same
    function withFact(
        uint256 word,
        Fact fact,
        uint256 w,
        uint256 nowAt,
        uint256 factor,
        uint256 shift
    ) internal pure returns (uint256) {
        unchecked {
            uint256 good = word & U32;
            uint256 bad = (word >> 32) & U32;
            uint256 last = (word >> 96) & U32;
            uint256 drawn = (word >> 128) & U32;
            if (nowAt > last) {
                uint256 halvings = nowAt / HALF_LIFE_SECS - last / HALF_LIFE_SECS;
                (good, bad) = (good >> halvings, bad >> halvings);
                drawn = FormulaLib.refill(drawn, nowAt - last);
            }
            if (fact == Fact.Good) {
                (w, drawn) = FormulaLib.admit(w, drawn);
                good = _capped(good + FormulaLib.grow(w, factor, shift));
            } else if (fact == Fact.Bad) {
                bad = _capped(bad + FormulaLib.grow(w, factor, shift));
            }
            uint256 first = (word >> 64) & U32;
            if (first == 0) first = nowAt;
            return good | (bad << 32) | (first << 64) | (nowAt << 96) | (drawn << 128)
                | (_count(word >> 160, uint256(fact) * 24) << 160);
        }
    }

    /// @notice The word with one more lost appeal.
    function withLostAppeal(uint256 word) internal pure returns (uint256) {
        return _count(word, 232);
    }

    /// @notice Both weights at `nowAt`; before the last fact, as of that.
    function faded(uint256 word, uint256 nowAt) internal pure returns (uint256 good, uint256 bad) {
        unchecked {
            good = word & U32;
            bad = (word >> 32) & U32;
            if (good | bad == 0) return (good, bad);
            uint256 last = (word >> 96) & U32;
            if (nowAt < last) nowAt = last;
            (uint256 factor, uint256 halvings) =
                FormulaLib.decay(nowAt - last + last % HALF_LIFE_SECS);
            good = FormulaLib.fade(good, factor, halvings);
            bad = FormulaLib.fade(bad, factor, halvings);
        }
    }

    /// @notice The word's fields, with both weights as of the last fact.
    function unpack(uint256 word)
        internal
        pure
        returns (IReputationRegistry.Standing memory standing)
    {
        (uint256 good, uint256 bad) = faded(word, 0);
        standing = IReputationRegistry.Standing({
            good: uint32(good),
            bad: uint32(bad),
            first: uint32(word >> 64),
            last: uint32(word >> 96),
            drawn: uint32(word >> 128),
            goodCount: uint24(word >> 160),
            badCount: uint24(word >> 184),
            neutralCount: uint24(word >> 208),
            appealsLost: uint24(word >> 232)
        });
    }

    /// @dev Adds one to the 24-bit count at `shift`, unless it is full.
    function _count(uint256 counts, uint256 shift) private pure returns (uint256) {
        unchecked {
            return (counts >> shift) & U24 == U24 ? counts : counts + (1 << shift);
        }
    }

    function _capped(uint256 value) private pure returns (uint256) {
        return value > U32 ? U32 : value;
    }
}
