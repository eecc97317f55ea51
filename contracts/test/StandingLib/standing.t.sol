// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IReputationRegistry} from "../../src/interfaces/IReputationRegistry.sol";
import {FormulaLib} from "../../src/libraries/FormulaLib.sol";
import {Fact, StandingLib} from "../../src/libraries/StandingLib.sol";
import {Assert} from "../utils/Assert.sol";

// withFact, faded
// ├── over any history, both weights are the unrounded formula's or less: never above it, and below
// │   it by at most one unit per fact and three more
// ├── a fact that weighs nothing costs what was there at most two units, however many there are
// ├── a wallet that gets a fact every minute fades as any other does
// ├── weights never grow with time, and another good fact never lowers the good weight
// └── over any history, good facts let in at most 10 and 4 a day
// unpack
// └── it shows the weights as of the last fact
contract StandingTest is Assert {
    uint256 internal constant ONE = 1 << 16;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant HALF_LIFE = 90 days;

    /// @dev The formula with 64 more fractional bits, each fact rounded once.
    struct Unrounded {
        uint256[] moments;
        uint256[] weights;
        uint256 facts;
    }

    function test_isTheUnroundedFormulaOrLess(uint256 seed, uint256 pause) public pure {
        pause = bound(pause, 1, 30 days);
        Unrounded memory good = Unrounded(new uint256[](80), new uint256[](80), 0);
        Unrounded memory bad = Unrounded(new uint256[](80), new uint256[](80), 0);
        (uint256 word, uint256 moment) = (0, START + seed % HALF_LIFE);
        for (uint256 i; i < 80; ++i) {
            uint256 w = random(seed, i) % (i % 2 == 0 ? 12 * ONE : 100);
            Fact fact = Fact(random(seed, 100 + i) % 3);
            uint256 before = drawnOf(word);
            word = put(word, fact, w, moment);
            if (fact == Fact.Good) {
                (w,) = FormulaLib.admit(
                    w, i == 0 ? 0 : FormulaLib.refill(before, lastPause(seed, i, pause))
                );
                add(good, w, moment);
            } else if (fact == Fact.Bad) {
                add(bad, w, moment);
            }
            check(word, moment, good, bad);
            moment += lastPause(seed, i + 1, pause);
            check(word, moment, good, bad);
        }
        check(word, moment + 100 days, good, bad);
    }

    function test_factsThatWeighNothingCostNothing(uint32 w, uint256 seed, uint256 pause)
        public
        pure
    {
        pause = bound(pause, 1, 10 days);
        uint256 moment = START + seed % HALF_LIFE;
        uint256 quiet = put(put(0, Fact.Bad, w, moment), Fact.Good, w, moment);
        uint256 dusted = quiet;
        for (uint256 i; i < 100; ++i) {
            moment += random(seed, i) % pause;
            dusted = put(dusted, Fact(i % 3), 0, moment);
            (uint256 good, uint256 bad) = StandingLib.faded(dusted, moment);
            (uint256 quietGood, uint256 quietBad) = StandingLib.faded(quiet, moment);
            assertAtMost(good, quietGood, "no good is gained");
            assertAtMost(bad, quietBad, "no bad is gained");
            assertAtMost(quietGood, good + 2, "good");
            assertAtMost(quietBad, bad + 2, "bad");
        }
    }

    function test_aFactEveryMinuteDoesNotStopTheClock() public pure {
        uint256 quiet = put(0, Fact.Bad, 10 * ONE, START);
        uint256 busy = quiet;
        uint256 moment = START;
        for (uint256 i; i < 7200; ++i) {
            moment += 60;
            busy = put(busy, Fact.Neutral, 0, moment);
        }
        (, uint256 bad) = StandingLib.faded(busy, moment);
        (, uint256 quietBad) = StandingLib.faded(quiet, moment);
        assertEq(moment, START + 5 days, "five days");
        assertEq(bad, quietBad, "the same");
        assertEq(bad, 630_602, "10 * 2^(-5/90), less one");
    }

    function test_neverGrowsWithTime(uint256 word, uint32 a, uint32 b) public pure {
        if (a > b) (a, b) = (b, a);
        (uint256 good, uint256 bad) = StandingLib.faded(word, a);
        (uint256 laterGood, uint256 laterBad) = StandingLib.faded(word, b);
        assertAtMost(laterGood, good, "good");
        assertAtMost(laterBad, bad, "bad");
    }

    function test_anotherGoodFactNeverLowersTheGoodWeight(uint256 seed, uint32 w) public pure {
        uint256 moment = START + seed % HALF_LIFE;
        uint256 word = put(0, Fact.Good, random(seed, 0) % (12 * ONE), moment);
        uint256 later = moment + random(seed, 1) % (HALF_LIFE - moment % HALF_LIFE);
        (uint256 before,) = StandingLib.faded(word, later);
        (uint256 good,) = StandingLib.faded(put(word, Fact.Good, w, later), later);
        assertAtMost(before, good, "good");
    }

    /// @dev By what the word says, without any fading: all facts in one half-life, read at its
    /// start's scale.
    function test_letsInTenAndFourADay(uint256 seed, uint256 pause) public pure {
        pause = bound(pause, 1, 1 days);
        (uint256 word, uint256 moment, uint256 sum) = (0, START, 0);
        for (uint256 i; i < 150; ++i) {
            uint256 w = random(seed, i) % (i % 5 == 0 ? 12 * ONE : 40);
            uint256 before =
                i == 0 ? 0 : FormulaLib.refill(drawnOf(word), lastPause(seed, i, pause));
            word = put(word, Fact(random(seed, 200 + i) % 3 == 0 ? 2 : 0), w, moment);
            sum += drawnOf(word) - before;
            assertAtMost(sum, 675 * 10 * ONE + 2048 * (moment - START), "ten and four a day");
            moment += lastPause(seed, i + 1, pause);
        }
    }

    function test_showsTheWeightsAsOfTheLastFact(uint256 seed) public pure {
        uint256 moment = START + seed % HALF_LIFE;
        IReputationRegistry.Standing memory s = StandingLib.unpack(put(0, Fact.Bad, ONE, moment));
        assertAtMost(s.bad, ONE, "never more");
        assertAtMost(ONE, s.bad + 2, "rounded down");
        assertEq(s.last, moment, "last");
        assertEq(s.badCount, 1, "badCount");
    }

    // ---- helpers

    function put(uint256 word, Fact fact, uint256 w, uint256 moment)
        internal
        pure
        returns (uint256)
    {
        (uint256 factor, uint256 shift) = FormulaLib.growth(moment);
        return StandingLib.withFact(word, fact, w, moment, factor, shift);
    }

    function add(Unrounded memory sum, uint256 w, uint256 moment) internal pure {
        (sum.weights[sum.facts], sum.moments[sum.facts]) = (w, moment);
        ++sum.facts;
    }

    function check(uint256 word, uint256 moment, Unrounded memory good, Unrounded memory bad)
        internal
        pure
    {
        (uint256 s, uint256 f) = StandingLib.faded(word, moment);
        checkOne(s, good, moment);
        checkOne(f, bad, moment);
    }

    function checkOne(uint256 got, Unrounded memory sum, uint256 moment) internal pure {
        uint256 exact;
        for (uint256 i; i < sum.facts; ++i) {
            (uint256 factor, uint256 halvings) = FormulaLib.decay(moment - sum.moments[i]);
            exact += (sum.weights[i] * factor) >> halvings;
        }
        // The reference is itself too small by less than 2^-26 of a unit per fact.
        assertAtMost(got << 64, exact + (sum.facts << 38), "never above the formula");
        assertAtMost(exact >> 64, got + sum.facts + 3, "a unit per fact below it, and three");
    }

    function lastPause(uint256 seed, uint256 i, uint256 pause) internal pure returns (uint256) {
        return random(seed, 300 + i) % pause;
    }

    function drawnOf(uint256 word) internal pure returns (uint256) {
        return (word >> 128) & type(uint32).max;
    }

    function random(uint256 seed, uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, i)));
    }
}
