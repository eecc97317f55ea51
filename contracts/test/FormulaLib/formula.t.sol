// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FormulaLib} from "../../src/libraries/FormulaLib.sol";
import {Assert} from "../utils/Assert.sol";

// weight
// ├── it is log2(1 + amount / 10^6) in 16 fractional bits, rounded down
// └── it never falls when the amount grows, and fits 32 bits
// decay, fade
// ├── a weight halves in 90 days, never grows, and vanishes in the end
// └── a day and another day fade as two days do, but for rounding
// admit
// ├── the bucket lets in 10 at once and 4 a day, however the time and the weight are cut
// └── a clock in the future lets nothing in
// score
// └── it is 0 for a stranger, below 1000, grows with S and falls with F
contract FormulaTest is Assert {
    uint256 internal constant ONE = 1 << 16;
    uint256 internal constant HALF_LIFE = 90 days;
    uint256 internal constant START = 1_800_000_000;

    // ---- weight

    function test_knownWeights() public pure {
        assertEq(FormulaLib.weight(0), 0, "nothing");
        assertEq(FormulaLib.weight(11), 1, "the smallest that counts");
        assertEq(FormulaLib.weight(10), 0, "less than that");
        assertEq(FormulaLib.weight(10_000), 940, "a cent");
        assertEq(FormulaLib.weight(999_999), ONE - 1, "just below a dollar");
        assertEq(FormulaLib.weight(1_000_000), ONE, "a dollar");
        assertEq(FormulaLib.weight(3_000_000), 2 * ONE, "three");
        assertEq(FormulaLib.weight(10_000_000), 226_717, "ten");
        assertEq(FormulaLib.weight(100_000_000), 436_352, "a hundred");
        assertEq(FormulaLib.weight(1e12), 1_306_235, "a million");
        assertEq(FormulaLib.weight(type(uint96).max), 4_985_220, "all there can be");
    }

    function test_powersOfTwoAreExact() public pure {
        for (uint256 e; e < 76; ++e) {
            uint256 amount = ((uint256(1) << e) - 1) * 1_000_000;
            assertEq(FormulaLib.weight(amount), e * ONE, "weight");
        }
    }

    function test_aWeightNeverFallsWhenTheAmountGrows(uint96 a, uint96 b) public pure {
        if (a > b) (a, b) = (b, a);
        assertAtMost(FormulaLib.weight(a), FormulaLib.weight(b), "weight");
        assertAtMost(FormulaLib.weight(b), type(uint32).max, "fits");
        uint256 next = b == type(uint96).max ? b : b + 1;
        assertAtMost(FormulaLib.weight(b), FormulaLib.weight(next), "one unit more");
    }

    function test_doublingAddsAtMostOne(uint96 amount) public pure {
        amount = uint96(bound(amount, 0, type(uint96).max / 2));
        uint256 once = FormulaLib.weight(amount);
        assertAtMost(FormulaLib.weight(2 * uint256(amount)), once + ONE + 1, "double");
    }

    // ---- decay

    function test_knownDecays() public pure {
        assertEq(faded(10 * ONE, 0), 10 * ONE, "now");
        assertEq(faded(10 * ONE, 1 days), 650_333, "a day");
        assertEq(faded(10 * ONE, 30 days), 520_161, "a month");
        assertEq(faded(10 * ONE, 45 days), 463_409, "half a half-life");
        assertEq(faded(10 * ONE, HALF_LIFE - 1), 327_683, "almost");
        assertEq(faded(10 * ONE, HALF_LIFE), 5 * ONE, "a half-life");
        assertEq(faded(10 * ONE, 2 * HALF_LIFE), 5 * ONE / 2, "two");
        assertEq(faded(type(uint32).max, 32 * HALF_LIFE), 0, "gone");
    }

    function test_halvesInNinetyDays(uint32 value, uint256 elapsed) public pure {
        elapsed = bound(elapsed, 0, 3000 days);
        uint256 sooner = faded(value, elapsed);
        assertAtMost(faded(value, elapsed + HALF_LIFE), sooner / 2, "at most a half");
        assertAtMost(
            sooner / 2, faded(value, elapsed + HALF_LIFE) + 1, "at least, but for rounding"
        );
    }

    function test_neverGrowsWithTime(uint32 value, uint64 a, uint64 b) public pure {
        if (a > b) (a, b) = (b, a);
        assertAtMost(faded(value, b), faded(value, a), "later");
        assertAtMost(faded(value, a), value, "at all");
    }

    function test_takesAnyTimeAndValue(uint32 value, uint256 elapsed) public pure {
        assertAtMost(faded(value, elapsed), value, "faded");
    }

    function test_twoStepsFadeLikeOne(uint32 value, uint256 a, uint256 b) public pure {
        a = bound(a, 1 hours, 200 days);
        b = bound(b, 1 hours, 200 days);
        uint256 two = faded(faded(value, a), b);
        uint256 one = faded(value, a + b);
        // A step loses less than 2^-16 of a half-life to rounding: 119 s, or a part in 94,548.
        assertAtMost(one, two + uint256(value) / 40_000 + 2, "not faster");
        assertAtMost(two, one + uint256(value) / 40_000 + 2, "not slower");
    }

    // ---- admit

    function test_aFullBucketHoldsTen() public pure {
        (uint256 added, uint256 clock) = FormulaLib.admit(100 * ONE, 0, START);
        assertEq(added, 10 * ONE, "added");
        assertEq(clock, START, "empty now");
        (added, clock) = FormulaLib.admit(100 * ONE, clock, START);
        assertEq(added, 0, "nothing more");
        (added,) = FormulaLib.admit(100 * ONE, clock, START + 1 days);
        assertEq(added, 4 * ONE, "four after a day");
        (added,) = FormulaLib.admit(100 * ONE, clock, START + 1000 days);
        assertEq(added, 10 * ONE, "ten at most");
    }

    function test_aSmallWeightIsLetInWhole() public pure {
        (uint256 added, uint256 clock) = FormulaLib.admit(ONE, 0, START);
        assertEq(added, ONE, "added");
        assertEq(clock, START - 54 hours, "a tenth of the bucket used");
    }

    function test_aClockInTheFutureLetsNothingIn(uint256 w, uint32 ahead) public pure {
        uint256 clock = START + bound(ahead, 0, type(uint32).max);
        (uint256 added, uint256 after_) = FormulaLib.admit(bound(w, 0, ONE * 96), clock, START);
        assertEq(added, 0, "added");
        assertEq(after_, clock, "clock");
    }

    /// @dev Each write may round away less than a second, worth four units of 2^-16.
    function test_neverLetsInMoreThanTenAndFourADay(uint256 seed, uint256 days_) public pure {
        uint256 end = START + bound(days_, 0, 30) * 1 days;
        (uint256 moment, uint256 clock, uint256 sum, uint256 writes) = (START, 0, 0, 0);
        for (; moment <= end && writes < 200; ++writes) {
            uint256 w = bound(random(seed, writes), 0, 12 * ONE);
            if (w % 3 == 0) w %= 1000;
            uint256 added;
            (added, clock) = FormulaLib.admit(w, clock, moment);
            assertAtMost(added, w, "no more than it weighs");
            sum += added;
            uint256 limit = 10 * ONE + (moment - START) * 4 * ONE / 1 days;
            assertAtMost(sum, limit + 4 * (writes + 1), "sum");
            moment += random(seed, 1000 + writes) % 2 days;
        }
    }

    function test_dustCannotResetTheBucket(uint256 n) public pure {
        (, uint256 clock) = FormulaLib.admit(100 * ONE, 0, START);
        n = bound(n, 1, 300);
        uint256 sum;
        for (uint256 i; i < n; ++i) {
            (uint256 added, uint256 next) = FormulaLib.admit(940, clock, START + i);
            (sum, clock) = (sum + added, next);
        }
        assertAtMost(sum, n * 4 * ONE / 1 days + 4 * n, "what time refilled");
    }

    // ---- score

    function test_knownScores() public pure {
        assertEq(FormulaLib.score(0, 0), 0, "a stranger");
        assertEq(FormulaLib.score(2 * ONE, 0), 500, "two");
        assertEq(FormulaLib.score(8 * ONE, 0), 800, "eight");
        assertEq(FormulaLib.score(8 * ONE, 6 * ONE), 500, "with bad");
        assertEq(FormulaLib.score(0, 100 * ONE), 0, "only bad");
    }

    function test_theScoreGrowsWithGoodAndFallsWithBad(uint32 good, uint32 bad, uint32 more)
        public
        pure
    {
        uint256 points = FormulaLib.score(good, bad);
        assertAtMost(points, 1000, "points");
        assertAtMost(points, FormulaLib.score(uint256(good) + more, bad), "with more good");
        assertAtMost(FormulaLib.score(good, uint256(bad) + more), points, "with more bad");
    }

    // ---- helpers

    function faded(uint256 value, uint256 elapsed) internal pure returns (uint256) {
        (uint256 factor, uint256 halvings) = FormulaLib.decay(elapsed);
        return FormulaLib.fade(value, factor, halvings);
    }

    function random(uint256 seed, uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, i)));
    }
}
