// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";

/// @title The tally
/// @notice Counts votes criterion by criterion and says what they decide. The verdict is the same
/// for every superset of the votes: a submitter that leaves ballots out can at most get no verdict.
/// @dev A vote is 32 bits: `met` in the low 16, `failed` in the high 16. The 32 counts run in
/// parallel in four bit planes, each biased by 16 - quorum, so that a count reaches the quorum
/// exactly when its lane carries out.
library TallyLib {
    uint256 internal constant LANES = 0xffffffff;
    uint256 internal constant WEIGHTS = (1 << 224) - 1;
    uint256 internal constant FULL_BPS = 10_000;

    /// @notice Equal answers that decide a criterion: more than two thirds of the seats, not of the
    /// replies.
    function quorum(uint256 seats) internal pure returns (uint256) {
        unchecked {
            return 2 * seats / 3 + 1;
        }
    }

    /// @notice The verdict over `votes` of a panel of `seats` (3 to 15, never fewer than votes)
    /// under `rule`.
    /// @return outcome What is decided
    /// @return met Criteria that a quorum calls met
    /// @return failed Criteria that a quorum calls failed
    /// @return metBps Weight of `met`
    function tally(uint256 rule, uint256 seats, uint256[] memory votes)
        internal
        pure
        returns (IJury.Outcome outcome, uint256 met, uint256 failed, uint256 metBps)
    {
        uint256 q = quorum(seats);
        if (votes.length < q) return (IJury.Outcome.NoVerdict, 0, 0, 0);

        (uint256 reached, uint256 reachable) = count(q, seats, votes);
        met = reached & 0xffff;
        failed = reached >> 16;
        (outcome, metBps) = decide(rule, reached, reachable);
    }

    /// @notice The verdict of at least a quorum of votes, from their counts.
    /// @param reached Low 16 bits the criteria that a quorum calls met, next 16 those it calls failed
    /// @param reachable The same, if every missing seat voted that way
    function decide(uint256 rule, uint256 reached, uint256 reachable)
        internal
        pure
        returns (IJury.Outcome outcome, uint256 metBps)
    {
        uint256 met = reached & 0xffff;
        uint256 failed = reached >> 16;
        metBps = weigh(rule, met);
        if (_rejects(rule, failed)) {
            outcome = IJury.Outcome.Rejected;
        } else if (_accepts(rule, met, metBps)) {
            // A partial payment depends on every criterion, so none may still change sides.
            bool open = rule & (1 << 254) != 0
                && criteria(rule) & ~(met | failed) & (reachable | (reachable >> 16)) & 0xffff != 0;
            outcome = open ? IJury.Outcome.NoVerdict : IJury.Outcome.Accepted;
        } else {
            uint256 couldMeet = reachable & 0xffff;
            bool open = _accepts(rule, couldMeet, weigh(rule, couldMeet))
                || _rejects(rule, reachable >> 16);
            outcome = open ? IJury.Outcome.NoVerdict : IJury.Outcome.Undetermined;
        }
    }

    /// @notice The summed weights of the criteria in `mask` (16 bits), in basis points.
    function weigh(uint256 rule, uint256 mask) internal pure returns (uint256 sum) {
        assembly ("memory-safe") {
            for {} mask { mask := shr(1, mask) } {
                sum := add(sum, mul(and(mask, 1), and(rule, 0x3fff)))
                rule := shr(14, rule)
            }
        }
    }

    /// @notice The criteria that have a weight.
    function criteria(uint256 rule) internal pure returns (uint256 mask) {
        unchecked {
            uint256 weights = rule & WEIGHTS;
            for (uint256 bit = 1; weights != 0; bit <<= 1) {
                if (weights & 0x3fff != 0) mask |= bit;
                weights >>= 14;
            }
        }
    }

    function _rejects(uint256 rule, uint256 failed) private pure returns (bool) {
        unchecked {
            return
                (rule >> 224) & 0xffff & failed != 0
                    || weigh(rule, failed) + _passBps(rule) > FULL_BPS;
        }
    }

    function _accepts(uint256 rule, uint256 met, uint256 metBps) private pure returns (bool) {
        return (rule >> 224) & 0xffff & ~met == 0 && metBps >= _passBps(rule);
    }

    function _passBps(uint256 rule) private pure returns (uint256) {
        return (rule >> 240) & 0x3fff;
    }

    /// @notice Four bit planes, biased so that a lane carries out when it has counted to `q`.
    /// @param lanes All of them
    function planes(uint256 lanes, uint256 q)
        internal
        pure
        returns (uint256 p0, uint256 p1, uint256 p2, uint256 p3)
    {
        unchecked {
            uint256 bias = 16 - q;
            p0 = lanes * (bias & 1);
            p1 = lanes * ((bias >> 1) & 1);
            p2 = lanes * ((bias >> 2) & 1);
            p3 = lanes * (bias >> 3);
        }
    }

    /// @notice Counts at least `q` and at most `seats` votes, all lanes at once.
    /// @return reached Lanes with at least `q` votes
    /// @return reachable Lanes that would have, if every missing seat voted that way
    function count(uint256 q, uint256 seats, uint256[] memory votes)
        internal
        pure
        returns (uint256 reached, uint256 reachable)
    {
        unchecked {
            (uint256 p0, uint256 p1, uint256 p2, uint256 p3) = planes(LANES, q);
            assembly ("memory-safe") {
                // Four half adders per vote; a plain loop, since its bounds checks would cost as
                // much again.
                let vote := add(votes, 0x20)
                for { let end := add(vote, shl(5, mload(votes))) } lt(vote, end) {
                    vote := add(vote, 0x20)
                } {
                    let carry := mload(vote)
                    let next := and(p0, carry)
                    p0 := xor(p0, carry)
                    carry := and(p1, next)
                    p1 := xor(p1, next)
                    next := and(p2, carry)
                    p2 := xor(p2, carry)
                    reached := or(reached, and(p3, next))
                    p3 := xor(p3, next)
                }
            }
            uint256 missing = seats - votes.length;
            uint256 c = p0 & (LANES * (missing & 1));
            uint256 m = LANES * ((missing >> 1) & 1);
            c = (p1 & m) | (c & (p1 | m));
            m = LANES * ((missing >> 2) & 1);
            c = (p2 & m) | (c & (p2 | m));
            m = LANES * ((missing >> 3) & 1);
            c = (p3 & m) | (c & (p3 | m));
            reachable = reached | c;
        }
    }
}
