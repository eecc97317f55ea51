// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {TillLib} from "../../src/libraries/TillLib.sol";
import {Assert} from "../utils/Assert.sol";
import {vm} from "../utils/Vm.sol";

// add
// ├── it sums what one payee gets, pushes and credits apart, in the order of first payments
// ├── nothing is no payment
// ├── it panics beyond the payees that it was made for, and beyond 256 bits
// └── what lies behind it in memory stays
// take
// ├── it takes from one piece that is large enough, pushes before credits
// └── otherwise it takes nothing
contract TillTest is Assert {
    using TillLib for TillLib.Till;

    uint256 internal constant CREDIT = 1 << 160;

    /// @dev Against sums kept in storage.
    mapping(uint256 payee => uint256) internal sums;

    function test_sumsByPayee(uint256 seed) public {
        TillLib.Till memory till = TillLib.make(8, 0, 0);
        uint256[] memory behind = new uint256[](3);
        (behind[0], behind[1], behind[2]) = (1, 2, 3);
        uint256 total;
        for (uint256 i; i < 40; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            address to = address(uint160(1 + random % 4));
            bool asCredit = (random >> 8) % 2 == 0;
            uint256 amount = (random >> 16) % 5;
            till.add(to, amount, asCredit);
            sums[uint160(to) | (asCredit ? CREDIT : 0)] += amount;
            total += amount;
        }
        assertAtMost(till.entries.length, 16, "no payee twice");
        for (uint256 i; i < till.entries.length; i += 2) {
            assertEq(till.entries[i + 1], sums[till.entries[i]], "sum");
            total -= till.entries[i + 1];
        }
        assertEq(total, 0, "nobody is left out");
        assertEq(behind[0] + 10 * behind[1] + 100 * behind[2], 321, "behind it");
    }

    function test_keepsTheOrderOfFirstPayments() public pure {
        TillLib.Till memory till = TillLib.make(3, 0, 0);
        till.add(address(7), 1, false);
        till.add(address(5), 2, false);
        till.add(address(7), 3, true);
        till.add(address(5), 4, false);
        till.add(address(6), 0, false);
        uint256[6] memory needed = [uint256(7), 1, 5, 6, 7 | CREDIT, 3];
        assertEq(till.entries.length, 6, "entries");
        for (uint256 i; i < 6; ++i) {
            assertEq(till.entries[i], needed[i], "entry");
        }
    }

    function test_panicsBeyondItsPayees() public {
        vm.expectRevert(panic(0x01));
        this.fill(2, 3, 1);
        this.fill(3, 3, 1);
        vm.expectRevert(panic(0x01));
        this.fill(0, 1, 1);
    }

    function test_panicsBeyond256Bits() public {
        this.twice(type(uint256).max >> 1);
        vm.expectRevert(panic(0x11));
        this.twice((type(uint256).max >> 1) + 1);
    }

    function test_takesFromOnePiece() public pure {
        TillLib.Till memory till = TillLib.make(4, 0, 0);
        till.add(address(7), 10, false);
        till.add(address(7), 30, true);
        assertTrue(!till.take(address(7), 31), "40 in two pieces");
        assertTrue(!till.take(address(8), 1), "a stranger gets nothing");
        assertTrue(till.take(address(7), 11), "of the credit");
        assertTrue(till.take(address(7), 10), "of the push");
        assertEq(till.entries[1], 0, "push");
        assertEq(till.entries[3], 19, "credit");
    }

    /// @dev What the compiler's own checks revert with.
    function panic(uint256 code) internal pure returns (bytes memory) {
        return abi.encodeWithSignature("Panic(uint256)", code);
    }

    function fill(uint256 capacity, uint256 payees, uint256 amount) external pure {
        TillLib.Till memory till = TillLib.make(capacity, 0, 0);
        for (uint256 i; i < payees; ++i) {
            till.add(address(uint160(1 + i)), amount, false);
        }
    }

    function twice(uint256 amount) external pure {
        TillLib.Till memory till = TillLib.make(1, 0, 0);
        till.add(address(1), amount, false);
        till.add(address(1), amount, false);
    }
}
