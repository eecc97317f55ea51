// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Formula v1: what a fact weighs and how it fades
/// @notice Unsigned fixed point with 16 fractional bits, everything rounded down, the same steps as
/// `surety_bindings::formula` in Rust: a test compares the two to the unit.
library FormulaLib {
    uint256 internal constant HALF_LIFE_SECS = 7_776_000;
    /// @dev The bucket of good weight holds 10 and refills by 4 a day, so it is full after 2.5
    /// days.
    uint256 internal constant BUCKET_SECS = 216_000;
    uint256 internal constant REFILL_PER_DAY = 4 << 16;
    uint256 internal constant DAY_SECS = 86_400;

    /// @notice log2(1 + amount / 10^6): what a milestone of `amount` base units weighs.
    /// @dev Fits 32 bits for every uint96. Steps: y = (10^6 + amount) * 2^64 / 10^6; the integer
    /// part of log2(y) less 64; then sixteen squarings of the mantissa, 127 fractional bits, each
    /// of which yields one bit.
    function weight(uint256 amount) internal pure returns (uint256 w) {
        assembly ("memory-safe") {
            let y := div(shl(64, add(amount, 1000000)), 1000000)
            let e := sub(255, clz(y))
            w := sub(e, 64)
            let m := shl(sub(127, e), y)
            if gt(e, 127) { m := shr(sub(e, 127), y) }
            let bit
            // Sixteen squarings, four to a turn: the loop itself would cost a third of it.
            for { let i := 4 } i { i := sub(i, 1) } {
                m := shr(127, mul(m, m))
                bit := shr(128, m)
                m := shr(bit, m)
                w := or(shl(1, w), bit)
                m := shr(127, mul(m, m))
                bit := shr(128, m)
                m := shr(bit, m)
                w := or(shl(1, w), bit)
                m := shr(127, mul(m, m))
                bit := shr(128, m)
                m := shr(bit, m)
                w := or(shl(1, w), bit)
                m := shr(127, mul(m, m))
                bit := shr(128, m)
                m := shr(bit, m)
                w := or(shl(1, w), bit)
            }
        }
    }

    /// @notice 2^(-elapsed / half-life) as a factor with 64 fractional bits, and how many whole
    /// halvings to shift. @dev The fraction of a half-life is cut to 16 bits; each set bit i
    /// multiplies by floor(2^(64 - 2^-i)).
    function decay(uint256 elapsed) internal pure returns (uint256 factor, uint256 halvings) {
        assembly ("memory-safe") {
            halvings := div(elapsed, 7776000)
            factor := shl(64, 1)
            let f := div(shl(16, mod(elapsed, 7776000)), 7776000)
            if f {
                if and(f, 0x8000) { factor := 0xb504f333f9de6484 }
                if and(f, 0x4000) { factor := shr(64, mul(factor, 0xd744fccad69d6af4)) }
                if and(f, 0x2000) { factor := shr(64, mul(factor, 0xeac0c6e7dd24392e)) }
                if and(f, 0x1000) { factor := shr(64, mul(factor, 0xf5257d152486cc2c)) }
                if and(f, 0x0800) { factor := shr(64, mul(factor, 0xfa83b2db722a033a)) }
                if and(f, 0x0400) { factor := shr(64, mul(factor, 0xfd3e0c0cf486c174)) }
                if and(f, 0x0200) { factor := shr(64, mul(factor, 0xfe9e115c7b8f884b)) }
                if and(f, 0x0100) { factor := shr(64, mul(factor, 0xff4ecb59511ec8a5)) }
                if and(f, 0x0080) { factor := shr(64, mul(factor, 0xffa756521c8daed1)) }
                if and(f, 0x0040) { factor := shr(64, mul(factor, 0xffd3a751c0f7e10b)) }
                if and(f, 0x0020) { factor := shr(64, mul(factor, 0xffe9d2b2f7db2755)) }
                if and(f, 0x0010) { factor := shr(64, mul(factor, 0xfff4e91bff1b8c3d)) }
                if and(f, 0x0008) { factor := shr(64, mul(factor, 0xfffa747ea0040664)) }
                if and(f, 0x0004) { factor := shr(64, mul(factor, 0xfffd3a3b7814eb53)) }
                if and(f, 0x0002) { factor := shr(64, mul(factor, 0xfffe9d1cc60ddab1)) }
                if and(f, 0x0001) { factor := shr(64, mul(factor, 0xffff4e8e25879bfa)) }
            }
        }
    }

    /// @notice `value` after the decay that `decay` returned; zero after 256 halvings at the
    /// latest.
    function fade(uint256 value, uint256 factor, uint256 halvings) internal pure returns (uint256) {
        unchecked {
            return (value * factor) >> 64 >> halvings;
        }
    }

    /// @notice How much of `w` the bucket lets in at `nowAt`, and its clock after that.
    function admit(uint256 w, uint256 refilledAt, uint256 nowAt)
        internal
        pure
        returns (uint256 added, uint256 refilledAfter)
    {
        unchecked {
            // A clock that starts before 1970 only happens in tests; it counts as a full bucket.
            uint256 full = nowAt < BUCKET_SECS ? 0 : nowAt - BUCKET_SECS;
            uint256 from = refilledAt > full ? refilledAt : full;
            uint256 room = from > nowAt ? 0 : (nowAt - from) * REFILL_PER_DAY / DAY_SECS;
            added = w < room ? w : room;
            refilledAfter = from + added * DAY_SECS / REFILL_PER_DAY;
        }
    }

    /// @notice 1000 * S / (S + F + 2).
    function score(uint256 good, uint256 bad) internal pure returns (uint256) {
        unchecked {
            return 1000 * good / (good + bad + (2 << 16));
        }
    }
}
