// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IJury} from "../../src/interfaces/IJury.sol";
import {TallyLib} from "../../src/libraries/TallyLib.sol";
import {Assert} from "../utils/Assert.sol";

// criteria
// ├── a criterion of the least weight is listed, wherever it stands
// └── while it is open, nothing is paid in parts
contract CriteriaTest is Assert {
    function test_aCriterionOfOneUnitIsListed() public pure {
        for (uint256 k = 1; k <= 16; ++k) {
            for (uint256 least; least < k; ++least) {
                uint256 rule;
                for (uint256 i; i < k; ++i) {
                    rule |= uint256(i == least ? 1 : 625) << (14 * i);
                }
                assertEq(TallyLib.criteria(rule), (1 << k) - 1, "criteria");
            }
        }
    }

    /// @dev Four of five say that the second is met, three that the first is; one is missing.
    function test_anOpenCriterionOfOneUnitHoldsThePaymentBack() public pure {
        uint256 rule = 1 | (uint256(9999) << 14) | (uint256(9999) << 240) | (1 << 254);
        uint256[] memory votes = new uint256[](4);
        (votes[0], votes[1], votes[2], votes[3]) = (3, 3, 3, 2);
        (IJury.Outcome outcome, uint256 met, uint256 failed, uint256 metBps) =
            TallyLib.tally(rule, 5, votes);
        assertEq(uint256(outcome), uint256(IJury.Outcome.NoVerdict), "outcome");
        assertEq(met, 2, "met");
        assertEq(failed, 0, "failed");
        assertEq(metBps, 9999, "metBps");
    }
}
