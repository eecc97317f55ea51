// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {TallyLib} from "../../src/libraries/TallyLib.sol";
import {Assert} from "../utils/Assert.sol";

// tally
// ├── it equals a naive count
// │   ├── for every multiset of votes of 3, 4 and 5 seats on two criteria
// │   └── for any votes of up to 15 seats on up to 16 criteria, with and without proRata
// ├── it says the same for every superset of the votes
// │   ├── for every profile of five seats on two criteria
// │   └── for any profile of up to 15 seats on up to 16 criteria
// └── a full panel always decides
// quorum
// └── it is more than two thirds of the seats
// weigh, criteria
// └── they sum and list the weights of the rule
contract TallyTest is Assert {
    uint256 internal constant PRO_RATA = 1 << 254;

    struct Count {
        IJury.Outcome outcome;
        uint256 met;
        uint256 failed;
        uint256 metBps;
    }

    // ---- quorum, weigh, criteria

    function test_theQuorumIsMoreThanTwoThirds() public pure {
        uint8[13] memory needed = [3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11];
        for (uint256 n = 3; n <= 15; ++n) {
            assertEq(TallyLib.quorum(n), needed[n - 3], "quorum");
            assertTrue(3 * TallyLib.quorum(n) > 2 * n, "more than two thirds");
            assertTrue(3 * (TallyLib.quorum(n) - 1) <= 2 * n, "and no more than needed");
        }
    }

    function test_weighsAMask(uint256 rule, uint16 mask) public pure {
        uint256 sum;
        for (uint256 i; i < 16; ++i) {
            if ((mask >> i) & 1 != 0) sum += (rule >> (14 * i)) & 0x3fff;
        }
        assertEq(TallyLib.weigh(rule, mask), sum, "sum");
    }

    function test_listsTheCriteria(uint256 seed, uint256 k) public pure {
        k = bound(k, 1, 16);
        assertEq(TallyLib.criteria(randomRule(seed, k)), (1 << k) - 1, "criteria");
    }

    // ---- equality with the naive count

    function test_equalsTheNaiveCountForThreeAndFourSeats() public pure {
        for (uint256 r; r < 12; ++r) {
            everyMultiset(3, smallRule(r));
            everyMultiset(4, smallRule(r));
        }
    }

    function test_equalsTheNaiveCountForFiveSeats() public pure {
        for (uint256 r; r < 6; ++r) {
            everyMultiset(5, smallRule(r));
        }
    }

    function test_equalsTheNaiveCountForFiveSeatsProRata() public pure {
        for (uint256 r = 6; r < 12; ++r) {
            everyMultiset(5, smallRule(r));
        }
    }

    function test_equalsTheNaiveCountForAnyVotes(
        uint256 seed,
        uint256 seats,
        uint256 present,
        uint256 k
    ) public pure {
        seats = bound(seats, 3, 15);
        uint256 rule = randomRule(seed, bound(k, 1, 16));
        uint256[] memory votes = randomVotes(seed, bound(present, 0, seats), seed % 4);
        assertSame(rule, seats, votes);
    }

    // ---- superset stability

    function test_everySubsetOfFiveSeatsGivesOneVerdict() public pure {
        for (uint256 r; r < 4; ++r) {
            everyProfile(smallRule(3 * r + r % 3));
        }
    }

    function test_anySubsetGivesOneVerdict(uint256 seed, uint256 seats, uint256 k, uint256 subset)
        public
        pure
    {
        seats = bound(seats, 3, 15);
        uint256 rule = randomRule(seed, bound(k, 1, 16));
        uint256[] memory votes = randomVotes(seed, seats, seed % 4);
        Count memory full = fast(rule, seats, votes);
        assertTrue(full.outcome != IJury.Outcome.NoVerdict, "a full panel decides");
        // Four nested subsets, so that partial panels are compared with each other too.
        for (uint256 i; i < 4; ++i) {
            subset |= seed >> (17 * i);
            Count memory part = fast(rule, seats, pick(votes, subset));
            if (part.outcome == IJury.Outcome.NoVerdict) continue;
            assertTrue(part.outcome == full.outcome, "one verdict");
            if (rule & PRO_RATA != 0 && full.outcome == IJury.Outcome.Accepted) {
                assertEq(part.metBps, full.metBps, "one payment");
            }
        }
    }

    // ---- the naive count, in the protocol's words

    function naive(uint256 rule, uint256 seats, uint256[] memory votes)
        internal
        pure
        returns (Count memory c)
    {
        uint256 q = 2 * seats / 3 + 1;
        if (votes.length < q) return c;
        uint256 missing = seats - votes.length;
        uint256 couldMeet;
        uint256 couldFail;
        for (uint256 i; i < 16; ++i) {
            uint256 met;
            uint256 failed;
            for (uint256 k; k < votes.length; ++k) {
                met += (votes[k] >> i) & 1;
                failed += (votes[k] >> (16 + i)) & 1;
            }
            if (met >= q) c.met |= 1 << i;
            if (failed >= q) c.failed |= 1 << i;
            if (met + missing >= q) couldMeet |= 1 << i;
            if (failed + missing >= q) couldFail |= 1 << i;
        }
        c.metBps = weight(rule, c.met);
        if (rejects(rule, c.failed)) {
            c.outcome = IJury.Outcome.Rejected;
        } else if (accepts(rule, c.met)) {
            c.outcome = IJury.Outcome.Accepted;
            if (rule & PRO_RATA != 0 && open(rule, c, couldMeet | couldFail)) {
                c.outcome = IJury.Outcome.NoVerdict;
            }
        } else if (!accepts(rule, couldMeet) && !rejects(rule, couldFail)) {
            c.outcome = IJury.Outcome.Undetermined;
        }
    }

    /// @dev Whether a criterion with a weight is undecided and within reach.
    function open(uint256 rule, Count memory c, uint256 reachable) internal pure returns (bool) {
        for (uint256 i; i < 16; ++i) {
            bool decided = ((c.met | c.failed) >> i) & 1 != 0;
            if (weight(rule, 1 << i) != 0 && !decided && (reachable >> i) & 1 != 0) return true;
        }
        return false;
    }

    function weight(uint256 rule, uint256 mask) internal pure returns (uint256 sum) {
        for (uint256 i; i < 16; ++i) {
            if ((mask >> i) & 1 != 0) sum += (rule >> (14 * i)) & 0x3fff;
        }
    }

    function rejects(uint256 rule, uint256 failed) internal pure returns (bool) {
        uint256 mandatory = (rule >> 224) & 0xffff;
        return mandatory & failed != 0 || 10_000 - weight(rule, failed) < (rule >> 240) & 0x3fff;
    }

    function accepts(uint256 rule, uint256 met) internal pure returns (bool) {
        uint256 mandatory = (rule >> 224) & 0xffff;
        return mandatory & met == mandatory && weight(rule, met) >= (rule >> 240) & 0x3fff;
    }

    // ---- enumerations

    /// @dev Twelve rules over two criteria; the last six are proRata.
    function smallRule(uint256 r) internal pure returns (uint256 rule) {
        uint16[3][6] memory weights = [
            [uint16(5000), 5000, 0],
            [uint16(5000), 10_000, 0],
            [uint16(7000), 7000, 2],
            [uint16(7000), 3000, 1],
            [uint16(3000), 6000, 3],
            [uint16(9999), 1, 0]
        ];
        uint16[3] memory w = weights[r % 6];
        rule = w[0] | (uint256(10_000 - w[0]) << 14) | (uint256(w[2]) << 224);
        rule |= uint256(w[1]) << 240;
        if (r >= 6) rule |= PRO_RATA;
    }

    /// @dev Votes in ascending order of their nine answers, so that each multiset comes once.
    function everyMultiset(uint256 seats, uint256 rule) internal pure {
        uint256[] memory votes = new uint256[](seats);
        for (uint256 present; present <= seats; ++present) {
            uint256[] memory digits = new uint256[](present + 1);
            resize(votes, present);
            uint256 free = freePointer();
            while (digits[present] == 0) {
                for (uint256 i; i < present; ++i) {
                    votes[i] = answer(digits[i]);
                }
                assertSame(rule, seats, votes);
                freePointerTo(free);
                next(digits);
            }
        }
    }

    /// @dev Every multiset of five full votes, and all 32 subsets of each.
    function everyProfile(uint256 rule) internal pure {
        uint256[] memory votes = new uint256[](5);
        uint256[] memory some = new uint256[](5);
        uint256[] memory digits = new uint256[](6);
        while (digits[5] == 0) {
            for (uint256 i; i < 5; ++i) {
                votes[i] = answer(digits[i]);
            }
            (IJury.Outcome full,,, uint256 bps) = TallyLib.tally(rule, 5, votes);
            assertTrue(full != IJury.Outcome.NoVerdict, "a full panel decides");
            for (uint256 subset; subset < 31; ++subset) {
                uint256 n;
                for (uint256 i; i < 5; ++i) {
                    if ((subset >> i) & 1 != 0) some[n++] = votes[i];
                }
                resize(some, n);
                (IJury.Outcome part,,, uint256 partBps) = TallyLib.tally(rule, 5, some);
                resize(some, 5);
                if (part == IJury.Outcome.NoVerdict) continue;
                assertTrue(part == full, "one verdict");
                if (rule & PRO_RATA != 0 && full == IJury.Outcome.Accepted) {
                    assertEq(partBps, bps, "one payment");
                }
            }
            next(digits);
        }
    }

    /// @dev Counts up in base nine, digits never descending; the last digit is the overflow.
    function next(uint256[] memory digits) internal pure {
        uint256 i;
        while (i + 1 < digits.length && digits[i] == 8) ++i;
        uint256 d = ++digits[i];
        if (i + 1 == digits.length) return;
        for (uint256 k; k < i; ++k) {
            digits[k] = d;
        }
    }

    /// @dev One of nine answers to two criteria: abstain, met or failed each.
    function answer(uint256 digit) internal pure returns (uint256 vote) {
        uint256 first = digit % 3;
        uint256 second = digit / 3;
        if (first != 0) vote = 1 << (first == 1 ? 0 : 16);
        if (second != 0) vote |= 2 << (second == 1 ? 0 : 16);
    }

    // ---- randomness

    /// @dev Weights that sum to 10,000 over `k` criteria; mask, pass mark and proRata at random.
    function randomRule(uint256 seed, uint256 k) internal pure returns (uint256 rule) {
        uint256 left = 10_000 - k;
        for (uint256 i; i < k; ++i) {
            uint256 more = i + 1 == k ? left : bound(random(seed, i), 0, left * 2 / (k - i));
            if (more > left) more = left;
            left -= more;
            rule |= (more + 1) << (14 * i);
        }
        rule |= (random(seed, 100) & random(seed, 101) & random(seed, 102) & ((1 << k) - 1)) << 224;
        rule |= bound(random(seed, 103), 1, 10_000) << 240;
        if (random(seed, 104) % 2 == 0) rule |= PRO_RATA;
    }

    /// @dev The larger `lean`, the more the seats agree; disjoint masks always.
    function randomVotes(uint256 seed, uint256 n, uint256 lean)
        internal
        pure
        returns (uint256[] memory votes)
    {
        votes = new uint256[](n);
        uint256 common = random(seed, 200);
        for (uint256 i; i < n; ++i) {
            uint256 met = random(seed, 300 + i);
            for (uint256 l; l < lean; ++l) {
                uint256 keep = random(seed, 400 + 16 * l + i) & random(seed, 500 + 16 * l + i);
                met = (met & keep) | (common & ~keep);
            }
            uint256 silent = random(seed, 600 + i) & random(seed, 700 + i) & random(seed, 800 + i);
            uint256 failed = ~met & ~silent & 0xffff;
            votes[i] = (met & ~silent & 0xffff) | (failed << 16);
        }
    }

    function random(uint256 seed, uint256 i) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, i)));
    }

    function pick(uint256[] memory votes, uint256 subset)
        internal
        pure
        returns (uint256[] memory some)
    {
        some = new uint256[](votes.length);
        uint256 n;
        for (uint256 i; i < votes.length; ++i) {
            if ((subset >> i) & 1 != 0) some[n++] = votes[i];
        }
        resize(some, n);
    }

    // ---- helpers

    function fast(uint256 rule, uint256 seats, uint256[] memory votes)
        internal
        pure
        returns (Count memory c)
    {
        (c.outcome, c.met, c.failed, c.metBps) = TallyLib.tally(rule, seats, votes);
    }

    function assertSame(uint256 rule, uint256 seats, uint256[] memory votes) internal pure {
        Count memory got = fast(rule, seats, votes);
        Count memory needed = naive(rule, seats, votes);
        assertEq(uint256(got.outcome), uint256(needed.outcome), "outcome");
        assertEq(got.met, needed.met, "met");
        assertEq(got.failed, needed.failed, "failed");
        assertEq(got.metBps, needed.metBps, "metBps");
    }

    function resize(uint256[] memory list, uint256 n) internal pure {
        assembly ("memory-safe") {
            mstore(list, n)
        }
    }

    function freePointer() internal pure returns (uint256 free) {
        assembly ("memory-safe") {
            free := mload(0x40)
        }
    }

    function freePointerTo(uint256 free) internal pure {
        assembly ("memory-safe") {
            mstore(0x40, free)
        }
    }
}
