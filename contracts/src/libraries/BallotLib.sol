// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../interfaces/IJury.sol";

/// @title Cases and packed ballots
/// @notice Layout: two bytes of seat mask, then for each of its seats, ascending, met 2, failed 2,
/// reason 1, transcript 32, r 32, and s with the parity in its top bit 32. A mask cannot name a
/// seat twice or out of order.
library BallotLib {
    bytes32 internal constant CASE_TYPEHASH = keccak256(
        "Case(uint256 chainId,address jury,address consumer,bytes32 dealId,uint8 milestone,uint8 round,bytes32 deliverable)"
    );
    bytes32 internal constant BALLOT_TYPEHASH = keccak256(
        "Ballot(bytes32 caseId,uint16 met,uint16 failed,uint8 reason,bytes32 transcript)"
    );
    /// @dev Half of secp256k1's order: a larger s is another signature for the same ballot.
    uint256 internal constant HALF_ORDER =
        0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 internal constant BALLOT_BYTES = 101;

    /// @notice The id of a case on this chain: the EIP-712 struct hash.
    function caseId(
        address jury,
        address consumer,
        bytes32 dealId,
        uint8 milestone,
        uint8 round,
        bytes32 deliverable
    ) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                CASE_TYPEHASH, block.chainid, jury, consumer, dealId, milestone, round, deliverable
            )
        );
    }

    /// @notice The mask that the packed ballots begin with, once their length agrees with it and
    /// the panel of `seats` has all that it names.
    /// @param seatBytes What each seat of the mask takes
    function seatMask(bytes calldata ballots, uint256 seats, uint256 seatBytes)
        internal
        pure
        returns (uint256 mask)
    {
        if (ballots.length < 2) revert IJury.BallotsMalformed(ballots.length, 2);
        mask = uint16(bytes2(ballots));
        uint256 count;
        unchecked {
            for (uint256 m = mask; m != 0; m &= m - 1) {
                ++count;
            }
        }
        uint256 needed = 2 + count * seatBytes;
        if (ballots.length != needed) revert IJury.BallotsMalformed(ballots.length, needed);
        if (mask >> seats != 0) revert IJury.SeatUnknown(mask, seats);
    }

    /// @notice Whose signature this is; nobody's when s is high or it is none.
    function recover(bytes32 digest, bytes32 r, bytes32 vs) internal pure returns (address) {
        uint256 s = uint256(vs) & (type(uint256).max >> 1);
        if (s > HALF_ORDER) return address(0);
        return ecrecover(digest, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s));
    }

    /// @notice Verifies each ballot against its seat's key; a bad one is skipped, as if it had not
    /// been handed in.
    /// @return votes Per verified ballot, `met` in the low and `failed` in the high
    /// 16 bits
    /// @return counted Seats whose ballot verified
    /// @return voted Those of them that answered something
    function verify(
        bytes calldata ballots,
        uint256 mask,
        bytes32 id,
        bytes32 domainSeparator,
        bytes memory code,
        uint256 start
    ) internal view returns (uint256[] memory votes, uint16 counted, uint16 voted) {
        uint256 scratch = _prepare(id, domainSeparator);
        uint256 next;
        uint256 key;
        uint256 ballot;
        assembly ("memory-safe") {
            // Room for 15 votes, in front of what `_prepare` wrote.
            votes := sub(scratch, 0x200)
            next := add(votes, 0x20)
            key := add(add(code, 0x20), start)
            ballot := add(ballots.offset, 2)
        }
        unchecked {
            for (uint256 seat = 1; mask != 0; (mask, seat, key) = (mask >> 1, seat << 1, key + 20)) {
                if (mask & 1 == 0) continue;
                (bool good, uint256 vote) = _read(scratch, ballot, key);
                ballot += BALLOT_BYTES;
                if (!good) continue;
                assembly ("memory-safe") {
                    mstore(next, vote)
                    next := add(next, 0x20)
                }
                counted |= uint16(seat);
                if (vote != 0) voted |= uint16(seat);
            }
        }
        assembly ("memory-safe") {
            mstore(votes, sub(shr(5, sub(next, votes)), 1))
            mstore(0x40, next)
        }
    }

    /// @dev What all ballots share, in free memory: at `scratch` the ballot's struct, at 0xc0 the
    /// digest's preimage, at 0x120 ecrecover's input; in front of it 0x200 bytes. Not allocated.
    function _prepare(bytes32 id, bytes32 domainSeparator) private pure returns (uint256 scratch) {
        bytes32 typehash = BALLOT_TYPEHASH;
        assembly ("memory-safe") {
            scratch := add(mload(0x40), 0x200)
            mstore(scratch, typehash)
            mstore(add(scratch, 0x20), id)
            mstore(add(scratch, 0xc0), hex"1901")
            mstore(add(scratch, 0xc2), domainSeparator)
        }
    }

    /// @dev The ballot that begins in the calldata at `ballot`.
    /// @param key Where in memory the seat's key begins
    /// @return good Whether that key signed it and no criterion is both met and failed
    /// @return vote Its low 16 bits met, the next 16 failed
    function _read(uint256 scratch, uint256 ballot, uint256 key)
        private
        view
        returns (bool good, uint256 vote)
    {
        assembly ("memory-safe") {
            vote := shr(240, calldataload(ballot))
            mstore(add(scratch, 0x40), vote)
            let word := shr(216, calldataload(ballot))
            mstore(add(scratch, 0x80), and(word, 0xff))
            word := and(shr(8, word), 0xffff)
            mstore(add(scratch, 0x60), word)
            let overlap := and(vote, word)
            vote := or(vote, shl(16, word))
            mstore(add(scratch, 0xa0), calldataload(add(ballot, 5)))
            mstore(add(scratch, 0xe2), keccak256(scratch, 0xc0))
            mstore(add(scratch, 0x120), keccak256(add(scratch, 0xc0), 0x42))
            word := calldataload(add(ballot, 69))
            mstore(add(scratch, 0x140), add(27, shr(255, word)))
            mstore(add(scratch, 0x160), calldataload(add(ballot, 37)))
            word := shr(1, shl(1, word))
            mstore(add(scratch, 0x180), word)
            // ecrecover answers nothing for a signature that is none; a key is never zero.
            mstore(0x00, 0)
            pop(staticcall(gas(), 1, add(scratch, 0x120), 0x80, 0x00, 0x20))
            good := iszero(
                or(xor(mload(0x00), shr(96, mload(key))), or(gt(word, HALF_ORDER), overlap))
            )
        }
    }
}
