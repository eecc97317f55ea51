// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {IJury} from "../../src/interfaces/IJury.sol";
import {Fixture} from "../utils/Fixture.sol";
import {vm} from "../utils/Vm.sol";

// withdraw
// ├── when the owner has a credit
// │   └── it pays the owner the whole of it, whoever calls, over all deals
// ├── when there is no credit, or in another token
// │   └── it reverts
// └── when the token refuses the owner
//     └── it reverts, and the credit stays
contract WithdrawTest is Fixture {
    /// forge-config: default.fuzz.runs = 16
    function test_paysTheOwnerItsWholeCredit_whoeverCalls(address caller) public {
        credit("first");
        credit("second");
        Purses memory before = purses();
        assertEq(before.sellerCredit, usd(200), "credit");
        vm.expectEmit(true, true, true, true, address(escrow));
        emit IDealEscrow.Withdrawn(address(usdc), seller, usd(200));
        vm.prank(caller);
        escrow.withdraw(address(usdc), seller);
        before.sellerCredit = 0;
        assertPaid(before, usd(200), 0);
    }

    /// forge-config: default.fuzz.runs = 32
    function test_reverts_withoutACredit(address token, address owner) public {
        credit("first");
        if (token == address(usdc) && owner == seller) owner = buyer;
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.CreditEmpty.selector, token, owner));
        escrow.withdraw(token, owner);
    }

    function test_reverts_theSecondTime() public {
        credit("first");
        escrow.withdraw(address(usdc), seller);
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.CreditEmpty.selector, address(usdc), seller)
        );
        escrow.withdraw(address(usdc), seller);
    }

    function test_reverts_whenTheTokenRefusesTheOwner() public {
        credit("first");
        usdc.blacklist(seller);
        Purses memory before = purses();
        vm.expectRevert(
            abi.encodeWithSelector(
                IDealEscrow.TransferRefused.selector, address(usdc), seller, usd(100)
            )
        );
        escrow.withdraw(address(usdc), seller);
        assertEq(abi.encode(purses()), abi.encode(before), "purses");
    }

    function credit(string memory salt) internal {
        IDealEscrow.Terms memory t = makeTerms(1);
        t.payAsCredit = true;
        t.salt = keccak256(bytes(salt));
        open(t);
        settleAs(t, 0, noState(), IJury.Outcome.Accepted);
    }
}
