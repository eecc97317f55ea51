// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FormulaLib} from "../../src/libraries/FormulaLib.sol";
import {Assert} from "../utils/Assert.sol";

// decay
// ├── a set bit of the seconds has its factor, to the last of 64 bits
// └── several multiply, the largest first, each product rounded down
// weight
// └── it is exact where the mantissa is moved neither left nor right
contract ExactTest is Assert {
    function test_aBitOfTheSecondsHasItsFactor() public pure {
        uint64[23] memory needed = factors();
        for (uint256 i; i < needed.length; ++i) {
            assertFactor(1 << i, needed[i]);
        }
    }

    function test_severalBitsMultiply(uint256 elapsed) public pure {
        elapsed = bound(elapsed, 1, 7_775_999);
        uint64[23] memory each = factors();
        uint256 needed = 1 << 64;
        for (uint256 i = each.length; i != 0; --i) {
            if (elapsed & (1 << (i - 1)) != 0) needed = (needed * each[i - 1]) >> 64;
        }
        assertFactor(elapsed, needed);
    }

    /// @dev 1 + amount / 10^6 is 3 * 2^k: its logarithm is k + 1.584962500...
    function test_weightsAroundTheMantissasWidth() public pure {
        for (uint256 k = 60; k < 66; ++k) {
            uint256 amount = (3 * (uint256(1) << k) - 1) * 1_000_000;
            assertEq(FormulaLib.weight(amount), ((k + 1) << 16) + 38_336, "weight");
        }
    }

    /// @dev floor(2^(64 - 2^i / 7,776,000)) for i from 0, computed apart with 80 digits.
    function factors() internal pure returns (uint64[23] memory) {
        return [
            uint64(0xfffffe81264f508b),
            0xfffffd024ca0dda5,
            0xfffffa04994aad83,
            0xfffff40932b923ec,
            0xffffe81266016b6c,
            0xffffd024ce3f650b,
            0xffffa049a571020a,
            0xffff40936eaadd30,
            0xfffe81276c78e949,
            0xfffd0251157ce213,
            0xfffa04ab1d18a13d,
            0xfff4097a0241b09b,
            0xffe81383216cf95e,
            0xffd029429bc0686e,
            0xffa05b75c52ccfef,
            0xff40daa712b2ae9d,
            0xfe824406e58a4a17,
            0xfd06c146d893359b,
            0xfa165a33a9510504,
            0xf44faa20875bb533,
            0xe927f518732993eb,
            0xd459c26319bc94b1,
            0xb024c96cdf2294c4
        ];
    }

    function assertFactor(uint256 elapsed, uint256 needed) internal pure {
        (uint256 factor, uint256 halvings) = FormulaLib.decay(elapsed);
        assertEq(factor, needed, "factor");
        assertEq(halvings, 0, "halvings");
    }
}
