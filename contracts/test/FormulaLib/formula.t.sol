// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FormulaLib} from "../../src/libraries/FormulaLib.sol";
import {Assert} from "../utils/Assert.sol";

// weight
// ├── it is log2(1 + amount / 10^6) in 16 fractional bits, rounded down
// └── it never falls when the amount grows, and fits 32 bits
// decay, fade
// ├── a weight halves in 90 days, never grows, and vanishes in the end
// ├── every second counts
// └── two steps of time make the factor of both together, to 58 bits
// growth, grow
// └── what is grown and faded to the same moment is what it was, less two units at most
// admit, refill
// └── the bucket lets in 10 at once and 4 a day, to the unit, however time and weight are cut
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
        assertEq(faded(type(uint32).max, 1), 4_294_966_912, "a second");
        assertEq(faded(10 * ONE, 1 days), 650_332, "a day");
        assertEq(faded(10 * ONE, 30 days), 520_159, "a month");
        assertEq(faded(10 * ONE, 45 days), 463_409, "half a half-life");
        assertEq(faded(10 * ONE, HALF_LIFE - 1), 327_680, "almost");
        assertEq(faded(10 * ONE, HALF_LIFE), 5 * ONE, "a half-life");
        assertEq(faded(10 * ONE, 2 * HALF_LIFE), 5 * ONE / 2, "two");
        assertEq(faded(type(uint32).max, 32 * HALF_LIFE), 0, "gone");
    }

    function test_everySecondCounts(uint256 elapsed) public pure {
        elapsed = bound(elapsed, 0, HALF_LIFE - 2);
        (uint256 sooner,) = FormulaLib.decay(elapsed);
        (uint256 later,) = FormulaLib.decay(elapsed + 1);
        // One part in eleven million, and the rounding of twenty-odd products of 2^64.
        assertAtMost(later + (later / 11_300_000), sooner, "at least");
        assertAtMost(sooner, later + (later / 11_200_000), "at most");
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

    function test_twoStepsFadeLikeOne(uint256 a, uint256 b) public pure {
        a = bound(a, 0, HALF_LIFE - 1);
        b = bound(b, 0, HALF_LIFE - 1);
        (uint256 first,) = FormulaLib.decay(a);
        (uint256 second,) = FormulaLib.decay(b);
        (uint256 both, uint256 halvings) = FormulaLib.decay(a + b);
        uint256 two = (first * second) >> 64 >> halvings;
        uint256 one = both >> halvings >> halvings;
        assertAtMost(one, two + 64, "not slower");
        assertAtMost(two, one + 64, "not faster");
    }

    // ---- growth

    function test_aWeightHasNotGrownWhenItsHalfLifeBegins(uint32 value, uint256 n) public pure {
        assertEq(grown(value, bound(n, 0, 500) * HALF_LIFE), value, "at the start");
    }

    function test_aWeightGrowsWhileTheHalfLifeRuns() public pure {
        assertEq(grown(10 * ONE, HALF_LIFE / 2), 926_819, "half of it: the root of two");
        assertEq(grown(10 * ONE, HALF_LIFE - 1), 20 * ONE - 1, "almost twice");
    }

    function test_growsAndFadesBack(uint32 value, uint256 moment) public pure {
        moment = bound(moment, 0, type(uint32).max);
        uint256 there = grown(value, moment);
        assertAtMost(there, 2 * uint256(value), "at most twice");
        assertAtMost(value, there + 1, "no less, but for rounding");
        uint256 back = faded(there, moment % HALF_LIFE);
        assertAtMost(back, value, "never more");
        assertAtMost(value, back + 2, "two units less at most");
    }

    // ---- admit

    function test_aFullBucketHoldsTen() public pure {
        (uint256 added, uint256 drawn) = FormulaLib.admit(100 * ONE, 0);
        assertEq(added, 10 * ONE, "added");
        assertEq(drawn, FormulaLib.BUCKET, "empty now");
        (added, drawn) = FormulaLib.admit(100 * ONE, drawn);
        assertEq(added, 0, "nothing more");
        (added,) = FormulaLib.admit(100 * ONE, FormulaLib.refill(drawn, 1 days));
        assertEq(added, 4 * ONE, "four after a day");
        (added,) = FormulaLib.admit(100 * ONE, FormulaLib.refill(drawn, 1000 days));
        assertEq(added, 10 * ONE, "ten at most");
    }

    function test_theBucketIsFullAfterTwoAndAHalfDays() public pure {
        assertEq(FormulaLib.refill(FormulaLib.BUCKET, 60 hours), 0, "full");
        assertEq(FormulaLib.refill(FormulaLib.BUCKET, 60 hours - 1), 2048, "not yet");
    }

    function test_aSmallWeightIsLetInWhole() public pure {
        (uint256 added, uint256 drawn) = FormulaLib.admit(ONE, 0);
        assertEq(added, ONE, "added");
        assertEq(drawn, FormulaLib.BUCKET / 10, "a tenth of the bucket used");
    }

    function test_anOverdrawnBucketLetsNothingIn(uint256 w, uint256 drawn) public pure {
        drawn = bound(drawn, FormulaLib.BUCKET, type(uint32).max);
        (uint256 added, uint256 after_) = FormulaLib.admit(bound(w, 0, ONE * 96), drawn);
        assertEq(added, 0, "added");
        assertEq(after_, drawn, "drawn");
    }

    /// @dev To the unit, and no write costs the bucket more than it let in.
    function test_neverLetsInMoreThanTenAndFourADay(uint256 seed, uint256 pause) public pure {
        pause = bound(pause, 1, 2 days);
        (uint256 elapsed, uint256 drawn, uint256 sum, uint256 spilt) = (0, 0, 0, 0);
        for (uint256 i; i < 200; ++i) {
            uint256 w = bound(random(seed, i), 0, 12 * ONE);
            if (w % 3 != 0) w %= 1000;
            uint256 added;
            uint256 before = drawn;
            (added, drawn) = FormulaLib.admit(w, drawn);
            assertAtMost(added, w, "no more than it weighs");
            assertEq(drawn - before, added * 675, "what is let in is drawn, to the drop");
            sum += added;
            assertAtMost(sum * 675, 10 * ONE * 675 + elapsed * 2048, "ten and four a day");
            assertEq(sum * 675 + spilt, drawn + elapsed * 2048, "nothing is lost on the way");
            uint256 gap = random(seed, 1000 + i) % pause;
            if (gap * 2048 > drawn) spilt += gap * 2048 - drawn;
            (drawn, elapsed) = (FormulaLib.refill(drawn, gap), elapsed + gap);
        }
    }

    function test_dustCannotResetTheBucket(uint256 n) public pure {
        (, uint256 drawn) = FormulaLib.admit(100 * ONE, 0);
        n = bound(n, 1, 300);
        uint256 sum;
        for (uint256 i; i < n; ++i) {
            uint256 added;
            (added, drawn) = FormulaLib.admit(1, drawn);
            sum += added;
            drawn = FormulaLib.refill(drawn, 1);
        }
        assertAtMost(sum, n * 4 * ONE / 1 days, "what time refilled");
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

    function grown(uint256 value, uint256 moment) internal pure returns (uint256) {
        (uint256 factor, uint256 shift) = FormulaLib.growth(moment);
        return FormulaLib.grow(value, factor, shift);
    }

    function random(uint256 seed, uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, i)));
    }
}
