// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

contract SettleTest is Fixture {
    bytes32 internal constant WORK = keccak256("the work");

    function test_paysTheSellerItsMoneyAndBond() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.bond = usd(10);
        bytes32 id = open(t);
        uint256 before = usdc.balanceOf(seller);
        bytes memory packed = ballots(ALL_SEATS, caseOf(id, 0, WORK), 1, 0);
        vm.prank(RELAYER);
        escrow.settle(t, 0, noState(), WORK, packed);
        assertEq(usdc.balanceOf(seller) - before, usd(110), "seller");
        assertEq(usdc.balanceOf(address(escrow)), 0, "escrow");
    }
}
