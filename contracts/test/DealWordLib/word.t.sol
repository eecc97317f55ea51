// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {DealWord, DealWordLib} from "../../src/libraries/DealWordLib.sol";
import {Assert} from "../utils/Assert.sol";

// a deal's word
// ├── opened: live, with its amount and bond, nothing ended, nothing slow
// ├── slowed, ended: change their milestone's bits and the sums, and nothing else
// └── bond shares of any milestones in any order sum exactly to the bond
contract WordTest is Assert {
    function test_opensWithItsSums(uint96 amount, uint96 bond) public pure {
        DealWord word = DealWordLib.opened(amount, bond);
        assertTrue(word.isLive() && !word.isRevoked(), "live");
        assertWord(word, 0, 0, amount, bond);
    }

    function test_zeroAndRevokedAreNotLive(uint256 rest) public pure {
        rest &= ~uint256(3);
        assertTrue(!DealWord.wrap(rest).isLive(), "never opened");
        assertTrue(!DealWord.wrap(rest | 2).isLive(), "revoked");
        assertTrue(!DealWord.wrap(rest | 3).isLive(), "revoked after opening");
        assertTrue(DealWord.wrap(rest | 3).isRevoked(), "says so");
    }

    function test_aMilestoneChangesOnlyItsOwnBits(uint256 seed, uint96 amount, uint96 bond)
        public
        pure
    {
        uint256 m = bound(seed, 0, 15);
        uint256 part = bound(uint256(keccak256(abi.encode(seed, 1))), 0, amount);
        uint256 share = bound(uint256(keccak256(abi.encode(seed, 2))), 0, bond);
        DealWord word = DealWordLib.opened(amount, bond);
        for (uint256 i; i < 16; ++i) {
            if ((seed >> (16 + i)) & 1 != 0 || i == m) word = word.slowed(i);
        }
        uint16 slow = word.slowMask();
        assertTrue(word.isSlow(m), "slow");
        word = word.ended(m, part, share);
        assertTrue(word.isEnded(m) && !word.isSlow(m) && word.isLive(), "ended");
        assertWord(word, uint16(1 << m), slow & ~uint16(1 << m), amount - part, bond - share);
    }

    function test_bondSharesSumToTheBond(uint256 seed, uint96 bond, uint256 n) public pure {
        n = bound(n, 1, 16);
        uint256 total;
        uint256[] memory amounts = new uint256[](n);
        for (uint256 i; i < n; ++i) {
            uint256 x = uint256(keccak256(abi.encode(seed, i)));
            // From single units to very large amounts in one deal.
            amounts[i] = bound(x, 1, uint256(1) << (x % 92));
            total += amounts[i];
        }
        DealWord word = DealWordLib.opened(total, bond);
        uint256 paid;
        for (uint256 i; i < n; ++i) {
            uint256 share = word.bondShare(amounts[i]);
            assertAtMost(share, word.remainingBond(), "share");
            paid += share;
            word = word.ended(i, amounts[i], share);
        }
        assertEq(paid, bond, "the shares' sum");
        assertWord(word, uint16((1 << n) - 1), 0, 0, 0);
    }

    function assertWord(DealWord word, uint16 ended, uint16 slow, uint256 amount, uint256 bond)
        internal
        pure
    {
        assertEq(word.endedMask(), ended, "ended");
        assertEq(word.slowMask(), slow, "slow");
        assertEq(word.remainingAmount(), amount, "amount");
        assertEq(word.remainingBond(), bond, "bond");
    }
}
