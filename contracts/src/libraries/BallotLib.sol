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
        bytes32 typehash = BALLOT_TYPEHASH;
        assembly ("memory-safe") {
            votes := mload(0x40)
            let next := add(votes, 0x20)
            // Behind room for 15 votes: the ballot's struct at 0x00, the digest's preimage at 0xc0,
            // and ecrecover's input at 0x120.
            let b := add(votes, 0x200)
            mstore(b, typehash)
            mstore(add(b, 0x20), id)
            mstore(add(b, 0xc0), hex"1901")
            mstore(add(b, 0xc2), domainSeparator)
            let offset := add(ballots.offset, 2)
            let key := add(add(code, 0x20), start)

            for { let seat := 1 } mask {
                seat := shl(1, seat)
                mask := shr(1, mask)
                key := add(key, 20)
            } {
                if and(mask, 1) {
                    // Low 16 bits met, next 16 failed: the vote, once the signature is good.
                    let vote := shr(240, calldataload(offset))
                    mstore(add(b, 0x40), vote)
                    let word := shr(216, calldataload(offset))
                    mstore(add(b, 0x80), and(word, 0xff))
                    word := and(shr(8, word), 0xffff)
                    mstore(add(b, 0x60), word)
                    let overlap := and(vote, word)
                    vote := or(vote, shl(16, word))
                    mstore(add(b, 0xa0), calldataload(add(offset, 5)))
                    mstore(add(b, 0xe2), keccak256(b, 0xc0))
                    mstore(add(b, 0x120), keccak256(add(b, 0xc0), 0x42))
                    word := calldataload(add(offset, 69))
                    mstore(add(b, 0x140), add(27, shr(255, word)))
                    mstore(add(b, 0x160), calldataload(add(offset, 37)))
                    word := shr(1, shl(1, word))
                    mstore(add(b, 0x180), word)
                    // ecrecover answers nothing for a signature that is none; a key is never zero.
                    mstore(0x00, 0)
                    pop(staticcall(gas(), 1, add(b, 0x120), 0x80, 0x00, 0x20))
                    if iszero(
                        or(xor(mload(0x00), shr(96, mload(key))), or(gt(word, HALF_ORDER), overlap))
                    ) {
                        mstore(next, vote)
                        next := add(next, 0x20)
                        counted := or(counted, seat)
                        if vote { voted := or(voted, seat) }
                    }
                    offset := add(offset, 101)
                }
            }
            mstore(votes, sub(shr(5, sub(next, votes)), 1))
            mstore(0x40, next)
        }
    }
}
