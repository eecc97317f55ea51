// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title A deal in one storage word
/// @notice Bit 0 opened, 1 revoked, 2..17 ended mask, 18..33 slow-path mask, 34..129 remaining
/// amount, 130..225 remaining bond. Never cleared: `open` needs zero, so no funding route opens a
/// deal twice.
type DealWord is uint256;

using DealWordLib for DealWord global;

library DealWordLib {
    uint256 internal constant OPENED = 1;
    uint256 internal constant REVOKED = 2;
    uint256 internal constant ENDED_AT = 2;
    uint256 internal constant SLOW_AT = 18;
    uint256 internal constant AMOUNT_AT = 34;
    uint256 internal constant BOND_AT = 130;

    function opened(uint256 amount, uint256 bond) internal pure returns (DealWord) {
        return DealWord.wrap(OPENED | (amount << AMOUNT_AT) | (bond << BOND_AT));
    }

    function isLive(DealWord word) internal pure returns (bool) {
        return DealWord.unwrap(word) & (OPENED | REVOKED) == OPENED;
    }

    function isRevoked(DealWord word) internal pure returns (bool) {
        return DealWord.unwrap(word) & REVOKED != 0;
    }

    function endedMask(DealWord word) internal pure returns (uint16) {
        return uint16(DealWord.unwrap(word) >> ENDED_AT);
    }

    function slowMask(DealWord word) internal pure returns (uint16) {
        return uint16(DealWord.unwrap(word) >> SLOW_AT);
    }

    function remainingAmount(DealWord word) internal pure returns (uint96) {
        return uint96(DealWord.unwrap(word) >> AMOUNT_AT);
    }

    function remainingBond(DealWord word) internal pure returns (uint96) {
        return uint96(DealWord.unwrap(word) >> BOND_AT);
    }

    function isEnded(DealWord word, uint256 milestone) internal pure returns (bool) {
        return (DealWord.unwrap(word) >> (ENDED_AT + milestone)) & 1 != 0;
    }

    function isSlow(DealWord word, uint256 milestone) internal pure returns (bool) {
        return (DealWord.unwrap(word) >> (SLOW_AT + milestone)) & 1 != 0;
    }

    /// @dev The first milestone that has not ended: whose turn it is in a sequence. Beyond the
    /// last one when all have.
    function lowest(DealWord word) internal pure returns (uint256) {
        unchecked {
            uint256 open = ~uint256(endedMask(word));
            return 255 - _clz(open & (~open + 1));
        }
    }

    function _clz(uint256 x) private pure returns (uint256 n) {
        assembly {
            n := clz(x)
        }
    }

    /// @dev A deal that never opens.
    function revoked() internal pure returns (DealWord) {
        return DealWord.wrap(REVOKED);
    }

    function slowed(DealWord word, uint256 milestone) internal pure returns (DealWord) {
        return DealWord.wrap(DealWord.unwrap(word) | (1 << (SLOW_AT + milestone)));
    }

    /// @dev The bond share that leaves with `amount`, of at most 96 bits, rounded down; the last
    /// milestone takes what is left.
    function bondShare(DealWord word, uint256 amount) internal pure returns (uint256) {
        unchecked {
            return uint256(remainingBond(word)) * amount / remainingAmount(word);
        }
    }

    /// @dev The word without a milestone: neither amount exceeds what remains, so no field borrows
    /// from another.
    function ended(DealWord word, uint256 milestone, uint256 amount, uint256 bond)
        internal
        pure
        returns (DealWord)
    {
        unchecked {
            uint256 w = DealWord.unwrap(word) & ~(uint256(1) << (SLOW_AT + milestone));
            return DealWord.wrap(
                (w | (1 << (ENDED_AT + milestone))) - (amount << AMOUNT_AT) - (bond << BOND_AT)
            );
        }
    }
}
