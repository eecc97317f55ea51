// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IDealEscrow} from "../../src/interfaces/IDealEscrow.sol";
import {Stages} from "../utils/Stages.sol";
import {vm} from "../utils/Vm.sol";

// multicall
// ├── it performs several calls in order: an agreement pays for the deal that follows it
// ├── it returns what each returned
// ├── the caller of each is the caller of all
// └── when one fails
//     └── it reverts with its error, and nothing has happened
contract MulticallTest is Stages {
    /// @dev Rework: both agree to end one deal in the buyer's favour, and its money opens another.
    function test_anAgreementPaysForTheDealThatFollowsIt() public {
        (IDealEscrow.Terms memory t, bytes[] memory calls) = rework();
        t.salt = keccak256("rework");
        vm.prank(RELAYER);
        bytes[] memory results = escrow.multicall(calls);
        assertEq(results.length, 2, "results");
        assertEq(results[0].length, 0, "an agreement returns nothing");
        bytes32 id = escrow.dealIdOf(t);
        assertEq(abi.decode(results[1], (bytes32)), id, "the new deal");
        assertWord(id, Word(true, false, 0, 0, usd(100), 0));
        assertEq(usdc.balanceOf(buyer), 0, "buyer");
        assertEq(usdc.balanceOf(address(escrow)), usd(100), "escrow");
    }

    function test_reverts_inTheOtherOrder() public {
        (, bytes[] memory calls) = rework();
        (calls[0], calls[1]) = (calls[1], calls[0]);
        vm.expectRevert(text("ERC20: transfer amount exceeds balance"));
        escrow.multicall(calls);
    }

    function rework() internal returns (IDealEscrow.Terms memory t, bytes[] memory calls) {
        t = makeTerms(1);
        open(t);
        // The buyer has nothing left but what the deal holds.
        uint256 rest = usdc.balanceOf(buyer);
        vm.prank(buyer);
        usdc.transfer(address(0xA11), rest);
        IDealEscrow.Consent memory b = signedAgree(BUYER_KEY, t, 0, noState(), 0, false, 0);
        IDealEscrow.Consent memory s = signedAgree(SELLER_KEY, t, 0, noState(), 0, false, 0);
        calls = new bytes[](2);
        calls[0] = abi.encodeCall(escrow.agree, (t, 0, noState(), 0, false, b, s));
        t.salt = keccak256("rework");
        calls[1] = abi.encodeCall(escrow.open, (t, buyerAuthorization(t), sellerAuthorization(t)));
        t.salt = keccak256("salt");
    }

    function test_theCallerOfEachIsTheCallerOfAll() public {
        IDealEscrow.Terms memory t = makeTerms(2);
        bytes32 id = open(t);
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(escrow.accept, (t, 0, noState(), noConsent()));
        calls[1] = abi.encodeCall(escrow.accept, (t, 1, noState(), noConsent()));
        vm.prank(buyer);
        escrow.multicall(calls);
        assertWord(id, Word(true, false, 3, 0, 0, 0));
    }

    function test_reverts_withTheErrorOfTheFirstThatFails() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes[] memory calls = new bytes[](3);
        calls[0] = abi.encodeCall(escrow.accept, (t, 0, noState(), noConsent()));
        calls[1] = calls[0];
        calls[2] = abi.encodeCall(escrow.withdraw, (address(usdc), buyer));
        vm.expectRevert(abi.encodeWithSelector(IDealEscrow.MilestoneAlreadyEnded.selector, id, 0));
        vm.prank(buyer);
        escrow.multicall(calls);
        assertWord(id, Word(true, false, 0, 0, usd(100), 0));
    }

    function test_performsNothing_whenThereIsNothing() public {
        assertEq(escrow.multicall(new bytes[](0)).length, 0, "results");
    }

    function test_aMulticallInAMulticallIsNoWayAround() public {
        IDealEscrow.Terms memory t = makeTerms(1);
        bytes32 id = open(t);
        bytes[] memory inner = new bytes[](1);
        inner[0] = abi.encodeCall(escrow.accept, (t, 0, noState(), unsignedConsent(FOREVER)));
        bytes[] memory outer = new bytes[](1);
        outer[0] = abi.encodeCall(escrow.multicall, (inner));
        bytes32 digest =
            digests.acceptDigest(address(escrow), IDealEscrow.Accept(id, 0, 1, 0, 0, FOREVER));
        vm.expectRevert(
            abi.encodeWithSelector(IDealEscrow.SignatureInvalid.selector, buyer, digest)
        );
        vm.prank(RELAYER);
        escrow.multicall(outer);
        vm.prank(buyer);
        escrow.multicall(outer);
        assertEq(usdc.balanceOf(seller), usd(1_000_100), "seller");
    }
}
