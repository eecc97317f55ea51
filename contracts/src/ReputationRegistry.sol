// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Ending, IReputationRegistry} from "./interfaces/IReputationRegistry.sol";
import {FormulaLib} from "./libraries/FormulaLib.sol";

/// @title ReputationRegistry
/// @dev One storage word per (recorder, wallet, role); `_unpack` shows its layout, lowest field
/// first: good 32, bad 32, first 32, last 32, refilledAt 32, goodCount 24, badCount 24,
/// neutralCount 24, appealsLost 24.
contract ReputationRegistry is IReputationRegistry {
    uint8 internal constant REJECTION_STOOD = 1;
    uint8 internal constant BUYER_LOST_APPEAL = 2;
    uint8 internal constant SELLER_LOST_APPEAL = 4;

    uint256 internal constant U32 = type(uint32).max;
    uint256 internal constant U24 = type(uint24).max;

    /// @dev What one fact is for one party.
    enum Fact {
        Good,
        Bad,
        Neutral
    }

    mapping(bytes32 key => uint256 word) private _words;

    /// @inheritdoc IReputationRegistry
    function record(address buyer, address seller, uint96 amount, uint8 ending, uint8 flags)
        external
    {
        uint256 w = FormulaLib.weight(amount);
        Fact otherwise = ending == uint8(Ending.Accepted) ? Fact.Good : Fact.Neutral;
        bool buyerLost = flags & BUYER_LOST_APPEAL != 0;
        bool sellerLost = flags & SELLER_LOST_APPEAL != 0;
        bool sellerBad = flags & (SELLER_LOST_APPEAL | REJECTION_STOOD) != 0
            || (ending >= uint8(Ending.Rejected) && ending <= uint8(Ending.Reclaimed));

        _write(buyer, Role.Buyer, buyerLost ? Fact.Bad : otherwise, w, buyerLost);
        _write(seller, Role.Seller, sellerBad ? Fact.Bad : otherwise, w, sellerLost);
    }

    /// @inheritdoc IReputationRegistry
    function standing(address recorder, address wallet, Role role)
        external
        view
        returns (Standing memory)
    {
        return _unpack(_words[_key(recorder, wallet, role)]);
    }

    /// @inheritdoc IReputationRegistry
    function score(address recorder, address wallet, Role role)
        external
        view
        returns (uint256 points, uint256 good, uint256 bad)
    {
        (good, bad) = _faded(_words[_key(recorder, wallet, role)], _capped(block.timestamp));
        points = FormulaLib.score(good, bad);
    }

    function _write(address wallet, Role role, Fact fact, uint256 w, bool lostAppeal) private {
        bytes32 key = _key(msg.sender, wallet, role);
        uint256 word = _words[key];
        unchecked {
            uint256 nowAt = _capped(block.timestamp);
            uint256 first = (word >> 64) & U32;
            uint256 refilledAt = (word >> 128) & U32;
            uint256 counts = _count(word >> 160, uint256(fact) * 24);
            (uint256 good, uint256 bad) = _faded(word, nowAt);
            if (fact == Fact.Good) {
                uint256 added;
                (added, refilledAt) = FormulaLib.admit(w, refilledAt, nowAt);
                good = _capped(good + added);
            } else if (fact == Fact.Bad) {
                bad = _capped(bad + w);
            }
            if (lostAppeal) counts = _count(counts, 72);
            if (first == 0) first = nowAt;
            _words[key] = good | (bad << 32) | (first << 64) | (nowAt << 96) | (refilledAt << 128)
                | (counts << 160);
        }
    }

    /// @dev Both weights at `nowAt`. A second fact in the same second fades nothing, and most
    /// wallets have no bad weight.
    function _faded(uint256 word, uint256 nowAt) private pure returns (uint256 good, uint256 bad) {
        unchecked {
            good = word & U32;
            bad = (word >> 32) & U32;
            uint256 last = (word >> 96) & U32;
            if (nowAt <= last || good | bad == 0) return (good, bad);
            (uint256 factor, uint256 halvings) = FormulaLib.decay(nowAt - last);
            good = FormulaLib.fade(good, factor, halvings);
            bad = FormulaLib.fade(bad, factor, halvings);
        }
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

    function _key(address recorder, address wallet, Role role) private pure returns (bytes32) {
        return keccak256(abi.encode(recorder, wallet, role));
    }

    function _unpack(uint256 word) private pure returns (Standing memory) {
        return Standing({
            good: uint32(word),
            bad: uint32(word >> 32),
            first: uint32(word >> 64),
            last: uint32(word >> 96),
            refilledAt: uint32(word >> 128),
            goodCount: uint24(word >> 160),
            badCount: uint24(word >> 184),
            neutralCount: uint24(word >> 208),
            appealsLost: uint24(word >> 232)
        });
    }
}
