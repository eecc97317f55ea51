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
    uint256 internal constant NO_VERDICT = uint256(IJury.Outcome.NoVerdict);
    uint256 internal constant ACCEPTED = uint256(IJury.Outcome.Accepted);
    uint256 internal constant REJECTED = uint256(IJury.Outcome.Rejected);
    uint256 internal constant UNDETERMINED = uint256(IJury.Outcome.Undetermined);

    /// @dev A rule in its parts, and what it is applied to.
    struct Counts {
        uint256 met;
        uint256 failed;
        uint256 couldMeet;
        uint256 couldFail;
    }

    // ---- counting

    /// @notice In every lane, the bit-sliced adder says what adding up the votes says: a quorum, and
    /// a quorum if all missing seats voted that way. 3 to 15 seats, any votes of any subset.
    function check_theAdderEqualsTheCount(uint32[15] calldata votes, uint8 lane) external pure {
        vm.assume(lane < 32);
        for (uint256 seats = SEATS_LEAST; seats <= SEATS_MOST; ++seats) {
            uint256 q = TallyLib.quorum(seats);
            for (uint256 present = q; present <= seats; ++present) {
                (uint256 reached, uint256 reachable) =
                    TallyLib.count(q, seats, some(votes, present));
                uint256 sum;
                for (uint256 i; i < present; ++i) {
                    sum += (uint256(votes[i]) >> lane) & 1;
                }
                assert((reached >> lane) & 1 == atLeast(sum, q));
                assert((reachable >> lane) & 1 == atLeast(sum + seats - present, q));
                assert((reached | reachable) >> 32 == 0);
            }
        }
    }

    /// @notice One more vote never takes a quorum away and never brings an answer into reach; what
    /// has a quorum is within reach. 3 to 15 seats, any votes.
    function check_oneMoreVoteOnlyNarrows(uint32[15] calldata votes) external pure {
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

    /// @notice No criterion has a quorum for met and one for failed, if no vote says both. 3 to 15
    /// seats, any votes.
    function check_noCriterionIsBothMetAndFailed(uint32[15] calldata votes) external pure {
        uint256 both;
        for (uint256 i; i < SEATS_MOST; ++i) {
            both |= votes[i] & (votes[i] >> 16);
        }
        vm.assume(both == 0);
        for (uint256 seats = SEATS_LEAST; seats <= SEATS_MOST; ++seats) {
            uint256 q = TallyLib.quorum(seats);
            for (uint256 present = q; present <= seats; ++present) {
                (uint256 reached,) = TallyLib.count(q, seats, some(votes, present));
                assert(reached & (reached >> 16) == 0);
            }
        }
    }

    // ---- the rule

    /// @notice A mask's weight is the sum of its criteria's: any rule, all 16 criteria.
    /// @custom:halmos --loop 17
    function check_weighsEveryMask(uint256 rule, uint16 mask) external pure {
        assert(TallyLib.weigh(rule, mask) == weight(rule, mask, 16));
    }

    /// @notice The two ways in which these checks sum weights are one: any rule, all 16 criteria.
    function check_bothSumsAreOne(uint256 rule, uint16 mask) external pure {
        assert(weight(rule, mask, 16) == chosen(rule, mask, 16));
    }

    /// @notice The criteria are those with a weight: any rule without gaps, all 16 criteria.
    /// @custom:halmos --loop 17
    function check_listsTheCriteria(uint256 rule) external pure {
        vm.assume(withoutGaps(rule, 16));
        assert(TallyLib.criteria(rule) == listed(rule, 16));
    }

    /// @notice What counts decide is what the protocol says in words: any rule over up to four
    /// criteria (valid or not), any counts.
    /// @custom:halmos --loop 17
    function check_decidesAsTheProtocolSays(
        uint256 rule,
        uint8 met,
        uint8 failed,
        uint8 couldMeet,
        uint8 couldFail
    ) external pure {
        vm.assume(rule >> 255 == 0);
        vm.assume(((rule & TallyLib.WEIGHTS) >> 56) | ((rule >> 228) & 0xfff) == 0);
        vm.assume(met < 16 && failed < 16 && couldMeet < 16 && couldFail < 16);
        (IJury.Outcome outcome, uint256 metBps) = TallyLib.decide(
            rule, met | (uint256(failed) << 16), couldMeet | (uint256(couldFail) << 16)
        );
        Counts memory c = Counts(met, failed, couldMeet, couldFail);
        assert(uint256(outcome) == decided(rule, c, 4, weight));
        assert(metBps == weight(rule, met, 4));
    }

    /// @notice A verdict stands whatever ballots are added, and so does a partial payment: any rule
    /// that opening accepts, over up to four criteria, any counts before and after.
    function check_aVerdictStands(uint256 rule, uint8[8] calldata parts) external pure {
        stands(rule, parts, 4);
    }

    /// @notice A full panel always decides: any rule that opening accepts, over up to four criteria.
    function check_aFullPanelDecides(uint256 rule, uint8 met, uint8 failed) external pure {
        vm.assume(accepted(rule, 4));
        vm.assume(met < 16 && failed < 16);
        assert(decided(rule, Counts(met, failed, met, failed), 4, chosen) != NO_VERDICT);
    }

    function stands(uint256 rule, uint8[8] calldata parts, uint256 k) private pure {
        vm.assume(accepted(rule, k));
        Counts memory before = Counts(parts[0], parts[1], parts[2], parts[3]);
        Counts memory later = Counts(parts[4], parts[5], parts[6], parts[7]);
        // As the three checks of counting say.
        vm.assume((before.couldMeet | before.couldFail) >> k == 0);
        vm.assume(before.met & ~later.met == 0 && before.failed & ~later.failed == 0);
        vm.assume(later.met & ~later.couldMeet == 0 && later.failed & ~later.couldFail == 0);
        vm.assume(later.couldMeet & ~before.couldMeet == 0);
        vm.assume(later.couldFail & ~before.couldFail == 0);
        vm.assume(later.met & later.failed == 0);
        uint256 outcome = decided(rule, before, k, chosen);
        vm.assume(outcome != NO_VERDICT);
        assert(decided(rule, later, k, chosen) == outcome);
        if (outcome == ACCEPTED && rule & (1 << 254) != 0) {
            assert(chosen(rule, before.met, k) == chosen(rule, later.met, k));
        }
    }

    // ---- the protocol's words, without a branch: one path for the solver

    function decided(
        uint256 rule,
        Counts memory c,
        uint256 k,
        function(uint256, uint256, uint256) pure returns (uint256) sum
    ) private pure returns (uint256) {
        uint256 undecided = listed(rule, k) & ~(c.met | c.failed);
        uint256 open = isSet(undecided & (c.couldMeet | c.couldFail)) & ((rule >> 254) & 1);
        uint256 otherwise = pick(
            accepts(rule, c.couldMeet, sum(rule, c.couldMeet, k))
                | rejects(rule, c.couldFail, sum(rule, c.couldFail, k)),
            NO_VERDICT,
            UNDETERMINED
        );
        uint256 unlessRejected = pick(
            accepts(rule, c.met, sum(rule, c.met, k)), pick(open, NO_VERDICT, ACCEPTED), otherwise
        );
        return pick(rejects(rule, c.failed, sum(rule, c.failed, k)), REJECTED, unlessRejected);
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

    /// @dev Multiplied as the code does it: a solver compares terms, not products.
    function weight(uint256 rule, uint256 mask, uint256 k) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 i; i < k; ++i) {
                sum += ((mask >> i) & 1) * ((rule >> (14 * i)) & 0x3fff);
            }
        }
    }

    /// @dev The same sum without a product.
    function chosen(uint256 rule, uint256 mask, uint256 k) private pure returns (uint256 sum) {
        unchecked {
            for (uint256 i; i < k; ++i) {
                uint256 all = 0 - ((mask >> i) & 1);
                sum += (rule >> (14 * i)) & 0x3fff & all;
            }
        }
    }

    function listed(uint256 rule, uint256 k) private pure returns (uint256 mask) {
        for (uint256 i; i < k; ++i) {
            mask |= isSet((rule >> (14 * i)) & 0x3fff) << i;
        }
    }

    /// @dev As `TermsRulesLib` accepts it, with at most `k` criteria.
    function accepted(uint256 rule, uint256 k) private pure returns (bool) {
        uint256 sum = chosen(rule, type(uint256).max, k);
        uint256 pass = passBps(rule);
        return withoutGaps(rule, k) && rule >> 255 == 0 && sum == 10_000
            && mandatory(rule) & ~listed(rule, k) == 0 && pass != 0 && pass <= 10_000;
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

    function some(uint32[15] calldata votes, uint256 n)
        private
        pure
        returns (uint256[] memory list)
    {
        list = new uint256[](n);
        for (uint256 i; i < n; ++i) {
            list[i] = votes[i];
        }
    }
}
