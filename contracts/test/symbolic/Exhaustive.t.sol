// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {FormulaLib} from "../../src/libraries/FormulaLib.sol";
import {PayoutLib} from "../../src/libraries/PayoutLib.sol";

/// @notice Whole domains that a machine can go through: what `cargo x deep` runs beside the
/// proofs.
contract ExhaustiveTest {
    bool public constant IS_TEST = true;

    /// @notice The fading of every second of a half-life is a factor of more than a half and at
    /// most one, and never grows with time: 7,776,000 seconds, each in any half-life.
    function test_fadesAtEverySecond() public pure {
        uint256 before = 1 << 64;
        for (uint256 s; s < FormulaLib.HALF_LIFE_SECS; ++s) {
            (uint256 factor, uint256 halvings) = FormulaLib.decay(s);
            assert(factor <= before && factor > 1 << 63 && halvings == 0);
            before = factor;
        }
        (uint256 whole, uint256 one) = FormulaLib.decay(FormulaLib.HALF_LIFE_SECS);
        assert(whole == 1 << 64 && one == 1);
    }

    /// @notice Bits are counted right: all 65,536 masks of 16 seats.
    function test_countsTheBitsOfEveryMask() public pure {
        for (uint256 mask; mask <= type(uint16).max; ++mask) {
            uint256 sum;
            for (uint256 i; i < 16; ++i) {
                sum += (mask >> i) & 1;
            }
            assert(PayoutLib.popcount(mask) == sum);
        }
    }
}
