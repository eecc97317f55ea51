// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {Jury} from "../../src/Jury.sol";
import {TestUSDC} from "./TestUSDC.sol";

/// @title A jury with pots for its seats
/// @notice Stands in until `Jury` has `fund` itself: takes shares only when their tokens are there.
contract FeeJury is Jury {
    error SharesMismatch(uint256 got, uint256 needed);
    error Unfunded(uint256 got, uint256 needed);

    mapping(bytes32 jury => mapping(uint8 round => mapping(uint256 seat => uint256))) public pots;
    uint256 public funded;

    constructor(address token_) Jury(token_) {}

    function fund(bytes32 jury, uint8 round, uint256[] calldata shares) external {
        uint256 seats = this.panel(jury, round).length;
        if (shares.length != seats) revert SharesMismatch(shares.length, seats);
        for (uint256 i; i < seats; ++i) {
            pots[jury][round][i] += shares[i];
            funded += shares[i];
        }
        uint256 got = TestUSDC(token).balanceOf(address(this));
        if (got < funded) revert Unfunded(got, funded);
    }
}
