// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {TallyLib} from "../../src/libraries/TallyLib.sol";
import {vm} from "../utils/Vm.sol";

/// @notice The tally, for all votes and all rules: what `cargo x deep` proves.
/// @dev The first three are about counting, for every panel and every subset that reaches the
/// quorum, all 32 lanes at once. The others are about the rule. Together: the tally is the naive
/// one, and no submitter changes a verdict by leaving ballots out.
contract TallySymbolic {
    uint256 internal constant SEATS_LEAST = 3;
    uint256 internal constant SEATS_MOST = 15;
    uint256 internal constant PRO_RATA = 1 << 254;
    uint256 internal constant NO_VERDICT = uint256(IJury.Outcome.NoVerdict);
    uint256 internal constant ACCEPTED = uint256(IJury.Outcome.Accepted);
    uint256 internal constant REJECTED = uint256(IJury.Outcome.Rejected);
    uint256 internal constant UNDETERMINED = uint256(IJury.Outcome.Undetermined);

    /// @dev Masks of criteria, or the weights of such masks.
    struct Counts {
        uint256 met;
        uint256 failed;
        uint256 couldMeet;
        uint256 couldFail;
    }

    // ---- counting

    /// @notice In every lane, the bit-sliced adder says of a quorum, and of one if all missing
    /// seats voted that way, what adding up the votes says: 3 to 15 seats, any votes of any
    /// subset.
    function check_theAdderEqualsTheCount(uint256[15] calldata votes, uint8 lane) external pure {
        vm.assume(lane < 32);
        for (uint256 seats = SEATS_LEAST; seats <= SEATS_MOST; ++seats) {
            uint256 q = TallyLib.quorum(seats);
            uint256 wrong;
            for (uint256 present = q; present <= seats; ++present) {
                (uint256 reached, uint256 reachable) =
                    TallyLib.count(q, seats, some(votes, present));
                uint256 sum = sumOf(votes, present, lane);
                wrong |= ((reached >> lane) & 1) ^ atLeast(sum, q);
                wrong |= ((reachable >> lane) & 1) ^ atLeast(sum, q + present - seats);
                wrong |= (reached | reachable) >> 32;
            }
            assert(wrong == 0);
        }
    }

    /// @notice One more vote never takes a quorum away and never brings an answer into reach;
    /// what has a quorum is within reach: 3 to 15 seats, any votes.
    function check_oneMoreVoteOnlyNarrows(uint256[15] calldata votes) external pure {
        for (uint256 seats = SEATS_LEAST; seats <= SEATS_MOST; ++seats) {
            uint256 q = TallyLib.quorum(seats);
            for (uint256 present = q; present < seats; ++present) {
                (uint256 r1, uint256 u1) = TallyLib.count(q, seats, some(votes, present));
                (uint256 r2, uint256 u2) = TallyLib.count(q, seats, some(votes, present + 1));
                assert(r1 & ~r2 == 0);
                assert(r2 & ~u2 == 0);
                assert(u2 & ~u1 == 0);
                if (present + 1 == seats) assert(r2 == u2);
            }
        }
    }

    /// @notice No criterion has a quorum for met and one for failed, if no vote says both: 3 to
    /// 15 seats, any votes.
    function check_noCriterionIsBothMetAndFailed(uint256[15] calldata votes) external pure {
        uint256 both;
        for (uint256 i; i < SEATS_MOST; ++i) {
            both |= uint16(votes[i]) & uint16(votes[i] >> 16);
        }
        vm.assume(both == 0);
        for (uint256 seats = SEATS_LEAST; seats <= SEATS_MOST; ++seats) {
            uint256 q = TallyLib.quorum(seats);
            uint256 wrong;
            for (uint256 present = q; present <= seats; ++present) {
                (uint256 reached,) = TallyLib.count(q, seats, some(votes, present));
                wrong |= reached & (reached >> 16);
            }
            assert(wrong == 0);
        }
    }

    // ---- the rule

    /// @notice A mask's weight is the sum of its criteria's: any rule, all 16 criteria.
    /// @custom:halmos --loop 17
    function check_weighsEveryMask(uint256 rule, uint16 mask) external pure {
        assert(TallyLib.weigh(rule, mask) == weight(rule, mask, 16));
    }

    /// @notice The two ways in which these checks sum weights are one, part by part: any rule, all 16
    /// criteria.
    function check_bothSumsAreOne(uint256 rule, uint16 mask) external pure {
        uint256 wrong;
        for (uint256 i; i < 16; ++i) {
            wrong |= product(rule, mask, i) ^ part(rule, mask, i);
        }
        assert(wrong == 0);
    }

    /// @notice The criteria are those with a weight: any rule without gaps, all 16 criteria.
    /// @custom:halmos --loop 17
    function check_listsTheCriteria(uint256 rule) external pure {
        vm.assume(withoutGaps(rule, 16));
        assert(TallyLib.criteria(rule) == listed(rule, 16));
    }

    /// @notice What counts decide is what the protocol says in words, where all or nothing is paid: any
    /// rule over up to four criteria (valid or not), any counts.
    /// @custom:halmos --loop 17
    function check_decidesAsTheProtocolSays(
        uint256 rule,
        uint8 met,
        uint8 failed,
        uint8 couldMeet,
        uint8 couldFail
    ) external pure {
        decides(rule & ~PRO_RATA, Counts(met, failed, couldMeet, couldFail));
    }

    /// @notice What counts decide is what the protocol says in words, where the weight that is met is
    /// paid: any rule over up to four criteria (valid or not), any counts.
    /// @custom:halmos --loop 17
    function check_decidesPartsAsTheProtocolSays(
        uint256 rule,
        uint8 met,
        uint8 failed,
        uint8 couldMeet,
        uint8 couldFail
    ) external pure {
        decides(rule | PRO_RATA, Counts(met, failed, couldMeet, couldFail));
    }

    function decides(uint256 rule, Counts memory c) private pure {
        // One condition each, since every `&&` would double the paths.
        vm.assume((rule >> 255) | ((rule & TallyLib.WEIGHTS) >> 56) | ((rule >> 228) & 0xfff) == 0);
        vm.assume(c.met | c.failed | c.couldMeet | c.couldFail < 16);
        (IJury.Outcome outcome, uint256 metBps) =
            TallyLib.decide(rule, c.met | (c.failed << 16), c.couldMeet | (c.couldFail << 16));
        Counts memory bps = Counts(
            weight(rule, c.met, 4),
            weight(rule, c.failed, 4),
            weight(rule, c.couldMeet, 4),
            weight(rule, c.couldFail, 4)
        );
        uint256 wrong = uint256(outcome) ^ decided(rule, listed(rule, 4), c, bps);
        assert(wrong | (metBps ^ bps.met) == 0);
    }

    /// @notice More criteria never weigh less, and two masks apart weigh at most as much as all:
    /// one more criterion of any weight, after any sums for which it holds.
    /// @dev One step of an induction over the criteria; it begins with sums of zero.
    function check_weightsAddUp(
        uint32[4] calldata sums,
        uint16 w,
        bool inFew,
        bool inMany,
        bool inApart
    ) external pure {
        (uint256 few, uint256 many, uint256 apart, uint256 all) =
            (sums[0], sums[1], sums[2], sums[3]);
        vm.assume(few <= many && many + apart <= all);
        vm.assume(!inFew || inMany);
        vm.assume(!inMany || !inApart);
        few += inFew ? w : 0;
        many += inMany ? w : 0;
        apart += inApart ? w : 0;
        all += w;
        assert(few <= many && many + apart <= all);
    }

    /// @notice Only listed criteria weigh, part by part of the sum: any rule, all 16 criteria.
    function check_onlyListedCriteriaWeigh(uint256 rule, uint16 mask) external pure {
        uint256 criteria = listed(rule, 16);
        uint256 wrong;
        for (uint256 i; i < 16; ++i) {
            wrong |= part(rule, mask, i) ^ part(rule, mask & criteria, i);
        }
        assert(wrong == 0);
    }

    /// @notice A verdict stands whatever ballots are added, and so does a partial payment: any
    /// rule that opening accepts, all 16 criteria, any counts before and after.
    /// @dev The weights are any numbers for which the checks above hold.
    function check_aVerdictStands(
        uint256 rule,
        uint16 criteria,
        uint16[4] calldata before,
        uint16[4] calldata later,
        uint16[4] calldata beforeBps,
        uint16[4] calldata laterBps
    ) external pure {
        assumeAccepted(rule, criteria);
        (Counts memory b, Counts memory bBps) = (counts(before), counts(beforeBps));
        (Counts memory l, Counts memory lBps) = (counts(later), counts(laterBps));
        // As the checks of counting say.
        assumeWithin(b.met, l.met, bBps.met, lBps.met);
        assumeWithin(b.failed, l.failed, bBps.failed, lBps.failed);
        assumeWithin(l.met, l.couldMeet, lBps.met, lBps.couldMeet);
        assumeWithin(l.failed, l.couldFail, lBps.failed, lBps.couldFail);
        assumeWithin(l.couldMeet, b.couldMeet, lBps.couldMeet, bBps.couldMeet);
        assumeWithin(l.couldFail, b.couldFail, lBps.couldFail, bBps.couldFail);
        vm.assume(l.met & l.failed == 0 && lBps.met + lBps.failed <= 10_000);
        // As the checks of weights say.
        if (b.met & criteria == l.met & criteria) vm.assume(bBps.met == lBps.met);

        uint256 outcome = decided(rule, criteria, b, bBps);
        vm.assume(outcome != NO_VERDICT);
        assert(decided(rule, criteria, l, lBps) == outcome);
        if (outcome == ACCEPTED && rule & PRO_RATA != 0) assert(bBps.met == lBps.met);
    }

    /// @notice A full panel always decides: any rule that opening accepts, all 16 criteria.
    function check_aFullPanelDecides(
        uint256 rule,
        uint16 criteria,
        uint16 met,
        uint16 failed,
        uint16 metBps,
        uint16 failedBps
    ) external pure {
        assumeAccepted(rule, criteria);
        vm.assume(met & failed == 0);
        Counts memory c = Counts(met, failed, met, failed);
        Counts memory bps = Counts(metBps, failedBps, metBps, failedBps);
        assert(decided(rule, criteria, c, bps) != NO_VERDICT);
    }

    // ---- assumptions

    /// @dev The mask and the pass mark are as `TermsRulesLib` accepts them.
    function assumeAccepted(uint256 rule, uint256 criteria) private pure {
        uint256 pass = passBps(rule);
        vm.assume(mandatory(rule) & ~criteria == 0 && pass != 0 && pass <= 10_000);
    }

    function assumeWithin(uint256 few, uint256 many, uint256 fewBps, uint256 manyBps) private pure {
        vm.assume(few & ~many == 0 && fewBps <= manyBps && manyBps <= 10_000);
    }

    function counts(uint16[4] calldata c) private pure returns (Counts memory) {
        return Counts(c[0], c[1], c[2], c[3]);
    }

    // ---- the protocol's words, without a branch: one path for the solver

    function decided(uint256 rule, uint256 criteria, Counts memory c, Counts memory bps)
        private
        pure
        returns (uint256)
    {
        uint256 undecided = criteria & ~(c.met | c.failed);
        uint256 open = isSet(undecided & (c.couldMeet | c.couldFail)) & ((rule >> 254) & 1);
        uint256 could =
            accepts(rule, c.couldMeet, bps.couldMeet) | rejects(rule, c.couldFail, bps.couldFail);
        uint256 verdict = pick(
            accepts(rule, c.met, bps.met),
            pick(open, NO_VERDICT, ACCEPTED),
            pick(could, NO_VERDICT, UNDETERMINED)
        );
        return pick(rejects(rule, c.failed, bps.failed), REJECTED, verdict);
    }

    function rejects(uint256 rule, uint256 failed, uint256 bps) private pure returns (uint256) {
        unchecked {
            return isSet(mandatory(rule) & failed) | (1 - atLeast(10_000, bps + passBps(rule)));
        }
    }

    function accepts(uint256 rule, uint256 met, uint256 bps) private pure returns (uint256) {
        unchecked {
            return (1 - isSet(mandatory(rule) & ~met)) & atLeast(bps, passBps(rule));
        }
    }

    function mandatory(uint256 rule) private pure returns (uint256) {
        return (rule >> 224) & 0xffff;
    }

    function passBps(uint256 rule) private pure returns (uint256) {
        return (rule >> 240) & 0x3fff;
    }

    function weight(uint256 rule, uint256 mask, uint256 k) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 i; i < k; ++i) {
                sum += product(rule, mask, i);
            }
        }
    }

    /// @dev Multiplied as the code does it: a solver compares terms, not products.
    function product(uint256 rule, uint256 mask, uint256 i) private pure returns (uint256) {
        unchecked {
            return ((mask >> i) & 1) * ((rule >> (14 * i)) & 0x3fff);
        }
    }

    /// @dev The same without a product.
    function part(uint256 rule, uint256 mask, uint256 i) private pure returns (uint256) {
        unchecked {
            uint256 all = 0 - ((mask >> i) & 1);
            return (rule >> (14 * i)) & 0x3fff & all;
        }
    }

    function listed(uint256 rule, uint256 k) private pure returns (uint256 mask) {
        for (uint256 i; i < k; ++i) {
            mask |= isSet((rule >> (14 * i)) & 0x3fff) << i;
        }
    }

    function withoutGaps(uint256 rule, uint256 k) private pure returns (bool) {
        uint256 mask = listed(rule, k);
        return mask & (mask + 1) == 0 && (rule & TallyLib.WEIGHTS) >> (14 * k) == 0;
    }

    function atLeast(uint256 a, uint256 b) private pure returns (uint256 yes) {
        assembly {
            yes := iszero(lt(a, b))
        }
    }

    function isSet(uint256 a) private pure returns (uint256 yes) {
        assembly {
            yes := iszero(iszero(a))
        }
    }

    function pick(uint256 condition, uint256 yes, uint256 no) private pure returns (uint256) {
        unchecked {
            uint256 all = 0 - condition;
            return (yes & all) | (no & ~all);
        }
    }

    /// @dev Of 15 bits at most, so nothing overflows, and no path asks whether it does.
    function sumOf(uint256[15] calldata votes, uint256 n, uint256 lane)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            for (uint256 i; i < n; ++i) {
                sum += (votes[i] >> lane) & 1;
            }
        }
    }

    /// @dev The low 32 bits of words, because to check that the others are zero is a path each.
    function some(uint256[15] calldata votes, uint256 n)
        private
        pure
        returns (uint256[] memory list)
    {
        list = new uint256[](n);
        for (uint256 i; i < n; ++i) {
            list[i] = uint32(votes[i]);
        }
    }
}
