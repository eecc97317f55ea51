// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";
import {BallotLib} from "./BallotLib.sol";
import {PanelLib} from "./PanelLib.sol";
import {TallyLib} from "./TallyLib.sol";

/// @title Many cases under one signature per juror
/// @notice Layout: two bytes of seat mask, then for each of its seats, ascending, transcript 32,
/// r 32, s with the parity in its top bit 32, and the votes: for each case met 2, failed 2,
/// reason 1.
/// @dev What a verdict costs is what happens per case; so each juror's signature is checked once,
/// over the hash of the whole list, and then its votes are read in place.
library BatchLib {
    bytes32 internal constant BATCH_TYPEHASH =
        keccak256("BallotBatch(bytes32[] cases,bytes votes,bytes32 transcript)");
    /// @dev Transcript and signature, in front of the votes.
    uint256 internal constant HEAD_BYTES = 96;
    uint256 internal constant VOTE_BYTES = 5;

    /// @dev Votes that one word holds; it is counted as slots of 40 bits, the first case's highest:
    /// from the top met 16, failed 16, reason 8. In sums, the low 16 bits of a slot are seats.
    uint256 internal constant SLOTS = 6;
    uint256 internal constant SLOT_BITS = 40;
    /// @dev The lowest bit of each slot; its masks' bits; the bits of `met`.
    uint256 internal constant FIRSTS = 0x100000000010000000001000000000100000000010000000001;
    uint256 internal constant LANES =
        0xffffffff00ffffffff00ffffffff00ffffffff00ffffffff00ffffffff00;
    uint256 internal constant MET_LANES =
        0xffff000000ffff000000ffff000000ffff000000ffff000000ffff000000;

    /// @dev Six cases in slots, and what all cases share.
    /// @param counted Low 16 bits the seats that answered or abstained, the next four how many
    /// @param voted The seats that answered something
    /// @param reached Lanes with a quorum, above a slot's low byte met, then failed
    /// @param reachable Lanes that would have, if every missing seat voted that way
    struct Count {
        uint256 counted;
        uint256 voted;
        uint256 reached;
        uint256 reachable;
        uint256 quorum;
        uint256 panelSeats;
        uint256 appealSeats;
    }

    /// @notice What a juror signs, without the domain. `list` is the hash of the case ids.
    function structHash(bytes32 list, bytes32 votes, bytes32 transcript)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(BATCH_TYPEHASH, list, votes, transcript));
    }

    /// @notice The hash of the caller's case ids, in order.
    function listHash(IJury.BatchCase[] calldata cases, uint256 round)
        internal
        view
        returns (bytes32 list)
    {
        bytes32 typehash = BallotLib.CASE_TYPEHASH;
        assembly ("memory-safe") {
            // The case's struct, of which only deal, milestone and deliverable change, and behind
            // it the ids.
            let c := mload(0x40)
            mstore(c, typehash)
            mstore(add(c, 0x20), chainid())
            mstore(add(c, 0x40), address())
            mstore(add(c, 0x60), caller())
            mstore(add(c, 0xc0), round)
            let ids := add(c, 0x100)
            let id := ids
            let from := cases.offset
            for { let end := add(from, shl(7, cases.length)) } lt(from, end) {
                from := add(from, 0x80)
            } {
                calldatacopy(add(c, 0x80), from, 0x40)
                // As the compiler would refuse a milestone that is no byte.
                if shr(8, mload(add(c, 0xa0))) { revert(0, 0) }
                mstore(add(c, 0xe0), calldataload(add(from, 0x40)))
                mstore(id, keccak256(c, 0x100))
                id := add(id, 0x20)
            }
            list := keccak256(ids, sub(id, ids))
        }
    }

    /// @notice Verifies each juror's signature over `list` and its votes; a bad one is skipped, as
    /// if it had not been handed in.
    /// @param count How many cases there are
    /// @return signed Per verified seat, its bit above the low 64 bits, in which stands where in
    /// the calldata its votes begin
    function verify(
        bytes calldata ballots,
        uint256 mask,
        uint256 count,
        bytes32 list,
        bytes32 domainSeparator,
        bytes memory code,
        uint256 start
    ) internal view returns (uint256[] memory signed) {
        bytes32 typehash = BATCH_TYPEHASH;
        uint256 size = VOTE_BYTES * count;
        uint256 votes;
        uint256 scratch;
        assembly ("memory-safe") {
            signed := mload(0x40)
            // Behind room for 15 seats, what is the same for each of them.
            scratch := add(signed, 0x200)
            mstore(0x40, scratch)
            mstore(scratch, typehash)
            mstore(add(scratch, 0x20), list)
            mstore(add(scratch, 0x80), hex"1901")
            mstore(add(scratch, 0x82), domainSeparator)
            votes := add(ballots.offset, add(2, HEAD_BYTES))
        }
        uint256 found;
        for (uint256 seat; mask >> seat != 0; ++seat) {
            if ((mask >> seat) & 1 == 0) continue;
            if (_isSigned(scratch, votes, size, PanelLib.key(code, start, seat))) {
                assembly ("memory-safe") {
                    found := add(found, 1)
                    mstore(add(signed, shl(5, found)), or(shl(add(64, seat), 1), votes))
                }
            }
            votes += size + HEAD_BYTES;
        }
        assembly ("memory-safe") {
            mstore(signed, found)
        }
    }

    /// @dev Whether `key` signed the batch whose votes begin in the calldata at `votes`.
    /// @param scratch Free memory with the batch's struct at 0x00 (type and list are there), the
    /// digest's preimage at 0x80 (prefix and domain are there), room for ecrecover's input at 0xe0
    /// and for the votes at 0x160
    function _isSigned(uint256 scratch, uint256 votes, uint256 size, address key)
        private
        view
        returns (bool good)
    {
        uint256 halfOrder = BallotLib.HALF_ORDER;
        assembly ("memory-safe") {
            calldatacopy(add(scratch, 0x160), votes, size)
            mstore(add(scratch, 0x40), keccak256(add(scratch, 0x160), size))
            mstore(add(scratch, 0x60), calldataload(sub(votes, 96)))
            mstore(add(scratch, 0xa2), keccak256(scratch, 0x80))
            mstore(add(scratch, 0xe0), keccak256(add(scratch, 0x80), 0x42))
            let s := calldataload(sub(votes, 32))
            mstore(add(scratch, 0x100), add(27, shr(255, s)))
            mstore(add(scratch, 0x120), calldataload(sub(votes, 64)))
            s := shr(1, shl(1, s))
            mstore(add(scratch, 0x140), s)
            // ecrecover answers nothing for a signature that is none; a key is never zero.
            mstore(0x00, 0)
            pop(staticcall(gas(), 1, add(scratch, 0xe0), 0x80, 0x00, 0x20))
            good := iszero(or(xor(mload(0x00), key), gt(s, halfOrder)))
        }
    }

    /// @notice One tally per case, from the votes of the `signed` seats.
    /// @return tallies The ABI encoding of the list: the compiler would write every tally twice
    function tally(
        IJury.BatchCase[] calldata cases,
        uint256[] memory signed,
        uint256 panelSeats,
        uint256 appealSeats
    ) internal pure returns (bytes memory tallies) {
        uint256 count = cases.length;
        tallies = new bytes(0x40 + count * 0x100);
        uint256 next;
        assembly ("memory-safe") {
            mstore(add(tallies, 0x20), 0x20)
            mstore(add(tallies, 0x40), count)
            next := add(tallies, 0x60)
        }
        unchecked {
            for (uint256 i; i < count;) {
                Count memory c = _count(signed, i * VOTE_BYTES, panelSeats, appealSeats);
                for (uint256 shift = SLOTS * SLOT_BITS; shift != 0 && i < count; ++i) {
                    shift -= SLOT_BITS;
                    uint256 rule;
                    assembly ("memory-safe") {
                        rule := calldataload(add(cases.offset, add(0x60, shl(7, i))))
                    }
                    _write(next, rule, c, shift);
                    next += 0x100;
                }
            }
        }
    }

    /// @dev Writes to memory at `to` the tally of the case whose slot begins at bit `shift`.
    function _write(uint256 to, uint256 rule, Count memory c, uint256 shift) private pure {
        IJury.Outcome outcome;
        uint256 met;
        uint256 failed;
        uint256 metBps;
        uint256 counted = c.counted >> shift;
        if (((counted >> 16) & 0xf) >= c.quorum) {
            uint256 reached = (c.reached >> shift >> 8) & 0xffffffff;
            uint256 reachable = (c.reachable >> shift >> 8) & 0xffffffff;
            (met, failed) = (reached & 0xffff, reached >> 16);
            (outcome, metBps) = TallyLib.decide(rule, reached, reachable);
        }
        assembly ("memory-safe") {
            mstore(to, outcome)
            mstore(add(to, 0x20), and(metBps, 0xffff))
            mstore(add(to, 0x40), and(counted, 0xffff))
            mstore(add(to, 0x60), and(shr(shift, mload(add(c, 0x20))), 0xffff))
            mstore(add(to, 0x80), met)
            mstore(add(to, 0xa0), failed)
            mstore(add(to, 0xc0), mload(add(c, 0xa0)))
            mstore(add(to, 0xe0), mload(add(c, 0xc0)))
        }
    }

    /// @dev Counts the votes of six cases at once, as `TallyLib` counts one case's: the 32 bits of
    /// each vote are lanes of four bit planes, biased so that a lane carries out at the quorum.
    /// Slots beyond the list hold what lies behind it in the calldata; lanes do not mix, and nobody
    /// reads them.
    /// @param skip How far into a seat's votes the first of the six begins
    function _count(uint256[] memory signed, uint256 skip, uint256 seats, uint256 appealSeats)
        private
        pure
        returns (Count memory c)
    {
        (c.quorum, c.panelSeats, c.appealSeats) = (TallyLib.quorum(seats), seats, appealSeats);
        (uint256 p0, uint256 p1, uint256 p2, uint256 p3) = TallyLib.planes(LANES, c.quorum);
        assembly ("memory-safe") {
            let counted, voted, reached
            for { let left := mload(signed) } left { left := sub(left, 1) } {
                signed := add(signed, 0x20)
                let seat := mload(signed)
                let votes := shr(16, calldataload(add(and(seat, 0xffffffffffffffff), skip)))
                seat := shr(64, seat)
                // In both masks of a slot: absent, or no ballot. A sum carries into the next slot
                // when a slot has such a bit; 1 for each slot that has none.
                let present := and(and(votes, shl(16, votes)), MET_LANES)
                present := xor(FIRSTS, and(shr(40, add(present, MET_LANES)), FIRSTS))
                votes := and(votes, mul(present, 0xffffffff00))
                // The seat's bit, and one more ballot.
                counted := add(counted, mul(present, or(seat, 0x10000)))
                voted := or(voted, mul(seat, and(shr(40, add(votes, LANES)), FIRSTS)))

                let carry := and(p0, votes)
                p0 := xor(p0, votes)
                votes := and(p1, carry)
                p1 := xor(p1, carry)
                carry := and(p2, votes)
                p2 := xor(p2, votes)
                reached := or(reached, and(p3, carry))
                p3 := xor(p3, carry)
            }
            mstore(c, counted)
            mstore(add(c, 0x20), voted)
            mstore(add(c, 0x40), reached)
        }
        c.reachable = _metLow(c.reached | _carries(c.counted, seats, p0, p1, p2, p3));
        c.reached = _metLow(c.reached);
    }

    /// @dev The lanes of the planes `p0` to `p3` that would carry out, if every seat that is missing
    /// in a slot voted that way.
    function _carries(
        uint256 counted,
        uint256 seats,
        uint256 p0,
        uint256 p1,
        uint256 p2,
        uint256 p3
    ) private pure returns (uint256 carry) {
        unchecked {
            uint256 missing = seats * FIRSTS - ((counted >> 16) & (15 * FIRSTS));
            // One bit of it for each lane of its slot, and the sum with the plane of that weight.
            uint256 more = (missing & FIRSTS) * 0xffffffff00;
            carry = p0 & more;
            more = ((missing >> 1) & FIRSTS) * 0xffffffff00;
            carry = (p1 & more) | (carry & (p1 | more));
            more = ((missing >> 2) & FIRSTS) * 0xffffffff00;
            carry = (p2 & more) | (carry & (p2 | more));
            more = ((missing >> 3) & FIRSTS) * 0xffffffff00;
            carry = (p3 & more) | (carry & (p3 | more));
        }
    }

    /// @dev Changes the halves of each slot's masks, which the calldata has the other way round than
    /// `TallyLib`.
    function _metLow(uint256 lanes) private pure returns (uint256) {
        return ((lanes & MET_LANES) >> 16) | ((lanes << 16) & MET_LANES);
    }
}
