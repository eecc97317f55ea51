// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Formula v1: what a fact weighs and how it fades
/// @notice Unsigned fixed point with 16 fractional bits, everything rounded down, the same steps as
/// `surety_bindings::formula` in Rust: a test compares the two to the unit. Time is exact to the
/// second.
library FormulaLib {
    uint256 internal constant HALF_LIFE_SECS = 7_776_000;
    /// @dev Drops per unit of weight (2^-16). 4 a day are 2048 drops a second, without a remainder,
    /// so that the bucket is exact however the time is cut.
    uint256 internal constant DROPS = 675;
    uint256 internal constant REFILL_PER_SEC = 2048;
    /// @dev The bucket of good weight holds 10; it is full after 2.5 days.
    uint256 internal constant BUCKET = (10 << 16) * DROPS;

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
    /// halvings to shift.
    /// @dev Exact to the second: each set bit i of the seconds that are no whole half-life
    /// multiplies by floor(2^(64 - 2^i / half-life)), rounded down.
    function decay(uint256 elapsed) internal pure returns (uint256 factor, uint256 halvings) {
        assembly ("memory-safe") {
            halvings := div(elapsed, 7776000)
            factor := shl(64, 1)
            let s := mod(elapsed, 7776000)
            if s {
                if and(s, 0x400000) { factor := 0xb024c96cdf2294c4 }
                if and(s, 0x200000) { factor := shr(64, mul(factor, 0xd459c26319bc94b1)) }
                if and(s, 0x100000) { factor := shr(64, mul(factor, 0xe927f518732993eb)) }
                if and(s, 0x80000) { factor := shr(64, mul(factor, 0xf44faa20875bb533)) }
                if and(s, 0x40000) { factor := shr(64, mul(factor, 0xfa165a33a9510504)) }
                if and(s, 0x20000) { factor := shr(64, mul(factor, 0xfd06c146d893359b)) }
                if and(s, 0x10000) { factor := shr(64, mul(factor, 0xfe824406e58a4a17)) }
                if and(s, 0x8000) { factor := shr(64, mul(factor, 0xff40daa712b2ae9d)) }
                if and(s, 0x4000) { factor := shr(64, mul(factor, 0xffa05b75c52ccfef)) }
                if and(s, 0x2000) { factor := shr(64, mul(factor, 0xffd029429bc0686e)) }
                if and(s, 0x1000) { factor := shr(64, mul(factor, 0xffe81383216cf95e)) }
                if and(s, 0x800) { factor := shr(64, mul(factor, 0xfff4097a0241b09b)) }
                if and(s, 0x400) { factor := shr(64, mul(factor, 0xfffa04ab1d18a13d)) }
                if and(s, 0x200) { factor := shr(64, mul(factor, 0xfffd0251157ce213)) }
                if and(s, 0x100) { factor := shr(64, mul(factor, 0xfffe81276c78e949)) }
                if and(s, 0x80) { factor := shr(64, mul(factor, 0xffff40936eaadd30)) }
                if and(s, 0x40) { factor := shr(64, mul(factor, 0xffffa049a571020a)) }
                if and(s, 0x20) { factor := shr(64, mul(factor, 0xffffd024ce3f650b)) }
                if and(s, 0x10) { factor := shr(64, mul(factor, 0xffffe81266016b6c)) }
                if and(s, 0x8) { factor := shr(64, mul(factor, 0xfffff40932b923ec)) }
                if and(s, 0x4) { factor := shr(64, mul(factor, 0xfffffa04994aad83)) }
                if and(s, 0x2) { factor := shr(64, mul(factor, 0xfffffd024ca0dda5)) }
                if and(s, 0x1) { factor := shr(64, mul(factor, 0xfffffe81264f508b)) }
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

    /// @notice 2^(t / half-life), where t is how long the half-life that `moment` is in has run: a
    /// factor and the shift that belongs to it.
    /// @dev Weights are kept as what they would have been at the start of that half-life. So a
    /// write adds to them and changes nothing else, and only the start of another half-life rounds.
    function growth(uint256 moment) internal pure returns (uint256 factor, uint256 shift) {
        unchecked {
            (factor, shift) = decay(HALF_LIFE_SECS - moment % HALF_LIFE_SECS);
            shift += 63;
        }
    }

    /// @notice What `growth` makes of a weight, rounded down: at most twice as much.
    function grow(uint256 value, uint256 factor, uint256 shift) internal pure returns (uint256) {
        unchecked {
            return (value * factor) >> shift;
        }
    }

    /// @notice What is still drawn from the bucket `elapsed` seconds later.
    function refill(uint256 drawn, uint256 elapsed) internal pure returns (uint256) {
        unchecked {
            uint256 refilled = elapsed * REFILL_PER_SEC;
            return drawn > refilled ? drawn - refilled : 0;
        }
    }

    /// @notice How much of `w` the bucket lets in, and what is drawn from it after that.
    function admit(uint256 w, uint256 drawn)
        internal
        pure
        returns (uint256 added, uint256 drawnAfter)
    {
        unchecked {
            uint256 room = drawn > BUCKET ? 0 : (BUCKET - drawn) / DROPS;
            added = w < room ? w : room;
            drawnAfter = drawn + added * DROPS;
        }
    }

    /// @notice 1000 * S / (S + F + 2).
    function score(uint256 good, uint256 bad) internal pure returns (uint256) {
        unchecked {
            return 1000 * good / (good + bad + (2 << 16));
        }
    }
}
